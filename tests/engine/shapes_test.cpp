// The published shapes: each is a config.json that its family reads whole, without a word of warning, and random weights
// of every storage fill one.
#include <doctest/doctest.h>

#include <cstring>
#include <iterator>
#include <string>

#include "config.hpp"
#include "family.hpp"
#include "log.hpp"
#include "mica.h"

using namespace mica;

TEST_CASE("published shapes are read without a warning") {
  static std::string said;
  set_log([](void*, int, const char* message) { said += std::string(message) + "\n"; }, nullptr);
  const auto bytes = [](const char* document) {
    return document ? Bytes(reinterpret_cast<const uint8_t*>(document), std::strlen(document)) : Bytes();
  };
  for (const Shape& shape : kShapes) {
    CAPTURE(std::string(shape.name));
    said.clear();
    ModelSpec spec;
    const Status status = read_model_spec(bytes(shape.config), {bytes(shape.preprocessor), {}}, shape.name, &spec);
    CHECK_MESSAGE(status, std::string(status.message()));
    CHECK(said == "");
    CHECK(spec.decoder.layers > 0);
  }
  set_log(nullptr, nullptr);
}

TEST_CASE("random weights have every storage that has a name, and fewer bits take fewer bytes") {
  const std::string bits_fall[] = {"bf16", "w8a8", "w4a8-levels", "w4a8", "w3a8", "w2a8"};
  uint64_t bytes_before = UINT64_MAX;
  for (const std::string& name : bits_fall) {
    CAPTURE(name);
    mica_model_options options = mica_model_options_default();
    size_t index = 0;
    while (mica_weights_name(index) != nullptr && name != mica_weights_name(index)) ++index;
    REQUIRE(mica_weights_name(index) != nullptr);
    options.text_weights = static_cast<mica_weights>(index);
    mica_model* model = nullptr;
    REQUIRE(mica_model_open_shape("smollm2-135m", &options, &model, nullptr) == MICA_OK);
    CHECK(mica_model_bytes(model) < bytes_before);
    bytes_before = mica_model_bytes(model);
    mica_model_close(model);
  }
  CHECK(mica_weights_name(std::size(bits_fall)) == nullptr);
}
