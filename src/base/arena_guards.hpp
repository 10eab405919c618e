// ArenaGuards: bytes behind each piece of an arena that nobody may write, and that tell who did. Not for release builds,
// whose sessions have none; under AddressSanitizer reading them is seen too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mica {

class ArenaGuards {
 public:
  // As much as the widest vector and a half of what a loop of several vectors writes at once.
  static constexpr size_t kBytes = 128;

  struct Guard {
    uint8_t* memory;
    size_t bytes;
    const char* file;  // where the piece before it was taken
    int line;
  };

  ArenaGuards() = default;
  ArenaGuards(ArenaGuards&&) = default;
  ArenaGuards& operator=(ArenaGuards&& other) noexcept;
  ~ArenaGuards() { release(); }

  // Fills the bytes and remembers them; they must stay as long as this object. Here, since it allocates: base does not.
  void add(const Guard& guard) {
    guards_.push_back(guard);
    close(guard);
  }
  // Null while all are as they were.
  const Guard* first_broken() const;
  size_t count() const { return guards_.size(); }

 private:
  static void close(const Guard& guard);
  void release();

  std::vector<Guard> guards_;
};

}  // namespace mica
