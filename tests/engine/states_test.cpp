// Layers that keep a state: the short convolution and the delta rule against their definitions, in pieces and in any
// order of rows; and states that are settled and taken back.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "delta_rule.hpp"
#include "kernel_choice.hpp"
#include "layer_states.hpp"
#include "short_convolution.hpp"

using namespace mica;

namespace {

constexpr size_t kRows = 23;

std::vector<float> random_values(size_t count, uint32_t seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  for (float& value : values) value = scale * (static_cast<float>(generator() % 2001) - 1000.0f) / 1000.0f;
  return values;
}

// Rows that stand in another order than they come in.
std::vector<uint32_t> mixed_order() {
  std::vector<uint32_t> order(kRows);
  for (uint32_t i = 0; i < kRows; ++i) order[i] = i * 7 % kRows;
  return order;
}

std::vector<float> placed(const std::vector<float>& rows, size_t stride, const std::vector<uint32_t>& order) {
  std::vector<float> out(rows.size());
  for (size_t i = 0; i < kRows; ++i) std::copy_n(rows.data() + i * stride, stride, out.data() + order[i] * stride);
  return out;
}

Compute compute_with(std::vector<float>* scratch, size_t bytes) {
  scratch->resize(bytes / sizeof(float) + 1);
  Compute compute;
  compute.kernels = &definition_kernels();
  compute.scratch = reinterpret_cast<uint8_t*>(scratch->data());
  compute.scratch_bytes = bytes;
  return compute;
}

}  // namespace

TEST_CASE("a short convolution is its definition, in pieces and in any order of rows") {
  for (size_t taps : {1u, 2u, 3u, 4u, 16u})
    for (size_t channels : {1u, 64u, 70u}) {
      CAPTURE(taps);
      CAPTURE(channels);
      const size_t stride = 2 * channels;
      const std::vector<float> weights = random_values(channels * taps, 1), bias = random_values(channels, 2);
      const std::vector<float> rows = random_values(kRows * stride, 3);
      const ConvolutionWeights convolution{
          .taps = weights.data(), .bias = bias.data(), .channels = channels, .count = taps};
      Compute compute;
      std::vector<float> whole = rows;
      std::vector<float> state((taps - 1) * channels), pieces_state(state.size());
      short_convolution(compute, convolution,
                        {.x = whole.data(), .gate_in = whole.data() + channels, .stride = stride, .count = kRows},
                        nullptr, state.data());
      for (size_t t = 0; t < kRows; ++t)
        for (size_t c = 0; c < channels; ++c) {
          double sum = bias[c];
          for (size_t k = 0; k < taps; ++k) {
            if (t + k + 1 < taps) continue;
            const size_t from = t + k + 1 - taps;
            sum += static_cast<double>(weights[c * taps + k]) * rows[from * stride + c] *
                   rows[from * stride + channels + c];
          }
          REQUIRE(whole[t * stride + c] == doctest::Approx(sum).epsilon(1e-5));
        }
      std::vector<float> pieces = rows;
      for (size_t first = 0; first < kRows; first += 5)
        short_convolution(compute, convolution,
                          {.x = pieces.data() + first * stride,
                           .gate_in = pieces.data() + first * stride + channels,
                           .stride = stride,
                           .count = std::min<size_t>(5, kRows - first)},
                          pieces_state.data(), pieces_state.data());
      CHECK(pieces == whole);
      CHECK(pieces_state == state);
      const std::vector<uint32_t> order = mixed_order();
      std::vector<float> mixed = placed(rows, stride, order);
      short_convolution(compute, convolution,
                        {.x = mixed.data(),
                         .gate_in = mixed.data() + channels,
                         .stride = stride,
                         .count = kRows,
                         .in_order = order.data()},
                        nullptr, nullptr);
      CHECK(mixed == placed(whole, stride, order));
    }
}

namespace {

// Queries, keys, values, strengths and decays of a row.
size_t delta_stride(const DeltaShape& shape) {
  return 2 * shape.key_heads * shape.key_dim + shape.value_heads * (shape.value_dim + 2);
}

DeltaRows delta_rows(const DeltaShape& shape, float* x, size_t count, const uint32_t* order = nullptr) {
  float* strength = x + delta_stride(shape) - 2 * shape.value_heads;
  return {.x = x, .strength = strength, .decay = strength + shape.value_heads, .stride = delta_stride(shape),
          .count = count, .in_order = order};
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Outputs [row][head][value_dim] by the definition, in doubles.
std::vector<double> delta_by_definition(const DeltaShape& s, const std::vector<float>& rows,
                                        const std::vector<float>& rate, const std::vector<float>& bias) {
  std::vector<double> out;
  std::vector<double> state(s.value_heads * s.key_dim * s.value_dim);
  for (size_t t = 0; t < kRows; ++t)
    for (size_t head = 0; head < s.value_heads; ++head) {
      const float* row = rows.data() + t * delta_stride(s);
      const size_t key_head = head * s.key_heads / s.value_heads, widths = s.key_heads * s.key_dim;
      const float *query = row + key_head * s.key_dim, *key = query + widths;
      const float* value = row + 2 * widths + head * s.value_dim;
      const float* gates = row + delta_stride(s) - 2 * s.value_heads;
      double squares[2] = {1e-6, 1e-6};
      for (size_t i = 0; i < s.key_dim; ++i) {
        squares[0] += static_cast<double>(query[i]) * query[i];
        squares[1] += static_cast<double>(key[i]) * key[i];
      }
      const double softplus = std::log1p(std::exp(static_cast<double>(gates[s.value_heads + head]) + bias[head]));
      const double kept = std::exp(-std::exp(static_cast<double>(rate[head])) * softplus);
      double* matrix = state.data() + head * s.key_dim * s.value_dim;
      for (size_t c = 0; c < s.value_dim; ++c) {
        double seen = 0, given = 0;
        for (size_t i = 0; i < s.key_dim; ++i)
          seen += kept * matrix[i * s.value_dim + c] * key[i] / std::sqrt(squares[1]);
        const double change = sigmoid(gates[head]) * (value[c] - seen);
        for (size_t i = 0; i < s.key_dim; ++i) {
          double& cell = matrix[i * s.value_dim + c];
          cell = kept * cell + key[i] / std::sqrt(squares[1]) * change;
          given += cell * query[i] / std::sqrt(squares[0] * static_cast<double>(s.key_dim));
        }
        out.push_back(given);
      }
    }
  return out;
}

}  // namespace

TEST_CASE("the delta rule is its definition, in pieces and in any order of rows") {
  for (const DeltaShape& shape : {DeltaShape{1, 1, 1, 1}, DeltaShape{2, 4, 32, 32}, DeltaShape{1, 3, 20, 70}}) {
    CAPTURE(shape.key_dim);
    const size_t stride = delta_stride(shape), values = 2 * shape.key_heads * shape.key_dim;
    const std::vector<float> rows = random_values(kRows * stride, 4, 2.0f);
    const std::vector<float> rate = random_values(shape.value_heads, 5), bias = random_values(shape.value_heads, 6);
    std::vector<float> scratch;
    const Compute compute = compute_with(&scratch, delta_scratch_bytes(shape));
    std::vector<float> whole = rows, state(shape.value_heads * shape.key_dim * shape.value_dim);
    delta_rule(compute, shape, rate.data(), bias.data(), delta_rows(shape, whole.data(), kRows), nullptr, state.data());
    const std::vector<double> wanted = delta_by_definition(shape, rows, rate, bias);
    const size_t width = shape.value_heads * shape.value_dim;
    for (size_t t = 0; t < kRows; ++t)
      for (size_t i = 0; i < width; ++i)
        REQUIRE(whole[t * stride + values + i] == doctest::Approx(wanted[t * width + i]).epsilon(1e-4));
    std::vector<float> pieces = rows, pieces_state(state.size());
    for (size_t first = 0; first < kRows; first += 4)
      delta_rule(compute, shape, rate.data(), bias.data(),
                 delta_rows(shape, pieces.data() + first * stride, std::min<size_t>(4, kRows - first)),
                 pieces_state.data(), pieces_state.data());
    CHECK(pieces == whole);
    CHECK(pieces_state == state);
    const std::vector<uint32_t> order = mixed_order();
    std::vector<float> mixed = placed(rows, stride, order);
    delta_rule(compute, shape, rate.data(), bias.data(), delta_rows(shape, mixed.data(), kRows, order.data()), nullptr,
               nullptr);
    CHECK(mixed == placed(whole, stride, order));
  }
}

TEST_CASE("states are taken back to where they were settled") {
  DecoderSpec decoder;
  decoder.layers = 3;
  decoder.hidden = 8;
  decoder.convolution_taps = 3;
  decoder.layer_types.count = 3;
  decoder.layer_types.types[0] = decoder.layer_types.types[2] = LayerType::convolution;
  Arena measure;
  LayerStates states;
  states.plan(decoder, &measure);
  std::vector<uint8_t> memory(measure.used() + Arena::kAlignment);
  const size_t shift = reinterpret_cast<uintptr_t>(memory.data()) % Arena::kAlignment;
  Arena arena(memory.data() + (shift == 0 ? 0 : Arena::kAlignment - shift), measure.used());
  states.plan(decoder, &arena);
  CHECK(states.region(0).floats == 16);
  CHECK(states.region(1).floats == 0);
  const auto compute_rows = [&](float value) {
    for (size_t layer : {0, 2}) {
      const LayerStates::Place place = states.place(layer);
      const float before = place.before[0];
      std::fill_n(place.after, 16, before + value);
    }
    states.advance();
  };
  CHECK(states.region(2).memory[15] == 0);
  compute_rows(1);
  compute_rows(2);
  CHECK(states.region(2).memory[15] == 3);
  states.take_back();
  CHECK(states.region(2).memory[15] == 0);
  compute_rows(4);
  states.settle();
  states.settle();
  compute_rows(8);
  CHECK(states.region(0).memory[0] == 12);
  states.take_back();
  states.take_back();
  CHECK(states.region(0).memory[0] == 4);
  states.clear();
  CHECK(states.region(0).memory[0] == 0);
}
