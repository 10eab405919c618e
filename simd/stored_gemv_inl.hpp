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

// kSpan values of blocks, or what is left of a row: the scales of their groups by 16 or 32, and their codes.
template <StoredType kType>
class Span {
  using Layout = StoredLayout<kType>;
  static constexpr StoredBlock kBlock = kStoredBlocks[static_cast<size_t>(kType)];
  static constexpr size_t kBlockParts = kBlock.values / kWordGroup;

 public:
  static constexpr size_t kGroup = Layout::kGroup < kWordGroup ? Layout::kGroup : kWordGroup;
  static constexpr size_t kBytes = kSpan / kBlock.values * kBlock.bytes;

  alignas(64) float scales[kSpan / kGroup];

  // `parts`: how many 32 of values there are.
  Span(const uint8_t* first, size_t parts) : first_(first) {
    if (parts < kSpanGroups) {
      std::memset(scales, 0, sizeof scales);
      std::memset(minimums_, 0, sizeof minimums_);
    }
    if (halves_of<Layout>() != 0 && parts == kSpanGroups) read_halves();
    else
      for (size_t block = 0; block < parts / kBlockParts; ++block) read_block(block);
  }

  // Scales times those of activations, to `products`, which may be the scales; what is taken from all sums goes to *taken.
  void weigh(const float* x_scales, const float* x_sums, float* products, Floats8* taken) const {
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
      if constexpr (Layout::kMinimums) *taken += load_bytes<Floats8>(minimums_ + eight) * sums;
      if constexpr (kOffset != 0) *taken += scale * sums * static_cast<float>(kOffset);
      store_bytes(products + eight, scale * wide);
    }
  }

  Bytes32 codes(size_t part) const {
    if constexpr (HasCodes<Layout>)
      return Layout::codes(first_ + part / kBlockParts * kBlock.bytes, part % kBlockParts);
    else return load_bytes<Bytes32>(unpacked_ + part * kWordGroup) ^ kOffset;
  }

 private:
  static constexpr int offset() {
    if constexpr (HasCodes<Layout>) return Layout::kOffset;
    else return 128;
  }
  static constexpr int kOffset = offset();

  void read_halves() {
    store_bytes(scales, load_halves(first_, kBlock.bytes));
    if constexpr (Layout::kMinimums) store_bytes(minimums_, -load_halves(first_ + 2, kBlock.bytes));
  }

  void read_block(size_t block) {
    const uint8_t* bytes = first_ + block * kBlock.bytes;
    float* scale = scales + block * kBlock.values / kGroup;
    float* minimum = minimums_ + block * kBlock.values / kGroup;
    if constexpr (HasCodes<Layout>) block_scales<Layout>(bytes, scale, minimum);
    else Layout::unpack(bytes, unpacked_ + block * kBlock.values, scale, minimum);
    if constexpr (Layout::kGroup > kGroup)
      for (size_t group = kBlock.values / kGroup; group-- > 0;) scale[group] = scale[group * kGroup / Layout::kGroup];
  }

  const uint8_t* first_;
  alignas(64) float minimums_[kSpan / kGroup];
  alignas(64) int8_t unpacked_[HasCodes<Layout> ? 1 : kSpan];
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
template <StoredType kType, typename Add>
inline __attribute__((always_inline)) void each_span(const uint8_t* block, size_t depth, const Add& add) {
  const size_t groups = depth / kWordGroup;
  size_t first = 0;
  for (; first + kSpanGroups <= groups; first += kSpanGroups, block += Span<kType>::kBytes)
    add(block, first, kSpanGroups);
  if (first < groups) add(block, first, groups - first);
}

template <StoredType kType>
void gemv_blocks(float* y, const uint8_t* w, size_t w_stride, size_t rows, size_t depth, const void* rounded) {
  using Part = Span<kType>;
  const WordRow words(rounded, depth);
  for (size_t row = 0; row < rows; ++row) {
    WordSums sums;
    const auto add = [&](const uint8_t* block, size_t first, size_t parts) __attribute__((always_inline)) {
      Part span(block, parts);
      span.weigh(words.scales + first, words.sums + 2 * first, span.scales, &sums.taken);
      sums.add<Part::kGroup>(
          [&](size_t part) __attribute__((always_inline)) { return span.codes(part); }, words, first, parts,
          span.scales, kSpanPairs);
    };
    each_span<kType>(w + row * w_stride, depth, add);
    y[row] = sums.sum();
  }
}

// Several rows of activations: a span's codes and scales are unpacked once for all.
template <StoredType kType>
void gemv_blocks_together(const GemvRows& activations, const uint8_t* w, size_t w_stride, size_t rows, size_t depth,
                          const void* rounded) {
  using Part = Span<kType>;
  const size_t count = activations.count;
  WordRow words[kGemvRowsMax];
  for (size_t i = 0; i < count; ++i)
    words[i] = WordRow(static_cast<const std::byte*>(rounded) + i * gemv_scratch_bytes(depth), depth);
  for (size_t row = 0; row < rows; ++row) {
    WordSums sums[kGemvRowsMax];
    const auto add = [&](const uint8_t* block, size_t first, size_t parts) __attribute__((always_inline)) {
      const Part span(block, parts);
      Bytes32 codes[kSpanGroups] = {};
      for (size_t part = 0; part < parts; ++part) codes[part] = span.codes(part);
      alignas(64) float scales[kSpan / Part::kGroup];
      for (size_t i = 0; i < count; ++i) {
        span.weigh(words[i].scales + first, words[i].sums + 2 * first, scales, &sums[i].taken);
        sums[i].template add<Part::kGroup>(
            [&](size_t part) __attribute__((always_inline)) { return codes[part]; }, words[i], first, parts, scales,
            kSpanPairs);
      }
    };
    each_span<kType>(w + row * w_stride, depth, add);
    for (size_t i = 0; i < count; ++i) activations.y[i * activations.y_stride + row] = sums[i].sum();
  }
}

}  // namespace
}  // namespace mica::simd
