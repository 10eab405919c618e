// The default model on panels of other sizes than it was trained on: its picture rule brings them there. Each panel of
// tests/data/panel is shown at several times its size, and most questions are answered as at its own.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "arena.hpp"
#include "mica.h"
#include "picture.hpp"
#include "picture_test.hpp"
#include "resample.hpp"

using namespace mica;

namespace {

struct Question {
  std::string image, text, answer;
};

// Of every third picture: enough to tell 92 % from 29 %.
std::vector<Question> read_questions() {
  const std::vector<uint8_t> file = read_test_data("panel/questions.jsonl");
  std::vector<Question> questions;
  std::string line, last;
  size_t pictures = 0;
  for (const uint8_t byte : file) {
    if (byte != '\n') {
      line += static_cast<char>(byte);
      continue;
    }
    const nlohmann::json fields = nlohmann::json::parse(line);
    line.clear();
    if (fields["image"] != last) ++pictures;
    last = fields["image"];
    if (pictures % 3 == 1) questions.push_back({last, fields["question"], fields["answer"]});
  }
  return questions;
}

mica_picture* scaled(const std::string& name, double scale) {
  Picture picture;
  REQUIRE(decode_picture(read_test_data("panel/" + name), name.c_str(), &picture));
  const auto width = static_cast<uint32_t>(picture.width * scale), height = static_cast<uint32_t>(picture.height * scale);
  const ResampleGeometry geometry = {picture.width, picture.height, width, height, 0, 0, width, height};
  Arena measure;
  const Resampler measured(geometry, ResampleFilter::bicubic, &measure);
  const std::unique_ptr<void, void (*)(void*)> scratch(std::aligned_alloc(Arena::kAlignment, measure.used()), std::free);
  Arena arena(scratch.get(), measure.used());
  Resampler resampler(geometry, ResampleFilter::bicubic, &arena);
  std::vector<uint8_t> rgb;
  for (uint32_t y = resampler.source_begin(); y < resampler.source_end(); ++y) {
    resampler.push(&picture.rgb[size_t{y} * picture.width * 3]);
    while (const uint8_t* row = resampler.next_row()) rgb.insert(rgb.end(), row, row + size_t{width} * 3);
  }
  mica_picture* made = nullptr;
  REQUIRE(mica_picture_from_rgb(rgb.data(), width, height, 0, &made, nullptr) == MICA_OK);
  return made;
}

std::string answer(mica_session* session, const mica_picture* picture, const std::string& question) {
  mica_session_clear(session);
  const mica_part parts[] = {{MICA_PART_PICTURE, nullptr, 0, picture},
                             {MICA_PART_TEXT, question.data(), question.size(), nullptr}};
  mica_sampling greedy = mica_sampling_default();
  greedy.temperature = 0;
  greedy.tokens_max = 32;
  std::string text;
  const auto append = [](void* user, const char* piece, size_t bytes, int32_t) {
    static_cast<std::string*>(user)->append(piece, bytes);
    return 0;
  };
  REQUIRE(mica_session_add_message(session, MICA_ROLE_USER, parts, 2, nullptr) == MICA_OK);
  REQUIRE(mica_session_generate(session, &greedy, append, &text, nullptr, nullptr) == MICA_OK);
  return text;
}

}  // namespace

TEST_CASE("the default model takes pictures of every shape") {
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  REQUIRE(mica_model_open(nullptr, nullptr, &model, nullptr) == MICA_OK);
  REQUIRE(mica_session_create(model, nullptr, nullptr, 0, &session, nullptr) == MICA_OK);
  const uint32_t sides[][2] = {{1, 1},    {96, 64},    {112, 112}, {150, 150}, {160, 120},  {64, 96},
                               {97, 61},  {3000, 40},  {40, 3000}, {3000, 20}, {199, 1},    {1, 199},
                               {640, 480}, {1920, 1080}, {4000, 21}};
  for (const auto& side : sides) {
    CAPTURE(side[0]);
    CAPTURE(side[1]);
    const std::vector<uint8_t> rgb(size_t{side[0]} * side[1] * 3, 90);
    mica_picture* picture = nullptr;
    mica_error error{};
    REQUIRE(mica_picture_from_rgb(rgb.data(), side[0], side[1], 0, &picture, nullptr) == MICA_OK);
    mica_session_clear(session);
    CHECK_MESSAGE(mica_session_add_picture(session, picture, &error) == MICA_OK, error.message);
    CHECK_MESSAGE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK, error.message);
    mica_picture_free(picture);
  }
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("the default model reads panels at half to four times their size") {
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  REQUIRE(mica_model_open(nullptr, nullptr, &model, nullptr) == MICA_OK);
  REQUIRE(mica_session_create(model, nullptr, nullptr, 0, &session, nullptr) == MICA_OK);
  CHECK(std::string(mica_model_description(model)).find("instrument panels") != std::string::npos);
  const std::vector<Question> questions = read_questions();
  REQUIRE(questions.size() >= 30);
  for (const double scale : {0.5, 0.75, 1.0, 1.2, 1.34, 1.9, 4.0}) {  // 1.2 to 1.9: sides far from whole windows
    CAPTURE(scale);
    size_t right = 0;
    for (const Question& question : questions) {
      mica_picture* picture = scaled(question.image, scale);
      right += answer(session, picture, question.text) == question.answer;
      mica_picture_free(picture);
    }
    CHECK_MESSAGE(right * 100 >= questions.size() * 85, right, " of ", questions.size());
  }
  mica_session_free(session);
  mica_model_close(model);
}
