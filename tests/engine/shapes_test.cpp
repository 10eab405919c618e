// The published shapes: each is a config.json that its family reads whole, without a word of warning.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "config.hpp"
#include "family.hpp"
#include "log.hpp"

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
