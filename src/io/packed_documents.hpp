// packed_documents: the documents that a packed file is opened with, taken from a model of any container. Not the
// tensors and not the writing.
#pragma once

#include "model_files.hpp"
#include "safetensors.hpp"
#include "status.hpp"

namespace mica {

// Appends config.json, the tokenizer, the chat template and the picture rules, those that there are, under Hugging
// Face's names. Errors: those of a GGUF vocabulary that no tokenizer can be made of.
Status packed_documents(const ModelFiles& files, MetadataList* documents);

}  // namespace mica
