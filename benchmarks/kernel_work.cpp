// kernel_work: calls one kernel so many times, for what counts its instructions from outside (foretell.sh). Not a
// comparison (tests/kernels) and not a report (mica bench --kernels).
//
//   kernel_work LEVEL product FORMAT ROWS CHANNELS INPUTS TIMES    FORMAT: w4a8, w8a8, w4a8-levels, ...
//   kernel_work LEVEL attention KEYS DIMS TIMES                    all rows that one call takes
//   kernel_work LEVEL clock TIMES                                  a million additions that wait for each other
//
// Prints the level and the processor's seconds of one call; LEVEL "best" is what the processor would choose.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

#include "kernels.hpp"
#include "pack.hpp"

namespace {

using namespace mica::simd;

constexpr const char* kFormatNames[] = {
#define MICA_WEIGHT_FORMAT(format, name, ...) name,
#include "weight_formats.inc"
};

// Of a test's arguments: a number from 1 to a billion, or the end of the program.
size_t number(const char* text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || value < 1 || value > 1000000000) {
    std::fprintf(stderr, "kernel_work: '%s' is not a number from 1 to 1000000000\n", text);
    std::exit(2);
  }
  return static_cast<size_t>(value);
}

// 64-byte aligned.
struct Bytes {
  explicit Bytes(size_t count) : memory(count + 64) {}
  uint8_t* get() { return memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64; }
  std::vector<uint8_t> memory;
};

void time_calls(const Kernels& kernels, size_t times, const std::function<void()>& call) {
  call();
  const clock_t start = std::clock();
  for (size_t i = 0; i < times; ++i) call();
  std::printf("%s %.9f\n", kernels.name,
              static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / static_cast<double>(times));
}

int product(const Kernels& kernels, char** arguments) {
  size_t format = 0;
  while (format < kPanelFormats && std::strcmp(kFormatNames[format], arguments[0]) != 0) ++format;
  if (format == kPanelFormats) {
    std::fprintf(stderr, "kernel_work: '%s' is no format of packed weights\n", arguments[0]);
    return 2;
  }
  const size_t rows = number(arguments[1]), channels = number(arguments[2]), inputs = number(arguments[3]);
  const size_t stride = (inputs + kInputPadding - 1) / kInputPadding * kInputPadding;
  Bytes panels(panels_bytes(static_cast<PanelFormat>(format), inputs, channels));
  for (size_t i = 0; i < panels.memory.size(); ++i) panels.memory[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  std::vector<int8_t> x(rows * stride), levels(32);
  for (size_t i = 0; i < rows * stride; ++i) x[i] = static_cast<int8_t>(i % 255);
  for (size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<int8_t>(i % 16) - 8;
  std::vector<int32_t> sums(rows);
  std::vector<float> scale(channels, 0.01f), out(rows * channels);
  const Epilogue epilogue{.channel_scale = scale.data(), .row_scale = {rows, 0.01f, 0.01f}};
  const GemmTile tile = {0, rows, 0, (channels + kPanelChannels - 1) / kPanelChannels};
  time_calls(kernels, number(arguments[4]), [&] {
    kernels.gemm->gemm_f32_s8[format]({x.data(), stride, sums.data()}, {panels.get(), inputs, channels, levels.data()},
                                      epilogue, {out.data(), channels, false}, tile);
  });
  return 0;
}

int attention(const Kernels& kernels, char** arguments) {
  const size_t keys = number(arguments[0]), dims = number(arguments[1]);
  if (dims > kAttentionDimsMax) {
    std::fprintf(stderr, "kernel_work: a head has at most %zu channels\n", kAttentionDimsMax);
    return 2;
  }
  std::vector<float> rows(keys * dims + kAttentionRowsMax * dims);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i * 2654435761u >> 20 & 255) / 128 - 1;
  Bytes packed_keys(packed_keys_bytes(keys, dims)), packed_values(packed_values_bytes(keys, dims));
  std::vector<float> steps(3 * dims), exponent(kAttentionRowsMax), out(kAttentionRowsMax * dims),
      scratch(attend_scratch_floats(dims));
  std::vector<int8_t> queries(kAttentionRowsMax * query_row_bytes(dims));
  auto* values = reinterpret_cast<int8_t*>(packed_values.get());
  const AttentionKernels& use = *kernels.attention;
  use.pack_keys_u7(packed_keys.get(), steps.data(), rows.data(), dims, keys, dims);
  use.pack_values_s6(values, steps.data() + dims, steps.data() + 2 * dims, rows.data(), dims, keys, dims);
  use.quantize_queries(queries.data(), exponent.data(), rows.data() + keys * dims, dims, kAttentionRowsMax, dims,
                       steps.data());
  const PackedHead head = {packed_keys.get(), values, steps.data() + dims, steps.data() + 2 * dims, keys, dims};
  time_calls(kernels, number(arguments[2]), [&] {
    use.attend(out.data(), dims, queries.data(), exponent.data(), kAttentionRowsMax, head, scratch.data());
  });
  return 0;
}

int clock_of(const Kernels& kernels, char** arguments) {
  time_calls(kernels, number(arguments[0]), [] {
    size_t sum = 0;
    for (size_t i = 0; i < 1000000; ++i) {
      ++sum;
      asm volatile("" : "+r"(sum));
    }
  });
  return 0;
}

struct Work {
  const char* name;
  int arguments;
  int (*run)(const Kernels& kernels, char** arguments);
};
constexpr Work kWorks[] = {{"product", 5, product}, {"attention", 3, attention}, {"clock", 1, clock_of}};

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 3) {
    const bool best = std::strcmp(argv[1], "best") == 0;
    const Kernels* kernels = best ? kernels_best() : kernels_named(argv[1]);
    if (kernels == nullptr) {
      std::fprintf(stderr, "kernel_work: level '%s' is not in this program or does not run here\n", argv[1]);
      return 2;
    }
    for (const Work& work : kWorks)
      if (std::strcmp(argv[2], work.name) == 0 && argc == 3 + work.arguments) return work.run(*kernels, argv + 3);
  }
  std::fprintf(stderr,
               "usage: kernel_work LEVEL product FORMAT ROWS CHANNELS INPUTS TIMES\n"
               "       kernel_work LEVEL attention KEYS DIMS TIMES\n"
               "       kernel_work LEVEL clock TIMES\n");
  return 2;
}
