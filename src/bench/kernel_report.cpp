// KernelReport: pairs of a kernel and its yardstick, timed in turns; the ratio is that of their medians. Not
// assertions: machines are shared and noisy.
#include "kernel_report.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>

#include "bench_data.hpp"
#include "checked.hpp"
#include "compute.hpp"
#include "float_gemm.hpp"
#include "integer_attention.hpp"
#include "kernels.hpp"
#include "linear.hpp"
#include "median.hpp"
#include "pack.hpp"
#include "plain_read.hpp"

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

class Report {
 public:
  Report(const simd::Kernels& kernels, int threads, size_t repetitions,
         const std::function<void(const char*)>& progress)
      : kernels_(kernels), threads_(threads), repetitions_(repetitions), progress_(progress) {
    compute_.kernels = &kernels;
  }

  std::vector<KernelFigure> run() {
    for (const WeightFormat format :
         {WeightFormat::u4, WeightFormat::s8, WeightFormat::t4, WeightFormat::t3, WeightFormat::p2, WeightFormat::e8p}) {
      product(format, 384, 8960, 1536);
      product(format, 384, 1536, 8960);
    }
    for (int threads = 1; threads <= std::min(threads_, 2); ++threads) {
      decode(WeightFormat::u4, 262144, 1536, threads);
      decode(WeightFormat::s8, 131072, 1536, threads);
      decode(WeightFormat::t4, 262144, 1536, threads);
      decode(WeightFormat::t3, 262144, 1536, threads);
      decode(WeightFormat::p2, 524288, 1536, threads);
      decode(WeightFormat::e8p, 524288, 1536, threads);
    }
    for (const size_t width : {8192, 8960}) rotation(width);
    coded_keys(4096, 128);
    for (const size_t rows : {1024, 4096})
      for (int threads = 1; threads <= std::min(threads_, 2); ++threads) tower_attention(rows, threads);
    if (threads_ > 1) scaling(WeightFormat::u4, 384, 8960, 1536);
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

  static Layer layer(WeightFormat format, size_t rows, size_t channels, size_t inputs) {
    Layer l{buffer<uint8_t>(weight_bytes(format, channels, inputs)), floats(channels), floats(rows * channels),
            buffer<int8_t>(rows * simd::padded_inputs(inputs)), buffer<int32_t>(rows), {}, {}};
    for (size_t i = 0; i < rows * simd::padded_inputs(inputs); ++i) l.x[i] = static_cast<int8_t>(i % 255 - 127);
    l.matrix.rows = channels;
    l.matrix.columns = inputs;
    l.matrix.format = format;
    l.matrix.data = l.panels.get();
    l.matrix.stride_bytes = panel_bytes(format, inputs);
    l.matrix.scale = l.scale.get();
    l.matrix.levels = levels_of(format);
    l.rows.count = rows;
    l.rows.visual = rows / 2;
    l.rows.width = inputs;
    l.rows.stride = simd::padded_inputs(inputs);
    l.rows.quantized = l.x.get();
    l.rows.sums = l.sums.get();
    l.rows.scale_visual = l.rows.scale_text = 0.01f;
    return l;
  }

  static size_t weight_bytes(WeightFormat format, size_t channels, size_t inputs) {
    return panel_count(channels) * panel_bytes(format, inputs);
  }

  static std::string name_of(WeightFormat format, const char* what) {
    std::string name = facts_of(format).name;
    for (char& letter : name) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return name + " " + what;
  }

  static std::string shape_text(size_t rows, size_t channels, size_t inputs) {
    return std::to_string(rows) + " x " + std::to_string(channels) + " x " + std::to_string(inputs);
  }

  static std::string threads_text(int threads) {
    return threads == 1 ? "1 thread" : std::to_string(threads) + " threads";
  }

  static double giga_operations(size_t rows, size_t channels, size_t inputs, double seconds) {
    return 2e-9 * static_cast<double>(rows * channels) * static_cast<double>(inputs) / seconds;
  }

  Pair timed(const std::string& name, const Work& kernel, const Work& yardstick) {
    progress_(name.c_str());
    return time_pair(kernel, yardstick, repetitions_);
  }

  void product(WeightFormat format, size_t rows, size_t channels, size_t inputs) {
    const std::string name = name_of(format, "product");
    const Layer l = layer(format, rows, channels, inputs);
    const Buffer<float> a = floats(rows * inputs), w = floats(channels * inputs), c = floats(rows * channels);
    const Buffer<float> scratch = floats(std::max<size_t>(16, float_gemm_scratch(channels, inputs)));
    const Pair time = timed(name, [&] { linear(compute_, l.out.get(), channels, l.rows, l.matrix); },
                            [&] {
                              float_gemm(kernels_, c.get(), channels, a.get(), inputs, w.get(), inputs, rows,
                                         channels, inputs, scratch.get());
                            });
    figures_.push_back({name, shape_text(rows, channels, inputs),
                        giga_operations(rows, channels, inputs, time.kernel), "GOP/s", time.yardstick / time.kernel,
                        std::string("times as fast as a float product (") + float_gemm_library() + "), 1 thread"});
  }

  // One row times weights that no cache holds, against the fastest plain read of the same bytes.
  void decode(WeightFormat format, size_t channels, size_t inputs, int threads) {
    const std::string name = name_of(format, "decode");
    const Layer l = layer(format, 1, channels, inputs);
    const size_t bytes = weight_bytes(format, channels, inputs);
    Compute compute = compute_;
    if (threads > 1) compute.pool = &pair_;
    progress_(name.c_str());
    const PlainRead read(compute, l.panels.get(), bytes);
    const Pair time = timed(name, [&] { linear(compute, l.out.get(), channels, l.rows, l.matrix); }, read);
    figures_.push_back({name, shape_text(1, channels, inputs), static_cast<double>(bytes) * 1e-9 / time.kernel, "GB/s",
                        time.yardstick / time.kernel,
                        "of the bandwidth of a plain read of the weights, " + threads_text(threads)});
  }

  void rotation(size_t width) {
    simd::RotationPlan plan;
    if (!simd::make_rotation_plan(width, &plan)) return;
    const Buffer<float> source = floats(width), row = floats(width);
    const Buffer<int8_t> out = buffer<int8_t>(round_up(width, simd::kRotationAlignment));
    const Pair time =
        timed("rotation to int8",
              [&] { kernels_.rotate->rotate_quantize(out.get(), plan, 50.0f, nullptr, row.get()); },
              [&] {
                // By the level's own vectors: memcpy might use wider ones.
                kernels_.f32->finish_row(row.get(), source.get(), nullptr, nullptr, nullptr, width);
              });
    figures_.push_back({"rotation to int8", std::to_string(width), time.kernel * 1e6, "us",
                        time.kernel / time.yardstick,
                        "times the time of a copy of the floats by the same level, in cache"});
  }

  void coded_keys(size_t tokens, size_t d) {
    const Buffer<uint8_t> codes = buffer<uint8_t>(simd::key_code_bytes(tokens, d, 1));
    const Buffer<uint8_t> tables = buffer<uint8_t>(simd::key_table_bytes(d));
    const Buffer<uint16_t> halves = buffer<uint16_t>(tokens * d);
    for (size_t i = 0; i < tokens * d; ++i) halves[i] = static_cast<uint16_t>(0x3000 + i % 1024);
    const Buffer<float> q = floats(d), scores = floats(tokens);
    simd::KeyTerms terms{};
    const simd::VisualKvKernels& kernels = *kernels_.visual_kv;
    kernels.key_tables(tables.get(), &terms, q.get(), d, 1);
    const simd::PackedRows keys{
        .codes = codes.get(), .token_scales = nullptr, .tokens = tokens, .head_dim = d, .planes = 1};
    const Pair time =
        timed("1-bit key scores", [&] { kernels.key_scores(scores.get(), tokens, keys, tables.get(), &terms, 1); },
              [&] { kernels.scores_f32_f16(scores.get(), tokens, halves.get(), q.get(), 1, tokens, d); });
    figures_.push_back({"1-bit key scores", std::to_string(tokens) + " keys of " + std::to_string(d),
                        time.kernel * 1e9 / static_cast<double>(tokens), "ns a key", time.yardstick / time.kernel,
                        "times as fast as scores of float16 keys"});
  }

  // A layer of the Qwen2-VL tower: 16 heads of 80. Packing keys is part of both.
  void tower_attention(size_t rows, int threads) {
    const AttentionShape shape = {.heads = 16, .kv_heads = 16, .head_dim = 80};
    const size_t width = shape.heads * shape.head_dim, key_stride = round_up(rows, kKeyBlock) * shape.head_dim;
    const Buffer<float> qkv = floats(rows * 3 * width), keys = floats(shape.heads * key_stride),
                        out = floats(rows * width);
    const Buffer<uint8_t> packed = buffer<uint8_t>(packed_heads_bytes(shape, rows));
    Compute compute = compute_;
    if (threads > 1) compute.pool = &pair_;
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
    const Pair time = timed(
        "tower attention",
        [&] {
          integer_attention(compute, shape, qkv.get(), key, key + width, 3 * width, rows, packed.get(), out.get(),
                            width);
        },
        [&] {
          parallel_for(compute, shape.heads, [&](size_t head, int) {
            kernels_.f32->pack_keys(keys.get() + head * key_stride, 0, key + head * shape.head_dim, 3 * width, rows,
                                    shape.head_dim);
          });
          attention(compute, shape, qkv.get(), 3 * width, rows, &run, 1, out.get(), width);
        });
    const double operations = 4.0 * static_cast<double>(rows * rows) * static_cast<double>(width);
    figures_.push_back(
        {"integer attention", std::to_string(rows) + " rows, 16 heads of 80", operations / time.kernel * 1e-9, "GOP/s",
         time.yardstick / time.kernel,
         threads == 1 ? "times as fast as float attention, 1 thread" : "times as fast as float attention, 2 threads"});
  }

  void scaling(WeightFormat format, size_t rows, size_t channels, size_t inputs) {
    const Layer l = layer(format, rows, channels, inputs);
    Compute both = compute_;
    both.pool = &pair_;
    const Pair time = timed("threads", [&] { linear(both, l.out.get(), channels, l.rows, l.matrix); },
                            [&] { linear(compute_, l.out.get(), channels, l.rows, l.matrix); });
    figures_.push_back({name_of(format, "product, 2 threads"), shape_text(rows, channels, inputs),
                        giga_operations(rows, channels, inputs, time.kernel), "GOP/s", time.yardstick / time.kernel,
                        "times as fast as with 1 thread"});
  }

  const simd::Kernels& kernels_;
  int threads_;
  size_t repetitions_;
  const std::function<void(const char*)>& progress_;
  ThreadPool pair_{2};
  Compute compute_;  // in one thread
  std::vector<KernelFigure> figures_;
};

}  // namespace

std::vector<KernelFigure> measure_kernels(const char* level, int threads, size_t repetitions,
                                          const std::function<void(const char*)>& progress) {
  return Report(*simd::kernels_named(level), threads, repetitions, progress).run();
}

}  // namespace mica
