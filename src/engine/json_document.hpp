// JSON documents beside the weights: read, or refused by the file's name with what to do. Not what their fields mean.
#pragma once

#include "json.hpp"
#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// The document `name` of a model, an object; *out as before where there is none. Errors: corrupt_file for what is no JSON
// or no object, with the path and that it be fetched again; those of parse_json.
Status read_json_document(const ModelFiles& files, const char* name, Json* out);

// Refuses a model whose documents cannot be read although its answers hang on them; warns of those whose loss changes no
// answer.
Status check_json_documents(const ModelFiles& files);

}  // namespace mica
