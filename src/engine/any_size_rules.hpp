// AnySizeRules: from the values of a processor's file to the rule for pictures of any size. Not the other rules, nor the
// reading of the file: picture_config.cpp.
#pragma once

#include <cstdint>

#include "json.hpp"
#include "picture_processor.hpp"
#include "status.hpp"

namespace mica {

// An error of the field, which asks for what is not run.
inline Status refuse(JsonValue root, const char* field, const char* what) {
  return root.error(Code::unsupported, what, field);
}

// Qwen2VLImageProcessor, Glm4vImageProcessor, PaddleOCRVLImageProcessor.
Status set_smart_resize(JsonValue root, ProcessorSteps steps, const ProcessorValues& values, uint32_t temporal,
                        PictureRule* rule);
// PixtralImageProcessor. Sides become multiples of `whole` pixels; 0: of the file's patch_size.
Status set_bounded(JsonValue root, const ProcessorValues& values, uint32_t whole, PictureRule* rule);

// Gemma4ImageProcessor, for a tower with positions for so many patches along a side.
Status set_budget(JsonValue root, const ProcessorValues& values, uint32_t positions, PictureRule* rule);

}  // namespace mica
