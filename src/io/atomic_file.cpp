// AtomicFile: temporary, sync, rename, sync. Not a reader.
#include "atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "descriptor.hpp"
#include "system_error.hpp"

namespace mica {

namespace {

// One write of at most this many bytes: Linux accepts no more than 2 GB at once, and progress can be interrupted.
constexpr size_t kWriteBytesMax = 64u << 20;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

int sync(int descriptor) {
  return uninterrupted([descriptor] { return fsync(descriptor); });
}

// Calls make(name) with names beside `path`, which tell what the file is when a killed process leaves it behind, until
// one is not taken. Returns what make did: negative, and errno, for a failure.
template <class Make>
int make_beside(const std::string& path, std::string* temporary_path, Make make) {
  constexpr int kNamesTried = 100;  // each taken name is one that another write by this process, or a dead one, holds
  int result = -1;
  for (int i = 0; i < kNamesTried && result < 0; ++i) {
    *temporary_path = path + "." + std::to_string(getpid()) + "-" + std::to_string(i) + ".partial";
    result = make(temporary_path->c_str());
    if (result < 0 && errno != EEXIST && errno != EINTR) break;
  }
  return result;
}

std::string name_of(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

// A file without a name, which vanishes with the process however that ends; -1 where the file system has no such files,
// or nothing could give them a name later.
int create_unnamed(const std::string& path) {
#ifdef O_TMPFILE
  const std::string folder = folder_of(path);
  Descriptor file(
      uninterrupted([&folder] { return open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666); }));
  if (!file.is_open() || access(name_of(file.get()).c_str(), F_OK) != 0) return -1;
  return file.release();
#else
  return -1;
#endif
}

}  // namespace

Status write_fully(int descriptor, Bytes bytes, uint64_t offset, const char* path) {
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), kWriteBytesMax);
    const ssize_t count = uninterrupted(
        [&] { return pwrite(descriptor, bytes.data(), piece, static_cast<off_t>(offset)); });
    if (count < 0) return system_error("write to", path, errno);
    if (count == 0) return Status::error(Code::io_error, "cannot write to %s: the system accepts no more bytes", path);
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return Status::ok();
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
  descriptor_ = -1;
  temporary_path_.clear();
}

Status AtomicFile::create(const char* path) {
  discard();
  path_ = path;
  struct stat about;
  if (stat(path, &about) == 0) {
    if (!S_ISREG(about.st_mode)) {
      return Status::error(Code::invalid_argument, "cannot write %s: it exists and is not a regular file", path);
    }
    char target[PATH_MAX];
    if (realpath(path, target) == nullptr) return system_error("resolve", path, errno);
    path_ = target;
  } else if (errno != ENOENT) {
    return system_error("write", path, errno);
  }
  descriptor_ = create_unnamed(path_);
  if (descriptor_ >= 0) return Status::ok();
  std::string temporary;
  descriptor_ = make_beside(path_, &temporary,
                            [](const char* name) { return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  if (descriptor_ < 0) return system_error("create a file beside", path, errno);
  temporary_path_ = std::move(temporary);
  return Status::ok();
}

Status AtomicFile::write_at(uint64_t offset, Bytes bytes) {
  if (descriptor_ < 0) return Status::error(Code::invalid_argument, "%s is not open for writing", path_.c_str());
  if (offset > static_cast<uint64_t>(INT64_MAX) - bytes.size()) {
    return Status::error(Code::limit_exceeded, "%s would have more than 2^63 bytes", path_.c_str());
  }
  return write_fully(descriptor_, bytes, offset, path_.c_str());
}

// A link never replaces a file, so that a complete file gets a temporary name, and that is renamed.
Status AtomicFile::give_name() {
  std::string temporary;
  const int result = make_beside(path_, &temporary, [this](const char* name) {
    return linkat(AT_FDCWD, name_of(descriptor_).c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
  });
  if (result < 0) return system_error("name the file of", path_.c_str(), errno);
  temporary_path_ = std::move(temporary);
  return Status::ok();
}

Status AtomicFile::commit() {
  if (descriptor_ < 0) return Status::error(Code::invalid_argument, "%s is not open for writing", path_.c_str());
  if (sync(descriptor_) != 0) return system_error("sync", path_.c_str(), errno);
  // The name reaches the disk with the folder. It is opened now: what can fail fails while the old file still stands.
  const std::string folder_path = folder_of(path_);
  const Descriptor folder(
      uninterrupted([&folder_path] { return open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!folder.is_open()) return system_error("open the folder of", path_.c_str(), errno);
  if (temporary_path_.empty()) MICA_TRY(give_name());
  const int descriptor = std::exchange(descriptor_, -1);
  // What is synced can lose nothing by a signal while it is closed.
  if (close(descriptor) != 0 && errno != EINTR) return system_error("close", path_.c_str(), errno);
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) return system_error("rename to", path_.c_str(), errno);
  temporary_path_.clear();
  // EINVAL: a file system that cannot sync folders (some network ones), where nothing more can be done.
  if (sync(folder.get()) != 0 && errno != EINVAL) return system_error("sync the folder of", path_.c_str(), errno);
  return Status::ok();
}

}  // namespace mica
