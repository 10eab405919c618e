// The transformed float model computes what the checkpoint does: every family, rotated and only folded.
#include "transform.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

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
  REQUIRE_MESSAGE(status, status.message());
  CHECK(transformed->weights.decoder.stream.rotated == options.rotate);
  CHECK(transformed->weights.decoder.layers[0].attention_norm.weight == nullptr);
  for (const Prompt& prompt : prompts_of(family))
    CHECK(relative_error(logits_of(*transformed, prompt), logits_of(*original, prompt)) < 1e-4);
}

}  // namespace

TEST_CASE("rotated and folded models give the logits of their checkpoints") {
  for (const char* family : kGoldenFamilies) {
    check_family(family, {});
    check_family(family, {.rotate = false});
  }
}

TEST_CASE("another seed gives another model that computes the same") {
  const std::unique_ptr<Model> first = open_family("qwen2_vl");
  const std::unique_ptr<Model> second = open_family("qwen2_vl");
  REQUIRE(transform_model({.seed = 1}, first.get()));
  REQUIRE(transform_model({.seed = 2}, second.get()));
  CHECK(float_row(first->weights.decoder.layers[0].up, 0)[0] != float_row(second->weights.decoder.layers[0].up, 0)[0]);
  for (const Prompt& prompt : prompts_of("qwen2_vl"))
    CHECK(relative_error(logits_of(*first, prompt), logits_of(*second, prompt)) < 1e-4);
}

TEST_CASE("a weight that is not a number is named by its layer") {
  const std::unique_ptr<Model> model = open_family("llama");
  OwnedBytes memory;
  Matrix& up = model->weights.decoder.layers[1].up;
  REQUIRE(copy_matrix(up, false, &memory, &up));
  float_row(up, 3)[5] = NAN;
  const Status status = transform_model({}, model.get());
  CHECK(status.code() == Code::invalid_argument);
  CHECK(std::string(status.message()).find("layers.1: up") != std::string::npos);
}
