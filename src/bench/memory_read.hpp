// MemoryRead: how fast threads of this machine can read memory at all, the yardstick of writing an answer. Not a kernel.
#pragma once

#include <memory>

namespace mica {

class MemoryRead {
 public:
  // By `threads` threads, with the loads of the level named `level`, which runs here. Takes 192 MiB, more than most
  // caches hold.
  MemoryRead(const char* level, int threads);
  ~MemoryRead();
  MemoryRead(const MemoryRead&) = delete;
  MemoryRead& operator=(const MemoryRead&) = delete;

  // Of one reading; the next will differ, as machines are shared.
  double bytes_per_second() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace mica
