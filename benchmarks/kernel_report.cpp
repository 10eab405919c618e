// KernelReport: pairs of a kernel and its yardstick, timed in turns; the ratio is that of their medians. Not assertions:
// machines are shared and noisy.
#include "kernel_report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "checked.hpp"
#include "compute.hpp"
#include "float_gemm.hpp"
#include "integer_attention.hpp"
#include "linear.hpp"
#include "pack.hpp"

namespace mica {
namespace {

using Work = std::function<void()>;

double seconds_of(const Work& work, size_t times) {
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < times; ++i) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(times);
}

// How often to run something so that one timing takes about 20 ms: far above the clock's resolution, far below a
// scheduler's patience.
size_t times_for(const Work& work) {
  work();
  const double once = seconds_of(work, 1);
  return std::clamp<size_t>(static_cast<size_t>(0.02 / std::max(once, 1e-7)), 1, 100000);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Pair {
  double kernel, yardstick;  // median seconds
};

Pair time_pair(const Work& kernel, const Work& yardstick, size_t repetitions) {
  const size_t kernel_times = times_for(kernel);
  const size_t yardstick_times = times_for(yardstick);
  std::vector<double> a, b;
  for (size_t i = 0; i < repetitions; ++i) {
    a.push_back(seconds_of(kernel, kernel_times));
    b.push_back(seconds_of(yardstick, yardstick_times));
  }
  return {median(a), median(b)};
}

struct AlignedFree {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using Buffer = std::unique_ptr<T[], AlignedFree>;

// 64-byte aligned and filled, so that no page is touched for the first time while the clock runs.
template <class T>
Buffer<T> buffer(size_t count) {
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(64, round_up(count * sizeof(T), 64)));
  for (size_t i = 0; i < round_up(count * sizeof(T), 64); ++i) memory[i] = static_cast<uint8_t>(i * 37 + i / 251);
  return Buffer<T>(reinterpret_cast<T*>(memory));
}

Buffer<float> floats(size_t count) {
  Buffer<float> values = buffer<float>(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(static_cast<int>(i * 73 % 199) - 99) / 100.0f;
  return values;
}

class Report {
 public:
  Report(const simd::Kernels& kernels, int threads, size_t repetitions, const std::function<void(const char*)>& progress)
      : kernels_(kernels), threads_(threads), repetitions_(repetitions), progress_(progress) {
    compute_.kernels = &kernels;
    compute_.threads = 1;
  }

  std::vector<KernelFigure> run() {
    product(384, 8960, 1536);
    product(384, 1536, 8960);
    for (int threads = 1; threads <= threads_; threads *= 2) stream(threads);
    rotation(8192);
    rotation(8960);
    coded_keys(4096, 128);
    for (size_t rows : {1024, 4096})
      for (int threads = 1; threads <= threads_; threads *= 2) tower_attention(rows, threads);
    if (threads_ > 1) scaling(384, 8960, 1536);
    return std::move(figures_);
  }

 private:
  // One packed layer with activations, for the products.
  struct Layer {
    Buffer<uint8_t> panels;
    Buffer<float> scale, out;
    Buffer<int8_t> x;
    Buffer<int32_t> sums;
    Matrix matrix;
    Rows rows;
  };

  static Layer layer(size_t rows, size_t channels, size_t inputs) {
    Layer l{buffer<uint8_t>(simd::u4_bytes(inputs, channels)), floats(channels), floats(rows * channels),
            buffer<int8_t>(rows * simd::padded_inputs(inputs)), buffer<int32_t>(rows), {}, {}};
    for (size_t i = 0; i < rows * simd::padded_inputs(inputs); ++i) l.x[i] = static_cast<int8_t>(i % 255 - 127);
    for (size_t i = 0; i < channels; ++i) l.scale[i] = 0.01f;
    l.matrix.rows = channels;
    l.matrix.columns = inputs;
    l.matrix.layout = MatrixLayout::panels_u4;
    l.matrix.data = l.panels.get();
    l.matrix.stride_bytes = simd::u4_panel_bytes(inputs);
    l.matrix.scale = l.scale.get();
    l.rows.count = rows;
    l.rows.visual = rows / 2;
    l.rows.width = inputs;
    l.rows.stride = simd::padded_inputs(inputs);
    l.rows.quantized = l.x.get();
    l.rows.sums = l.sums.get();
    l.rows.scale_visual = l.rows.scale_text = 0.01f;
    return l;
  }

  void add(const char* kernel, const std::string& shape, const std::string& against, double value, const char* unit, double ratio) {
    figures_.push_back({kernel, shape, against, value, unit, ratio});
  }

  static std::string shape_text(size_t rows, size_t channels, size_t inputs) {
    return std::to_string(rows) + " x " + std::to_string(channels) + " x " + std::to_string(inputs);
  }

  void product(size_t rows, size_t channels, size_t inputs) {
    progress_("W4A8 product");
    Layer l = layer(rows, channels, inputs);
    const Buffer<float> a = floats(rows * inputs), w = floats(channels * inputs), c = floats(rows * channels);
    const Buffer<float> scratch = floats(std::max<size_t>(16, float_gemm_scratch(channels, inputs)));
    const Pair time = time_pair([&] { linear(compute_, l.out.get(), channels, l.rows, l.matrix); },
                                [&] {
                                  float_gemm(*kernels_.f32, c.get(), channels, a.get(), inputs, w.get(), inputs, rows,
                                             channels, inputs, scratch.get());
                                },
                                repetitions_);
    const double operations = 2.0 * static_cast<double>(rows * channels) * static_cast<double>(inputs);
    add("W4A8 product", shape_text(rows, channels, inputs), std::string("float product, ") + float_gemm_library() + ", one thread",
        operations / time.kernel * 1e-9, "GOP/s", time.yardstick / time.kernel);
  }

  // One row times weights that no cache holds, against reading the same bytes.
  void stream(int threads) {
    progress_("W4A8 decode");
    constexpr size_t kInputs = 1536, kChannels = 262144;  // 192 MiB
    Layer l = layer(1, kChannels, kInputs);
    const size_t bytes = simd::u4_bytes(kInputs, kChannels);
    Compute compute = compute_;
    compute.threads = threads;
    constexpr size_t kPiece = 1u << 20;
    std::vector<uint64_t> seen(ceil_div(bytes, kPiece));
    const Pair time = time_pair([&] { linear(compute, l.out.get(), kChannels, l.rows, l.matrix); },
                                [&] {
                                  parallel_for(compute, seen.size(), [&](size_t task, int) {
                                    const auto* words = reinterpret_cast<const uint64_t*>(l.panels.get() + task * kPiece);
                                    uint64_t sums[8] = {};
                                    for (size_t i = 0; i < std::min(kPiece, bytes - task * kPiece) / 8; i += 8)
                                      for (size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
                                    for (uint64_t sum : sums) seen[task] += sum;
                                  });
                                },
                                repetitions_);
    add("W4A8 decode", shape_text(1, kChannels, kInputs), "a plain read of the same bytes, threads: " + std::to_string(threads),
        static_cast<double>(bytes) / time.kernel * 1e-9, "GB/s", time.yardstick / time.kernel);
  }

  void rotation(size_t width) {
    progress_("rotation");
    simd::RotationPlan plan;
    if (!simd::make_rotation_plan(width, &plan)) return;
    const Buffer<float> source = floats(width), row = floats(width);
    const Buffer<int8_t> out = buffer<int8_t>(round_up(width, simd::kRotationAlignment));
    const Pair time = time_pair([&] { kernels_.rotate->rotate_quantize(out.get(), plan, 1, nullptr, 50.0f, nullptr, row.get()); },
                                [&] {
                                  std::memcpy(row.get(), source.get(), width * sizeof(float));
                                  __asm__ volatile("" : : "r"(row.get()) : "memory");
                                },
                                repetitions_);
    add("rotation to int8", std::to_string(width), "a copy of the floats", time.kernel * 1e6, "us", time.yardstick / time.kernel);
  }

  void coded_keys(size_t tokens, size_t d) {
    progress_("1-bit keys");
    const Buffer<uint8_t> codes = buffer<uint8_t>(simd::key_code_bytes(tokens, d, 1)), tables = buffer<uint8_t>(simd::key_table_bytes(d));
    const Buffer<uint16_t> halves = buffer<uint16_t>(tokens * d);
    for (size_t i = 0; i < tokens * d; ++i) halves[i] = static_cast<uint16_t>(0x3000 + i % 1024);
    const Buffer<float> q = floats(d), scores = floats(tokens);
    simd::KeyTerms terms{};
    kernels_.visual_kv->key_tables(tables.get(), &terms, q.get(), d, 1);
    const simd::PackedRows keys{.codes = codes.get(), .token_scales = nullptr, .tokens = tokens, .head_dim = d, .planes = 1};
    const Pair time = time_pair([&] { kernels_.visual_kv->key_scores(scores.get(), tokens, keys, tables.get(), &terms, 1); },
                                [&] { kernels_.visual_kv->scores_f32_f16(scores.get(), tokens, halves.get(), q.get(), 1, tokens, d); },
                                repetitions_);
    add("1-bit key scores", std::to_string(tokens) + " keys of " + std::to_string(d), "float16 key scores",
        time.kernel * 1e9 / static_cast<double>(tokens), "ns a key", time.yardstick / time.kernel);
  }

  // A layer of the Qwen2-VL tower: 16 heads of 80. Packing keys is part of both.
  void tower_attention(size_t rows, int threads) {
    progress_("tower attention");
    const AttentionShape shape = {.heads = 16, .kv_heads = 16, .head_dim = 80};
    const size_t width = shape.heads * shape.head_dim, key_stride = round_up(rows, simd::kKeyBlock) * shape.head_dim;
    const Buffer<float> qkv = floats(rows * 3 * width), keys = floats(shape.heads * key_stride), out = floats(rows * width);
    const Buffer<uint8_t> packed = buffer<uint8_t>(packed_heads_bytes(shape, rows));
    Compute compute = compute_;
    compute.threads = threads;
    compute.scratch_bytes = std::max(attention_scratch_bytes(shape), integer_attention_scratch_bytes(shape));
    const Buffer<uint8_t> scratch = buffer<uint8_t>(static_cast<size_t>(threads) * compute.scratch_bytes);
    compute.scratch = scratch.get();
    const float* key = qkv.get() + width;
    KeyValueRun run;
    run.count = rows;
    run.keys_f32 = keys.get();
    run.key_head_stride = key_stride;
    run.values_f32 = key + width;
    run.value_stride = 3 * width;
    run.value_head_stride = shape.head_dim;
    const Pair time = time_pair(
        [&] {
          integer_attention(compute, shape, qkv.get(), key, key + width, 3 * width, rows, packed.get(), out.get(), width);
        },
        [&] {
          parallel_for(compute, shape.heads, [&](size_t head, int) {
            kernels_.f32->pack_keys(keys.get() + head * key_stride, 0, key + head * shape.head_dim, 3 * width, rows, shape.head_dim);
          });
          attention(compute, shape, qkv.get(), 3 * width, rows, &run, 1, out.get(), width);
        },
        repetitions_);
    const double operations = 4.0 * static_cast<double>(rows * rows) * static_cast<double>(width);
    add("integer attention", std::to_string(rows) + " rows, 16 heads of 80", "float attention, threads: " + std::to_string(threads),
        operations / time.kernel * 1e-9, "GOP/s", time.yardstick / time.kernel);
  }

  void scaling(size_t rows, size_t channels, size_t inputs) {
    progress_("threads");
    Layer l = layer(rows, channels, inputs);
    Compute both = compute_;
    both.threads = 2;
    const Pair time = time_pair([&] { linear(both, l.out.get(), channels, l.rows, l.matrix); },
                                [&] { linear(compute_, l.out.get(), channels, l.rows, l.matrix); }, repetitions_);
    const double operations = 2.0 * static_cast<double>(rows * channels) * static_cast<double>(inputs);
    add("W4A8 product, two threads", shape_text(rows, channels, inputs), "one thread", operations / time.kernel * 1e-9, "GOP/s",
        time.yardstick / time.kernel);
  }

  const simd::Kernels& kernels_;
  int threads_;
  size_t repetitions_;
  const std::function<void(const char*)>& progress_;
  Compute compute_;
  std::vector<KernelFigure> figures_;
};

}  // namespace

std::vector<KernelFigure> measure_kernels(const simd::Kernels& kernels, int threads, size_t repetitions,
                                          const std::function<void(const char*)>& progress) {
  return Report(kernels, threads, repetitions, progress).run();
}

}  // namespace mica
