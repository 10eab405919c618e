// Activation functions: every level against double precision, every width of the last piece, in place and not.
// Not the fused producers: quantize_test.cpp.
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {

namespace {

using Kernel = void (*simd::ActivationKernels::*)(float*, const float*, size_t);
using ProductKernel = void (*simd::ActivationKernels::*)(float*, const float*, const float*, size_t);

double silu(double x) { return x / (1 + std::exp(-x)); }
double gelu(double x) { return x * std::erfc(-x / std::numbers::sqrt2) / 2; }
double gelu_tanh(double x) {
  return x / (1 + std::exp(-2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
double quick_gelu(double x) { return x / (1 + std::exp(-1.702 * x)); }

struct Function {
  const char* name;
  Kernel kernel;
  double (*exact)(double);
  double relative_from;  // the relative error is below 1e-6 from here on
};
const Function kFunctions[] = {
    {"silu", &simd::ActivationKernels::silu, silu, -80},
    {"gelu", &simd::ActivationKernels::gelu, gelu, -2},
    {"gelu_tanh", &simd::ActivationKernels::gelu_tanh, gelu_tanh, -2},
    {"quick_gelu", &simd::ActivationKernels::quick_gelu, quick_gelu, -2},
};

// Every width of the last piece.
std::vector<size_t> row_widths() {
  if (timing()) return {std::begin(kTimedWidths), std::end(kTimedWidths)};
  std::vector<size_t> all(71);
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

std::vector<const simd::Kernels*> all_levels() {
  std::vector<const simd::Kernels*> all = levels_under_test();
  all.push_back(&scalar());
  return all;
}

}  // namespace

TEST_CASE("activation functions: errors against double precision are as the header says") {
  for (const simd::Kernels* kernels : all_levels()) {
    for (const Function& function : kFunctions) {
      Trial trial(function.name, *kernels, "from -80 to 80");
      const size_t count = reduced() ? 2000 : 400000;
      std::vector<float> x, y(count + 7);
      for (size_t i = 0; i < count; ++i) x.push_back(i % 2 ? trial.random.real(-80, 80) : 3 * trial.random.normal());
      for (float edge : {0.0f, -0.0f, 1e-30f, -1e-30f, -3.0f, 1e20f, -1e20f}) x.push_back(edge);
      (kernels->activation->*function.kernel)(y.data(), x.data(), x.size());
      double relative = 0, absolute = 0;
      bool finite = true;
      for (size_t i = 0; i < x.size(); ++i) {
        const double exact = function.exact(x[i]);
        const double error = std::abs(y[i] - exact);
        if (x[i] < function.relative_from) absolute = std::fmax(absolute, error);
        else if (std::abs(exact) > 1.2e-38) relative = std::fmax(relative, error / std::abs(exact));
        finite = finite && std::isfinite(y[i]);
      }
      CHECK_MESSAGE(finite, std::string(trial.description()));
      CHECK_MESSAGE(relative < 1e-6, std::string(trial.description()));
      CHECK_MESSAGE(absolute < 1e-7, std::string(trial.description()));
    }
  }
}

TEST_CASE("activation functions: rows of every length, in place and not" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : all_levels()) {
    for (const Function& function : kFunctions) {
      for (size_t n : row_widths()) {
        const Place place = kPlaces[n % 3];
        Trial trial(function.name, *kernels, "n %zu", n);
        Guarded<float> x("x", n, place), y("y", n, place), expected("expected", n, place);
        fill_reals(x, -6.0f, 6.0f, Values::random, trial.random);
        std::vector<float> tolerances(n, 1e-7f);
        for (size_t i = 0; i < n; ++i) {
          expected[i] = static_cast<float>(function.exact(x[i]));
          tolerances[i] += 1e-6f * std::abs(expected[i]);
        }
        (kernels->activation->*function.kernel)(y.data(), x.data(), n);
        if (n) expect_near(trial, expected, y, tolerances);
        (kernels->activation->*function.kernel)(x.data(), x.data(), n);
        if (n) expect_equal(trial, y, x);
        time_call(trial, function.name, bytes(8 * n), [&](const simd::Kernels& timed) {
          (timed.activation->*function.kernel)(y.data(), x.data(), n);
        });
      }
    }
  }
}

TEST_CASE("activation functions: products with the second row, in place of either" * doctest::test_suite("timed")) {
  struct Product {
    const char* name;
    ProductKernel kernel;
    Kernel single;
  };
  const Product products[] = {
      {"silu_mul", &simd::ActivationKernels::silu_mul, &simd::ActivationKernels::silu},
      {"gelu_tanh_mul", &simd::ActivationKernels::gelu_tanh_mul, &simd::ActivationKernels::gelu_tanh}};
  for (const simd::Kernels* kernels : all_levels()) {
    for (const Product& product : products) {
      for (size_t n : row_widths()) {
        const Place place = kPlaces[n % 3];
        Trial trial(product.name, *kernels, "n %zu", n);
        Guarded<float> gate("gate", n, place), up("up", n, place), y("y", n, place), expected("expected", n, place);
        fill_reals(gate, -6.0f, 6.0f, Values::random, trial.random);
        fill_reals(up, -4.0f, 4.0f, Values::random, trial.random);
        (kernels->activation->*product.single)(expected.data(), gate.data(), n);
        for (size_t i = 0; i < n; ++i) expected[i] *= up[i];
        (kernels->activation->*product.kernel)(y.data(), gate.data(), up.data(), n);
        expect_equal(trial, expected, y);
        time_call(trial, product.name, bytes(12 * n), [&](const simd::Kernels& timed) {
          (timed.activation->*product.kernel)(y.data(), gate.data(), up.data(), n);
        });
        if (n % 2) {
          (kernels->activation->*product.kernel)(gate.data(), gate.data(), up.data(), n);
          expect_equal(trial, expected, gate);
        } else {
          (kernels->activation->*product.kernel)(up.data(), gate.data(), up.data(), n);
          expect_equal(trial, expected, up);
        }
      }
    }
  }
}

}  // namespace mica::kernel_test
