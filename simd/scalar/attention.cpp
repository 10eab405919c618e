// Integer attention, scalar: the definition that every other level is compared with. Not fast, and not meant to be.
#include "attention_inl.hpp"
#include "own_table.hpp"

namespace mica::simd {
namespace {

// round(clamp(value, low, high)), ties to even.
int32_t round_clamped(float value, float low, float high) {
  const float t = value > low ? value : low;
  return static_cast<int32_t>(std::nearbyint(t < high ? t : high));
}

struct Range {
  float low, high;
};

Range range_of(const float* x, size_t stride, size_t count) {
  Range range = {x[0], x[0]};
  for (size_t i = 1; i < count; ++i) {
    range.low = x[i * stride] < range.low ? x[i * stride] : range.low;
    range.high = x[i * stride] > range.high ? x[i * stride] : range.high;
  }
  return range;
}

// Where byte i of column j lies in panels of 16 columns with `depth` bytes each.
size_t panel_index(size_t j, size_t i, size_t depth) {
  return j / kAttentionPanel * kAttentionPanel * depth + (i / 4 * kAttentionPanel + j % kAttentionPanel) * 4 + i % 4;
}

void pack_keys_u7(uint8_t* panels, float* step, const float* keys, size_t stride, size_t count, size_t dims) {
  if (count == 0) return;
  std::memset(panels, 0, packed_keys_bytes(count, dims));
  float widest = 0;
  for (size_t c = 0; c < dims; ++c) {
    const Range range = range_of(keys + c, stride, count);
    step[c] = range.high - range.low;
    widest = step[c] > widest ? step[c] : widest;
  }
  for (size_t c = 0; c < dims; ++c) {
    step[c] = std::sqrt(step[c] * widest) / kKeyTop;
    const float low = range_of(keys + c, stride, count).low, inverse = inverse_of(step[c]);
    for (size_t key = 0; key < count; ++key)
      panels[panel_index(key, c, query_row_bytes(dims))] =
          static_cast<uint8_t>(round_clamped((keys[key * stride + c] - low) * inverse, 0, kKeyTop));
  }
}

void pack_values_s6(int8_t* panels, float* step, float* middle, const float* values, size_t stride, size_t count,
                    size_t dims) {
  if (count == 0) return;
  std::memset(panels, 0, packed_values_bytes(count, dims));
  for (size_t c = 0; c < dims; ++c) {
    const Range range = range_of(values + c, stride, count);
    step[c] = (range.high - range.low) / (2 * kValueMost - 1);
    middle[c] = range.low + kValueMost * step[c];  // so that the lowest is -kValueMost, the highest kValueMost - 1
    for (size_t key = 0; key < count; ++key)
      panels[panel_index(c, key, round_up(count, kAttentionPanel))] = static_cast<int8_t>(round_clamped(
          (values[key * stride + c] - middle[c]) * inverse_of(step[c]), -kValueMost, kValueMost - 1));
  }
}

void quantize_queries(int8_t* dst, float* exponent, const float* queries, size_t stride, size_t rows, size_t dims,
                      const float* key_step) {
  for (size_t row = 0; row < rows; ++row, dst += query_row_bytes(dims)) {
    const float* query = queries + row * stride;
    float most = 0;
    for (size_t c = 0; c < dims; ++c) {
      const float magnitude = std::fabs(query[c] * key_step[c]);
      most = magnitude > most ? magnitude : most;
    }
    const float multiplier = kQueryMost * inverse_of(most);
    std::memset(dst, 0, query_row_bytes(dims));
    for (size_t c = 0; c < dims; ++c)
      dst[c] = static_cast<int8_t>(round_clamped(query[c] * key_step[c] * multiplier, -kQueryMost, kQueryMost));
    exponent[row] = most * query_scale(dims);
  }
}

struct AttentionScalar {
  static constexpr int kRows = 1;

  // sums[j] = sum over i of row[i] * panel(i, j): columns j of a panel, four bytes of depth behind each other.
  template <class Row, class Panel>
  static void multiply(int32_t* sums, const Row* row, const Panel* panel, size_t depth) {
    for (size_t j = 0; j < kAttentionPanel; ++j) {
      sums[j] = 0;
      for (size_t i = 0; i < depth; ++i) sums[j] += row[i] * panel[(i / 4 * kAttentionPanel + j) * 4 + i % 4];
    }
  }

  template <int kGroupRows>
  static void scores(const int8_t* q, size_t, const uint8_t* panel, size_t channels, int32_t* scores) {
    multiply(scores, q, panel, channels);
  }

  template <int kGroupRows>
  static void sums(const uint8_t* p, const int8_t* panel, size_t keys, int32_t* sums) {
    multiply(sums, p, panel, keys);
  }

  static int32_t greatest(const int32_t* scores, size_t keys) {
    int32_t most = scores[0];
    for (size_t key = 1; key < keys; ++key) most = scores[key] > most ? scores[key] : most;
    return most;
  }

  static int32_t probabilities(uint8_t* p, const int32_t* scores, size_t keys, int32_t most, float exponent) {
    int32_t total = 0;
    for (size_t key = 0; key < keys; ++key) {
      const float x = static_cast<float>(scores[key] - most) * exponent;
      p[key] = static_cast<uint8_t>(round_clamped(exponential_2(x, kProbability), 0, kProbabilityTop));
      total += p[key];
    }
    return total;
  }

  static void powers(float* x, size_t count) {
    for (size_t i = 0; i < count; ++i) x[i] = exponential_2(x[i], kPower);
  }

  static void add(float* out, float rescale, float weight, const int32_t* sums) {
    for (size_t c = 0; c < kAttentionPanel; ++c)
      out[c] = std::fma(static_cast<float>(sums[c]), weight, out[c] * rescale);
  }
};

}  // namespace

extern const AttentionKernels MICA_TABLE(attention) = {
    .pack_keys_u7 = pack_keys_u7,
    .pack_values_s6 = pack_values_s6,
    .quantize_queries = quantize_queries,
    .attend = attend<AttentionScalar>,
};

}  // namespace mica::simd
