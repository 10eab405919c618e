// MappedFile: a regular file mapped read-only. Not a guard against others who cut the file while it is in use: then the
// system ends the process (SIGBUS), as with every mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "span.hpp"
#include "status.hpp"

namespace mica {

class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Folders, devices, pipes, empty files and Git LFS pointers are refused; a file larger than `bytes_max` is
  // limit_exceeded. Pages are read from disk when they are first touched. Errors name the path.
  static Status map(const char* path, size_t bytes_max, MappedFile* out);

  // Aligned to a page; valid as long as this object, also when it is moved.
  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// A whole file in memory, for what is read once (pictures, prompts). The checks are those of map(), but pipes and
// devices are read to their end, or until they have given more than `bytes_max`.
Status read_file(const char* path, size_t bytes_max, std::vector<uint8_t>* out);

// True when `path` is a folder; false also when it does not exist.
bool is_folder(const char* path);
// True when anything but a folder is at `path`: a file that may still turn out to be unreadable.
bool file_exists(const char* path);

}  // namespace mica
