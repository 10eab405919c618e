// Coding rows of keys and values in one, two, four or eight bits a channel: plain C++ that every level compiles with
// its flags. Not the look-ups: visual_kv_lookup_inl.hpp. Everything here has internal linkage.
//
// A row is coded once for many readings, so that what the compiler vectorizes is fast enough. Sums keep eight partial
// sums and one order of adding them, so that scales have the same bits at every level.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <initializer_list>

#include "float_storage.hpp"
#include "visual_kv_kernels.hpp"

namespace mica::simd {
namespace {

static_assert(std::endian::native == std::endian::little);

inline float sum_of_eight(const float* v) { return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])); }

// The step of a uniform quantizer of 2^planes values that suits a standard normal best (Max 1960; of 256 values Jain
// 1989): where fitting starts.
inline float normal_step(size_t planes) { return planes == 2 ? 0.9957f : planes == 4 ? 0.3352f : 0.0308f; }

// sum (x - mid - scale step level)^2, each level code - top / 2 being the nearest.
inline float coding_error(const float* x, KvLevels levels, size_t head_dim, size_t planes, uint8_t scale_code) {
  const float least = -0.5f * static_cast<float>((1u << planes) - 1);
  const float scale = token_scale_value(scale_code);
  float squares[8] = {};
  for (size_t c = 0; c < head_dim; c += 8)
    for (size_t j = 0; j < 8; ++j) {
      const float step = levels.step[c + j] * scale;
      const float distance = x[c + j] - levels.mid[c + j];
      float level = std::floor(distance / step) + 0.5f;
      level = level > least ? level : least;  // also where step is 0 and the quotient not a number
      level = level < -least ? level : -least;
      const float error = distance - step * level;
      squares[j] += error * error;
    }
  return sum_of_eight(squares);
}

// The scale of the least error in reach of `start`, going up or down while that gets better.
inline uint8_t descend_to_scale(const float* x, KvLevels levels, size_t head_dim, size_t planes, uint8_t start) {
  int best = start;
  float least = coding_error(x, levels, head_dim, planes, start);
  for (int direction : {1, -1}) {
    while (best + direction >= 0 && best + direction <= 255) {
      const float error = coding_error(x, levels, head_dim, planes, static_cast<uint8_t>(best + direction));
      if (!(error < least)) break;
      least = error;
      best += direction;
    }
    if (best != start) break;
  }
  return static_cast<uint8_t>(best);
}

// At one bit the least-squares scale in closed form.
inline uint8_t fit_token_scale(const float* x, KvLevels levels, size_t head_dim, size_t planes) {
  float absolute[8] = {}, squares[8] = {}, step_squares[8] = {};
  for (size_t c = 0; c < head_dim; c += 8)
    for (size_t j = 0; j < 8; ++j) {
      const float step = levels.step[c + j];
      const float distance = x[c + j] - levels.mid[c + j];
      absolute[j] += std::fabs(distance) * step;
      squares[j] += distance * distance;
      step_squares[j] += step * step;
    }
  const float step_square = sum_of_eight(step_squares);
  if (!(step_square > 0)) return token_scale_code(1.0f);
  if (planes == 1) return token_scale_code(2.0f * sum_of_eight(absolute) / step_square);
  const float normal = normal_step(planes) * std::sqrt(sum_of_eight(squares) / step_square);
  return descend_to_scale(x, levels, head_dim, planes, token_scale_code(normal));
}

void fit_token_scales(uint8_t* token_scales, const float* x, size_t x_stride, size_t tokens, KvLevels levels,
                      size_t head_dim, size_t planes) {
  for (size_t t = 0; t < tokens; ++t) token_scales[t] = fit_token_scale(x + t * x_stride, levels, head_dim, planes);
}

// One byte a channel.
inline void code_row(uint8_t* codes, const float* x, KvLevels levels, float scale, size_t head_dim, size_t planes) {
  if (planes == 1) {
    for (size_t c = 0; c < head_dim; ++c) codes[c] = x[c] > levels.mid[c];
    return;
  }
  const float top = static_cast<float>((1u << planes) - 1);
  const float half = 0.5f * (top + 1);
  for (size_t c = 0; c < head_dim; ++c) {
    float code = (x[c] - levels.mid[c]) / (levels.step[c] * scale) + half;
    code = code > 0 ? code : 0.0f;  // also what is not a number
    code = code < top ? code : top;
    codes[c] = static_cast<uint8_t>(static_cast<int>(code));
  }
}

inline float scale_of(const uint8_t* token_scales, size_t t) {
  return token_scales ? token_scale_value(token_scales[t]) : 1.0f;
}

// Bit `plane` of eight codes, the first in the lowest bit: the product moves bit 8 i to bit 56 + i.
inline uint8_t gather_bits(const uint8_t* codes, size_t plane) {
  uint64_t eight;
  std::memcpy(&eight, codes, 8);
  return static_cast<uint8_t>(((eight >> plane & 0x0101010101010101u) * 0x0102040810204080u) >> 56);
}

void pack_keys(uint8_t* codes, size_t first, const float* x, size_t x_stride, size_t tokens, KvLevels levels,
               const uint8_t* token_scales, size_t head_dim, size_t planes) {
  uint8_t row[kKvHeadDimMax];
  for (size_t t = 0; t < tokens; ++t) {
    code_row(row, x + t * x_stride, levels, scale_of(token_scales, t), head_dim, planes);
    const size_t block = (first + t) / kKeyBlock;
    uint8_t* bytes = codes + block * planes * (head_dim / 8) * kKeyBlock + (first + t) % kKeyBlock;
    if (planes == 8) {
      for (size_t c = 0; c < head_dim; ++c) bytes[c * kKeyBlock] = row[c];
      continue;
    }
    for (size_t plane = 0; plane < planes; ++plane)
      for (size_t c = 0; c < head_dim; c += 8, bytes += kKeyBlock) *bytes = gather_bits(row + c, plane);
  }
}

void pack_values(uint8_t* codes, size_t first, const float* x, size_t x_stride, size_t tokens, KvLevels levels,
                 const uint8_t* token_scales, size_t head_dim, size_t planes) {
  uint8_t row[kKvHeadDimMax];
  for (size_t t = 0; t < tokens; ++t) {
    code_row(row, x + t * x_stride, levels, scale_of(token_scales, t), head_dim, planes);
    if (planes == 8) {
      std::memcpy(codes + (first + t) * head_dim, row, head_dim);
      continue;
    }
    const size_t place = (first + t) % kValueGroup;
    const uint8_t earlier = static_cast<uint8_t>((1u << place) - 1);
    uint8_t* bytes = codes + (first + t) / kValueGroup * planes * head_dim;
    for (size_t plane = 0; plane < planes; ++plane, bytes += head_dim)
      for (size_t c = 0; c < head_dim; ++c)
        bytes[c] = static_cast<uint8_t>((bytes[c] & earlier) | (row[c] >> plane & 1) << place);
  }
}

}  // namespace
}  // namespace mica::simd
