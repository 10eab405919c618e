// Picture config: from preprocessor_config.json and processor_config.json to a PictureRule, as the published classes of
// transformers read them. Which class has which fields is in models/. Not config.json: config.hpp.
#pragma once

#include "added_tokens.hpp"
#include "model_spec.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// The texts of a checkpoint; empty where it has no such file.
struct PictureDocuments {
  Bytes preprocessor;  // preprocessor_config.json
  Bytes processor;     // processor_config.json; an image_processor in it goes before the other file
  Bytes frames = {};   // video_preprocessor_config.json, or video_processor/preprocessor_config.json
  TokenDocuments tokens = {};  // where the placeholder is looked for whose id config.json does not say
};

// Fills spec->pictures, for a spec whose family and vision tower are read. Without a file the family's published rule
// is taken, with a warning. What the class of the file does and mica does not is refused by the field's name, as is what
// contradicts the tower. `name` is the checkpoint's, for messages.
Status read_picture_rule(const PictureDocuments& documents, const char* name, ModelSpec* spec);

}  // namespace mica
