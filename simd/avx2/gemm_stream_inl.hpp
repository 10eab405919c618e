// How x86 reads a stream of weights, and what tasks its products are cut into. Not a product.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gemm_kernels.hpp"
#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

// Sends for what a stream of weights meets next, in two steps. To the first level at once, a core waits for one of its
// sixteen misses there: on Golden Cove 0.82 of a plain read with one thread and 0.75 with two. The second level has 48,
// so 12 KB ahead (six times what arrives in the 120 ns of an access, for a busy memory) lines go there, and 2 KB ahead
// to the first: 0.94 and 0.95.
inline void prefetch_stream(const uint8_t* panel) {
  _mm_prefetch(reinterpret_cast<const char*>(panel + 12288), _MM_HINT_T1);
  _mm_prefetch(reinterpret_cast<const char*>(panel + 2048), _MM_HINT_T0);
}

// Lines that no block sends for, since the multipliers before a panel's blocks are as long: without these, each panel
// would wait once for memory.
template <class PanelStream>
void prefetch_header(const PanelStream& from) {
  for (const uint8_t* line = from.multipliers; line < from.blocks; line += 64) prefetch_stream(line);
}

// Below 128 KB a task of streaming is not worth handing out: each sends for 12 KB that are another's. Of more rows the
// products go over two panels at a time (gemm_driver_inl.hpp).
constexpr GemmGeometry kX86Geometry = {
    .stream_rows = 4, .stream_bytes_min = 128u << 10, .stream_bytes_max = 1u << 20, .block_panels = 2};

}  // namespace
}  // namespace mica::simd
