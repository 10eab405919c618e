// PlainRead: the yardstick of decode, reading bytes and nothing else. Not a kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench_data.hpp"
#include "compute.hpp"

namespace mica {

// How many bytes before its turn a line is sent for, to either cache; 0: what the processor foresees is left to it.
struct ReadAhead {
  size_t first_level = 0, second_level = 0;
};

// Reads the same bytes each time it is called, in compute.threads threads: vector loads, four sums that do not wait for
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

// The same of memory of its own, more than most caches hold: how fast `threads` threads can read at all.
class MemoryRead {
 public:
  MemoryRead(const simd::Kernels& kernels, int threads);

  // Of one reading; the next will differ, as machines are shared.
  double bytes_per_second() const;

 private:
  Compute compute_;
  Buffer<uint8_t> bytes_;
  PlainRead read_;
};

}  // namespace mica
