// Int8 activations times weights of 8 bits and fewer with vpdpbusd: 64 products an instruction. Not the loops around
// it: gemm_driver_inl.hpp.
//
// vpdpbusd multiplies unsigned by signed bytes, and takes the signed ones, four activations, as a broadcast from
// memory. So weights are made unsigned: u = w + 8, w + 21 or w + 128. The epilogue takes off the excess; where groups
// of inputs have multipliers, the sums of a group begin below zero by it.
#pragma once

#include <vector.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// Rows of a tile, and those that are streamed. Portable twins of these instructions are compiled for minutes as they
// are unrolled so often, and prove as much of fewer rows.
#ifdef MICA_SIMDE
constexpr int kTileRowsMax = 3, kStreamRowsMax = 2;
#else
constexpr int kTileRowsMax = 12, kStreamRowsMax = 8;
#endif

// The sums of eight rows stay in registers, of which there are 32. Qwen2-VL-2B on an EPYC, ms of one thread for a token
// of 1, 4, 6 and 8 sequences: 47, 49, 63 and 77; of six in blocks of rows, which unpack for 48: 131.
constexpr GemmGeometry kVnniGeometry = {.stream_rows = kStreamRowsMax,
                                        .stream_bytes_min = kX86Geometry.stream_bytes_min,
                                        .stream_bytes_max = kX86Geometry.stream_bytes_max,
                                        .block_panels = kX86Geometry.block_panels};

// Sixteen levels, made unsigned by `offset`.
inline __m512i unsigned_levels(const int8_t* levels, int offset) {
  return _mm512_add_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(levels))),
                         _mm512_set1_epi8(static_cast<char>(offset)));
}

// How a block becomes vectors of unsigned bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr PanelFormat kFormat = PanelFormat::u4;
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 2;
  explicit NibbleWeights(const int8_t*) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    const __m512i both = load_512(block);
    const __m512i low_nibbles = _mm512_set1_epi8(15);
    to[0] = _mm512_and_si512(both, low_nibbles);
    to[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
  }
};

struct ByteWeights {
  static constexpr PanelFormat kFormat = PanelFormat::s8;
  static constexpr int32_t kOffset = 128;
  static constexpr int kVectors = 1;
  explicit ByteWeights(const int8_t*) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    to[0] = _mm512_xor_si512(load_512(block), _mm512_set1_epi8(-128));
  }
};

struct LevelWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t4;
  static constexpr int32_t kOffset = kFactsOf<kFormat>.level_magnitude;
  static constexpr int kVectors = 2;
  explicit LevelWeights(const int8_t* levels) : table(unsigned_levels(levels, kOffset)) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    NibbleWeights(nullptr).unpack(block, to);
    for (int i = 0; i < kVectors; ++i) to[i] = _mm512_shuffle_epi8(table, to[i]);
  }
  __m512i table;
};

struct PairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::p2;
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 4;
  explicit PairWeights(const int8_t* levels)
      : first(unsigned_levels(levels, kOffset)), second(unsigned_levels(levels + 16, kOffset)) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    const __m512i both = load_512(block);
    const __m512i low_nibbles = _mm512_set1_epi8(15);
    const __m512i low = _mm512_and_si512(both, low_nibbles);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
    to[0] = _mm512_shuffle_epi8(first, low);
    to[1] = _mm512_shuffle_epi8(second, low);
    to[2] = _mm512_shuffle_epi8(first, high);
    to[3] = _mm512_shuffle_epi8(second, high);
  }
  __m512i first, second;
};

struct ThreeBitWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t3;
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 8;
  explicit ThreeBitWeights(const int8_t* levels)
      : table(_mm512_add_epi8(
            _mm512_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(levels))),
            _mm512_set1_epi8(kOffset))) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    constexpr int kSelect = 0xCA;  // a ? b : c, bit by bit
    const __m512i high = load_512(block + 128);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const __m512i two = _mm512_srli_epi16(load_512(block + i / 4 * 64), i % 4 * 2);
      const __m512i third = i < 2 ? _mm512_slli_epi16(high, 2 - i) : _mm512_srli_epi16(high, i - 2);
      const __m512i index = _mm512_ternarylogic_epi32(_mm512_set1_epi8(3), two, third, kSelect);
      to[i] = _mm512_shuffle_epi8(table, _mm512_and_si512(index, _mm512_set1_epi8(7)));
    }
  }
  __m512i table;
};

// The multipliers of a group, a lane a channel.
inline __m512i load_multipliers(const uint8_t* group) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
  const __m128i low_nibbles = _mm_set1_epi8(15);
  return _mm512_cvtepu8_epi32(
      _mm_unpacklo_epi64(_mm_and_si128(both, low_nibbles), _mm_and_si128(_mm_srli_epi16(both, 4), low_nibbles)));
}

inline __m512i add_group(__m512i total, __m512i group, __m512i multipliers) {
  return _mm512_add_epi32(total, _mm512_mullo_epi32(group, multipliers));
}

// The sums of the lanes of four vectors.
inline __m128i sums_of_lanes(const __m512i* v) {
  const auto interleaved = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  };
  const __m512i low = interleaved(v[0], v[1]), high = interleaved(v[2], v[3]);
  const __m512i quarters = _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
  const __m256i halves = _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti64x4_epi64(quarters, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

template <class Weights>
struct Vnni {
  static constexpr PanelFormat kFormat = Weights::kFormat;
  static constexpr size_t kGroup = kFactsOf<kFormat>.group;
  static constexpr bool kGrouped = kGroup > 0;
  static constexpr int kVectors = Weights::kVectors;
  static constexpr size_t kBlock = block_bytes<kFormat>();
  // What the epilogue has to take off.
  static constexpr int32_t kOffset = kGrouped ? 0 : Weights::kOffset;
  static constexpr GemmGeometry kGeometry = kVnniGeometry;
  // Four unpacked panels of 256 inputs (16 KB) and twelve rows of activations (3 KB) stay in a level 1 cache of 32 KB;
  // the sums of 96 rows (24 KB) pass through it. So many rows make unpacking less than one part in forty of the work.
  static constexpr size_t kRows = 96, kPanels = 4, kInputs = 256;
  // Inputs that are summed before they meet a multiplier, and how many such runs there are.
  static constexpr size_t kRun = kGrouped ? kGroup : kInputs, kRuns = kInputs / kRun;
  // 24 accumulators, of two panels, two registers of weights and one of activations are 27 of the 32 registers. With
  // groups half of the accumulators are a group's.
  static constexpr int kTileRows = kGrouped && kTileRowsMax > 6 ? 6 : kTileRowsMax;

  // A panel, ready to be multiplied.
  struct Unpacked {
    alignas(64) uint8_t weights[kInputs * kPanelChannels];   // [4 inputs][channel][4]
    alignas(64) int32_t multipliers[kRuns][kPanelChannels];  // of formats with groups
  };

  // While one part of a panel is unpacked, the next comes from memory.
  static void unpack(Unpacked* to, const Block& block, size_t panel) {
    const Weights unpacking(block.levels);
    const uint8_t* from = block.panels + panel * block.panel_stride;
    uint8_t* out = to->weights;
    for (size_t input = 0; input < block.inputs; input += 4 * kVectors, from += kBlock, out += 64 * kVectors) {
      for (size_t line = 0; line < kBlock; line += 64)
        _mm_prefetch(reinterpret_cast<const char*>(from + block.inputs * kInputBytes<kFormat> + line), _MM_HINT_T1);
      __m512i unpacked[kVectors];
      unpacking.unpack(from, unpacked);
      for (int i = 0; i < kVectors; ++i) store_512(out + 64 * i, unpacked[i]);
    }
    if constexpr (kGrouped)
      for (size_t input = 0; input < block.inputs; input += kGroup)
        store_512(to->multipliers[input / kGroup],
                  load_multipliers(block.multipliers + panel * block.panel_stride + input / kGroup * kGroupBytes));
  }

  // Up to kTileRows rows by one or two panels. `excess`: of each row's groups, as note_row makes it.
  template <int kRowCount, int kPanelCount>
  [[gnu::noinline]] static void multiply_tile(const int8_t* x, size_t x_stride, const Unpacked* unpacked, size_t inputs,
                                              bool first, int32_t* sums, [[maybe_unused]] const int32_t* excess) {
    __m512i totals[kPanelCount][kRowCount];
#pragma GCC unroll 2
    for (int panel = 0; panel < kPanelCount; ++panel)
#pragma GCC unroll 12
      for (int row = 0; row < kRowCount; ++row)
        totals[panel][row] = first ? _mm512_setzero_si512() : load_512(sums + (panel * kRows + row) * kPanelChannels);
    const uint8_t* weights = unpacked->weights;
    for (size_t run = 0; run < inputs; run += kRun) {
      __m512i group[kPanelCount][kRowCount];
#pragma GCC unroll 2
      for (int panel = 0; panel < kPanelCount; ++panel)
#pragma GCC unroll 12
        for (int row = 0; row < kRowCount; ++row)
          group[panel][row] = kGrouped ? _mm512_set1_epi32(excess[row * kRuns + run / kRun]) : totals[panel][row];
      for (const int8_t* end = x + at_most(inputs - run, kRun); x < end; x += 4, weights += 64) {
        __m512i w[kPanelCount];
#pragma GCC unroll 2
        for (int panel = 0; panel < kPanelCount; ++panel) w[panel] = load_512(weights + panel * sizeof(Unpacked));
#pragma GCC unroll 12
        for (int row = 0; row < kRowCount; ++row) {
          const __m512i x4 = broadcast_4_512(x + row * x_stride);
#pragma GCC unroll 2
          for (int panel = 0; panel < kPanelCount; ++panel) {
            group[panel][row] = _mm512_dpbusd_epi32(group[panel][row], w[panel], x4);
            hold(group[panel][row]);
          }
        }
      }
#pragma GCC unroll 2
      for (int panel = 0; panel < kPanelCount; ++panel)
#pragma GCC unroll 12
        for (int row = 0; row < kRowCount; ++row)
          if constexpr (kGrouped)
            totals[panel][row] = add_group(totals[panel][row], group[panel][row],
                                           load_512(unpacked[panel].multipliers[run / kRun]));
          else totals[panel][row] = group[panel][row];
    }
#pragma GCC unroll 2
    for (int panel = 0; panel < kPanelCount; ++panel)
#pragma GCC unroll 12
      for (int row = 0; row < kRowCount; ++row)
        store_512(sums + (panel * kRows + row) * kPanelChannels, totals[panel][row]);
  }

  static void multiply(const Block& block) {
    Unpacked unpacked[kPanels];
    alignas(64) int32_t excess[kTileRows][kRuns];
    const FourGroups groups(block.inputs);
    for (size_t panel = 0; panel < block.panel_count; ++panel) unpack(unpacked + panel, block, panel);
    for (size_t row = 0; row < block.rows; row += kTileRows) {
      const size_t rows = at_most(block.rows - row, kTileRows);
      const int8_t* x = block.x + row * block.x_stride;
      for (size_t r = 0; r < rows; ++r) {
        for (size_t input = 0; input < block.inputs; input += 64)
          _mm_prefetch(reinterpret_cast<const char*>(x + (kTileRows + r) * block.x_stride + input), _MM_HINT_T0);
        if constexpr (kGrouped) groups.note(excess[r], x + r * block.x_stride);
      }
      for (size_t panel = 0; panel < block.panel_count; panel += 2)
        with_rows<kTileRows>(rows, [&]<int kRowCount>() {
          const auto tile = panel + 1 < block.panel_count ? multiply_tile<kRowCount, 2> : multiply_tile<kRowCount, 1>;
          tile(x, block.x_stride, unpacked + panel, block.inputs, block.first,
               block.sums + (panel * kRows + row) * kPanelChannels, excess[0]);
        });
    }
  }

  // What the sums of a row's groups have to begin with, since its activations meet unsigned weights: an integer each.
  static constexpr size_t kGroupNotes = kGrouped ? 1 : 0;
  static void note_row(int32_t* to, const int8_t* x, size_t inputs) {
    for (size_t input = 0; input < inputs; input += 4 * kGroup, to += 4) FourGroups(inputs - input).note(to, x + input);
  }
  // Of which the last ones may lie beyond the inputs.
  struct FourGroups {
    explicit FourGroups(size_t inputs) {
      for (size_t group = 0; group < 4; ++group) {
        const size_t begin = group * kGroup;
        const size_t count = begin < inputs ? at_most(inputs - begin, kGroup) : 0;
        inside[group] = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
      }
    }
    void note(int32_t* to, const int8_t* x) const {
      const __m512i offset = _mm512_set1_epi8(static_cast<char>(Weights::kOffset));
      __m512i sums[4];
#pragma GCC unroll 4
      for (size_t group = 0; group < 4; ++group)
        sums[group] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), offset,
                                          _mm512_maskz_loadu_epi8(inside[group], x + group * kGroup));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_sub_epi32(_mm_setzero_si128(), sums_of_lanes(sums)));
    }
    __mmask64 inside[4];
  };

  // One to eight rows straight from the packed panel. Chains of additions, so that none waits for another: four a row,
  // of more than four rows two.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    constexpr int kChains = kStreamRows <= 4 && !kGrouped ? 4 : 2;
    constexpr int kStepVectors = kVectors > 4 ? kVectors : 4;
    const Weights unpacking(from.levels);
    const uint8_t* panel = from.blocks;
    const int8_t* const x_end = x + inputs;
    __m512i totals[kStreamRows];
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row) totals[row] = _mm512_setzero_si512();
    for (size_t run = 0; x < x_end; ++run) {
      __m512i chains[kStreamRows][kChains];
#pragma GCC unroll 8
      for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 4
        for (int chain = 0; chain < kChains; ++chain)
          chains[row][chain] = kGrouped && chain == 0 ? _mm512_set1_epi32(from.notes[row * kRowNotes<Vnni> + run])
                                                      : _mm512_setzero_si512();
      const int8_t* const end = kGrouped ? x + at_most(static_cast<size_t>(x_end - x), kGroup) : x_end;
      for (; x < end; x += 4 * kStepVectors)
#pragma GCC unroll 4
        for (int chain = 0; chain < kStepVectors; chain += kVectors, panel += kBlock) {
          for (size_t line = 0; line < kBlock; line += 64) prefetch_stream(panel + line);
          __m512i w[kVectors];
          unpacking.unpack(panel, w);
#pragma GCC unroll 8
          for (int i = 0; i < kVectors; ++i)
#pragma GCC unroll 8
            for (int row = 0; row < kStreamRows; ++row) {
              __m512i& total = chains[row][(chain + i) % kChains];
              total = _mm512_dpbusd_epi32(total, w[i], broadcast_4_512(x + row * x_stride + 4 * (chain + i)));
            }
        }
#pragma GCC unroll 8
      for (int row = 0; row < kStreamRows; ++row) {
        for (int chain = 1; chain < kChains; ++chain)
          chains[row][0] = _mm512_add_epi32(chains[row][0], chains[row][chain]);
        if constexpr (kGrouped)
          totals[row] = add_group(totals[row], chains[row][0], load_multipliers(from.multipliers + run * kGroupBytes));
        else totals[row] = chains[row][0];
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row) store_512(sums + row * kPanelChannels, totals[row]);
  }
};

template <>
struct LevelCore<PanelFormat::u4> : Vnni<NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : Vnni<ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : Vnni<LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : Vnni<ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : Vnni<PairWeights> {};

}  // namespace
}  // namespace mica::simd
