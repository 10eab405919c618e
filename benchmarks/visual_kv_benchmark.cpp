// Keys and values of the cache at every level that runs here: coded rows beside float16 rows of the same shape. Items
// are (token, query head) pairs, so that items per second of two lines compare. Not the cache: kernels alone, one
// thread.
#include <random>

#include "level_benchmark.hpp"

namespace {

using namespace mica::simd;

struct Shape {
  size_t tokens, heads, head_dim, planes;
};

std::vector<uint8_t> random_bytes(size_t count, int low = 0, int high = 255) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> pick(low, high);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(pick(random));
  return bytes;
}

std::vector<float> random_reals(size_t count, float low, float high) {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> pick(low, high);
  std::vector<float> reals(count);
  for (float& real : reals) real = pick(random);
  return reals;
}

// Halves of either sign between 1 and 4.
std::vector<uint16_t> random_halves(size_t count) {
  std::vector<uint16_t> halves(count);
  std::mt19937 random(3);
  for (uint16_t& half : halves) half = static_cast<uint16_t>(0x3C00 | (random() & 0x87FF));
  return halves;
}

void count_items(benchmark::State& state, const Shape& shape) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * shape.tokens * shape.heads));
}

void key_tables(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<float> weights = random_reals(shape.head_dim, -1, 1);
  std::vector<uint8_t> tables(key_table_bytes(shape.head_dim));
  KeyTerms terms = {};
  for (auto _ : state) {
    kernels->visual_kv->key_tables(tables.data(), &terms, weights.data(), shape.head_dim, shape.planes);
    benchmark::DoNotOptimize(tables.data());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void key_scores(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<uint8_t> codes = random_bytes(key_code_bytes(shape.tokens, shape.head_dim, shape.planes));
  const std::vector<uint8_t> scales = random_bytes(shape.tokens, 120, 136);
  const std::vector<uint8_t> tables = random_bytes(shape.heads * key_table_bytes(shape.head_dim), 0, 127);
  const std::vector<KeyTerms> terms(shape.heads, KeyTerms{0.01f, 1000, 1});
  std::vector<float> scores(shape.heads * shape.tokens);
  const PackedRows keys{codes.data(), scales.data(), shape.tokens, shape.head_dim, shape.planes};
  for (auto _ : state) {
    kernels->visual_kv->key_scores(scores.data(), shape.tokens, keys, tables.data(), terms.data(), shape.heads);
    benchmark::DoNotOptimize(scores.data());
  }
  count_items(state, shape);
}

void scores_f16(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<uint16_t> keys = random_halves((shape.tokens + 31) / 32 * 32 * shape.head_dim);
  const std::vector<float> q = random_reals(shape.heads * shape.head_dim, -1, 1);
  std::vector<float> scores(shape.heads * shape.tokens);
  for (auto _ : state) {
    kernels->visual_kv->scores_f32_f16(scores.data(), shape.tokens, keys.data(), q.data(), shape.heads, shape.tokens,
                                       shape.head_dim);
    benchmark::DoNotOptimize(scores.data());
  }
  count_items(state, shape);
}

void weighted_sum_f16(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<uint16_t> values = random_halves(shape.tokens * shape.head_dim);
  const std::vector<float> p = random_reals(shape.heads * shape.tokens, 0, 1);
  std::vector<float> sums(shape.heads * shape.head_dim);
  for (auto _ : state) {
    kernels->visual_kv->weighted_sum_f32_f16(sums.data(), values.data(), p.data(), shape.tokens, shape.heads,
                                             shape.tokens, shape.head_dim);
    benchmark::DoNotOptimize(sums.data());
  }
  count_items(state, shape);
}

void scores_u8(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<uint8_t> codes = random_bytes(key_code_bytes(shape.tokens, shape.head_dim, 8));
  const std::vector<uint8_t> scales = random_bytes(shape.tokens, 120, 136);
  const std::vector<float> q = random_reals(shape.heads * shape.head_dim, -1, 1);
  std::vector<float> scores(shape.heads * shape.tokens);
  const PackedRows keys{codes.data(), scales.data(), shape.tokens, shape.head_dim, 8};
  for (auto _ : state) {
    kernels->visual_kv->scores_f32_u8(scores.data(), shape.tokens, keys, q.data(), shape.heads);
    benchmark::DoNotOptimize(scores.data());
  }
  count_items(state, shape);
}

// By look-ups, or of bytes.
template <auto kSums>
void sums_of_coded(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<uint8_t> codes = random_bytes(value_code_bytes(shape.tokens, shape.head_dim, shape.planes));
  const std::vector<uint8_t> scales = random_bytes(shape.tokens, 120, 136);
  const std::vector<float> p = random_reals(shape.heads * shape.tokens, 0, 1);
  std::vector<float> sums(shape.heads * shape.head_dim);
  const PackedRows values{codes.data(), scales.data(), shape.tokens, shape.head_dim, shape.planes};
  for (auto _ : state) {
    (kernels->visual_kv->*kSums)(sums.data(), values, p.data(), shape.tokens, shape.heads);
    benchmark::DoNotOptimize(sums.data());
  }
  count_items(state, shape);
}

// Packing of a span, with its token scales.
void pack(benchmark::State& state, const Kernels* kernels, Shape shape) {
  const std::vector<float> x = random_reals(shape.tokens * shape.head_dim, -1, 1);
  const std::vector<float> mid(shape.head_dim, 0.01f), step(shape.head_dim, 1.1f);
  std::vector<uint8_t> codes(key_code_bytes(shape.tokens, shape.head_dim, shape.planes)), scales(shape.tokens);
  const KvLevels levels{mid.data(), step.data()};
  for (auto _ : state) {
    kernels->visual_kv->fit_token_scales(scales.data(), x.data(), shape.head_dim, shape.tokens, levels, shape.head_dim,
                                         shape.planes);
    kernels->visual_kv->pack_keys(codes.data(), 0, x.data(), shape.head_dim, shape.tokens, levels, scales.data(),
                                  shape.head_dim, shape.planes);
    kernels->visual_kv->pack_values(codes.data(), 0, x.data(), shape.head_dim, shape.tokens, levels, scales.data(),
                                    shape.head_dim, shape.planes);
    benchmark::DoNotOptimize(codes.data());
  }
  count_items(state, shape);
}

using Run = void (*)(benchmark::State&, const Kernels*, Shape);

void add(const char* name, Run run, const Kernels* kernels, Shape shape) {
  const std::string text = std::string(name) + "/" + kernels->name + "/tokens:" + std::to_string(shape.tokens) +
                           "/heads:" + std::to_string(shape.heads) + "/d:" + std::to_string(shape.head_dim) +
                           "/bits:" + std::to_string(shape.planes);
  benchmark::RegisterBenchmark(text.c_str(), run, kernels, shape);
}

// Groups of query heads: 1 (no sharing), 6 (Qwen2-VL-2B), 7 (Qwen2-VL-7B), 3 at d = 64 (SmolLM2).
void add_all(const Kernels& level) {
  const Kernels* kernels = &level;
  for (const Shape& shape : {Shape{4096, 1, 128, 1}, Shape{4096, 6, 128, 1}, Shape{4096, 7, 128, 1},
                             Shape{4096, 3, 64, 1}, Shape{16384, 6, 128, 1}}) {
    for (size_t planes : {size_t(1), size_t(2), size_t(4)}) {
      if (planes > 1 && shape.tokens != 4096) continue;
      const Shape coded{shape.tokens, shape.heads, shape.head_dim, planes};
      add("key_scores", key_scores, kernels, coded);
      add("value_sums", sums_of_coded<&VisualKvKernels::value_sums>, kernels, coded);
    }
    const Shape bytes{shape.tokens, shape.heads, shape.head_dim, 8};
    add("key_scores", scores_u8, kernels, bytes);
    add("value_sums", sums_of_coded<&VisualKvKernels::weighted_sum_f32_u8>, kernels, bytes);
    const Shape f16{shape.tokens, shape.heads, shape.head_dim, 16};
    add("key_scores", scores_f16, kernels, f16);
    add("value_sums", weighted_sum_f16, kernels, f16);
  }
  for (size_t planes : {size_t(1), size_t(2), size_t(4)}) add("key_tables", key_tables, kernels, {1, 1, 128, planes});
  for (size_t planes : {size_t(1), size_t(2), size_t(4), size_t(8)}) add("pack", pack, kernels, {1024, 1, 128, planes});
}

}  // namespace

int main(int argc, char** argv) { return mica::run_benchmarks(argc, argv, add_all); }
