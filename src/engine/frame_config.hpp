// Frame config: how the frames of a video are prepared and which of them are seen, from the files of transformers'
// video processors. Not pictures by themselves: picture_config.hpp.
#pragma once

#include "json.hpp"
#include "model_spec.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// Fills spec->frames and spec->sampling where the family takes videos. `said` is the video_processor of
// processor_config.json, `file` the text of a file of its own; where there is neither, `pictures` is read, the object
// of the picture's class, as transformers does it. What contradicts the tower in files of its own is refused by the
// field's name; where it is the picture's file, or the video token is not in the vocabulary, the model takes no videos.
Status read_frame_rule(JsonValue said, Bytes file, JsonValue pictures, const char* name, ModelSpec* spec);

}  // namespace mica
