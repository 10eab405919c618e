// AtomicFile: a file that appears under its name only when it is complete. Not a log and not for appending to what
// exists.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "span.hpp"
#include "status.hpp"

namespace mica {

// Writes all of `bytes` at `offset` of an open file, or fails: partial writes are continued. `path` is for messages.
Status write_fully(int descriptor, Bytes bytes, uint64_t offset, const char* path);

// Written without a name in the same folder, or, where the file system has no such files, under a temporary one
// (NAME.PID-N.partial). commit() syncs it, gives it its name and syncs the folder; a failure or destruction before
// removes it and leaves the old file, if any, as it was. A process that is killed leaves nothing, or the temporary. Only
// a failure to sync the folder comes too late for that: then the new file stands, whole, but may be gone after a power
// cut.
class AtomicFile {
 public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  // A target that exists and is not a regular file (a device, a folder) is refused before anything is written. A target
  // that is a symbolic link is replaced where it points to.
  Status create(const char* path);
  Status write_at(uint64_t offset, Bytes bytes);
  Status commit();

 private:
  void discard();
  Status give_name();

  std::string path_;
  std::string temporary_path_;  // empty while the file has no name
  int descriptor_ = -1;
};

}  // namespace mica
