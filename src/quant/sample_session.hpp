// SampleSession: calibration samples as a model is shown them. Not their choice (calibration_set.hpp) and not what is
// measured of them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "frame_sampling.hpp"
#include "own_bytes.hpp"
#include "picture.hpp"
#include "quantize.hpp"
#include "session.hpp"
#include "status.hpp"

namespace mica {

// As many frames as the model sees of a video, if they fit a sample with its text.
FrameSampling sample_frames(const ModelSpec& spec);

// A session that holds any of the samples, in `memory`; of `options` context, batch and pictures are chosen here, and all
// are resolved. Errors: those of pictures; out_of_memory.
Status open_sample_session(const Model& model, const std::vector<CalibrationSample>& samples, SessionOptions* options,
                           OwnedBytes* memory, std::unique_ptr<Session>* out);

// The sample's turns as they stand in a conversation, or plain text where the model has no chat format.
Status add_turns(const Model& model, const CalibrationSample& sample, std::span<const Picture> pictures,
                 Session* session);

}  // namespace mica
