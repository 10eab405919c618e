// PlainRead: the yardstick of decode, reading bytes and nothing else. Not a kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"

namespace mica {

// How many bytes before its turn a line is sent for, to either cache; 0: what the processor foresees is left to it.
struct ReadAhead {
  size_t first_level = 0, second_level = 0;
};

// Reads the same bytes each time it is called, in the threads of `compute`: vector loads, four sums that do not wait for
// each other, and of several prefetch distances the one that the constructor found fastest.
class PlainRead {
 public:
  // `bytes` is a multiple of 64 and `data` aligned to it; both stay the caller's.
  PlainRead(const Compute& compute, const uint8_t* data, size_t bytes);

  void operator()() const { read(ahead_); }

 private:
  void read(const ReadAhead& ahead) const;

  const Compute& compute_;
  const uint8_t* data_;
  size_t bytes_;
  ReadAhead ahead_;
};

}  // namespace mica
