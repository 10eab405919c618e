// Frame config: whose object it is, its rule, and whether that fits the tower.
#include "frame_config.hpp"

#include <string>

#include "family.hpp"
#include "log.hpp"
#include "picture_cuts.hpp"
#include "processor_rule.hpp"
#include "steps.hpp"

namespace mica {
namespace {

void set_sampling(const ProcessorValues& values, FrameSampling* sampling) {
  const bool by_time = sampling->spread == FrameSpread::seconds;   // such classes read no number
  const bool has_most = sampling->spread == FrameSpread::within;  // to them it is the most that the rate gives
  const uint32_t frames = by_time || has_most ? 0 : values.num_frames;
  if (frames != 0 || values.fps > 0) {
    sampling->frames = frames;
    sampling->per_second = frames != 0 ? 0 : values.fps;
  }
  if (has_most && values.num_frames != 0) sampling->frames_max = values.num_frames;
  if (sampling->spread == FrameSpread::middles && !values.initial_shift) sampling->spread = FrameSpread::starts;
  if (values.min_frames != 0) sampling->frames_min = values.min_frames;
  if (values.max_frames != 0) sampling->frames_max = values.max_frames;
  if (values.max_duration > 0) sampling->seconds_max = values.max_duration;
}

Status read_frames(JsonValue root, const char* name, ModelSpec* spec) {
  ProcessorValues values;
  if (root.is_set() && !root.is_object()) return root.error(Code::corrupt_file, "must be an object");
  MICA_TRY(read_rule(root, *spec->family->frame_processor, *spec, name, &values, &spec->frames));
  spec->frames.columns_first = spec->family->frame_processor->defaults.frames_columns_first;
  if (root.is_absent())  // the published colours are those of pictures
    for (size_t i = 0; i < 3; ++i) {
      spec->frames.mean[i] = spec->pictures.mean[i];
      spec->frames.std[i] = spec->pictures.std[i];
    }
  set_sampling(values, &spec->sampling);
  return check_against_tower(root, values, *spec, spec->frames, "frames");
}

}  // namespace

Status read_frame_rule(JsonValue said, Bytes file, JsonValue pictures, const char* name, ModelSpec* spec) {
  if (spec->family->frame.steps.empty()) return Status::ok();
  if (spec->video_token >= static_cast<int32_t>(spec->decoder.vocabulary)) spec->video_token = -1;
  if (spec->video_token < 0) return Status::ok();
  Json json;
  JsonValue root = said;
  if (!root.is_set() && !file.empty()) {
    MICA_TRY(parse_json(file, (std::string(name) + "/video_preprocessor_config.json").c_str(), &json));
    root = json.root();
  }
  if (root.is_set()) {
    MICA_TRY(read_frames(root, name, spec));
  } else if (const Status status = read_frames(pictures, name, spec); !status) {
    if (status.code() == Code::out_of_memory) return status;
    log_message(LogLevel::warning, "%s. It is read for a video's frames, too: this model takes no videos",
                status.message());
    spec->video_token = -1;
    return Status::ok();
  }
  if (row_of(spec->frames.cut).any_size || frame_tokens(*spec, Shown::frame) != 0) return Status::ok();
  return Status::error(Code::corrupt_file, "%s/config.json: spatial_pool_stride leaves nothing of a frame", name);
}

}  // namespace mica
