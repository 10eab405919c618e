// Config: from config.json to a ModelSpec, by the tables of a family, with the picture rule of picture_config.hpp. Not
// weights.
#pragma once

#include "model_files.hpp"
#include "model_spec.hpp"
#include "picture_config.hpp"
#include "status.hpp"

namespace mica {

struct Shape;

// Finds the family by model_type, fills the spec and checks that its numbers fit each other. `files` for messages.
Status read_model_spec(const ModelFiles& files, ModelSpec* out);
// The same from texts, and of a published shape.
Status read_model_spec(Bytes config, const PictureDocuments& pictures, const char* name, ModelSpec* out);
Status read_model_spec(const Shape& shape, ModelSpec* out);

}  // namespace mica
