// The packed format: recognition and the header's checksum. Not the reader (packed_file.cpp).
#include "packed_format.hpp"

#include <cstdio>
#include <cstring>

#include "crc32c.hpp"

namespace mica {

bool is_packed(Bytes file) {
  constexpr size_t kStart = sizeof(uint64_t);
  return file.size() >= kStart + kPackedPrefix.size() &&
         std::memcmp(file.data() + kStart, kPackedPrefix.data(), kPackedPrefix.size()) == 0;
}

uint32_t packed_head_checksum(Bytes head) {
  constexpr uint8_t kZeros[kChecksumDigits] = {'0', '0', '0', '0', '0', '0', '0', '0'};
  uint32_t checksum = crc32c(0, head.first(kPackedChecksumOffset));
  checksum = crc32c(checksum, kZeros);
  return crc32c(checksum, head.subspan(kPackedChecksumOffset + kChecksumDigits));
}

std::string checksum_text(uint32_t checksum) {
  char text[kChecksumDigits + 1];
  snprintf(text, sizeof text, "%08x", checksum);
  return text;
}

}  // namespace mica
