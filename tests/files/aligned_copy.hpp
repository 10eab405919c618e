// AlignedCopy: bytes at an address that a model in memory must have, for tests and fuzz targets. Not a file.
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "span.hpp"

namespace mica {

// Exactly as many bytes as given, so that a sanitizer sees a read beyond them, at a multiple of 64.
class AlignedCopy {
 public:
  explicit AlignedCopy(Bytes source) : bytes_(source.size()) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, bytes_ == 0 ? 1 : bytes_) != 0) std::abort();
    data_ = static_cast<uint8_t*>(memory);
    if (bytes_ != 0) std::memcpy(data_, source.data(), bytes_);
  }
  AlignedCopy(const AlignedCopy&) = delete;
  AlignedCopy& operator=(const AlignedCopy&) = delete;
  ~AlignedCopy() { std::free(data_); }
  uint8_t* data() { return data_; }
  Bytes bytes() const { return {data_, bytes_}; }

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_;
};

}  // namespace mica
