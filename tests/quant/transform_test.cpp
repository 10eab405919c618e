// The transformed float model computes what the checkpoint does: every family, rotated and only folded.
#include "transform.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "block.hpp"
#include "golden_model.hpp"

using namespace mica;
using namespace mica::test;

namespace {

// max |a - b| / max |b|
double relative_error(const std::vector<float>& got, const std::vector<float>& wanted) {
  REQUIRE(got.size() == wanted.size());
  double difference = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - wanted[i]));
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
  }
  return difference / largest;
}

void check_family(const std::string& family, const TransformOptions& options) {
  CAPTURE(family);
  CAPTURE(options.rotate);
  const std::unique_ptr<Model> original = open_family(family);
  const std::unique_ptr<Model> transformed = open_family(family);
  const Status status = transform_model(options, transformed.get());
  REQUIRE_MESSAGE(status, std::string(status.message()));
  const bool may_rotate = !has_post_norms(original->weights.decoder.layers);
  CHECK(transformed->weights.decoder.stream.rotated == (options.rotate && may_rotate));
  CHECK(transformed->weights.decoder.layers[0].norms[Slot::attention_norm].weight == nullptr);
  for (const Prompt& prompt : prompts_of(family))
    CHECK(relative_error(logits_of(*transformed, prompt), logits_of(*original, prompt)) < 1e-4);
}

}  // namespace

TEST_CASE("rotated and folded models give the logits of their checkpoints") {
  for (const char* family : kGoldenFamilies) {
    check_family(family, {});
    check_family(family, {.rotate = false});
  }
  // Windows, taps, norms behind the last layer and behind matrices, gated projectors.
  for (const char* family : {"qwen2_5_vl", "qwen3_vl_b", "paddleocr_vl", "lighton_ocr", "glm4v", "glm_ocr"})
    check_family(family, {});
}

TEST_CASE("another seed gives another model that computes the same") {
  const std::unique_ptr<Model> first = open_family("qwen2_vl");
  const std::unique_ptr<Model> second = open_family("qwen2_vl");
  REQUIRE(transform_model({.seed = 1}, first.get()));
  REQUIRE(transform_model({.seed = 2}, second.get()));
  const auto first_weight = [](const Model& model) {
    return float_row(model.weights.decoder.layers[0].matrices[Slot::up], 0)[0];
  };
  CHECK(first_weight(*first) != first_weight(*second));
  for (const Prompt& prompt : prompts_of("qwen2_vl"))
    CHECK(relative_error(logits_of(*first, prompt), logits_of(*second, prompt)) < 1e-4);
}

TEST_CASE("a weight that is not a number is named by its layer") {
  const std::unique_ptr<Model> model = open_family("llama");
  OwnedBytes memory;
  Matrix& up = model->weights.decoder.layers[1].matrices[Slot::up];
  REQUIRE(copy_matrix(up, false, &memory, &up));
  float_row(up, 3)[5] = NAN;
  const Status status = transform_model({}, model.get());
  CHECK(status.code() == Code::invalid_argument);
  CHECK(std::string(status.message()).find("layers.1: up") != std::string::npos);
}
