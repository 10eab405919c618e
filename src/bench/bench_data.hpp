// BenchData: aligned buffers with values in them, for benchmarks. Not random: the same bytes in every run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "checked.hpp"

namespace mica {

struct AlignedFree {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using Buffer = std::unique_ptr<T[], AlignedFree>;

// 64-byte aligned and filled, so that no page is touched for the first time while the clock runs.
template <class T>
Buffer<T> buffer(size_t count) {
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(64, round_up(count * sizeof(T), 64)));
  for (size_t i = 0; i < round_up(count * sizeof(T), 64); ++i) memory[i] = static_cast<uint8_t>(i * 37 + i / 251);
  return Buffer<T>(reinterpret_cast<T*>(memory));
}

inline Buffer<float> floats(size_t count) {
  Buffer<float> values = buffer<float>(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(static_cast<int>(i * 73 % 199) - 99) / 100.0f;
  return values;
}

}  // namespace mica
