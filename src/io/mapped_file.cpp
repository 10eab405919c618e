// MappedFile: opening, checking and mapping of files. Not a reader of any format.
#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "system_error.hpp"

namespace mica {

namespace {

// Closes at the end of the scope; an error of close() on a file that was only read means nothing.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

// Opens a regular file of 1 to bytes_max bytes.
Status open_checked(const char* path, size_t bytes_max, Descriptor* descriptor, size_t* bytes) {
  do {
    // Not blocking: a pipe without a writer would hang the open, before it can be refused.
    descriptor->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (descriptor->fd < 0 && errno == EINTR);
  if (descriptor->fd < 0) return system_error("open", path, errno);
  struct stat about;
  if (fstat(descriptor->fd, &about) != 0) return system_error("look at", path, errno);
  if (S_ISDIR(about.st_mode)) return Status::error(Code::invalid_argument, "%s is a folder, not a file", path);
  if (!S_ISREG(about.st_mode)) return Status::error(Code::invalid_argument, "%s is not a regular file", path);
  if (about.st_size <= 0) return Status::error(Code::corrupt_file, "%s is empty", path);
  if (static_cast<uint64_t>(about.st_size) > bytes_max) {
    return Status::error(Code::limit_exceeded, "%s has %lld bytes, more than the %zu that mica reads", path,
                         static_cast<long long>(about.st_size), bytes_max);
  }
  *bytes = static_cast<size_t>(about.st_size);
  return Status::ok();
}

}  // namespace

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, Bytes())) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

Status MappedFile::map(const char* path, size_t bytes_max, MappedFile* out) {
  Descriptor descriptor;
  size_t bytes = 0;
  MICA_TRY(open_checked(path, bytes_max, &descriptor, &bytes));
  void* address = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor.fd, 0);
  if (address == MAP_FAILED) return system_error("map", path, errno);
  MappedFile mapped;
  mapped.bytes_ = Bytes(static_cast<const uint8_t*>(address), bytes);
  *out = std::move(mapped);
  return Status::ok();
}

Status read_file(const char* path, size_t bytes_max, std::vector<uint8_t>* out) {
  Descriptor descriptor;
  size_t bytes = 0;
  MICA_TRY(open_checked(path, bytes_max, &descriptor, &bytes));
  std::vector<uint8_t> content(bytes);
  for (size_t done = 0; done < bytes;) {
    const ssize_t count = read(descriptor.fd, content.data() + done, bytes - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path, errno);
    if (count == 0) return Status::error(Code::io_error, "%s became shorter while it was read", path);
    done += static_cast<size_t>(count);
  }
  *out = std::move(content);
  return Status::ok();
}

bool is_folder(const char* path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

bool file_exists(const char* path) {
  struct stat about;
  // A file behind a wall counts: opening it will say so, where "absent" would be a false reason.
  if (stat(path, &about) != 0) return errno != ENOENT && errno != ENOTDIR;
  return !S_ISDIR(about.st_mode);
}

}  // namespace mica
