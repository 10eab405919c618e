// model_kinds: how ModelFiles::open makes each kind. Inside io only: others see model_files.hpp.
#pragma once

#include <memory>

#include "mapped_file.hpp"
#include "model_files.hpp"

namespace mica {

// `folder` exists and is a folder.
Status open_huggingface_folder(const char* folder, std::unique_ptr<ModelFiles>* out);

// `content` is the file at `path` and is taken over. `projector` as in ModelFiles::open.
Status open_gguf_file(MappedFile content, const char* path, const char* projector, std::unique_ptr<ModelFiles>* out);
Status open_packed_file(MappedFile content, const char* path, std::unique_ptr<ModelFiles>* out);

// `bytes` are borrowed.
Status open_packed_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out);
Status open_gguf_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out);

}  // namespace mica
