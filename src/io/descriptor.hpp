// Descriptor: an open file of the system, closed at the end of its scope. Not reading or writing.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace mica {

// Calls a function of the system again for as long as signals interrupt it. Not for close(): on Linux the descriptor is
// gone then too, and may be another thread's by the next call.
template <class Call>
auto uninterrupted(const Call& call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// An error of closing here means nothing: the file was only read, or its writing has failed already.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace mica
