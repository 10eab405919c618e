// CRC32C (Castagnoli, RFC 3720): detects damage of stored bytes. Not a defence against forgery.
#pragma once

#include <cstdint>

#include "span.hpp"

namespace mica {

// The checksum of `bytes` appended to what `previous` is the checksum of; 0 for nothing before.
uint32_t crc32c(uint32_t previous, Bytes bytes);

}  // namespace mica
