// The published shapes: each is a config.json that its family reads whole, without a word of warning, and random weights
// of every storage fill one.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "config.hpp"
#include "family.hpp"
#include "log.hpp"
#include "model.hpp"
#include "session.hpp"

using namespace mica;

TEST_CASE("published shapes are read without a warning") {
  static std::string said;
  set_log([](void*, int, const char* message) { said += std::string(message) + "\n"; }, nullptr);
  for (const Shape& shape : kShapes) {
    CAPTURE(std::string(shape.name));
    said.clear();
    ModelSpec spec;
    const Status status = read_model_spec(shape, &spec);
    CHECK_MESSAGE(status, std::string(status.message()));
    CHECK(said == "");
    CHECK(spec.decoder.layers > 0);
  }
  set_log(nullptr, nullptr);
}

TEST_CASE("a shape without weights says what it would take, and has no sessions") {
  const WeightFormat floats = WeightFormat::floats;
  std::unique_ptr<Model> with, without;
  REQUIRE(open_shape("smollm2-135m", floats, floats, true, &with));
  REQUIRE(open_shape("smollm2-135m", floats, floats, false, &without));
  CHECK(without->weights.bytes == with->weights.bytes);
  CHECK(without->weights.parameters == with->weights.parameters);
  for (const Shape& shape : kShapes) CHECK(open_shape(shape.name, floats, floats, false, &without));
  SessionOptions options;
  REQUIRE(Session::resolve(*without, {}, &options));
  std::unique_ptr<Session> session;
  CHECK(Session::create(*without, options, nullptr, 0, &session).code() == Code::unsupported);
}

TEST_CASE("random weights rotate what a file of the quantizer would") {
  const struct {
    const char* name;
    bool heads, mixed;
  } shapes[] = {{"smollm2-135m", true, false}, {"lfm2-vl-450m", true, true}, {"qwen3.5-0.8b", false, true}};
  for (const auto& shape : shapes) {
    CAPTURE(shape.name);
    std::unique_ptr<Model> model;
    REQUIRE(open_shape(shape.name, WeightFormat::u4, WeightFormat::u4, false, &model));
    const StreamTransform& stream = model->weights.decoder.stream;
    CHECK(stream.head_rotation == shape.heads);
    CHECK(stream.mixed_rotation == shape.mixed);
    CHECK(stream.mixed_plans.empty() != shape.mixed);
    REQUIRE(open_shape(shape.name, WeightFormat::floats, WeightFormat::floats, false, &model));
    CHECK_FALSE(model->weights.decoder.stream.mixed_rotation);
  }
}

TEST_CASE("random weights have every storage, and fewer bits take fewer bytes") {
  uint64_t bytes_before = UINT64_MAX;
  for (const char* name : {"f16", "w8a8", "w4a8-levels", "w4a8", "w3a8", "w2a8"}) {
    CAPTURE(name);
    WeightFormat format = WeightFormat::floats;
    REQUIRE(weight_format_of(name, &WeightFormatFacts::name, &format));
    std::unique_ptr<Model> model;
    REQUIRE(open_shape("smollm2-135m", format, format, true, &model));
    const uint64_t bytes = decode_bytes(model->weights.decoder);
    CHECK(bytes < bytes_before);
    bytes_before = bytes;
  }
}
