// ArenaGuards: filling, comparing, and what AddressSanitizer is told of them. Not the arena.
#include "arena_guards.hpp"

#include <algorithm>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MICA_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MICA_ADDRESS_SANITIZER 1
#endif

#if defined(MICA_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#define MICA_NO_ADDRESS_SANITIZER __attribute__((no_sanitize("address")))
#else
#define ASAN_POISON_MEMORY_REGION(memory, bytes) ((void)(memory), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(memory, bytes) ((void)(memory), (void)(bytes))
#define MICA_NO_ADDRESS_SANITIZER
#endif

namespace mica {
namespace {

// As a float a small negative number, as an int8 one, as a bit pattern without long runs: nothing that buffers hold.
constexpr uint8_t kFill = 0xB5;

// Libraries that are not instrumented write without being seen: the bytes are looked at all the same.
MICA_NO_ADDRESS_SANITIZER bool is_whole(const ArenaGuards::Guard& guard) {
  for (size_t i = 0; i < guard.bytes; ++i)
    if (guard.memory[i] != kFill) return false;
  return true;
}

}  // namespace

ArenaGuards& ArenaGuards::operator=(ArenaGuards&& other) noexcept {
  release();
  guards_ = std::move(other.guards_);
  other.guards_.clear();
  return *this;
}

void ArenaGuards::close(const Guard& guard) {
  std::fill_n(guard.memory, guard.bytes, kFill);
  ASAN_POISON_MEMORY_REGION(guard.memory, guard.bytes);
}

const ArenaGuards::Guard* ArenaGuards::first_broken() const {
  const auto broken = std::find_if_not(guards_.begin(), guards_.end(), is_whole);
  return broken == guards_.end() ? nullptr : &*broken;
}

void ArenaGuards::release() {
  for (const Guard& guard : guards_) ASAN_UNPOISON_MEMORY_REGION(guard.memory, guard.bytes);
  guards_.clear();
}

}  // namespace mica
