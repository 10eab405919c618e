// Products of rows of activations with blocks as they lie. Activations are rounded to 16 bits, with a scale for each
// group of 32, so that codes meet them in integers; the sums become floats with the scales of blocks. Not the layouts:
// stored/; not the integers' products, which are a level's own (vector.hpp).
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>

#include <vector.hpp>

#include "round_up.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

// What is unpacked at a time: a large block of ggml's, or eight small ones.
constexpr size_t kSpan = 256, kSpanGroups = kSpan / kWordGroup;

inline float sum_of(Floats8 v) { return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7])); }

// A row of activations as integers: x[i] is what stands in words for i, times scales[i / 32], within half of a scale.
// In memory of gemv_scratch_bytes, to whole spans; what is behind x is nothing there.
struct WordRow {
  int16_t* words;
  float* scales;
  float* sums;  // of each 16 of x as rounded

  WordRow() = default;  // of no row yet
  // A row is rounded into memory that may be written, and then read from memory that may not.
  WordRow(const void* memory, size_t depth) {
    const size_t whole = round_up(depth, kSpan);
    words = static_cast<int16_t*>(const_cast<void*>(memory));
    scales = reinterpret_cast<float*>(words + whole);
    sums = scales + whole / kWordGroup;
  }

  void round(const float* x, size_t depth) {
    const size_t whole = round_up(depth, kSpan);
    for (size_t group = 0; group < depth / kWordGroup; ++group) round_group(x + group * kWordGroup, group);
    for (size_t group = depth / kWordGroup; group < whole / kWordGroup; ++group)
      scales[group] = sums[2 * group] = sums[2 * group + 1] = 0;
  }

 private:
  void round_group(const float* x, size_t group) {
    constexpr float kLeast = 1e-30f;  // what is less is nothing: its inverse would be infinite
    F32 most = F32::all(0.0f), nothing = F32::all(0.0f);
    for (size_t i = 0; i < kWordGroup; i += F32::kWidth) {
      most = max(most, magnitude(F32::load(x + i)));
      nothing = multiply_add(F32::load(x + i), F32::all(0.0f), nothing);
    }
    // What is not finite stays so, by the scale.
    const float greatest = greatest_lane(most);
    const bool finite = sum_of_lanes(nothing) == 0;
    int32_t halves[2];
    store_words(words, group, x, finite && greatest > kLeast ? kWordMost / greatest : 0, halves);
    scales[group] = finite ? greatest / kWordMost : NAN;
    for (size_t half = 0; half < 2; ++half) sums[2 * group + half] = scales[group] * static_cast<float>(halves[half]);
  }
};

// Scales times those of activations, to `products`, which may be the scales; what is taken from all sums (minimums, if
// there are any, and the offset of codes) goes to *taken.
template <size_t kGroup>
inline __attribute__((always_inline)) void weigh(const float* scales, const float* minimums, int offset,
                                                 const float* x_scales, const float* x_sums, float* products,
                                                 Floats8* taken) {
  for (size_t eight = 0; eight < kSpan / kGroup; eight += 8) {
    const auto scale = load_bytes<Floats8>(scales + eight);
    Floats8 sums = load_bytes<Floats8>(x_sums + (kGroup == 16 ? eight : 2 * eight));
    Floats8 wide = load_bytes<Floats8>(x_scales);
    if constexpr (kGroup == kWordGroup) {
      const auto more = load_bytes<Floats8>(x_sums + 8);
      sums = __builtin_shufflevector(sums, more, 0, 2, 4, 6, 8, 10, 12, 14) +
             __builtin_shufflevector(sums, more, 1, 3, 5, 7, 9, 11, 13, 15);
    } else if (eight == 0) {
      wide = __builtin_shufflevector(wide, wide, 0, 0, 1, 1, 2, 2, 3, 3);
    } else {
      wide = __builtin_shufflevector(wide, wide, 4, 4, 5, 5, 6, 6, 7, 7);
    }
    if (minimums != nullptr) *taken += load_bytes<Floats8>(minimums + eight) * sums;
    if (offset != 0) *taken += scale * sums * static_cast<float>(offset);
    store_bytes(products + eight, scale * wide);
  }
}

// kSpan values of blocks, or what is left of a row: the scales of their groups by 16 or 32, and their codes.
template <StoredType kType>
class Span {
  using Layout = StoredLayout<kType>;
  static constexpr StoredBlock kBlock = kStoredBlocks[static_cast<size_t>(kType)];
  static constexpr size_t kBlockParts = kBlock.values / kWordGroup;

 public:
  static constexpr size_t kGroup = Layout::kGroup < kWordGroup ? Layout::kGroup : kWordGroup;
  static constexpr size_t kBytes = kSpan / kBlock.values * kBlock.bytes;
  static constexpr bool kMinimums = Layout::kMinimums;

  alignas(64) float scales[kSpan / kGroup];
  alignas(64) float minimums[kSpan / kGroup];

  static constexpr int offset() {
    if constexpr (HasCodes<Layout>) return Layout::kOffset;
    else return 128;
  }
  static constexpr int kOffset = offset();

  // `parts`: how many 32 of values there are. `unpacked`: 32-byte aligned room for the integers of types that give no
  // codes, kSpan bytes.
  Span(const uint8_t* first, size_t parts, int8_t* unpacked) : first_(first), unpacked_(unpacked) {
    if (parts < kSpanGroups) {
      std::memset(scales, 0, sizeof scales);
      std::memset(minimums, 0, sizeof minimums);
    }
    if (halves_of<Layout>() != 0 && parts == kSpanGroups) read_halves();
    else
      for (size_t block = 0; block < parts / kBlockParts; ++block) read_block(block);
  }

  Bytes32 codes(size_t part) const {
    if constexpr (HasCodes<Layout>)
      return Layout::codes(first_ + part / kBlockParts * kBlock.bytes, part % kBlockParts);
    else return load_bytes<Bytes32>(unpacked_ + part * kWordGroup) ^ static_cast<uint8_t>(kOffset);
  }

 private:
  void read_halves() {
    store_bytes(scales, load_halves(first_, kBlock.bytes));
    if constexpr (Layout::kMinimums) store_bytes(minimums, -load_halves(first_ + 2, kBlock.bytes));
  }

  void read_block(size_t block) {
    const uint8_t* bytes = first_ + block * kBlock.bytes;
    float* scale = scales + block * kBlock.values / kGroup;
    float* minimum = minimums + block * kBlock.values / kGroup;
    if constexpr (HasCodes<Layout>) block_scales<Layout>(bytes, scale, minimum);
    else Layout::unpack(bytes, unpacked_ + block * kBlock.values, scale, minimum);
    if constexpr (Layout::kGroup > kGroup)
      for (size_t group = kBlock.values / kGroup; group-- > 0;) scale[group] = scale[group * kGroup / Layout::kGroup];
  }

  const uint8_t* first_;
  int8_t* unpacked_;
};

// What a row of activations has of a row of weights so far.
struct WordSums {
  F32 total[2] = {F32::all(0.0f), F32::all(0.0f)};
  Floats8 taken = {};

  // Products of a span: of its codes, by groups from `first` on, `parts` of them.
  template <size_t kGroup, typename Codes, size_t... kPair>
  __attribute__((always_inline)) void add(const Codes& codes, const WordRow& words, size_t first, size_t parts,
                                          const float* scales, std::index_sequence<kPair...>) {
    const auto add_pair = [&](auto pair) __attribute__((always_inline)) {
      constexpr size_t kPart = 2 * decltype(pair)::value;
      if (kPart >= parts) return;
      F32& sum = total[pair % 2];
      sum = add_products<kGroup, pair>(sum, codes(kPart), kPart + 1 < parts ? codes(kPart + 1) : Bytes32{}, words.words,
                                       first + kPart, scales);
    };
    (add_pair(std::integral_constant<size_t, kPair>{}), ...);
  }

  float sum() const { return sum_of_lanes(total[0] + total[1]) - sum_of(taken); }
};
constexpr auto kSpanPairs = std::make_index_sequence<kSpanGroups / 2>{};

// Calls add(block, first, parts) for the spans of a row of weights.
template <typename Add>
inline __attribute__((always_inline)) void each_span(const uint8_t* block, size_t span_bytes, size_t depth,
                                                     const Add& add) {
  const size_t groups = depth / kWordGroup;
  size_t first = 0;
  for (; first + kSpanGroups <= groups; first += kSpanGroups, block += span_bytes) add(block, first, kSpanGroups);
  if (first < groups) add(block, first, groups - first);
}

template <StoredType kType>
void gemv_blocks(float* y, const uint8_t* w, size_t w_stride, size_t rows, size_t depth, const void* rounded) {
  using Part = Span<kType>;
  const WordRow words(rounded, depth);
  for (size_t row = 0; row < rows; ++row) {
    WordSums sums;
    const auto add = [&](const uint8_t* block, size_t first, size_t parts) __attribute__((always_inline)) {
      alignas(64) int8_t unpacked[kSpan];
      Part span(block, parts, unpacked);
      weigh<Part::kGroup>(span.scales, Part::kMinimums ? span.minimums : nullptr, Part::kOffset, words.scales + first,
                          words.sums + 2 * first, span.scales, &sums.taken);
      sums.add<Part::kGroup>(
          [&](size_t part) __attribute__((always_inline)) { return span.codes(part); }, words, first, parts,
          span.scales, kSpanPairs);
    };
    each_span(w + row * w_stride, Part::kBytes, depth, add);
    y[row] = sums.sum();
  }
}

// A span in memory: what several rows of activations meet is unpacked once for all, and meets them by the same code
// whatever its type is.
struct UnpackedSpan {
  Bytes32 codes[kSpanGroups];
  alignas(64) float scales[kSpan / 16];
  alignas(64) float minimums[kSpan / 16];
};
struct SpanOfType {
  void (*unpack)(UnpackedSpan* span, const uint8_t* block, size_t parts);
  size_t group, bytes;
  bool minimums;
  int offset;
};

template <StoredType kType>
void unpack_span(UnpackedSpan* to, const uint8_t* block, size_t parts) {
  using Part = Span<kType>;
  const Part span(block, parts, reinterpret_cast<int8_t*>(to->codes));
  std::memcpy(to->scales, span.scales, sizeof span.scales);
  if constexpr (Part::kMinimums) std::memcpy(to->minimums, span.minimums, sizeof span.minimums);
  for (size_t part = 0; part < parts; ++part) to->codes[part] = span.codes(part);
}
template <StoredType kType>
constexpr SpanOfType kSpanOf = {unpack_span<kType>, Span<kType>::kGroup, Span<kType>::kBytes, Span<kType>::kMinimums,
                                Span<kType>::kOffset};

template <size_t kGroup>
void gemv_spans(const SpanOfType& type, const GemvRows& activations, const uint8_t* w, size_t w_stride, size_t rows,
                size_t depth, const void* rounded) {
  const size_t count = activations.count;
  WordRow words[kGemvRowsMax];
  for (size_t i = 0; i < count; ++i)
    words[i] = WordRow(static_cast<const std::byte*>(rounded) + i * gemv_scratch_bytes(depth), depth);
  UnpackedSpan span = {};
  for (size_t row = 0; row < rows; ++row) {
    WordSums sums[kGemvRowsMax];
    const auto add = [&](const uint8_t* block, size_t first, size_t parts) __attribute__((always_inline)) {
      type.unpack(&span, block, parts);
      alignas(64) float scales[kSpan / kGroup];
      for (size_t i = 0; i < count; ++i) {
        weigh<kGroup>(span.scales, type.minimums ? span.minimums : nullptr, type.offset, words[i].scales + first,
                      words[i].sums + 2 * first, scales, &sums[i].taken);
        sums[i].template add<kGroup>(
            [&](size_t part) __attribute__((always_inline)) { return span.codes[part]; }, words[i], first, parts,
            scales, kSpanPairs);
      }
    };
    each_span(w + row * w_stride, type.bytes, depth, add);
    for (size_t i = 0; i < count; ++i) activations.y[i * activations.y_stride + row] = sums[i].sum();
  }
}

inline void gemv_blocks_together(const SpanOfType& type, const GemvRows& activations, const uint8_t* w, size_t w_stride,
                                 size_t rows, size_t depth, const void* rounded) {
  if (type.group == 16) return gemv_spans<16>(type, activations, w, w_stride, rows, depth, rounded);
  gemv_spans<kWordGroup>(type, activations, w, w_stride, rows, depth, rounded);
}

}  // namespace
}  // namespace mica::simd
