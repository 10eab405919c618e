// TileRules: from the values of a processor's file to the rule for pictures that are cut into tiles. Not the other rules,
// nor the reading of the file: picture_config.cpp.
#pragma once

#include "json.hpp"
#include "model_spec.hpp"
#include "picture_processor.hpp"
#include "status.hpp"

namespace mica {

// GotOcr2ImageProcessor.
Status set_tiles(JsonValue root, const ProcessorValues& values, PictureRule* rule);
// InternVL's load_image; `name` is the checkpoint's.
Status set_tiles_of_config(const ModelSpec& spec, const char* name, PictureRule* rule);
// Idefics3ImageProcessor.
Status set_squares(JsonValue root, const ProcessorValues& values, const VisionSpec& tower, PictureRule* rule);
// Lfm2VlImageProcessor.
Status set_large_tiles(JsonValue root, const ProcessorValues& values, PictureRule* rule);
// LlavaNextImageProcessor and LlavaOnevisionImageProcessor.
Status set_grids(JsonValue root, const ProcessorValues& values, const VisionSpec& tower, PictureRule* rule);

}  // namespace mica
