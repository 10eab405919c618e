// The integer matrix products: packing, the scalar definition against plain arithmetic, and every level against scalar,
// floats included, bit by bit. Not speed: benchmarks/gemm_benchmark.cpp.
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"
#include "pack.hpp"

namespace mica::kernel_test {

namespace {

using simd::GemmKernels;
using simd::GemmTile;
using simd::kPanelChannels;

// What an epilogue has.
enum Parts : unsigned { kBias = 1, kMultiplier = 2, kRank1 = 4, kAccumulate = 8, kAllParts = 15 };

struct Shape {
  size_t rows, inputs, channels;
  size_t split;        // of the row ranges
  unsigned parts;      // of the epilogue
  bool eight_bits;     // weights
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
        x_("activations", (shape.rows - 1) * stride_ + simd::padded_inputs(shape.inputs), place),
        x_sums_("row sums", shape.rows, place),
        panels_("panels", shape.eight_bits ? simd::s8_bytes(shape.inputs, shape.channels)
                                           : simd::u4_bytes(shape.inputs, shape.channels), place, 64),
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
  simd::PanelMatrix panels() const { return {panels_.data(), shape_.inputs, shape_.channels}; }
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
    if (shape_.eight_bits) {
      fill_integers(weights.data(), weights.size(), -128, 127, shape_.weights, random);
      simd::pack_s8(panels_.data(), weights.data(), shape_.inputs, shape_.inputs, shape_.channels);
    } else {
      fill_integers(weights.data(), weights.size(), -8, 7, shape_.weights, random);
      simd::pack_u4(panels_.data(), weights.data(), shape_.inputs, shape_.inputs, shape_.channels);
    }
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
  std::vector<int8_t> weights;  // [channels][inputs]

 private:
  Guarded<int8_t> x_;
  Guarded<int32_t> x_sums_;
  Guarded<uint8_t> panels_;
  Guarded<float> scale_, bias_, multiplier_, rank1_rows_, rank1_channels_;
};

// A destination of each type, a little wider than the product, that starts from the same values for every level.
struct Destination {
  Destination(const Problem& problem, Place place)
      : stride(problem.shape().channels + 2),
        floats("float rows", (problem.shape().rows - 1) * stride + problem.shape().channels, place),
        bytes("int8 rows", floats.size(), place),
        sums("sums of int8 rows", problem.shape().rows, place) {
    Random random(problem.shape().rows);
    fill_reals(floats, -5, 5, Values::random, random);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<int32_t>(i);
  }

  void compute(const GemmKernels& kernels, const Problem& problem, const GemmTile& tile) {
    const bool eight_bits = problem.shape().eight_bits;
    (eight_bits ? kernels.gemm_f32_s8_s8 : kernels.gemm_f32_s8_u4)(
        problem.x(), problem.panels(), problem.epilogue(),
        {floats.data(), stride, (problem.shape().parts & kAccumulate) != 0}, tile);
    (eight_bits ? kernels.gemm_s8_s8_s8 : kernels.gemm_s8_s8_u4)(
        problem.x(), problem.panels(), problem.epilogue(),
        {bytes.data(), stride, {problem.shape().split, 0.9f, 5.0f}, sums.data()}, tile);
  }

  size_t stride;
  Guarded<float> floats;
  Guarded<int8_t> bytes;
  Guarded<int32_t> sums;
};

bool expect_equal(const Trial& trial, const Destination& expected, const Destination& got) {
  return kernel_test::expect_equal(trial, expected.floats, got.floats) &&
         kernel_test::expect_equal(trial, expected.bytes, got.bytes) &&
         kernel_test::expect_equal(trial, expected.sums, got.sums);
}

// One shape at one place, at every level; false after a failure.
bool levels_equal_scalar(const Shape& shape, Place place) {
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial(shape.eight_bits ? "gemm_s8_s8" : "gemm_s8_u4", *kernels,
                "rows %zu, inputs %zu, channels %zu, split %zu, parts %u, weights %s, activations %s, %s", shape.rows,
                shape.inputs, shape.channels, shape.split, shape.parts, name_of(shape.weights),
                name_of(shape.activations), name_of(place));
    const Problem problem(shape, place, trial.random);
    Destination expected(problem, place), got(problem, place);
    expected.compute(*scalar().gemm, problem, problem.whole());
    got.compute(*kernels->gemm, problem, problem.whole());
    if (!expect_equal(trial, expected, got)) return false;
  }
  return true;
}

// The same order of operations as gemm_kernels.hpp promises, from unpacked weights.
float plain_value(const Problem& problem, size_t row, size_t channel) {
  const simd::QuantizedRows x = problem.x();
  const simd::Epilogue e = problem.epilogue();
  const size_t inputs = problem.shape().inputs;
  int64_t sum = 0;
  for (size_t i = 0; i < inputs; ++i)
    sum += int64_t(problem.weights[channel * inputs + i]) * x.values[row * x.stride + i];
  const float scale = e.channel_scale[channel] * (row < e.row_scale.split ? e.row_scale.first : e.row_scale.second);
  float value = static_cast<float>(sum) * scale;
  if (e.rank1_rows) value += e.rank1_rows[row] * e.rank1_channels[channel];
  if (e.bias) value += e.bias[channel];
  if (e.multiplier) value *= e.multiplier[channel];
  return value;
}

}  // namespace

TEST_CASE("pack: bytes lie where the layout says, and unpacking is the inverse") {
  Random random(3);
  for (const size_t channels : {1, 15, 16, 17, 40})
    for (const size_t inputs : {1, 7, 8, 32, 33, 100}) {
      const size_t stride = inputs + 3;
      std::vector<int8_t> weights(channels * stride);
      for (const bool eight_bits : {false, true}) {
        fill_integers(weights.data(), weights.size(), eight_bits ? -128 : -8, eight_bits ? 127 : 7, Values::random,
                      random);
        const size_t bytes = eight_bits ? simd::s8_bytes(inputs, channels) : simd::u4_bytes(inputs, channels);
        Guarded<uint8_t> panels("panels", bytes, Place::at_end, 64);
        (eight_bits ? simd::pack_s8 : simd::pack_u4)(panels.data(), weights.data(), stride, inputs, channels);
        size_t differences = 0;
        for (size_t c = 0; c < simd::panel_count(channels) * kPanelChannels; ++c)
          for (size_t k = 0; k < simd::padded_inputs(inputs); ++k) {
            const int expected = c < channels && k < inputs ? weights[c * stride + k] : 0;
            const size_t panel = c / 16, per_block = eight_bits ? 4 : 8;
            const size_t panel_begin = panel * bytes / simd::panel_count(channels);
            const uint8_t byte = panels[panel_begin + k / per_block * 64 + c % 16 * 4 + k % 4];
            const int nibble = k % 8 < 4 ? byte & 15 : byte >> 4;
            differences += expected != (eight_bits ? static_cast<int8_t>(byte) : nibble - 8);
          }
        CHECK(differences == 0);
        std::vector<int8_t> back(weights);
        for (size_t c = 0; c < channels; ++c)
          for (size_t k = 0; k < inputs; ++k) back[c * stride + k] = 99;
        (eight_bits ? simd::unpack_s8 : simd::unpack_u4)(back.data(), stride, panels.data(), inputs, channels);
        CHECK(back == weights);
        CHECK(panels.canary_intact());
      }
    }
}

TEST_CASE("gemm: scalar is what the header says, in plain arithmetic") {
  for (const bool eight_bits : {false, true})
    for (unsigned parts = 0; parts <= kAllParts; ++parts) {
      Random random(parts);
      const Problem problem({5, 77, 21, 2, parts, eight_bits}, Place::at_end, random);
      Destination before(problem, Place::at_end), got(problem, Place::at_end);
      got.compute(*scalar().gemm, problem, problem.whole());
      size_t differences = 0;
      for (size_t row = 0; row < 5; ++row) {
        int32_t sum = before.sums[row];
        for (size_t channel = 0; channel < 21; ++channel) {
          const float value = plain_value(problem, row, channel);
          const size_t at = row * got.stride + channel;
          differences += got.floats[at] != (parts & kAccumulate ? before.floats[at] + value : value);
          const float scaled = std::fmin(std::fmax(value * (row < 2 ? 0.9f : 5.0f), -127.0f), 127.0f);
          differences += got.bytes[at] != static_cast<int8_t>(std::nearbyint(scaled));
          sum += got.bytes[at];
        }
        differences += got.sums[row] != sum;
      }
      CHECK(differences == 0);
    }
}

TEST_CASE("gemm: every level equals scalar for every small number of rows, inputs and channels") {
  Random random(11);
  const size_t step = reduced() ? 17 : 1;
  const auto any = [&](int64_t low, int64_t high) { return static_cast<size_t>(random.integer(low, high)); };
  const auto parts = [&] { return static_cast<unsigned>(any(0, kAllParts)); };
  for (const bool eight_bits : {false, true}) {
    for (size_t channels = 1; channels <= 50; channels += step) {
      const size_t rows = any(1, 14), inputs = any(1, 100);
      REQUIRE(levels_equal_scalar({rows, inputs, channels, rows / 2, parts(), eight_bits}, kPlaces[channels % 3]));
    }
    for (size_t inputs = 1; inputs <= 100; inputs += step) {
      const size_t rows = any(1, 9), channels = any(1, 40);
      REQUIRE(levels_equal_scalar({rows, inputs, channels, 1, parts(), eight_bits}, kPlaces[inputs % 3]));
    }
    for (size_t rows = 1; rows <= 60; rows += step)
      REQUIRE(levels_equal_scalar({rows, 40, 17 + rows % 80, rows / 3, parts(), eight_bits}, kPlaces[rows % 3]));
  }
}

TEST_CASE("gemm: every level equals scalar beyond each cache block") {
  if (reduced()) return;
  for (const bool eight_bits : {false, true}) {
    REQUIRE(levels_equal_scalar({33, 8960, 50, 10, kAllParts, eight_bits}, Place::at_end));
    REQUIRE(levels_equal_scalar({101, 545, 200, 64, kBias, eight_bits}, Place::misaligned));
    REQUIRE(levels_equal_scalar({4, 8960, 48, 1, kRank1, eight_bits}, Place::at_start));
  }
}

TEST_CASE("gemm: the largest sums are exact") {
  for (const bool eight_bits : {false, true})
    for (const Values weights : kValues)
      for (const Values activations : kValues)
        for (const size_t rows : {2, 7})
          REQUIRE(levels_equal_scalar({rows, reduced() ? size_t(64) : size_t(1500), 32, 1, 0, eight_bits, weights,
                                       activations}, Place::at_end));
}

TEST_CASE("gemm: the longest sum of 8-bit products does not overflow") {
  if (reduced()) return;
  for (const Values weights : {Values::all_low, Values::all_high})
    for (const size_t rows : {1, 5})
      REQUIRE(levels_equal_scalar({rows, simd::kInputsMaxW8, 17, 1, 0, true, weights, Values::all_high},
                                  Place::at_end));
}

TEST_CASE("gemm: a split between row scales may stand anywhere") {
  for (const size_t rows : {size_t(3), size_t(11)})
    for (size_t split = 0; split <= rows + 1; ++split)
      for (const bool eight_bits : {false, true})
        REQUIRE(levels_equal_scalar({rows, 32, 35, split, kAllParts, eight_bits}, Place::at_end));
}

TEST_CASE("gemm: every epilogue at every level") {
  for (unsigned parts = 0; parts <= kAllParts; ++parts)
    for (const bool eight_bits : {false, true})
      for (const size_t rows : {3, 8})
        REQUIRE(levels_equal_scalar({rows, 64, 40, 2, parts, eight_bits}, Place::misaligned));
}

TEST_CASE("gemm: values that are not finite come out the same") {
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial("gemm_s8_u4", *kernels, "not finite");
    const Problem problem({3, 32, 39, 1, kBias, false}, Place::at_end, trial.random);
    const float special[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, std::numeric_limits<float>::denorm_min()};
    for (size_t i = 0; i < problem.bias().size(); ++i) problem.bias()[i] = special[i % 6];
    Destination expected(problem, Place::at_end), got(problem, Place::at_end);
    expected.compute(*scalar().gemm, problem, problem.whole());
    got.compute(*kernels->gemm, problem, problem.whole());
    expect_equal(trial, expected, got);
    CHECK(got.bytes[0] == -127);
    CHECK(got.bytes[1] == 127);
    CHECK(got.bytes[2] == -127);
  }
}

TEST_CASE("gemm: a tile writes its own part only, and parts make the whole") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (const bool eight_bits : {false, true}) {
      Trial trial(eight_bits ? "gemm_s8_s8" : "gemm_s8_u4", *kernels, "tiles of 60 rows and 7 panels");
      const Problem problem({60, 70, 105, 20, kAllParts, eight_bits}, Place::at_end, trial.random);
      Destination whole(problem, Place::at_end), parts(problem, Place::at_end);
      whole.compute(*scalar().gemm, problem, problem.whole());
      const size_t rows[] = {0, 1, 3, 8, 11, 59, 60}, panels[] = {0, 1, 2, 5, 7};
      for (size_t r = 0; r + 1 < std::size(rows); ++r)
        for (size_t p = 0; p + 1 < std::size(panels); ++p) {
          const GemmTile tile = {rows[r], rows[r + 1], panels[p], panels[p + 1]};
          Destination expected(problem, Place::at_end), got(problem, Place::at_end);
          expected.compute(*scalar().gemm, problem, tile);
          got.compute(*kernels->gemm, problem, tile);
          REQUIRE(expect_equal(trial, expected, got));
          parts.compute(*kernels->gemm, problem, tile);
        }
      expect_equal(trial, whole, parts);
    }
}

TEST_CASE("gemm: an empty tile touches nothing") {
  Random random(5);
  const Problem problem({6, 40, 20, 3, kAllParts, false}, Place::at_end, random);
  std::vector<const simd::Kernels*> levels = levels_under_test();
  levels.push_back(&scalar());
  for (const simd::Kernels* kernels : levels) {
    Destination got(problem, Place::at_end);
    got.floats.forbid();
    got.bytes.forbid();
    got.sums.forbid();
    got.compute(*kernels->gemm, problem, {2, 2, 0, 2});
    got.compute(*kernels->gemm, problem, {0, 6, 1, 1});
  }
}

}  // namespace mica::kernel_test
