// KeyedHash: SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012): who does not know the key cannot make two inputs
// of one hash. Not a checksum of files: io/crc32c.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica {

struct HashKey {
  uint64_t words[2] = {};

  // One that nobody knows, from the system.
  static HashKey drawn();
};

struct Hash128 {
  uint64_t words[2] = {};

  bool operator==(const Hash128&) const = default;
};

class KeyedHash {
 public:
  explicit KeyedHash(const HashKey& key);
  void add(const void* bytes, size_t count);
  void add(uint64_t number) { add(&number, sizeof number); }
  // Of all that was added; nothing may follow.
  Hash128 finish();

 private:
  void rounds(int count);
  void absorb(uint64_t word);

  uint64_t v_[4];
  uint64_t tail_ = 0;  // bytes that make no whole word yet
  size_t bytes_ = 0;
};

}  // namespace mica
