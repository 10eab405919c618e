// KeyedHash: the rounds of SipHash, on words of eight bytes.
#include "keyed_hash.hpp"

#include <sys/random.h>

#include <bit>
#include <chrono>
#include <cstring>

namespace mica {

HashKey HashKey::drawn() {
  HashKey key;
  if (getrandom(key.words, sizeof key.words, 0) == static_cast<ssize_t>(sizeof key.words)) return key;
  // A system without: the time and where things lie are not known either.
  key.words[0] = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  key.words[1] = reinterpret_cast<uintptr_t>(&key);
  return key;
}

KeyedHash::KeyedHash(const HashKey& key)
    : v_{key.words[0] ^ 0x736f6d6570736575u, key.words[1] ^ 0x646f72616e646f6du ^ 0xeeu,
         key.words[0] ^ 0x6c7967656e657261u, key.words[1] ^ 0x7465646279746573u} {}

void KeyedHash::rounds(int count) {
  for (int i = 0; i < count; ++i) {
    v_[0] += v_[1];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[3];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] += v_[3];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] += v_[1];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[2] = std::rotl(v_[2], 32);
  }
}

void KeyedHash::absorb(uint64_t word) {
  v_[3] ^= word;
  rounds(2);
  v_[0] ^= word;
}

void KeyedHash::add(const void* bytes, size_t count) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  const auto* end = at + count;
  const auto add_byte = [&] {
    tail_ |= uint64_t{*at++} << bytes_ % 8 * 8;
    if (++bytes_ % 8 != 0) return;
    absorb(tail_);
    tail_ = 0;
  };
  while (at != end && bytes_ % 8 != 0) add_byte();
  for (; end - at >= 8; at += 8, bytes_ += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    absorb(word);
  }
  while (at != end) add_byte();
}

Hash128 KeyedHash::finish() {
  absorb(tail_ | uint64_t{bytes_} << 56);
  Hash128 hash;
  v_[2] ^= 0xeeu;
  rounds(4);
  hash.words[0] = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  v_[1] ^= 0xddu;
  rounds(4);
  hash.words[1] = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  return hash;
}

}  // namespace mica
