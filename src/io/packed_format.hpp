// The packed format (.mica): what reader and writer must agree on. Not the layout of weights inside, which is the
// kernels'.
//
// A .mica file is a safetensors file. Its header begins with kPackedPrefix, the version, kPackedAfterVersion and eight
// hexadecimal digits: the CRC32C of the length and the header with these digits set to zeros. All metadata that does
// not begin with "mica." is documents under their names ("config.json": its text). "mica.crc32c" is the JSON text of an
// object from tensor names to the CRC32C of their bytes, in eight lower-case digits. Every tensor begins at a multiple
// of 64 bytes and has a multiple of 64 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "arena.hpp"
#include "span.hpp"

namespace mica {

inline constexpr std::string_view kPackedVersion = "1";
inline constexpr std::string_view kPackedPrefix = "{\"__metadata__\":{\"mica.format\":\"";
inline constexpr std::string_view kPackedAfterVersion = "\",\"mica.header_crc32c\":\"";
inline constexpr std::string_view kPackedFormatKey = "mica.format";
inline constexpr std::string_view kPackedHeaderChecksumKey = "mica.header_crc32c";
inline constexpr std::string_view kPackedTensorChecksumsKey = "mica.crc32c";
inline constexpr std::string_view kPackedReservedPrefix = "mica.";
inline constexpr size_t kChecksumDigits = 8;
inline constexpr size_t kPackedAlignment = Arena::kAlignment;
// Where the header's checksum stands in the file, after the eight bytes of length.
inline constexpr size_t kPackedChecksumOffset =
    sizeof(uint64_t) + kPackedPrefix.size() + kPackedVersion.size() + kPackedAfterVersion.size();

// True for files that begin as packed files do, of whatever version.
bool is_packed(Bytes file);

// The checksum of a head (length and header) whose own digits count as zeros; it has more than kPackedChecksumOffset +
// kChecksumDigits bytes.
uint32_t packed_head_checksum(Bytes head);

std::string checksum_text(uint32_t checksum);

}  // namespace mica
