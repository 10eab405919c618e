// Two files of one model: answers and pixels beside each other. Not a test.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "golden.hpp"
#include "test_folder.hpp"

namespace mica::test {

inline mica_model* open_model(const std::string& path, const char* projector = nullptr) {
  mica_model_options options = mica_model_options_default();
  options.projector = projector;
  mica_model* model = nullptr;
  mica_error error{};
  REQUIRE_MESSAGE(mica_model_open(path.c_str(), &options, &model, &error) == MICA_OK, error.message);
  return model;
}

// Why a file is not opened.
inline std::string refusal_of(const std::string& path, const char* projector = nullptr) {
  mica_model_options options = mica_model_options_default();
  options.projector = projector;
  mica_model* model = nullptr;
  mica_error error{};
  CHECK(mica_model_open(path.c_str(), &options, &model, &error) != MICA_OK);
  return error.message;
}

// A copy in which the first `before` is `after`, which is as long.
inline std::string changed_copy(const std::string& path, const std::string& before, const std::string& after,
                                const TestFolder& folder) {
  const std::vector<uint8_t> bytes = read_all(path);
  std::string content(text_of(bytes));
  const size_t at = content.find(before);
  REQUIRE(at != std::string::npos);
  REQUIRE(before.size() == after.size());
  return folder.write("changed.gguf", content.replace(at, after.size(), after));
}

inline std::vector<float> pixels_of(const mica_model* model, const mica_picture* picture) {
  std::vector<float> pixels(1 << 22);
  size_t count = 0;
  REQUIRE(mica_picture_pixels(model, picture, pixels.data(), pixels.size(), &count, nullptr) == MICA_OK);
  pixels.resize(count);
  return pixels;
}

// The logits at the last 8 positions of the prompt that `add` puts into a session.
template <class Add>
std::vector<float> answer_of(const mica_model* model, const Add& add) {
  mica_session* session = make_session(model, 0, 1, 8, 640);
  add(session);
  std::vector<float> all;
  for (uint32_t row = 0; row < 8; ++row) {
    const float* logits = nullptr;
    REQUIRE(mica_session_logits(session, row, &logits, nullptr) == MICA_OK);
    all.insert(all.end(), logits, logits + mica_model_vocabulary(model));
  }
  mica_session_free(session);
  return all;
}

// The largest difference of two models' answers, as a share of the largest logit.
template <class Add>
double difference_of(const mica_model* one, const mica_model* other, const Add& add) {
  const std::vector<float> wanted = answer_of(one, add), got = answer_of(other, add);
  double difference = 0, largest = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    difference = std::max(difference, std::fabs(double{wanted[i]} - double{got[i]}));
    largest = std::max(largest, std::fabs(double{wanted[i]}));
  }
  return std::isfinite(difference) && largest > 0 ? difference / largest : HUGE_VAL;
}

}  // namespace mica::test
