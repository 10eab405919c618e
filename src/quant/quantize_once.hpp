// QuantizeOnce: one pass of quantizing, with the formats that the options ask for. Not which matrices get more bits when
// the outcome is too far from the checkpoint: quantize_passes.cpp.
#pragma once

#include <vector>

#include "model.hpp"
#include "quantize.hpp"
#include "status.hpp"

namespace mica {

// Of the rows that enter lm_head, in reports.
inline constexpr const char* kHeadPoint = "head_in";

// The model is used up: its matrices are no longer the checkpoint's. All of `report` is made anew.
Status quantize_once(Model* model, const std::vector<CalibrationSample>& samples, const QuantizeOptions& options,
                     const QuantizeProgress& progress, const char* path, QuantizeReport* report);

}  // namespace mica
