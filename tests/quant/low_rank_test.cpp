// Low rank: what is cut off, how the loops run two matrices for one, and a model with them through a packed file. Not the
// command's options: tests/apps.
#include "low_rank.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "block.hpp"
#include "golden_model.hpp"
#include "kernel_choice.hpp"
#include "normal_values.hpp"
#include "packed_copy.hpp"
#include "quantize.hpp"
#include "rounding.hpp"

using namespace mica;
using namespace mica::test;

namespace {

constexpr size_t kHidden = 96;

Compute compute_alone() {
  Compute compute;
  compute.kernels = find_kernels(nullptr);
  return compute;
}

// a[rows][depth] b[depth][columns].
std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, size_t rows, size_t depth) {
  const size_t columns = b.size() / depth;
  std::vector<float> out(rows * columns);
  for (size_t r = 0; r < rows; ++r)
    for (size_t k = 0; k < depth; ++k)
      for (size_t c = 0; c < columns; ++c) out[r * columns + c] += a[r * depth + k] * b[k * columns + c];
  return out;
}

// Channels differ in size, and half of them follow the other half.
RowMoments uneven_moments() {
  constexpr size_t kRows = 512;
  std::vector<float> rows = normal(kRows * kHidden, 7);
  for (size_t r = 0; r < kRows; ++r)
    for (size_t i = 0; i < kHidden; ++i) {
      float& value = rows[r * kHidden + i];
      value *= 1.0f + static_cast<float>(i % 9);
      if (i % 2 == 1) value = 0.2f * value + rows[r * kHidden + i - 1];
    }
  RowMoments moments;
  REQUIRE(moments.create(kHidden));
  moments.add(compute_alone(), rows.data(), rows.data(), kRows);
  moments.finish(compute_alone());
  return moments;
}

Matrix matrix_of(const std::vector<float>& values, size_t columns) {
  return {.rows = values.size() / columns,
          .columns = columns,
          .data = reinterpret_cast<const uint8_t*>(values.data()),
          .stride_bytes = columns * sizeof(float)};
}

double lost_by(const std::vector<float>& weights, const Factors& factors, const RowMoments& moments) {
  const size_t rows = weights.size() / kHidden;
  std::vector<float> difference = product(factors.second, factors.first, rows, factors.rank);
  for (size_t i = 0; i < difference.size(); ++i) difference[i] = weights[i] - difference[i];
  return output_energy(compute_alone(), difference.data(), rows, moments);
}

// Stops at a point.
struct StopAt final : RowObserver {
  bool observe(const QuantPoint& point, const float*, size_t, size_t count, size_t visual, size_t width) override {
    if (point.index != index) return true;
    seen = count;
    seen_visual = visual;
    seen_width = width;
    return false;
  }
  uint32_t index = 0;
  size_t seen = 0, seen_visual = 0, seen_width = 0;
};

std::unique_ptr<Model> factored_model(const std::string& family, const std::string& path, QuantizeReport* report) {
  std::vector<CalibrationSample> samples(4);
  for (size_t i = 0; i < samples.size(); ++i)
    for (size_t k = 0; k < 96; ++k) samples[i].prompt += static_cast<char>(33 + (i * 37 + k * k * 11 + k) % 90);
  std::unique_ptr<ModelFiles> files;
  REQUIRE(ModelFiles::open(open_family(family)->files->path(), &files));
  const QuantizeOptions options = {
      .text = WeightFormat::s8, .vision = WeightFormat::floats, .low_rank = {.keep = 0.9}};
  const Status status = quantize(std::move(files), samples, options, {}, path.c_str(), report);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  return open_at(path);
}

}  // namespace

TEST_CASE("a rank is of whole panels, and of no more weights than are kept") {
  CHECK(rank_of(0.5, 576, 576) == 144);
  CHECK(rank_of(0.5, 192, 576) == 64);
  CHECK(rank_of(0.25, 4096, 4096) == 512);
  CHECK(rank_of(0, 576, 576) == 0);
  CHECK(rank_of(0.05, 64, 64) == 0);    // less than a panel
  CHECK(rank_of(0.95, 16, 4096) == 0);  // no smaller than the matrix
}

TEST_CASE("what is cut off is what is said, the least that a rank can lose, and nothing of a matrix of that rank") {
  constexpr size_t kRows = 80, kRank = 32;
  const RowMoments moments = uneven_moments();
  const std::vector<float> weights = normal(kRows * kHidden, 1);
  Factors plain, rotated;
  REQUIRE(factor_matrix(weights.data(), kRows, kHidden, moments, kRank, false, &plain));
  REQUIRE(factor_matrix(weights.data(), kRows, kHidden, moments, kRank, true, &rotated));
  CHECK(plain.energy == doctest::Approx(output_energy(compute_alone(), weights.data(), kRows, moments)).epsilon(1e-4));
  CHECK(plain.lost == doctest::Approx(lost_by(weights, plain, moments)).epsilon(1e-3));
  CHECK(rotated.lost == doctest::Approx(lost_by(weights, rotated, moments)).epsilon(1e-3));
  CHECK(plain.lost > 0.01 * plain.energy);
  CHECK(rotated.share_left < plain.share_left);  // alike channels leave rounding by columns more to do
  // The rows' own moments decide: factors for rows of another kind lose more of these.
  const std::vector<float> even = normal(400 * kHidden, 3);
  RowMoments others;
  REQUIRE(others.create(kHidden));
  others.add(compute_alone(), even.data(), even.data(), 400);
  others.finish(compute_alone());
  Factors unsuited;
  REQUIRE(factor_matrix(weights.data(), kRows, kHidden, others, kRank, false, &unsuited));
  CHECK(lost_by(weights, unsuited, moments) > 1.05 * plain.lost);
  const std::vector<float> low = product(normal(kRows * kRank, 4), normal(kRank * kHidden, 5), kRows, kRank);
  REQUIRE(factor_matrix(low.data(), kRows, kHidden, moments, kRank, true, &rotated));
  CHECK(rotated.lost < 1e-5 * rotated.energy);
  CHECK(lost_by(low, rotated, moments) < 1e-5 * rotated.energy);
}

TEST_CASE("rows pass the first factor, are seen between both, and give what the product of both gives") {
  constexpr size_t kRows = 5, kVisual = 2, kQueries = 80, kKeys = 48, kRank = 32;
  const std::vector<float> a = normal(kQueries * kRank, 1), b = normal(kRank * kHidden, 2);
  const std::vector<float> whole = product(a, b, kQueries, kRank), keys = normal(kKeys * kHidden, 3);
  LayerWeights one, two;
  one.matrices[Slot::query] = matrix_of(whole, kHidden);
  one.matrices[Slot::key] = matrix_of(keys, kHidden);
  two = one;
  two.matrices[Slot::query] = matrix_of(a, kRank);
  two.first[Slot::query].matrix = matrix_of(b, kHidden);
  two.first[Slot::query].point.index = 9;
  CHECK(two.first_of(Slot::key) == nullptr);
  CHECK(two.reader(Site::attention_in).columns == kHidden);
  const BlockShape shape = {.hidden = kHidden, .projected_width = kQueries + kKeys, .mixed_width = kQueries,
                            .feed_forward = 16, .factor_width = kRank, .norms_before = false};
  BlockBuffers buffers;
  Arena measure;
  plan_block(shape, kRows, kRows, &measure, &buffers);
  std::vector<uint8_t> scratch(layers_scratch_bytes({&two, 1}) + layers_scratch_bytes({&one, 1}));
  OwnedBytes memory;
  Arena arena(own_bytes(measure.used(), &memory), measure.used());
  plan_block(shape, kRows, kRows, &arena, &buffers);
  Compute compute = compute_alone();
  compute.scratch = scratch.data();
  compute.scratch_bytes = scratch.size();
  const std::vector<float> x = normal(kRows * kHidden, 4);
  std::copy(x.begin(), x.end(), buffers.x);
  REQUIRE(project_qkv(compute, shape, one, buffers, kRows, kVisual));
  const std::vector<float> expected(buffers.qkv, buffers.qkv + kRows * buffers.qkv_stride);
  REQUIRE(project_qkv(compute, shape, two, buffers, kRows, kVisual));
  for (size_t i = 0; i < expected.size(); ++i) CHECK(buffers.qkv[i] == doctest::Approx(expected[i]).epsilon(1e-4).scale(50));
  StopAt stop;
  stop.index = 9;
  compute.observer = &stop;
  CHECK_FALSE(project_qkv(compute, shape, two, buffers, kRows, kVisual));
  CHECK(stop.seen == kRows);
  CHECK(stop.seen_visual == kVisual);
  CHECK(stop.seen_width == kRank);
}

TEST_CASE("a model of factors opens as it was made; what contradicts itself is refused by name") {
  const TestFolder folder;
  const std::string path = folder.path("low.mica");
  QuantizeReport report;
  const std::unique_ptr<Model> model = factored_model("llama", path, &report);
  const DecoderWeights& decoder = model->weights.decoder;
  size_t factored = 0;
  for (const LinearReport& layer : report.layers) {
    if (layer.rank == 0) continue;
    ++factored;
    CHECK(layer.cut < layer.error);
    CHECK(layer.bits < 9);  // scales count, and the model is small
    CHECK(layer.rows >= layer.rank);
  }
  REQUIRE(factored == 2 * decoder.layers.size());
  for (const LayerWeights& layer : decoder.layers)
    for (const Slot slot : {Slot::query, Slot::key}) {
      REQUIRE(layer.first_of(slot) != nullptr);
      CHECK(layer.matrices[slot].columns == layer.first[slot].matrix.rows);
      CHECK(layer.first[slot].point.scale_text > 0);
      CHECK(layer.first[slot].point.index >= model->weights.quant_points - factored);
    }
  CHECK(decoder.factor_width > 0);
  for (const Prompt& prompt : prompts_of("llama"))
    for (const float logit : logits_of(*model, prompt)) REQUIRE(std::isfinite(logit));
  const auto opened = [&](const auto& change) {
    PackedCopy copy(path);
    change(copy);
    copy.write(folder.path("changed.mica"));
    std::unique_ptr<ModelFiles> files;
    REQUIRE(ModelFiles::open(folder.path("changed.mica").c_str(), &files));
    std::unique_ptr<Model> changed;
    return open_model(std::move(files), &changed);
  };
  const auto refused = [&](const char* named, Code code, const auto& change) {
    const Status status = opened(change);
    CHECK(status.code() == code);
    CHECK_MESSAGE(std::string(status.message()).find(named) != std::string::npos, std::string(status.message()));
  };
  CHECK(opened([](PackedCopy&) {}).is_ok());
  refused("q_proj.first.scale", Code::not_found, [](PackedCopy& copy) { copy.remove("q_proj.first.scale"); });
  for (const size_t rows : {size_t{0}, size_t{4096}})
    refused("q_proj.first.scale", Code::corrupt_file, [rows](PackedCopy& copy) {
      PackedCopy::Tensor& scale = copy.tensor("q_proj.first.scale");
      scale.bytes.resize(rows * sizeof(float));
      scale.declaration.shape = {rows};
    });
  refused("q_proj.first.weight", Code::corrupt_file, [&](PackedCopy& copy) {
    const size_t rows = decoder.layers[0].first[Slot::query].matrix.rows + static_format::kRankStep;
    PackedCopy::Tensor& scale = copy.tensor("q_proj.first.scale");
    scale.bytes.resize(rows * sizeof(float));
    scale.declaration.shape = {rows};
  });
  refused("q_proj.first.weight", Code::corrupt_file, [](PackedCopy& copy) {
    PackedCopy::Tensor& panels = copy.tensor("q_proj.first.weight");
    panels.bytes.resize(panels.bytes.size() - 64);
    panels.declaration.shape = {panels.bytes.size()};
  });
  refused("q_proj.weight", Code::corrupt_file, [](PackedCopy& copy) { copy.remove("q_proj.first.weight"); });
  refused("q_proj", Code::not_found, [](PackedCopy& copy) { copy.remove("q_proj.weight"); });
  refused("quant point", Code::corrupt_file, [&](PackedCopy& copy) {
    PackedCopy::set(copy.tensor(static_format::kPointScales), decoder.layers[0].first[Slot::query].point.index, 0);
  });
}

TEST_CASE("matrices become two wherever queries and keys are by themselves: fused in a file, gated, borrowed") {
  const TestFolder folder;
  for (const char* family : {"phi3", "glm4v", "qwen3_5_text", "gemma4_text_only", "lfm2", "cogvlm2"}) {
    CAPTURE(family);
    QuantizeReport report;
    const std::unique_ptr<Model> model = factored_model(family, folder.path("low.mica"), &report);
    const auto factored = std::count_if(report.layers.begin(), report.layers.end(),
                                        [](const LinearReport& layer) { return layer.rank > 0; });
    // Visual rows of cogvlm2 have matrices of their own, beside which the text's stay whole.
    CHECK((factored > 0) == (std::string(family) != "cogvlm2"));
    CHECK((model->weights.decoder.factor_width > 0) == (factored > 0));
    for (const Prompt& prompt : prompts_of(family))
      for (const float logit : logits_of(*model, prompt)) REQUIRE(std::isfinite(logit));
  }
}
