// Arena: hands out aligned pieces of one buffer, or only counts them when it has none. Not an allocator: nothing is
// ever given back, so the memory plan of a session is this code run twice, once to measure and once to place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "checked.hpp"

namespace mica {

class Arena {
 public:
  // A cache line, the width of the widest vector, and the alignment of every tensor in a packed file.
  static constexpr size_t kAlignment = 64;

  Arena() = default;  // measures
  // `buffer` must be aligned to kAlignment and outlive all pieces.
  Arena(void* buffer, size_t bytes) : base_(static_cast<uint8_t*>(buffer)), capacity_(bytes) {}

  bool measures() const { return base_ == nullptr; }
  size_t used() const { return used_; }
  // True when a piece did not fit or a size overflowed; the pieces given since are null.
  bool failed() const { return failed_; }

  // Room for `count` values of T, uninitialised; null when measuring or failed.
  template <class T>
  T* take(size_t count) {
    size_t bytes = 0;
    size_t end = 0;
    if (!checked_mul(count, sizeof(T), &bytes) || bytes > SIZE_MAX - kAlignment ||
        !checked_add(used_, round_up(bytes, kAlignment), &end)) {
      failed_ = true;
      return nullptr;
    }
    const size_t start = used_;
    used_ = end;
    if (measures()) return nullptr;
    if (end > capacity_) {
      failed_ = true;
      return nullptr;
    }
    return reinterpret_cast<T*>(base_ + start);
  }

 private:
  uint8_t* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  bool failed_ = false;
};

}  // namespace mica
