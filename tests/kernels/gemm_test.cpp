// The integer matrix products: packing, the scalar definition against plain arithmetic, and every level against scalar,
// floats included, bit by bit. Not threads and tasks: `mica bench --kernels`.
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "e8p.hpp"
#include "harness.hpp"
#include "pack.hpp"

namespace mica::kernel_test {

namespace {

using simd::GemmKernels;
using simd::GemmTile;
using simd::kPanelChannels;
using simd::PanelFormat;

struct Format {
  PanelFormat format;
  const char* name;  // of its products
  int bits;
  const simd::PanelFacts& facts() const { return simd::kPanelFacts[static_cast<size_t>(format)]; }
  // Of codes, or of the indices of levels.
  int lowest() const { return facts().levels > 0 ? 0 : -(1 << (bits - 1)); }
  int highest() const { return lowest() + static_cast<int>(levels()) - 1; }
  size_t levels() const { return pairs() ? facts().levels / 2 : size_t{1} << bits; }
  bool pairs() const { return facts().levels == size_t{2} << 2 * bits; }
  bool lattice() const { return format == PanelFormat::e8p; }
};
constexpr Format kFormats[] = {
#define MICA_WEIGHT_FORMAT(format, name, type, bits, ...) {PanelFormat::format, "gemm_f32_s8_" #format, bits},
#include "weight_formats.inc"
};

// Levels from the least to the greatest that the format may have, the outermost ones first and last, so that patterns
// of indices are such of levels; of pairs each other level has another sign in the middle.
std::vector<int8_t> test_levels(const Format& format) {
  std::vector<int8_t> levels(format.facts().levels);
  const auto count = static_cast<int>(format.levels());
  const int magnitude = format.facts().level_magnitude;
  for (size_t i = 0; i < levels.size(); ++i) {
    const int at = static_cast<int>(i) % count;
    const int level = (2 * at * magnitude + count / 2) / (count - 1) - magnitude;
    levels[i] = static_cast<int8_t>(static_cast<int>(i) < count || at == 0 || at == count - 1 ? level : -level);
  }
  return levels;
}

// weights[channels][stride] of vectors; the outermost ones have one sign throughout and the most of the largest magnitudes.
void fill_vectors(int8_t* weights, size_t inputs, size_t stride, size_t channels, Values values, Random& random) {
  constexpr size_t kVector = simd::kVectorInputs;
  std::vector<uint16_t> codes(channels * ((inputs + kVector - 1) / kVector));
  fill_integers(codes.data(), codes.size(), 0, 65535, values, random);
  const uint16_t* code = codes.data();
  for (size_t c = 0; c < channels; ++c)
    for (size_t k = 0; k < inputs; ++k) {
      const simd::E8pCode one = {static_cast<uint8_t>(*code), static_cast<uint8_t>(~(*code >> 8))};
      weights[c * stride + k] = static_cast<int8_t>(simd::e8p_value(one, k % kVector));
      if (k % kVector == kVector - 1 || k + 1 == inputs) ++code;
    }
}

// weights[channels][stride] of random codes: what pack_panels takes.
void fill_codes(const Format& format, const std::vector<int8_t>& levels, int8_t* weights, size_t inputs, size_t stride,
                size_t channels, Values values, Random& random) {
  if (format.lattice()) return fill_vectors(weights, inputs, stride, channels, values, random);
  fill_integers(weights, stride * channels, format.lowest(), format.highest(), values, random);
  if (format.facts().levels == 0) return;
  for (size_t c = 0; c < channels; ++c) {
    int8_t* row = weights + c * stride;
    for (size_t k = 0; k < inputs; ++k) {
      const size_t pair = simd::pair_of(format.format, k);
      if (pair < k) continue;
      const auto index = static_cast<size_t>(row[k]);
      row[k] = levels[index];
      if (format.pairs() && pair < inputs) row[pair] = levels[levels.size() / 2 + index];
    }
  }
}

// What an epilogue has.
enum Parts : unsigned { kBias = 1, kMultiplier = 2, kRank1 = 4, kAccumulate = 8, kAllParts = 15 };

struct Shape {
  size_t rows, inputs, channels;
  size_t split;        // of the row ranges
  unsigned parts;      // of the epilogue
  Format format;       // of the weights
  Values weights = Values::random;
  Values activations = Values::random;
};

// Activations, weights and epilogue of one product, each in guarded pages.
class Problem {
 public:
  Problem(const Shape& shape, Place place, Random& random)
      : shape_(shape),
        stride_(simd::padded_inputs(shape.inputs) + static_cast<size_t>(random.integer(0, 3))),
        weights(shape.channels * shape.inputs),
        multipliers(shape.channels * simd::group_count(shape.format.format, shape.inputs)),
        levels_("levels", shape.format.facts().levels, place),
        x_("activations", (shape.rows - 1) * stride_ + simd::padded_inputs(shape.inputs), place),
        x_sums_("row sums", shape.rows, place),
        panels_("panels", simd::panels_bytes(shape.format.format, shape.inputs, shape.channels), place, 64),
        scale_("channel scales", shape.channels, place),
        bias_("bias", shape.channels, place),
        multiplier_("multiplier", shape.channels, place),
        rank1_rows_("rank-1 rows", shape.rows, place),
        rank1_channels_("rank-1 channels", shape.channels, place) {
    fill_weights(random);
    fill_activations(random);
    fill_reals(scale_, 0.001f, 0.02f, Values::random, random);
    fill_reals(bias_, -3, 3, Values::random, random);
    fill_reals(multiplier_, -2, 2, Values::random, random);
    fill_reals(rank1_rows_, -4, 4, Values::random, random);
    fill_reals(rank1_channels_, -1, 1, Values::random, random);
  }

  simd::QuantizedRows x() const { return {x_.data(), stride_, x_sums_.data()}; }
  simd::PanelMatrix panels() const {
    return {panels_.data(), shape_.inputs, shape_.channels, levels_.size() > 0 ? levels_.data() : nullptr};
  }
  simd::Epilogue epilogue() const {
    simd::Epilogue epilogue = {scale_.data(), {shape_.split, 0.013f, 0.21f}};
    if (shape_.parts & kBias) epilogue.bias = bias_.data();
    if (shape_.parts & kMultiplier) epilogue.multiplier = multiplier_.data();
    if (shape_.parts & kRank1) {
      epilogue.rank1_rows = rank1_rows_.data();
      epilogue.rank1_channels = rank1_channels_.data();
    }
    return epilogue;
  }
  GemmTile whole() const { return {0, shape_.rows, 0, simd::panel_count(shape_.channels)}; }
  const Shape& shape() const { return shape_; }
  const Guarded<float>& bias() const { return bias_; }

 private:
  void fill_weights(Random& random) {
    const Format& format = shape_.format;
    const std::vector<int8_t> levels = test_levels(format);
    for (size_t i = 0; i < levels.size(); ++i) levels_[i] = levels[i];
    fill_codes(format, levels, weights.data(), shape_.inputs, shape_.inputs, shape_.channels, shape_.weights, random);
    const bool largest = shape_.weights == Values::all_high || shape_.weights == Values::all_low;
    for (uint8_t& multiplier : multipliers)
      multiplier = static_cast<uint8_t>(largest ? simd::kMultiplierMax : random.integer(0, simd::kMultiplierMax));
    simd::pack_panels(format.format, panels_.data(),
                      {weights.data(), shape_.inputs, multipliers.data(), levels_.data()}, shape_.inputs,
                      shape_.channels);
  }
  // Bytes between a row's padding and the next row keep the harness's 0xA5, which would show in the result.
  void fill_activations(Random& random) {
    for (size_t row = 0; row < shape_.rows; ++row) {
      int8_t* at = x_.data() + row * stride_;
      fill_integers(at, shape_.inputs, -127, 127, shape_.activations, random);
      for (size_t i = shape_.inputs; i < simd::padded_inputs(shape_.inputs); ++i) at[i] = 0;
      x_sums_[row] = 0;
      for (size_t i = 0; i < shape_.inputs; ++i) x_sums_[row] += at[i];
    }
  }

  Shape shape_;
  size_t stride_;

 public:
  std::vector<int8_t> weights;        // [channels][inputs]
  std::vector<uint8_t> multipliers;   // [channels][groups]

 private:
  Guarded<int8_t> levels_;
  Guarded<int8_t> x_;
  Guarded<int32_t> x_sums_;
  Guarded<uint8_t> panels_;
  Guarded<float> scale_, bias_, multiplier_, rank1_rows_, rank1_channels_;
};

// A destination, a little wider than the product, that starts from the same values for every level.
struct Destination {
  Destination(const Problem& problem, Place place)
      : stride(problem.shape().channels + 2),
        floats("float rows", (problem.shape().rows - 1) * stride + problem.shape().channels, place) {
    Random random(problem.shape().rows);
    fill_reals(floats, -5, 5, Values::random, random);
  }

  void compute(const GemmKernels& kernels, const Problem& problem, const GemmTile& tile) {
    kernels.gemm_f32_s8[static_cast<size_t>(problem.shape().format.format)](
        problem.x(), problem.panels(), problem.epilogue(),
        {floats.data(), stride, (problem.shape().parts & kAccumulate) != 0}, tile);
  }

  size_t stride;
  Guarded<float> floats;
};

// One shape at one place, at every level; false after a failure.
bool levels_equal_scalar(const Shape& shape, Place place, bool timed = false) {
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial(shape.format.name, *kernels,
                "rows %zu, inputs %zu, channels %zu, split %zu, parts %u, weights %s, activations %s, %s", shape.rows,
                shape.inputs, shape.channels, shape.split, shape.parts, name_of(shape.weights),
                name_of(shape.activations), name_of(place));
    const Problem problem(shape, place, trial.random);
    Destination expected(problem, place), got(problem, place);
    expected.compute(*scalar().gemm, problem, problem.whole());
    got.compute(*kernels->gemm, problem, problem.whole());
    if (!expect_equal(trial, expected.floats, got.floats)) return false;
    if (!timed) continue;
    time_call(trial, shape.format.name,
              operations(2 * shape.rows * shape.inputs * shape.channels),
              [&](const simd::Kernels& level) { got.compute(*level.gemm, problem, problem.whole()); });
  }
  return true;
}

// The same order of operations as gemm_kernels.hpp promises, from unpacked weights.
float plain_value(const Problem& problem, size_t row, size_t channel) {
  const simd::QuantizedRows x = problem.x();
  const simd::Epilogue e = problem.epilogue();
  const size_t inputs = problem.shape().inputs;
  int64_t sum = 0;
  const size_t group = problem.shape().format.facts().group;
  const size_t groups = simd::group_count(problem.shape().format.format, inputs);
  for (size_t i = 0; i < inputs; ++i) {
    const int64_t multiplier = group > 0 ? problem.multipliers[channel * groups + i / group] : 1;
    sum += problem.weights[channel * inputs + i] * multiplier * x.values[row * x.stride + i];
  }
  const float scale = e.channel_scale[channel] * (row < e.row_scale.split ? e.row_scale.first : e.row_scale.second);
  float value = static_cast<float>(sum) * scale;
  if (e.rank1_rows) value += e.rank1_rows[row] * e.rank1_channels[channel];
  if (e.bias) value += e.bias[channel];
  if (e.multiplier) value *= e.multiplier[channel];
  return value;
}

}  // namespace

TEST_CASE("pack: bytes of 4 and 8 bits lie where packed files have them") {
  Random random(3);
  for (const size_t channels : {1, 15, 16, 17, 40})
    for (const size_t inputs : {1, 7, 8, 32, 33, 100})
      for (const PanelFormat format : {PanelFormat::u4, PanelFormat::s8}) {
        const bool eight_bits = format == PanelFormat::s8;
        std::vector<int8_t> weights(channels * inputs);
        fill_integers(weights.data(), weights.size(), eight_bits ? -128 : -8, eight_bits ? 127 : 7, Values::random,
                      random);
        const size_t bytes = simd::panels_bytes(format, inputs, channels);
        std::vector<uint8_t> panels(bytes);
        simd::pack_panels(format, panels.data(), {weights.data(), inputs}, inputs, channels);
        size_t differences = 0;
        for (size_t c = 0; c < simd::panel_count(channels) * kPanelChannels; ++c)
          for (size_t k = 0; k < simd::padded_inputs(inputs); ++k) {
            const int expected = c < channels && k < inputs ? weights[c * inputs + k] : 0;
            const size_t panel = c / 16, per_block = eight_bits ? 4 : 8;
            const size_t panel_begin = panel * bytes / simd::panel_count(channels);
            const uint8_t byte = panels[panel_begin + k / per_block * 64 + c % 16 * 4 + k % 4];
            const int nibble = k % 8 < 4 ? byte & 15 : byte >> 4;
            differences += expected != (eight_bits ? static_cast<int8_t>(byte) : nibble - 8);
          }
        CHECK(differences == 0);
      }
}

TEST_CASE("pack: unpacking any part is the inverse, in every format") {
  Random random(4);
  for (const Format& format : kFormats)
    for (const size_t channels : {1, 15, 16, 17, 40})
      for (const size_t inputs : {1, 7, 8, 32, 33, 100}) {
        const size_t stride = inputs + 3;
        const std::vector<int8_t> levels = test_levels(format);
        const size_t groups = simd::group_count(format.format, inputs);
        std::vector<int8_t> weights(channels * stride);
        fill_codes(format, levels, weights.data(), inputs, stride, channels, Values::random, random);
        std::vector<uint8_t> multipliers(channels * groups);
        for (uint8_t& multiplier : multipliers) multiplier = static_cast<uint8_t>(random.integer(0, 15));
        const size_t bytes = simd::panels_bytes(format.format, inputs, channels);
        CHECK(bytes % 64 == 0);
        Guarded<uint8_t> panels("panels", bytes, Place::at_end, 64);
        simd::pack_panels(format.format, panels.data(), {weights.data(), stride, multipliers.data(), levels.data()},
                          inputs, channels);
        CHECK(panels.canary_intact());
        const simd::PanelMatrix matrix = {panels.data(), inputs, channels, levels.data()};
        std::vector<int16_t> wanted(weights.begin(), weights.end()), back(wanted);
        for (size_t c = 0; c < channels && groups > 0; ++c)
          for (size_t k = 0; k < inputs; ++k)
            wanted[c * stride + k] = static_cast<int16_t>(wanted[c * stride + k] * multipliers[c * groups + k / 64]);
        for (size_t c = 0; c < channels; ++c) {
          const size_t parts[] = {0, inputs / 3, inputs};
          for (size_t k = 0; k < inputs; ++k) back[c * stride + k] = 99;
          for (size_t i = 0; i < 2; ++i)
            simd::unpack_channel(format.format, back.data() + c * stride + parts[i], matrix, c, parts[i],
                                 parts[i + 1] - parts[i]);
        }
        CHECK(back == wanted);
      }
}

TEST_CASE("gemm: scalar is what the header says, in plain arithmetic") {
  for (const Format& format : kFormats)
    for (unsigned parts = 0; parts <= kAllParts; ++parts) {
      Random random(parts);
      const Problem problem({5, 77, 21, 2, parts, format}, Place::at_end, random);
      Destination before(problem, Place::at_end), got(problem, Place::at_end);
      got.compute(*scalar().gemm, problem, problem.whole());
      size_t differences = 0;
      for (size_t row = 0; row < 5; ++row) {
        for (size_t channel = 0; channel < 21; ++channel) {
          const float value = plain_value(problem, row, channel);
          const size_t at = row * got.stride + channel;
          differences += got.floats[at] != (parts & kAccumulate ? before.floats[at] + value : value);
        }
      }
      CHECK(differences == 0);
    }
}

TEST_CASE("gemm: every level equals scalar for every small number of rows, inputs and channels") {
  Random random(11);
  const size_t step = reduced() ? 17 : 1;
  const auto any = [&](int64_t low, int64_t high) { return static_cast<size_t>(random.integer(low, high)); };
  const auto parts = [&] { return static_cast<unsigned>(any(0, kAllParts)); };
  for (const Format& format : kFormats) {
    for (size_t channels = 1; channels <= 50; channels += step) {
      const size_t rows = any(1, 14), inputs = any(1, 100);
      REQUIRE(levels_equal_scalar({rows, inputs, channels, rows / 2, parts(), format}, kPlaces[channels % 3]));
    }
    for (size_t inputs = 1; inputs <= 100; inputs += step) {
      const size_t rows = any(1, 9), channels = any(1, 40);
      REQUIRE(levels_equal_scalar({rows, inputs, channels, 1, parts(), format}, kPlaces[inputs % 3]));
    }
    for (size_t rows = 1; rows <= 60; rows += step)
      REQUIRE(levels_equal_scalar({rows, 40, 17 + rows % 80, rows / 3, parts(), format}, kPlaces[rows % 3]));
  }
}

TEST_CASE("gemm: every level equals scalar beyond each cache block") {
  if (reduced()) return;
  for (const Format& format : kFormats) {
    REQUIRE(levels_equal_scalar({33, 8960, 50, 10, kAllParts, format}, Place::at_end));
    REQUIRE(levels_equal_scalar({101, 545, 200, 64, kBias, format}, Place::misaligned));
    REQUIRE(levels_equal_scalar({4, 8960, 48, 1, kRank1, format}, Place::at_start));
  }
}

// Timed, they are layers of the default model and of Qwen2-VL-2B: one row is decode, four its widest form, 192 prefill.
TEST_CASE("gemm: every level equals scalar in whole layers" * doctest::test_suite("timed")) {
  struct Layer {
    size_t channels, inputs;
  };
  const std::vector<Layer> layers = timing() ? std::vector<Layer>{{256, 256}, {1536, 1536}, {8960, 1536}, {1536, 8960}}
                                             : std::vector<Layer>{{48, 96}};
  for (const Format& format : kFormats)
    for (const auto& [channels, inputs] : layers)
      for (const size_t rows : {1, 4, 192})
        REQUIRE(levels_equal_scalar({rows, inputs, channels, rows / 2, 0, format}, Place::at_end, true));
}

TEST_CASE("gemm: the largest sums are exact") {
  for (const Format& format : kFormats)
    for (const Values weights : kValues)
      for (const Values activations : kValues)
        for (const size_t rows : {2, 7})
          REQUIRE(levels_equal_scalar({rows, reduced() ? size_t(64) : size_t(1500), 32, 1, 0, format, weights,
                                       activations}, Place::at_end));
}

TEST_CASE("gemm: the longest sum of products does not overflow") {
  if (reduced()) return;
  for (const PanelFormat format : {PanelFormat::s8, PanelFormat::t4})
    for (const Values weights : {Values::all_low, Values::all_high})
      for (const size_t rows : {1, 5})
        REQUIRE(levels_equal_scalar({rows, simd::inputs_max(format), 17, 1, 0, kFormats[static_cast<size_t>(format)],
                                     weights, Values::all_high},
                                    Place::at_end));
}

TEST_CASE("gemm: a split between row scales may stand anywhere") {
  for (const size_t rows : {size_t(3), size_t(11)})
    for (size_t split = 0; split <= rows + 1; ++split)
      for (const Format& format : kFormats)
        REQUIRE(levels_equal_scalar({rows, 32, 35, split, kAllParts, format}, Place::at_end));
}

TEST_CASE("gemm: every epilogue at every level") {
  for (unsigned parts = 0; parts <= kAllParts; ++parts)
    for (const Format& format : kFormats)
      for (const size_t rows : {3, 8})
        REQUIRE(levels_equal_scalar({rows, 64, 40, 2, parts, format}, Place::misaligned));
}

TEST_CASE("gemm: values that are not finite come out the same") {
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial(kFormats[0].name, *kernels, "not finite");
    const Problem problem({3, 32, 39, 1, kBias, kFormats[0]}, Place::at_end, trial.random);
    const float special[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, std::numeric_limits<float>::denorm_min()};
    for (size_t i = 0; i < problem.bias().size(); ++i) problem.bias()[i] = special[i % 6];
    Destination expected(problem, Place::at_end), got(problem, Place::at_end);
    expected.compute(*scalar().gemm, problem, problem.whole());
    got.compute(*kernels->gemm, problem, problem.whole());
    expect_equal(trial, expected.floats, got.floats);
  }
}

TEST_CASE("gemm: a tile writes its own part only, and parts make the whole") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Format& format : kFormats) {
      Trial trial(format.name, *kernels, "tiles of 60 rows and 7 panels");
      const Problem problem({60, 70, 105, 20, kAllParts, format}, Place::at_end, trial.random);
      Destination whole(problem, Place::at_end), parts(problem, Place::at_end);
      whole.compute(*scalar().gemm, problem, problem.whole());
      const size_t rows[] = {0, 1, 3, 8, 11, 59, 60}, panels[] = {0, 1, 2, 5, 7};
      for (size_t r = 0; r + 1 < std::size(rows); ++r)
        for (size_t p = 0; p + 1 < std::size(panels); ++p) {
          const GemmTile tile = {rows[r], rows[r + 1], panels[p], panels[p + 1]};
          Destination expected(problem, Place::at_end), got(problem, Place::at_end);
          expected.compute(*scalar().gemm, problem, tile);
          got.compute(*kernels->gemm, problem, tile);
          REQUIRE(expect_equal(trial, expected.floats, got.floats));
          parts.compute(*kernels->gemm, problem, tile);
        }
      expect_equal(trial, whole.floats, parts.floats);
    }
}

TEST_CASE("gemm: an empty tile touches nothing") {
  Random random(5);
  const Problem problem({6, 40, 20, 3, kAllParts, kFormats[0]}, Place::at_end, random);
  std::vector<const simd::Kernels*> levels = levels_under_test();
  levels.push_back(&scalar());
  for (const simd::Kernels* kernels : levels) {
    Destination got(problem, Place::at_end);
    got.floats.forbid();
    got.compute(*kernels->gemm, problem, {2, 2, 0, 2});
    got.compute(*kernels->gemm, problem, {0, 6, 1, 1});
  }
}

}  // namespace mica::kernel_test
