// Whole models through the quantizer and a packed file: every family's static logits beside its float ones.
#include "quantize.hpp"

#include <doctest/doctest.h>

#include <unistd.h>
#include <cmath>

#include <filesystem>

#include "golden_model.hpp"
#include "mapped_file.hpp"
#include "static_format.hpp"

using namespace mica;
using namespace mica::test;

namespace {

constexpr size_t kLogitRows = 8;

// Not what the models are tested with: bytes stand for tokens, since the small checkpoints have no tokenizers.
std::vector<CalibrationSample> samples_for(const Model& model, int count) {
  std::vector<CalibrationSample> samples;
  const char* const pictures[] = {"b_coffee.jpg", "c_panel.jpg", "a_cat.jpg", "d_page.png"};
  for (int i = 0; i < count; ++i) {
    CalibrationSample sample;
    if (model.spec.has_vision) sample.pictures.push_back(std::string(MICA_TEST_DATA) + "/images/" + pictures[i % 4]);
    for (int k = 0; k < 96; ++k) sample.prompt += static_cast<char>(33 + (i * 37 + k * k * 11 + k) % 90);
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::string packed_path(const std::string& name) {
  return (std::filesystem::temp_directory_path() / ("mica_quantize_" + std::to_string(getpid()) + "_" + name + ".mica"))
      .string();
}

struct Packed {
  std::unique_ptr<Model> model;
  QuantizeReport report;
};

Packed quantized(const std::string& family, const QuantizeOptions& options, int samples = 48) {
  const std::unique_ptr<Model> original = open_family(family);
  std::unique_ptr<ModelFiles> files;
  REQUIRE(ModelFiles::open(original->files->path(), &files));
  const std::string path = packed_path(family);
  Packed out;
  const Status status =
      quantize(std::move(files), samples_for(*original, samples), options, {}, path.c_str(), &out.report);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  out.model = open_at(path);
  std::filesystem::remove(path);  // it stays mapped
  return out;
}

// The smallest cosine of two rows of logits.
double smallest_cosine(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  const size_t width = a.size() / kLogitRows;
  double least = 1;
  for (size_t row = 0; row < kLogitRows; ++row) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      ab += static_cast<double>(a[i]) * b[i];
      aa += static_cast<double>(a[i]) * a[i];
      bb += static_cast<double>(b[i]) * b[i];
    }
    least = std::min(least, ab / std::sqrt(aa * bb));
  }
  return least;
}

double worst_cosine(const std::string& family, const Model& packed) {
  const std::unique_ptr<Model> original = open_family(family);
  double worst = 1;
  for (const Prompt& prompt : prompts_of(family))
    worst = std::min(worst, smallest_cosine(logits_of(packed, prompt), logits_of(*original, prompt)));
  return worst;
}

}  // namespace

// As they are rounded, before the program gives more bits to what is further than 0.98 (below): of random weights the
// smallest is 0.976 to 0.989 by how the processor sums.
TEST_CASE("W4A8 models of every family stay close to their checkpoints") {
  for (const char* family : kGoldenFamilies) {
    CAPTURE(family);
    const Packed packed = quantized(family, {});
    const double cosine = worst_cosine(family, *packed.model);
    MESSAGE(family << ": cosine " << cosine);
    CHECK(cosine > 0.97);
    CHECK(packed.report.warnings.size() == 1);  // no tokenizer
    CHECK(packed.report.tokens_text > 0);
    CHECK(packed.model->weights.vision.stream.integer_attention == packed.model->spec.has_vision);
    for (const LinearReport& layer : packed.report.layers) {
      CHECK_FALSE(layer.fallback);
      CHECK(layer.error < 0.2);
    }
  }
}

// Of some the weights are so large that attention all but picks one token: a step of eight bits turns it further.
double least_cosine(const std::string& family) {
  for (const char* steep : {"gemma4_text_only", "minicpmv4_6"})
    if (family == steep) return 0.9;
  return 0.98;
}

// At eight bits what is left is the quantizer's order of work: every matrix met where it is, every row of every picture
// in its place.
TEST_CASE("W8A8 models of every recorded family compute what their checkpoints do") {
  QuantizeOptions options;
  options.vision = options.text = WeightFormat::s8;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(MICA_TEST_DATA) + "/golden")) {
    const std::string family = entry.path().filename().string();
    if (family == "gemma_static_qat") continue;  // it is quantized, with scales of its own
    CAPTURE(family);
    constexpr int kSamples = 16;  // enough to measure ranges by; nothing is fitted to eight bits
    const double cosine = worst_cosine(family, *quantized(family, options, kSamples).model);
    MESSAGE(family << ": cosine " << cosine);
    CHECK(cosine > least_cosine(family));
  }
}

TEST_CASE("a tower, a decoder or a head that is quantized alone opens and stays close") {
  using enum WeightFormat;
  const QuantizeOptions alone[] = {{.text = floats, .vision = u4, .head = floats},
                                   {.text = u4, .vision = floats, .head = floats},
                                   {.text = floats, .vision = floats, .head = s8},
                                   {.text = floats, .vision = u4, .head = s8}};
  for (const char* family : {"llama", "qwen2_vl"})
    for (const QuantizeOptions& options : alone) {
      CAPTURE(family);
      CAPTURE(options.vision);
      CAPTURE(options.text);
      CAPTURE(options.head);
      CHECK(worst_cosine(family, *quantized(family, options).model) > 0.98);
    }
}

namespace {

// Of every matrix that is not the vocabulary's.
QuantizeOptions all_in_floats(const QuantizeReport& report) {
  QuantizeOptions options;
  for (const LinearReport& layer : report.layers) options.raised[layer.name] = WeightFormat::floats;
  options.head = WeightFormat::floats;
  return options;
}

std::vector<uint8_t> bytes_of(const std::string& path) {
  std::vector<uint8_t> bytes;
  REQUIRE(read_file(path.c_str(), SIZE_MAX, &bytes));
  return bytes;
}

}  // namespace

// Of layers that mix by a convolution or the delta rule, a gate stands before the matrix: its products have long tails.
TEST_CASE("what layers mix behind a gate is rotated before eight bits have to hold it") {
  for (const char* family : {"lfm2", "qwen3_5_text", "llama"}) {
    CAPTURE(family);
    const Packed packed = quantized(family, {}, 4);
    const bool gated = std::string(family) != "llama";
    const StreamTransform& stream = packed.model->weights.decoder.stream;
    CHECK(stream.mixed_rotation == gated);
    CHECK((stream.mixed(Slot::output, 64) != nullptr) == (gated && !stream.head_rotation));
    for (const PointReport& point : packed.report.points)
      if (gated && point.name.ends_with("output_in")) CHECK(point.loss_text < 3e-4);
  }
}

// Names, shapes and spaces of float matrices in a static file: of stored matrices that several slots share, merged rows,
// taps, a second tower, experts.
TEST_CASE("a model whose every matrix is raised to floats computes what its checkpoint does") {
  for (const char* family : {"qwen3_5", "minicpmv4_6", "internvl2", "glm4v_9b", "phi3", "qwen3_vl", "video_llava",
                             "cogvlm2", "gemma4", "qwen_vl", "lfm2"}) {
    CAPTURE(family);
    const Packed packed = quantized(family, all_in_floats(quantized(family, {}, 2).report), 2);
    for (const LayerWeights& layer : packed.model->weights.decoder.layers)
      for (const Matrix& matrix : layer.matrices) CHECK_FALSE(matrix.is_packed());
    CHECK(worst_cosine(family, *packed.model) > 0.999);
  }
}

TEST_CASE("logits that are too far from the checkpoint's: points get more bits until they are near, and are named") {
  for (const char* family : {"qwen3_5_text", "gemma3"}) {
    CAPTURE(family);
    const Packed packed = quantized(family, {.least_cosine = 0.995}, 8);
    const QuantizeReport& report = packed.report;
    CHECK(report.closeness_before.mean < 0.995);
    CHECK(report.closeness.least >= 0.995);
    CHECK(report.closeness.samples >= 8);
    CHECK(worst_cosine(family, *packed.model) > 0.97);
    REQUIRE(!report.raises.empty());
    for (size_t i = 0; i < report.raises.size(); ++i) {
      const RaiseReport& raise = report.raises[i];
      CAPTURE(raise.point);
      CHECK((i == 0 || raise.lost <= report.raises[i - 1].lost));
      size_t readers = 0;
      for (const LinearReport& layer : report.layers) {
        if (layer.point != raise.point) continue;
        ++readers;
        CHECK(facts_of(layer.format).bits >= facts_of(raise.to).bits);
      }
      CHECK((readers > 0 || raise.point == "head_in"));
    }
  }
}

TEST_CASE("logits that are near as they are: the file is the same, byte for byte") {
  const std::unique_ptr<Model> original = open_family("qwen2_vl");
  const std::vector<CalibrationSample> samples = samples_for(*original, 8);
  std::vector<uint8_t> files[2];
  for (const double least : {0.0, 0.9}) {
    std::unique_ptr<ModelFiles> source;
    REQUIRE(ModelFiles::open(original->files->path(), &source));
    const std::string path = packed_path("near");
    QuantizeReport report;
    REQUIRE(quantize(std::move(source), samples, {.least_cosine = least}, {}, path.c_str(), &report, samples));
    CHECK(report.raises.empty());
    CHECK((report.closeness.rows > 0) == (least > 0));
    files[least > 0] = bytes_of(path);
    std::filesystem::remove(path);
  }
  CHECK(files[0] == files[1]);
}

TEST_CASE("a bound that nothing holds: all is in floats, and a warning says so") {
  const Packed packed = quantized("llama", {.least_cosine = 1}, 2);
  CHECK(packed.report.raises.size() == 2 * 4 + 1);  // the points of its layers, and the vocabulary
  for (const LinearReport& layer : packed.report.layers) CHECK(layer.format == WeightFormat::floats);
  CHECK(packed.report.warnings.back().find("nothing is left") != std::string::npos);
}
