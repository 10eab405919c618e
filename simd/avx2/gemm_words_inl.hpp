// Weights of 4 bits and fewer times int8 activations with vpmaddubsw: 32 products an instruction. Not the loops around
// it: gemm_driver_inl.hpp.
//
// Weights are unsigned (u = w + 8), so that one vpmaddubsw multiplies them with signed activations; the excess of 8
// times the activations is taken off in the epilogue. A pair of products is at most 2 * 16 * 127 = 4064, so eight of
// them are added exactly in 16 bits (32512); then vpmaddwd with ones widens. Of 204 vector operations for 3072
// products, 108 multiply, so that four vector ports, two of which multiply, allow 57 products a clock. Zen 3 reaches
// 46, three times its float products: some additions seem to go to the multiplying ports. Golden Cove has three ports,
// which allow 45, and reaches 42. Of a thousand orders of the operations none does better, nor do tiles of 4 x 24,
// 5 x 16, 4 x 16 or 3 x 32.
//
// Where groups have multipliers, these ride on vpmaddwd instead of ones. A level has up to 21 in magnitude: twelve
// products add up to at most 12 * 21 * 127 = 32004, exact in 16 bits once what the unsigned side makes too much is off.
// It is taken off where sums begin; on their way they may wrap. Of a block of rows activations are unsigned (x +
// 128), and the excess is known of each channel as panels are unpacked, for all rows. Few rows, which pass over a panel
// once, keep theirs signed: weights are unsigned (w + 21), and it is noted of each row.
#pragma once

#include <vector.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "avx2/gemm_weights_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// Pairs of 16-bit integers, a pair a channel: of the first eight channels of a panel, and of the others.
struct Pairs {
  __m256i half[2];
};

// The multipliers of a group.
inline Pairs load_multipliers(const uint8_t* group) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
  const auto pairs = [](__m128i bytes) {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_and_si128(bytes, _mm_set1_epi8(15)));
    return _mm256_or_si256(wide, _mm256_slli_epi32(wide, 16));
  };
  return {{pairs(both), pairs(_mm_srli_epi16(both, 4))}};
}

template <class Weights>
struct WordCore {
  static constexpr PanelFormat kFormat = Weights::kFormat;
  static constexpr int kVectors = Weights::kVectors;
  static constexpr size_t kBlock = block_bytes<kFormat>();
  static constexpr size_t kGroup = kFactsOf<kFormat>.group;
  static constexpr bool kGrouped = kGroup > 0;
  static constexpr int kUnsigned = kUnsignedBy<kFormat>;                              // added to weights
  static constexpr int32_t kOffset = kGrouped ? 0 : kUnsigned;                        // what the epilogue takes off
  static constexpr GemmGeometry kGeometry = kX86Geometry;
  // Two unpacked panels of 512 inputs (16 KB) and six rows of activations at a time (3 KB) stay in a level 1 cache of
  // 32 KB; the sums of 192 rows (24 KB) pass through it, six rows a call. So many rows make unpacking less than one
  // part in fifty of the work.
  static constexpr size_t kRows = 192, kPanels = 2, kInputs = 512, kTileRows = 6;
  // Steps of 4 inputs that are added in 16 bits: of a group 6, 6 and 4, of half a group 6 and 2. Eight of weights up to
  // 16, four of those up to 22.
  static constexpr int kSteps = kGrouped ? 6 : kUnsigned > 8 ? 4 : 8;
  static_assert(kGrouped || kSteps * 2 * 127 * 2 * kUnsigned < 32768);
  static_assert(!kGrouped || (kSteps * 2 * 127 * kFactsOf<kFormat>.level_magnitude < 32768 &&
                              2 * 255 * kFactsOf<kFormat>.level_magnitude < 32768));
  static constexpr size_t kGroupRuns = 3;  // of so many steps

  static constexpr size_t kRun = kGrouped ? kGroup : 4 * kSteps;  // inputs of a multiplier

  // f.operator()<first step, steps, index>() for each run of the steps of a group, of half of one, or of 32 inputs.
  template <class F>
  [[gnu::always_inline]] static void each_run([[maybe_unused]] size_t inputs, const F& f) {
    f.template operator()<0, kSteps, 0>();
    if constexpr (kGrouped) {
      if (inputs < kGroup) return f.template operator()<6, 2, 1>();
      f.template operator()<6, 6, 1>();
      f.template operator()<12, 4, 2>();
    }
  }

  // A panel, ready to be multiplied.
  struct Unpacked {
    alignas(64) uint8_t weights[kInputs * kPanelChannels];  // [4 inputs][channel][4]
    // Of formats with groups: their multipliers, and what the sums of each run begin with.
    Pairs multipliers[kGrouped ? kInputs / kGroup : 1];
    Pairs begins[kGrouped ? kInputs / kGroup * kGroupRuns : 1];
  };

  static void unpack(Unpacked* to, const Block& block, size_t panel) {
    const Weights unpacking(block.levels, kOffset);
    const uint8_t* blocks = block.panels + panel * block.panel_stride;
    uint8_t* out = to->weights;
    for (size_t input = 0; input < block.inputs; input += 4 * kVectors, blocks += kBlock, out += 64 * kVectors) {
      for (size_t line = 0; line < kBlock; line += 64)
        _mm_prefetch(reinterpret_cast<const char*>(blocks + block.inputs * kInputBytes<kFormat> + line), _MM_HINT_T1);
      for (size_t half = 0; half < 2; ++half) {
        __m256i vectors[kVectors];
        unpacking.unpack(blocks, half, vectors);
        for (int i = 0; i < kVectors; ++i) store_256(out + 64 * i + 32 * half, vectors[i]);
      }
    }
    if constexpr (kGrouped) {
      const uint8_t* multipliers = block.multipliers + panel * block.panel_stride;
      Pairs* begins = to->begins;
      for (size_t input = 0; input < block.inputs; input += kGroup, begins += kGroupRuns) {
        const uint8_t* weights = to->weights + input * kPanelChannels;
        to->multipliers[input / kGroup] = load_multipliers(multipliers + input / kGroup * kGroupBytes);
        each_run(block.inputs - input, [&]<int kStep, int kCount, int kIndex>() {
          for (size_t half = 0; half < 2; ++half) {
            __m256i words = _mm256_setzero_si256();
            for (int step = kStep; step < kStep + kCount; ++step)
              words = _mm256_sub_epi16(words, _mm256_maddubs_epi16(_mm256_set1_epi8(-128),
                                                                   load_256(weights + 64 * step + 32 * half)));
            begins[kIndex].half[half] = words;
          }
        });
      }
    }
  }

  // One product of 16 inputs' pairs; what is unsigned stands first.
  static __m256i products(__m256i w, __m256i x) {
    return kGrouped ? _mm256_maddubs_epi16(x, w) : _mm256_maddubs_epi16(w, x);
  }

  // The first products of a run.
  static __m256i begin(__m256i product, [[maybe_unused]] __m256i with) {
    return kGrouped ? _mm256_add_epi16(product, with) : product;
  }
  // To 32 bits, times the multipliers where there are such.
  static __m256i widen(__m256i words, [[maybe_unused]] const Pairs& by, int half) {
    return _mm256_madd_epi16(words, kGrouped ? by.half[half] : _mm256_set1_epi16(1));
  }

  // kCount steps of up to six rows by 16 channels: twelve 16-bit accumulators, two registers of weights and one of
  // activations are 15 of the 16 registers; the 32-bit sums stay in memory, where each is met once in a run.
  template <int kRowCount, int kCount>
  [[gnu::always_inline]] static void multiply_steps(const uint8_t* x, size_t x_stride, const uint8_t* weights,
                                                    const Pairs& by, [[maybe_unused]] const Pairs& begins,
                                                    bool first, int32_t* sums) {
    __m256i words[kRowCount][2];
#pragma GCC unroll 8
    for (int step = 0; step < kCount; ++step) {
      const __m256i w0 = load_256(weights + step * 64);
      const __m256i w1 = load_256(weights + step * 64 + 32);
#pragma GCC unroll 8
      for (int row = 0; row < kRowCount; ++row) {
        const __m256i x4 = broadcast_4(x + row * x_stride + step * 4);
        const __m256i product0 = products(w0, x4);
        const __m256i product1 = products(w1, x4);
        words[row][0] = step > 0 ? _mm256_add_epi16(words[row][0], product0) : begin(product0, begins.half[0]);
        words[row][1] = step > 0 ? _mm256_add_epi16(words[row][1], product1) : begin(product1, begins.half[1]);
        hold(words[row][0]);
        hold(words[row][1]);
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRowCount; ++row)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        int32_t* sum = sums + row * kPanelChannels + half * 8;
        __m256i wide = widen(words[row][half], by, half);
        hold(wide);
        store_256(sum, first ? wide : _mm256_add_epi32(load_256(sum), wide));
      }
    // Else GCC would keep copies of these sums on the stack for the next run.
    if constexpr (kGrouped) asm volatile("" ::: "memory");
  }

  template <int kRowCount>
  [[gnu::noinline]] static void multiply_tile(const uint8_t* x, size_t x_stride, const Unpacked& unpacked,
                                              size_t inputs, bool first, int32_t* sums) {
    const uint8_t* weights = unpacked.weights;
    const Pairs *by = unpacked.multipliers, *begins = unpacked.begins;
    for (size_t input = 0; input < inputs; input += kRun, x += kRun, weights += kRun * kPanelChannels, first = false) {
      multiply_steps<kRowCount, kSteps>(x, x_stride, weights, *by, begins[0], first, sums);
      if constexpr (kGrouped) {
        if (inputs - input < kGroup) {
          multiply_steps<kRowCount, 2>(x + 24, x_stride, weights + 6 * 64, *by, begins[1], false, sums);
        } else {
          multiply_steps<kRowCount, 6>(x + 24, x_stride, weights + 6 * 64, *by, begins[1], false, sums);
          multiply_steps<kRowCount, 4>(x + 48, x_stride, weights + 12 * 64, *by, begins[2], false, sums);
        }
        ++by;
        begins += kGroupRuns;
      }
    }
  }

  static void multiply(const Block& block) {
    Unpacked unpacked[kPanels];
    alignas(64) uint8_t copy[kGrouped ? kTileRows * kInputs : 1];  // of activations, made unsigned
    for (size_t panel = 0; panel < block.panel_count; ++panel) unpack(&unpacked[panel], block, panel);
    for (size_t row = 0; row < block.rows; row += kTileRows) {
      const size_t rows = at_most(block.rows - row, kTileRows);
      const auto* x = reinterpret_cast<const uint8_t*>(block.x + row * block.x_stride);
      for (size_t r = 0; r < rows; ++r) {
        for (size_t input = 0; input < block.inputs; input += 64)
          _mm_prefetch(reinterpret_cast<const char*>(x + (kTileRows + r) * block.x_stride + input), _MM_HINT_T0);
        for (size_t input = 0; kGrouped && input < block.inputs; input += 32)
          store_256(copy + r * kInputs + input,
                    _mm256_xor_si256(load_256(x + r * block.x_stride + input), _mm256_set1_epi8(-128)));
      }
      for (size_t panel = 0; panel < block.panel_count; ++panel)
        with_rows<kTileRows>(rows, [&]<int kRowCount>() {
          multiply_tile<kRowCount>(kGrouped ? copy : x, kGrouped ? kInputs : block.x_stride, unpacked[panel],
                                   block.inputs, block.first, block.sums + (panel * kRows + row) * kPanelChannels);
        });
    }
  }

  // What the sums of a row's runs have to begin with, since its activations meet unsigned weights: a pair of 16-bit
  // integers each.
  static constexpr size_t kGroupNotes = kGrouped ? kGroupRuns : 0;
  static void note_row(int32_t* to, const int8_t* x, size_t inputs) {
    for (size_t input = 0; input < inputs; input += kGroup)
      each_run(inputs - input, [&]<int kStep, int kCount, int kIndex>() {
        __m128i words = _mm_setzero_si128();
        for (int step = kStep; step < kStep + kCount; step += 2) {
          const __m128i x8 = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + input + 4 * step));
          words = _mm_sub_epi16(words, _mm_maddubs_epi16(_mm_set1_epi8(kUnsigned), x8));
        }
        to[input / kGroup * kGroupRuns + kIndex] = _mm_cvtsi128_si32(_mm_add_epi16(words, _mm_srli_si128(words, 4)));
      });
  }

  // kCount steps of one to four rows straight from the packed panel.
  template <int kStreamRows, int kCount>
  [[gnu::always_inline]] static void stream_steps(const int8_t* x, size_t x_stride, const uint8_t* panel,
                                                  const Weights& unpacking, const Pairs& by,
                                                  [[maybe_unused]] const int32_t* notes, __m256i (*total)[2]) {
    __m256i words[kStreamRows][2];
#pragma GCC unroll 4
    for (int step = 0; step < kCount; step += kVectors, panel += kBlock) {
      for (size_t line = 0; line < kBlock; line += 64) prefetch_stream(panel + line);
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        __m256i w[kVectors];
        unpacking.unpack(panel, static_cast<size_t>(half), w);
#pragma GCC unroll 4
        for (int i = 0; i < kVectors; i += 2)
#pragma GCC unroll 4
          for (int row = 0; row < kStreamRows; ++row) {
            const int8_t* at = x + row * x_stride + (step + i) * 4;
            const __m256i pair = _mm256_add_epi16(_mm256_maddubs_epi16(w[i], broadcast_4(at)),
                                                  _mm256_maddubs_epi16(w[i + 1], broadcast_4(at + 4)));
            if (step + i > 0) words[row][half] = _mm256_add_epi16(words[row][half], pair);
            else words[row][half] = begin(pair, broadcast_4(notes + row * kRowNotes<WordCore>));
            hold(words[row][half]);
          }
      }
    }
    for (int row = 0; row < kStreamRows; ++row)
      for (int half = 0; half < 2; ++half)
        total[row][half] = _mm256_add_epi32(total[row][half], widen(words[row][half], by, half));
  }

  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    const Weights unpacking(from.levels, kUnsigned);
    const uint8_t* panel = from.blocks;
    const int32_t* notes = from.notes;
    if constexpr (kGrouped) prefetch_header(from);
    Pairs by = {};
    __m256i total[kStreamRows][2];
    for (int row = 0; row < kStreamRows; ++row) total[row][0] = total[row][1] = _mm256_setzero_si256();
    for (size_t input = 0; input < inputs; input += kRun) {
      if constexpr (kGrouped) by = load_multipliers(from.multipliers + input / kGroup * kGroupBytes);
      each_run(inputs - input, [&]<int kStep, int kCount, int kIndex>() {
        stream_steps<kStreamRows, kCount>(x + 4 * kStep, x_stride, panel + 4 * kStep * kInputBytes<kFormat>, unpacking,
                                          by, notes + kIndex, total);
      });
      x += kRun;
      panel += kRun * kInputBytes<kFormat>;
      notes += kGroupNotes;
    }
    for (int row = 0; row < kStreamRows; ++row)
      for (int half = 0; half < 2; ++half) store_256(sums + row * kPanelChannels + half * 8, total[row][half]);
  }
};

template <>
struct LevelCore<PanelFormat::u4> : WordCore<NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : WordCore<LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : WordCore<ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : WordCore<PairWeights> {};
template <>
struct LevelCore<PanelFormat::e8p> : WordCore<LatticeWeights> {};

}  // namespace
}  // namespace mica::simd
