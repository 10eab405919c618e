// What the tests of pictures share: files, reference cases, checksums, synthetic pictures. Not of any use to others.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "picture.hpp"
#include "span.hpp"

namespace mica {

// `path` below tests/data; empty when it cannot be read.
inline std::vector<uint8_t> read_test_data(const std::string& path) {
  std::ifstream file(std::string(MICA_TESTS_DATA "/") + path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

inline nlohmann::json read_cases(const std::string& path) {
  const std::vector<uint8_t> text = read_test_data(path);
  return nlohmann::json::parse(text.begin(), text.end());
}

// CRC-32 as zlib and PNG have it.
inline uint32_t crc32_of(const void* data, size_t bytes) {
  const uint8_t* byte = static_cast<const uint8_t*>(data);
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < bytes; ++i) {
    crc ^= byte[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

inline Picture new_picture(uint32_t width, uint32_t height) {
  Picture picture;
  picture.width = width;
  picture.height = height;
  picture.rgb.reset(new uint8_t[size_t{width} * height * 3]());
  return picture;
}

// The bytes that make_reference.py's bytes_of_index gives: a hash of the index.
inline Picture synthetic_picture(uint32_t width, uint32_t height) {
  Picture picture = new_picture(width, height);
  for (uint32_t i = 0; i < width * height * 3; ++i) {
    uint32_t hash = i * 2654435761u;
    hash ^= hash >> 15;
    hash *= 2246822519u;
    picture.rgb[i] = static_cast<uint8_t>(hash >> 24);
  }
  return picture;
}

}  // namespace mica
