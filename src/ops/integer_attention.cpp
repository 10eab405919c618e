// Integer attention: heads are packed, then tiles of rows attend. Not arithmetic: simd/attention_kernels.hpp.
#include "integer_attention.hpp"

#include <algorithm>

#include "checked.hpp"
#include "kernels.hpp"

namespace mica {
namespace {

using simd::kAttentionRowsMax;

// Where the parts of a packed head are, in bytes from its first.
struct HeadLayout {
  size_t values, key_step, value_step, value_middle, bytes;
};

HeadLayout layout_of(size_t rows, size_t dims) {
  HeadLayout l;
  const size_t floats = round_up(dims * sizeof(float), 64);
  l.values = round_up(simd::packed_keys_bytes(rows, dims), 64);
  l.key_step = l.values + round_up(simd::packed_values_bytes(rows, dims), 64);
  l.value_step = l.key_step + floats;
  l.value_middle = l.value_step + floats;
  l.bytes = l.value_middle + floats;
  return l;
}

float* floats_at(uint8_t* bytes) { return reinterpret_cast<float*>(bytes); }

struct Scratch {
  float* sums;
  float* exponent;
  int8_t* queries;
};

Scratch split(float* base, size_t dims) {
  Scratch s;
  s.sums = base;
  s.exponent = s.sums + round_up(simd::attend_scratch_floats(dims), 16);
  s.queries = reinterpret_cast<int8_t*>(s.exponent + kAttentionRowsMax);
  return s;
}

}  // namespace

bool integer_attention_serves(const AttentionShape& shape) {
  return shape.heads == shape.kv_heads && shape.head_dim <= simd::kAttentionDimsMax;
}

void integer_attention(const Compute& compute, const AttentionShape& shape, const float* queries, const float* keys,
                       const float* values, size_t stride, size_t rows, uint8_t* packed, float* out,
                       size_t out_stride) {
  const size_t d = shape.head_dim;
  const HeadLayout layout = layout_of(rows, d);
  const simd::AttentionKernels& kernels = *compute.kernels->attention;
  parallel_for(compute, shape.heads * 2, [&](size_t task, int) {
    const size_t head = task / 2;
    uint8_t* to = packed + head * layout.bytes;
    if (task % 2 == 0)
      kernels.pack_keys_u7(to, floats_at(to + layout.key_step), keys + head * d, stride, rows, d);
    else
      kernels.pack_values_s6(reinterpret_cast<int8_t*>(to + layout.values), floats_at(to + layout.value_step),
                             floats_at(to + layout.value_middle), values + head * d, stride, rows, d);
  });
  const size_t row_tiles = ceil_div(rows, kAttentionRowsMax);
  parallel_for(compute, shape.heads * row_tiles, [&](size_t task, int thread) {
    const size_t head = task / row_tiles;
    const size_t first = task % row_tiles * kAttentionRowsMax;
    const size_t count = std::min(kAttentionRowsMax, rows - first);
    uint8_t* from = packed + head * layout.bytes;
    const Scratch s = split(compute.scratch_of<float>(thread), d);
    const simd::PackedHead packed_head = {.keys = from,
                                          .values = reinterpret_cast<const int8_t*>(from + layout.values),
                                          .value_step = floats_at(from + layout.value_step),
                                          .value_middle = floats_at(from + layout.value_middle),
                                          .count = rows,
                                          .dims = d};
    kernels.quantize_queries(s.queries, s.exponent, queries + first * stride + head * d, stride, count, d,
                             floats_at(from + layout.key_step));
    kernels.attend(out + first * out_stride + head * d, out_stride, s.queries, s.exponent, count, packed_head, s.sums);
  });
}

size_t packed_heads_bytes(const AttentionShape& shape, size_t rows) {
  return shape.heads * layout_of(rows, shape.head_dim).bytes;
}

size_t integer_attention_scratch_bytes(const AttentionShape& shape) {
  const size_t floats = round_up(simd::attend_scratch_floats(shape.head_dim), 16) + kAttentionRowsMax;
  return round_up(floats * sizeof(float) + kAttentionRowsMax * simd::query_row_bytes(shape.head_dim), 64);
}

}  // namespace mica
