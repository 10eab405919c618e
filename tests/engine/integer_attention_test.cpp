// Integer attention over whole heads: close to attention in double precision, the same bits for any number of threads.
// Not the kernels (tests/kernels/attention_test.cpp), and not towers (tests/quant).
#include "integer_attention.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "attention_kernels.hpp"
#include "kernel_choice.hpp"
#include "own_bytes.hpp"

using namespace mica;

namespace {

struct Case {
  AttentionShape shape;
  size_t rows;
};
// Neither whole tiles of rows nor of keys; a single row; the tower of Qwen2-VL's heads.
const Case kCases[] = {{{.heads = 3, .kv_heads = 3, .head_dim = 80}, 131},
                       {{.heads = 2, .kv_heads = 2, .head_dim = 64}, 1},
                       {{.heads = 2, .kv_heads = 2, .head_dim = 36}, 300}};

struct Input {
  explicit Input(const Case& c) : width(c.shape.heads * c.shape.head_dim), rows(c.rows), qkv(c.rows * 3 * width) {
    std::mt19937 random(static_cast<unsigned>(c.rows));
    std::normal_distribution<float> normal;
    for (float& value : qkv) value = normal(random);
  }
  size_t width, rows;
  std::vector<float> qkv;  // [rows][3][width]
};

std::vector<float> in_integers(const Case& c, const Input& input, uint32_t threads) {
  ThreadPool pool(threads);
  Compute compute{.kernels = find_kernels(nullptr), .pool = &pool};
  compute.scratch_bytes = integer_attention_scratch_bytes(c.shape);
  OwnedBytes memory;
  compute.scratch = own_bytes(compute.scratch_bytes * threads, &memory);
  uint8_t* packed = own_bytes(packed_heads_bytes(c.shape, c.rows), &memory);
  std::vector<float> out(c.rows * input.width);
  const float* q = input.qkv.data();
  integer_attention(compute, c.shape, q, q + input.width, q + 2 * input.width, 3 * input.width, c.rows, packed,
                    out.data(), input.width);
  return out;
}

std::vector<float> in_double(const Case& c, const Input& input) {
  const size_t d = c.shape.head_dim, stride = 3 * input.width;
  std::vector<float> out(c.rows * input.width);
  for (size_t head = 0; head < c.shape.heads; ++head)
    for (size_t row = 0; row < c.rows; ++row) {
      const float* q = input.qkv.data() + row * stride + head * d;
      std::vector<double> weights(c.rows), sums(d);
      double total = 0;
      for (size_t t = 0; t < c.rows; ++t) {
        const float* k = input.qkv.data() + t * stride + input.width + head * d;
        double score = 0;
        for (size_t i = 0; i < d; ++i) score += static_cast<double>(q[i]) * k[i];
        total += weights[t] = std::exp(score / std::sqrt(static_cast<double>(d)));
        for (size_t i = 0; i < d; ++i) sums[i] += weights[t] * k[input.width + i];
      }
      for (size_t i = 0; i < d; ++i) out[row * input.width + head * d + i] = static_cast<float>(sums[i] / total);
    }
  return out;
}

}  // namespace

TEST_CASE("close to attention in double precision, and the same bits for any number of threads") {
  for (const Case& c : kCases) {
    CAPTURE(c.rows);
    REQUIRE(integer_attention_serves(c.shape));
    const Input input(c);
    const std::vector<float> wanted = in_double(c, input), got = in_integers(c, input, 1);
    double difference = 0, size = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      difference += (wanted[i] - got[i]) * (wanted[i] - got[i]);
      size += wanted[i] * wanted[i];
    }
    // Values have six bits: a step is a tenth of their deviation, and its rounding a thirtieth.
    CHECK(std::sqrt(difference / size) < 0.045);
    for (const uint32_t threads : {2u, 3u}) CHECK(in_integers(c, input, threads) == got);
  }
}

TEST_CASE("grouped heads and heads that are too wide are left to float attention") {
  CHECK_FALSE(integer_attention_serves({.heads = 4, .kv_heads = 2, .head_dim = 64}));
  CHECK_FALSE(integer_attention_serves({.heads = 2, .kv_heads = 2, .head_dim = simd::kAttentionDimsMax + 8}));
}
