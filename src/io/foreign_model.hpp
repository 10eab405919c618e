// foreign_model: files and folders that were given as a model and are something else: what they are, by name, and what
// works instead. Every function here makes a message; none opens a model.
#pragma once

#include <string>

#include "model_files.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// A file that is neither GGUF nor packed.
Status foreign_file(Bytes file, const char* path);

// A file of a folder's tensors: ok for what begins as safetensors do, and for what nobody knows.
Status refuse_foreign_tensors(Bytes file, const char* path);

// A folder without config.json: an adapter, another program's checkpoint, a place above a model or beside one.
Status foreign_folder(const std::string& folder);

// A folder with config.json and without tensors that mica reads.
Status folder_without_tensors(const std::string& folder);

// Nothing is at `path`: not_found with how to download it, where that is a name or an address by which other programs
// fetch models; ok for what looks like a path.
Status name_of_elsewhere(const std::string& path);

// Nothing is at `path`, as `status` says: the same, with a download of it that did not end, if one lies there.
Status missing_model(const std::string& path, const Status& status);

// No tokenizer.json in `folder`: what lies there in its place.
Status missing_tokenizer(const std::string& folder);

// `wanted` is missing in `folder`: not_found, with a download of it that did not end, if one lies there. `why` says who
// asks for the file: "is named by model.safetensors.index.json".
Status missing_file(const std::string& folder, const std::string& wanted, const char* why);

}  // namespace mica
