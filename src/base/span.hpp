// Views of bytes and text, and a bounded reader over them. Not owning: whoever makes a view keeps the bytes alive.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace mica {

using Bytes = std::span<const uint8_t>;

// Reads little-endian numbers from a span, never past its end. All formats that mica reads are little-endian, and so
// are the processors that it runs on.
class ByteReader {
 public:
  static_assert(std::endian::native == std::endian::little);

  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}
  size_t remaining() const { return bytes_.size() - position_; }
  size_t position() const { return position_; }

  // False, and nothing consumed, when fewer bytes remain.
  template <class T>
  [[nodiscard]] bool read(T* out) {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(out, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return true;
  }
  [[nodiscard]] bool read_bytes(size_t count, Bytes* out) {
    if (remaining() < count) return false;
    *out = bytes_.subspan(position_, count);
    position_ += count;
    return true;
  }

 private:
  Bytes bytes_;
  size_t position_ = 0;
};

}  // namespace mica
