// StaticLosses: what a packed model's logits lose at each quant point by itself, all else in float. Not how many bits a
// point gets for it: raising.hpp.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model.hpp"
#include "quantize.hpp"
#include "status.hpp"

namespace mica {

// Losses are 1 less the cosine of a row of logits with the float model's, a mean over rows.
struct StaticLosses {
  std::map<std::string, double> points;  // of the decoder's layers: "layers.7.down_in"
  double towers = 0;                     // of all that makes visual rows together
  double vocabulary = 0;                 // of embedding and head
};

// The float layers run side by side, once for each point that is static in `packed`, which has integers there. Memory: a
// residual stream of one sample for each point. `checkpoint` is used up: its streams are transformed as `options` ask.
// `step` is told before each layer. Errors: those of pictures and of `step`; out_of_memory.
Status measure_losses(Model* checkpoint, const Model& packed, const std::vector<CalibrationSample>& samples,
                      const QuantizeOptions& options, const std::function<Status(uint32_t layer)>& step,
                      StaticLosses* out);

}  // namespace mica
