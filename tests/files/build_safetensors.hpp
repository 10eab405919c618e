// Safetensors files for tests, from a header written by hand: also files that no writer would make. Not the writer.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "span.hpp"

namespace mica {

// The length, the header as it is given, and `data_bytes` bytes 0, 1, 2, ... of tensors.
inline std::vector<uint8_t> build_safetensors(std::string_view header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::vector<uint8_t> file(sizeof length + header.size() + data_bytes);
  std::memcpy(file.data(), &length, sizeof length);
  std::memcpy(file.data() + sizeof length, header.data(), header.size());
  for (size_t i = 0; i < data_bytes; ++i) file[sizeof length + header.size() + i] = static_cast<uint8_t>(i);
  return file;
}

}  // namespace mica
