// UnlikeSamples: samples that are unlike those a model was calibrated with: pictures that nobody took, of the same sizes,
// with other words. Not the samples themselves (calibration_set.hpp) and not what is measured on them (closeness.hpp).
#pragma once

#include <vector>

#include "picture.hpp"
#include "quantize.hpp"

namespace mica {

// Paints over a picture: its size and its time stay. `index` tells the frames of a video apart.
void paint(PaintedOver kind, uint32_t index, Picture* picture);

// For each way to paint one of the samples, evenly spread, with a long and with a short other prompt; of samples without
// pictures the prompts alone. Those whose prompt is given as ids keep it.
std::vector<CalibrationSample> unlike_samples(const std::vector<CalibrationSample>& samples);

}  // namespace mica
