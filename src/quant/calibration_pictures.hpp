// CalibrationPictures: the pictures of a sample, or the frames of its video. Not their choice (calibration_set.hpp).
#pragma once

#include <vector>

#include "frame_sampling.hpp"
#include "picture.hpp"
#include "quantize.hpp"
#include "status.hpp"

namespace mica {

// Painted over, where the sample says so. `sampling`: of a video file, or of a folder that counts as one. Errors: those
// of the files.
Status open_pictures(const CalibrationSample& sample, const FrameSampling& sampling, std::vector<Picture>* out);

}  // namespace mica
