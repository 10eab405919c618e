// Repositories of a model hub, as people name them, and the files that they hold. Not where these are kept (cache.hpp)
// nor how they come (transfer.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace app::hub {

// "OWNER/NAME[:WANTED]", as llama.cpp's -hf takes it.
struct Repository {
  std::string owner, name;
  std::string wanted;  // the kind of a GGUF file, "Q4_K_M", or a file's path; empty: what pick_files chooses

  std::string id() const { return owner + '/' + name; }
};

// Throws UsageError for what is no such name.
Repository parse_repository(const std::string& text);

// A file of a repository. Its bytes are named by their digest: SHA-256 of large files, and git's own of others.
struct File {
  std::string path;  // inside the repository, with '/' between
  uint64_t bytes = 0;
  std::string digest;  // lower case hexadecimal: 64 digits are SHA-256, 40 are git's SHA-1 of a blob; empty: not known
};

// True for a path that stays inside the folder that it is joined to, on every system.
bool is_path_inside(const std::string& path);
// True for `count` hexadecimal digits.
bool is_hexadecimal(const std::string& text, size_t count);

// What mica reads of a repository to run one model.
struct Picked {
  std::vector<File> files;
  std::string model;      // the GGUF or packed file; empty: the folder is the model
  std::string projector;  // the GGUF file of its tower; empty: none
};

// By `wanted`, or without it: the checkpoint in safetensors; else GGUF files of the kind that comes first in a list of
// those that answer well for their size; else the only packed file. Throws Failure that says what there is instead.
Picked pick_files(const Repository& repository, const std::vector<File>& files);

// Every model that a repository's files make: what `wanted` would have to be, "" for the checkpoint.
std::vector<std::string> models_among(const std::vector<File>& files);

}  // namespace app::hub
