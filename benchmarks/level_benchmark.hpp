// LevelBenchmark: what the Google Benchmark programs share: a line for every kernel, shape and level that runs here.
// Kernels alone, in one thread; `mica bench --kernels` has ratios on a page.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench_data.hpp"
#include "kernels.hpp"
#include "rotate_kernels.hpp"

namespace mica {

// A kernel as a line of a table: `call` runs it once on Data, whatever the program's kernels work on.
template <class Data>
struct KernelLine {
  const char* name;
  void (*call)(const simd::Kernels& kernels, Data& data);
};

// Registers name/level/shape. Data is made from the shape when the line runs; shape.text() names it and shape.items()
// says how many items (products, values) a call computes.
template <class Data, class Shape>
void add_lines(const simd::Kernels& kernels, const std::vector<KernelLine<Data>>& lines, const Shape& shape) {
  for (const KernelLine<Data>& line : lines) {
    const std::string name = std::string(line.name) + "/" + kernels.name + "/" + shape.text();
    benchmark::RegisterBenchmark(name.c_str(), [&kernels, line, shape](benchmark::State& state) {
      Data data(shape);
      for (auto _ : state) {
        line.call(kernels, data);
        benchmark::ClobberMemory();
      }
      state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(shape.items()));
    });
  }
}

// Rows of the layers of Qwen2-VL-2B and 7B (decoder and tower) and of the default model.
struct RowShape {
  size_t width;
  std::string text() const { return "n:" + std::to_string(width); }
  size_t items() const { return width; }
};
inline constexpr size_t kRowWidths[] = {256, 512, 1280, 1536, 3584, 5120, 8960, 18944};

// One row of floats as input, with what kernels on rows want beside it.
struct RowData {
  explicit RowData(const RowShape& shape)
      : n(shape.width), a(floats(n)), b(floats(n)), c(floats(n)), out(floats(n)), quantized(buffer<int8_t>(n + 32)),
        halves(buffer<uint16_t>(n)) {
    for (size_t i = 0; i < n; ++i) halves[i] = static_cast<uint16_t>(0x3C00 | (i * 37 & 0x87FF));
    has_plan = simd::make_rotation_plan(n, &plan);
  }

  size_t n;
  Buffer<float> a, b, c, out;
  Buffer<int8_t> quantized;
  Buffer<uint16_t> halves;
  simd::RotationPlan plan;
  bool has_plan;
};

// main() of a program: `add` registers the lines of one level.
inline int run_benchmarks(int argc, char** argv, void (*add)(const simd::Kernels& kernels)) {
  for (int i = 0; i < static_cast<int>(simd::Level::count); ++i)
    if (const simd::Kernels* kernels = simd::kernels_at(static_cast<simd::Level>(i))) add(*kernels);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

// The same for programs whose kernels all work on rows.
inline void add_row_lines(const simd::Kernels& kernels, const std::vector<KernelLine<RowData>>& lines) {
  for (const size_t width : kRowWidths) add_lines(kernels, lines, RowShape{width});
}

}  // namespace mica
