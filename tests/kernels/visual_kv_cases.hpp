// What the tests of keys and values share: shapes, coded spans, and their codes as the header describes the layouts.
// Not tests: visual_kv_test.cpp (look-ups), visual_kv_rows_test.cpp (bytes and float16).
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "harness.hpp"

namespace mica::kernel_test {

using simd::KeyTerms;
using simd::KvLevels;
using simd::PackedRows;

struct Shape {
  size_t tokens, heads, head_dim, planes;
};

// Head dims beside vector widths, tokens beside blocks, chunks and one-token spans, heads beside the tiles of heads.
// Timed: heads of Qwen2-VL-2B (six of 128 share keys) and of SmolLM2 (three of 64).
inline std::vector<Shape> shapes(const std::vector<size_t>& bits = {1, 2, 4}) {
  std::vector<Shape> all;
  if (timing()) {
    for (size_t planes : bits)
      for (const Shape& shape : {Shape{4096, 1, 128, planes}, {4096, 6, 128, planes}, {4096, 3, 64, planes}})
        all.push_back(shape);
    return all;
  }
  const std::vector<size_t> tokens = reduced() ? std::vector<size_t>{1, 33, 130}
                                               : std::vector<size_t>{1, 7, 31, 32, 33, 64, 65, 100, 130, 256, 300, 513};
  const std::vector<size_t> dims =
      reduced() ? std::vector<size_t>{64, 80} : std::vector<size_t>{64, 72, 80, 96, 128, 136, 256, 512};
  size_t heads = 0;
  for (size_t head_dim : dims)
    for (size_t count : tokens)
      for (size_t planes : bits) all.push_back({count, heads++ % 7 + 1, head_dim, planes});
  return all;
}

// float16 rows may have heads of any even size, narrower than a vector too.
inline std::vector<Shape> half_row_shapes() {
  std::vector<Shape> all = shapes({16});
  if (timing()) return all;
  for (size_t head_dim : {2, 6, 10, 16, 18, 30, 48})
    for (size_t tokens : {1, 33, 100}) all.push_back({tokens, head_dim % 5 + 1, head_dim, 16});
  return all;
}

inline std::string name_of(const Shape& shape) {
  return "tokens " + std::to_string(shape.tokens) + ", heads " + std::to_string(shape.heads) + ", head_dim " +
         std::to_string(shape.head_dim) + ", planes " + std::to_string(shape.planes);
}

inline Place place_of(size_t i) { return kPlaces[i % 3]; }

// Codes of a span with random bits everywhere, also beyond its last token, and random token scales.
struct Span {
  Guarded<uint8_t> codes, scales;
  PackedRows rows;

  Span(const Shape& shape, bool keys, bool with_scales, Place place, Values values, Random& random)
      : codes("codes", keys ? simd::key_code_bytes(shape.tokens, shape.head_dim, shape.planes)
                            : simd::value_code_bytes(shape.tokens, shape.head_dim, shape.planes), place),
        scales("token_scales", shape.tokens, place),
        rows{codes.data(), with_scales ? scales.data() : nullptr, shape.tokens, shape.head_dim, shape.planes} {
    fill_integers(codes, 0, 255, values, random);
    fill_integers(scales, 100, 150, Values::random, random);
    if (!with_scales) scales.forbid();
  }
};

// The code of token t, channel c, read as the header describes the layouts.
inline unsigned key_code(const PackedRows& rows, size_t t, size_t c) {
  if (rows.planes == 8) return rows.codes[(t / 32 * rows.head_dim + c) * 32 + t % 32];
  unsigned code = 0;
  for (size_t j = 0; j < rows.planes; ++j) {
    const size_t pair = (t / 32 * rows.planes + j) * (rows.head_dim / 8) + c / 8;
    code |= (rows.codes[pair * 32 + t % 32] >> c % 8 & 1u) << j;
  }
  return code;
}

inline unsigned value_code(const PackedRows& rows, size_t t, size_t c) {
  if (rows.planes == 8) return rows.codes[t * rows.head_dim + c];
  unsigned code = 0;
  for (size_t j = 0; j < rows.planes; ++j)
    code |= (rows.codes[(t / 8 * rows.planes + j) * rows.head_dim + c] >> t % 8 & 1u) << j;
  return code;
}

inline double scale_of(const PackedRows& rows, size_t t) {
  if (!rows.token_scales) return 1;
  const int code = rows.token_scales[t];
  return std::ldexp(1 + code % 8 / 8.0, code / 8 - 16);
}

inline double top_of(const PackedRows& rows) { return (1 << rows.planes) - 1; }

// Scores, or sums, of all heads: a multiply-add for each channel.
inline Work attention_work(const Shape& shape) { return operations(2 * shape.tokens * shape.heads * shape.head_dim); }

// Attention weights: random ones, or one large among many small ones.
inline void fill_attention(const Guarded<float>& p, Values values, Random& random) {
  fill_reals(p, 0, 1, values, random);
  if (values == Values::all_low)
    for (size_t i = 0; i < p.size(); ++i) p[i] = i % 97 == 5 ? 0.9f : 3e-4f * random.real(0, 1);
}

}  // namespace mica::kernel_test
