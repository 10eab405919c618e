// Arena: hands out aligned pieces of one buffer, or only counts them when it has none. Not an allocator: nothing is
// ever given back, so the memory plan of a session is this code run twice, once to measure and once to place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena_guards.hpp"
#include "checked.hpp"

namespace mica {

class Arena {
 public:
  // A cache line, the width of the widest vector, and the alignment of every tensor in a packed file.
  static constexpr size_t kAlignment = 64;

  Arena() = default;  // measures
  // `buffer` must be aligned to kAlignment and outlive all pieces.
  Arena(void* buffer, size_t bytes) : base_(static_cast<uint8_t*>(buffer)), capacity_(bytes) {}

  // From now on a guard stands behind each piece, which `guards` keeps; an arena that measures counts it only.
  void guard_with(ArenaGuards* guards) { guards_ = guards; }

  bool measures() const { return base_ == nullptr; }
  size_t used() const { return used_; }
  // True when a piece did not fit or a size overflowed; the pieces given since are null.
  bool failed() const { return failed_; }

  // Room for `count` values of T, uninitialised; null when measuring or failed. A guard that is broken tells the place
  // of the call.
  template <class T>
  T* take(size_t count, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    size_t bytes = 0;
    if (!checked_mul(count, sizeof(T), &bytes)) failed_ = true;
    return failed_ ? nullptr : reinterpret_cast<T*>(take_bytes(bytes, file, line));
  }
  // `pieces` of them, each `*stride_bytes` behind the one before.
  template <class T>
  T* take_each(size_t count, size_t pieces, size_t* stride_bytes, const char* file = __builtin_FILE(),
               int line = __builtin_LINE()) {
    T* first = take<T>(pieces == 0 ? 0 : count, file, line);
    *stride_bytes = round_up(count * sizeof(T), kAlignment) + guard_bytes();
    for (size_t i = 1; i < pieces; ++i) (void)take<T>(count, file, line);
    return failed_ ? nullptr : first;
  }

 private:
  size_t guard_bytes() const { return guards_ ? ArenaGuards::kBytes : 0; }
  uint8_t* take_bytes(size_t bytes, const char* file, int line) {
    size_t end = 0;
    if (bytes > SIZE_MAX - kAlignment || !checked_add(used_, round_up(bytes, kAlignment), &end) ||
        !checked_add(end, guard_bytes(), &end) || (!measures() && end > capacity_)) {
      failed_ = true;
      return nullptr;
    }
    const size_t start = used_;
    used_ = end;
    if (measures()) return nullptr;
    if (guards_) guards_->add({base_ + start + bytes, end - start - bytes, file, line});
    return base_ + start;
  }

  uint8_t* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  bool failed_ = false;
  ArenaGuards* guards_ = nullptr;
};

}  // namespace mica
