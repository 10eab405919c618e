// KeptParts: what of a model stays as it is stored when it is quantized, and which models stay as a whole. Not how the
// rest is rounded: quantize.cpp.
#pragma once

#include "model.hpp"
#include "quantize.hpp"
#include "status.hpp"

namespace mica {

// Error: invalid_argument for a packed file with static scales, and a checkpoint whose matrices have static ranges.
Status check_unquantized(const Model& model);

// Parts that read rows without a quant point, or whose rows are kept within bounds, keep their type: the options ask no
// longer for them, and the report says why.
void keep_parts(const ModelSpec& spec, QuantizeOptions* options, QuantizeReport* report);

}  // namespace mica
