// Key and value kernels, scalar: the definition that every other level equals, bit by bit where codes are read. Not
// fast, and not meant to be.
#include "visual_kv_kernels.hpp"

#include <cmath>

#include "float_storage.hpp"
#include "own_table.hpp"
#include "visual_kv_pack_inl.hpp"

namespace mica::simd {
namespace {

unsigned top_of(size_t planes) { return (1u << planes) - 1; }

// How much the integers of 16 channels (or tokens) may sum to: four tables in a byte, and the bytes of `rows` rows of
// all planes, two rows a byte, in 16 bits.
float table_limit(size_t rows, size_t planes) {
  const size_t limit = 65535 / ((rows + 1) / 2 * top_of(planes));
  return static_cast<float>(limit < 255 ? limit : 255);
}

// The greatest sum of 16 magnitudes, in this order; count is a multiple of 8.
float greatest_sixteen(const float* weights, size_t count) {
  float greatest = 0;
  for (size_t i = 0; i < count; i += 16) {
    float absolute[16] = {};
    for (size_t j = 0; j < 16 && i + j < count; ++j) absolute[j] = std::fabs(weights[i + j]);
    const float sum = sum_of_eight(absolute) + sum_of_eight(absolute + 8);
    greatest = sum > greatest ? sum : greatest;
  }
  return greatest;
}

// Weights below this are all taken for zero: their inverse would not be finite.
constexpr float kWeightTiny = 1e-30f;

// Sums of the 16 subsets of four integers, less the least of them.
void subset_sums(uint8_t* table, const int* four) {
  int least = 0;
  for (size_t j = 0; j < 4; ++j) least += four[j] < 0 ? four[j] : 0;
  for (size_t i = 0; i < 16; ++i) {
    int sum = -least;
    for (size_t j = 0; j < 4; ++j) sum += i >> j & 1 ? four[j] : 0;
    table[i] = static_cast<uint8_t>(sum);
  }
}

void key_tables(uint8_t* tables, KeyTerms* terms, const float* weights, size_t head_dim, size_t planes) {
  const float greatest = greatest_sixteen(weights, head_dim);
  // Rounding may add a half to each of 16.
  const float most = table_limit(head_dim / 8, planes) - 8;
  const bool tiny = !(greatest > kWeightTiny);
  const float inverse = tiny ? 0 : most / greatest;
  int magnitude = 0;
  for (size_t c = 0; c < head_dim; c += 4) {
    int four[4];
    for (size_t j = 0; j < 4; ++j) {
      four[j] = static_cast<int>(std::nearbyint(weights[c + j] * inverse));
      magnitude += four[j] < 0 ? -four[j] : four[j];
    }
    subset_sums(tables + c * 4, four);
  }
  terms->scale = tiny ? 0 : greatest / most;
  terms->centre = 0.5f * static_cast<float>(top_of(planes) * static_cast<unsigned>(magnitude));
}

// What all planes of a token (or channel) sum to: `bytes` are those of its first row and plane.
unsigned look_up(const uint8_t* bytes, size_t row_stride, size_t plane_stride, const uint8_t* tables, size_t rows,
                 size_t planes) {
  unsigned total = 0;
  for (size_t plane = 0; plane < planes; ++plane)
    for (size_t row = 0; row < rows; ++row) {
      const unsigned byte = bytes[plane * plane_stride + row * row_stride];
      total += static_cast<unsigned>(tables[row * 32 + (byte & 15)] + tables[row * 32 + 16 + (byte >> 4)]) << plane;
    }
  return total;
}

void key_scores(float* scores, size_t scores_stride, const PackedRows& keys, const uint8_t* tables,
                const KeyTerms* terms, size_t heads) {
  const size_t rows = keys.head_dim / 8;
  for (size_t h = 0; h < heads; ++h)
    for (size_t t = 0; t < keys.tokens; ++t) {
      const uint8_t* bytes = keys.codes + t / kKeyBlock * keys.planes * rows * kKeyBlock + t % kKeyBlock;
      const unsigned total = look_up(bytes, kKeyBlock, rows * kKeyBlock, tables + h * key_table_bytes(keys.head_dim),
                                     rows, keys.planes);
      const float sum = (static_cast<float>(total) - terms[h].centre) * terms[h].scale;
      scores[h * scores_stride + t] = sum * scale_of(keys.token_scales, t) + terms[h].constant;
    }
}

// A chunk's attention weights as tables; what rounding takes from a token is carried to the token 16 further on.
struct ChunkTables {
  uint8_t tables[kValueChunk * 4];
  float scale;
  float centre;
};

void value_tables(ChunkTables* chunk, const float* weights, size_t count, size_t planes) {
  const float greatest = greatest_sixteen(weights, count);
  // Rounding may add a half to each of 16, and so may what is carried.
  const float most = table_limit(kValueChunk / kValueGroup, planes) - 16;
  const bool tiny = !(greatest > kWeightTiny);
  const float inverse = tiny ? 0 : most / greatest;
  float carried[16] = {};
  int magnitude = 0;
  for (size_t t = 0; t < count; t += 4) {
    int four[4];
    for (size_t j = 0; j < 4; ++j) {
      float& carry = carried[(t + j) % 16];
      const float exact = weights[t + j] * inverse + carry;
      const float rounded = std::nearbyint(exact);
      carry = exact - rounded;
      four[j] = static_cast<int>(rounded);
      magnitude += four[j];
    }
    subset_sums(chunk->tables + t * 4, four);
  }
  chunk->scale = tiny ? 0 : greatest / most;
  chunk->centre = 0.5f * static_cast<float>(top_of(planes) * static_cast<unsigned>(magnitude));
}

void value_sums(float* sums, const PackedRows& values, const float* p, size_t p_stride, size_t heads) {
  const size_t d = values.head_dim;
  for (size_t first = 0; first < values.tokens; first += kValueChunk) {
    const size_t tokens = values.tokens - first < kValueChunk ? values.tokens - first : kValueChunk;
    const size_t groups = (tokens + kValueGroup - 1) / kValueGroup;
    const uint8_t* codes = values.codes + first / kValueGroup * values.planes * d;
    for (size_t h = 0; h < heads; ++h) {
      float weights[kValueChunk] = {};
      for (size_t t = 0; t < tokens; ++t)
        weights[t] = p[h * p_stride + first + t] * scale_of(values.token_scales, first + t);
      ChunkTables chunk;
      value_tables(&chunk, weights, groups * kValueGroup, values.planes);
      for (size_t c = 0; c < d; ++c) {
        const unsigned total = look_up(codes + c, values.planes * d, d, chunk.tables, groups, values.planes);
        sums[h * d + c] += (static_cast<float>(total) - chunk.centre) * chunk.scale;
      }
    }
  }
}

void scores_f32_u8(float* scores, size_t scores_stride, const PackedRows& keys, const float* q, size_t heads) {
  const size_t d = keys.head_dim;
  for (size_t h = 0; h < heads; ++h)
    for (size_t t = 0; t < keys.tokens; ++t) {
      const uint8_t* key = keys.codes + t / kKeyBlock * kKeyBlock * d + t % kKeyBlock;
      float sum = 0;
      for (size_t c = 0; c < d; ++c) sum += q[h * d + c] * (static_cast<float>(key[c * kKeyBlock]) - kByteMiddle);
      scores[h * scores_stride + t] = sum * scale_of(keys.token_scales, t);
    }
}

void weighted_sum_f32_u8(float* sums, const PackedRows& values, const float* p, size_t p_stride, size_t heads) {
  const size_t d = values.head_dim;
  for (size_t h = 0; h < heads; ++h)
    for (size_t t = 0; t < values.tokens; ++t) {
      const float weight = p[h * p_stride + t] * scale_of(values.token_scales, t);
      for (size_t c = 0; c < d; ++c)
        sums[h * d + c] += weight * (static_cast<float>(values.codes[t * d + c]) - kByteMiddle);
    }
}

void scores_f32_f16(float* scores, size_t scores_stride, const uint16_t* key_blocks, const float* q, size_t heads,
                    size_t tokens, size_t head_dim) {
  for (size_t h = 0; h < heads; ++h)
    for (size_t t = 0; t < tokens; ++t) {
      const uint16_t* key = key_blocks + t / kKeyBlock * kKeyBlock * head_dim + t % kKeyBlock;
      float sum = 0;
      for (size_t c = 0; c < head_dim; ++c) sum += q[h * head_dim + c] * widen_half(key[c * kKeyBlock]);
      scores[h * scores_stride + t] = sum;
    }
}

void weighted_sum_f32_f16(float* sums, const uint16_t* values, const float* p, size_t p_stride, size_t heads,
                          size_t tokens, size_t head_dim) {
  for (size_t h = 0; h < heads; ++h)
    for (size_t t = 0; t < tokens; ++t)
      for (size_t c = 0; c < head_dim; ++c)
        sums[h * head_dim + c] += p[h * p_stride + t] * widen_half(values[t * head_dim + c]);
}

void append_key_f16(uint16_t* block, size_t token_in_block, const float* row, size_t head_dim) {
  for (size_t c = 0; c < head_dim; ++c) block[c * kKeyBlock + token_in_block] = narrow_half(row[c]);
}

}  // namespace

extern const VisualKvKernels MICA_TABLE(visual_kv) = {
    fit_token_scales, pack_keys,           pack_values,    key_tables,           key_scores,     value_sums,
    scores_f32_u8,    weighted_sum_f32_u8, scores_f32_f16, weighted_sum_f32_f16, append_key_f16,
};

}  // namespace mica::simd
