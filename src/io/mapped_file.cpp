// MappedFile: opening, checking and mapping of files. Not a reader of any format.
#include "mapped_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "descriptor.hpp"
#include "stand_in.hpp"
#include "system_error.hpp"

namespace mica {

namespace {

// Opens what is no folder.
Status open_file(const char* path, Descriptor* descriptor, struct stat* about) {
  // Not blocking: a pipe without a writer would hang the open, before it can be refused.
  descriptor->reset(uninterrupted([path] { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (!descriptor->is_open()) {
    const int reason = errno;
    if (reason == ENOENT) MICA_TRY(refuse_address(path));
    if (reason == ENOENT) MICA_TRY(refuse_broken_link(path));
    return system_error("open", path, reason);
  }
  if (fstat(descriptor->get(), about) != 0) return system_error("look at", path, errno);
  if (S_ISDIR(about->st_mode)) return Status::error(Code::invalid_argument, "%s is a folder, not a file", path);
  return Status::ok();
}

// That it is a regular file of 1 to bytes_max bytes.
Status check_size(const char* path, const struct stat& about, size_t bytes_max, size_t* bytes) {
  if (!S_ISREG(about.st_mode)) return Status::error(Code::invalid_argument, "%s is not a regular file", path);
  if (about.st_size <= 0) return Status::error(Code::corrupt_file, "%s is empty: download or write it again", path);
  if (static_cast<uint64_t>(about.st_size) > bytes_max) {
    return Status::error(Code::limit_exceeded, "%s has %lld bytes, more than the %zu that mica reads", path,
                         static_cast<long long>(about.st_size), bytes_max);
  }
  *bytes = static_cast<size_t>(about.st_size);
  return Status::ok();
}

// Reads up to content->size() bytes from where *done is; fewer only at the end of the file.
Status read_block(const Descriptor& descriptor, const char* path, std::vector<uint8_t>* content, size_t* done) {
  while (*done < content->size()) {
    const ssize_t count =
        uninterrupted([&] { return read(descriptor.get(), content->data() + *done, content->size() - *done); });
    if (count < 0) return system_error("read", path, errno);
    if (count == 0) return Status::ok();
    *done += static_cast<size_t>(count);
  }
  return Status::ok();
}

// A pipe or a device: its size shows when it ends.
Status read_stream(const Descriptor& descriptor, const char* path, size_t bytes_max, std::vector<uint8_t>* out) {
  constexpr size_t kFirstBytes = 64 << 10;
  if (isatty(descriptor.get()) != 0)
    return Status::error(Code::invalid_argument, "%s is a terminal; give a file or a pipe", path);
  // A named pipe that nobody writes into ends at once. Who is about to open it gets a moment; then reading waits.
  constexpr int kWriterWaitMilliseconds = 1000;
  pollfd first = {descriptor.get(), POLLIN, 0};
  poll(&first, 1, kWriterWaitMilliseconds);
  const int flags = fcntl(descriptor.get(), F_GETFL);
  if (flags < 0 || fcntl(descriptor.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) return system_error("read", path, errno);
  std::vector<uint8_t> content;
  size_t done = 0;
  for (size_t bytes = kFirstBytes; done == content.size(); bytes *= 2) {
    if (done > bytes_max)
      return Status::error(Code::limit_exceeded, "%s gives more than the %zu bytes that mica reads", path, bytes_max);
    content.resize(std::min(bytes, bytes_max + 1));
    MICA_TRY(read_block(descriptor, path, &content, &done));
  }
  if (done == 0) return Status::error(Code::corrupt_file, "%s gives nothing: what writes into it failed", path);
  content.resize(done);
  *out = std::move(content);
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
  struct stat about;
  size_t bytes = 0;
  MICA_TRY(open_file(path, &descriptor, &about));
  MICA_TRY(check_size(path, about, bytes_max, &bytes));
  void* address = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED) return system_error("map", path, errno);
  MappedFile mapped;
  mapped.bytes_ = Bytes(static_cast<const uint8_t*>(address), bytes);
  MICA_TRY(refuse_pointer(mapped.bytes_, path));
  *out = std::move(mapped);
  return Status::ok();
}

Status read_file(const char* path, size_t bytes_max, std::vector<uint8_t>* out) {
  Descriptor descriptor;
  struct stat about;
  size_t bytes = 0, done = 0;
  std::vector<uint8_t> content;
  MICA_TRY(open_file(path, &descriptor, &about));
  if (S_ISREG(about.st_mode)) {
    MICA_TRY(check_size(path, about, bytes_max, &bytes));
    content.resize(bytes);
    MICA_TRY(read_block(descriptor, path, &content, &done));
    if (done < bytes) return Status::error(Code::io_error, "%s became shorter while it was read", path);
  } else {
    MICA_TRY(read_stream(descriptor, path, bytes_max, &content));
  }
  MICA_TRY(refuse_pointer(content, path));
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
  if (stat(path, &about) == 0) return !S_ISDIR(about.st_mode);
  // So does a link to what is not there.
  return (errno != ENOENT && errno != ENOTDIR) || lstat(path, &about) == 0;
}

}  // namespace mica
