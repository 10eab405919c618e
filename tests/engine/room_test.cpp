// The room of a context: what pictures leave to questions and answers, how several share, what is said of it, and how a
// session grows to hold them whole. The model is the panel checkpoint, whose pictures take up to 512 tokens.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "mica.h"

namespace {

class Room {
 public:
  explicit Room(mica_session_options options) {
    REQUIRE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model_, &error) == MICA_OK);
    REQUIRE_MESSAGE(mica_session_create(model_, &options, nullptr, 0, &session_, &error) == MICA_OK, error.message);
  }
  ~Room() {
    for (mica_picture* picture : pictures_) mica_picture_free(picture);
    mica_session_free(session_);
    mica_model_close(model_);
  }

  const mica_picture* picture(uint32_t width, uint32_t height) {
    const std::vector<uint8_t> rgb(size_t{width} * height * 3, 90);
    mica_picture* picture = nullptr;
    REQUIRE(mica_picture_from_rgb(rgb.data(), width, height, 0, &picture, nullptr) == MICA_OK);
    pictures_.push_back(picture);
    return picture;
  }
  mica_status ask(const std::vector<const mica_picture*>& pictures, const std::string& text) {
    std::vector<mica_part> parts;
    for (const mica_picture* picture : pictures) parts.push_back({MICA_PART_PICTURE, nullptr, 0, picture});
    parts.push_back({MICA_PART_TEXT, text.data(), text.size(), nullptr});
    error = {};
    return mica_session_add_message(session_, MICA_ROLE_USER, parts.data(), parts.size(), &error);
  }
  uint32_t tokens_of(const mica_picture* picture) {
    uint32_t tokens = 0;
    REQUIRE(mica_session_picture_tokens(session_, picture, &tokens, nullptr) == MICA_OK);
    return tokens;
  }
  uint32_t answer_tokens() {
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 0;
    sampling.ignore_end = 1;
    mica_generation generation{};
    REQUIRE(mica_session_generate(session_, &sampling, nullptr, nullptr, &generation, nullptr) == MICA_OK);
    return generation.tokens;
  }
  mica_stats stats() const {
    mica_stats stats{};
    mica_session_stats(session_, &stats);
    return stats;
  }
  mica_session* session() { return session_; }
  mica_error error{};

 private:
  mica_model* model_ = nullptr;
  mica_session* session_ = nullptr;
  std::vector<mica_picture*> pictures_;
};

mica_session_options context_of(uint32_t tokens) {
  mica_session_options options = mica_session_options_default();
  options.context = tokens;
  return options;
}

const std::string kLongQuestion = [] {
  std::string text = "Which unit is this?";
  while (text.size() < 400) text += " Which unit is this?";
  return text;
}();

}  // namespace

TEST_CASE("a picture leaves room for its question and an answer, and that it was made smaller is said") {
  for (const uint32_t context : {256u, 400u, 512u}) {
    for (const std::string& question : {std::string("Which unit is this?"), kLongQuestion}) {
      CAPTURE(context);
      Room room(context_of(context));
      const mica_picture* large = room.picture(900, 700);
      REQUIRE_MESSAGE(room.ask({large}, question) == MICA_OK, room.error.message);
      const uint32_t tokens = room.tokens_of(large);
      CHECK(tokens < 475);
      CHECK(tokens > 16);
      CHECK(room.stats().tokens_wanted > context);
      CHECK(room.answer_tokens() >= context / 8);
      CHECK(room.stats().pictures == 1);
      CHECK(room.stats().pictures_reduced == 1);
      CHECK(room.stats().picture_tokens == tokens);
    }
  }
}

TEST_CASE("pictures of one message share the room: small ones stay whole") {
  Room room(context_of(400));
  const mica_picture* small = room.picture(224, 112);
  const mica_picture* large = room.picture(900, 700);
  const mica_picture* other = room.picture(700, 900);
  REQUIRE_MESSAGE(room.ask({large, small, other}, "What differs?") == MICA_OK, room.error.message);
  CHECK(room.tokens_of(small) == 32);
  CHECK(room.tokens_of(large) > 64);
  CHECK(room.tokens_of(other) > 64);
  CHECK(room.answer_tokens() >= 50);
  CHECK(room.stats().pictures_reduced == 2);
}

TEST_CASE("a second picture works too, also where the first filled what it could") {
  Room room(context_of(512));
  mica_sampling greedy = mica_sampling_default();
  greedy.temperature = 0;
  greedy.tokens_max = 4;
  for (int turn = 0; turn < 3; ++turn) {
    const mica_picture* picture = room.picture(420, 280);
    REQUIRE_MESSAGE(room.ask({picture}, "Which unit is this?") == MICA_OK, room.error.message);
    REQUIRE(mica_session_generate(room.session(), &greedy, nullptr, nullptr, nullptr, nullptr) == MICA_OK);
  }
  CHECK(room.stats().pictures == 3);
}

TEST_CASE("a session that grew to the tokens wanted holds the picture whole") {
  Room room(context_of(256));
  const mica_picture* large = room.picture(900, 700);
  REQUIRE(room.ask({large}, "Which unit is this?") == MICA_OK);
  const uint32_t wanted = room.stats().tokens_wanted;
  CHECK(room.tokens_of(large) < 475);
  mica_session_clear(room.session());
  REQUIRE_MESSAGE(mica_session_grow(room.session(), wanted, &room.error) == MICA_OK, room.error.message);
  REQUIRE(room.ask({large}, "Which unit is this?") == MICA_OK);
  CHECK(room.tokens_of(large) == 475);
  CHECK(room.answer_tokens() >= 32);
  CHECK(room.stats().pictures_reduced == 0);
}

TEST_CASE("what does not fit names the tokens that are needed") {
  Room room(context_of(64));
  CHECK(room.ask({}, kLongQuestion) == MICA_CONTEXT_FULL);
  const uint32_t wanted = room.stats().tokens_wanted;
  CHECK(wanted > 64);
  CHECK_MESSAGE(std::string(room.error.message).find(std::to_string(wanted)) != std::string::npos, room.error.message);
}

TEST_CASE("picture_tokens is the most of one picture, picture_tokens_min the least") {
  mica_session_options options = context_of(2048);
  options.picture_tokens = 100;
  options.picture_tokens_min = 60;
  Room room(options);
  const mica_picture* tiny = room.picture(56, 56);
  const mica_picture* large = room.picture(900, 700);
  REQUIRE(room.ask({tiny, large}, "What differs?") == MICA_OK);
  CHECK(room.tokens_of(tiny) >= 60);
  CHECK(room.tokens_of(tiny) <= 100);
  CHECK(room.tokens_of(large) <= 100);
  CHECK(room.tokens_of(large) > 70);
  options.picture_tokens_min = 101;
  mica_error error{};
  size_t bytes = 0;
  mica_model* model = nullptr;
  REQUIRE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model, nullptr) == MICA_OK);
  CHECK(mica_session_size(model, &options, &bytes, &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("picture_tokens_min") != std::string::npos);
  mica_model_close(model);
}

TEST_CASE("the context that memory has room for") {
  mica_model* model = nullptr;
  REQUIRE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model, nullptr) == MICA_OK);
  uint32_t context = 0;
  mica_error error{};
  REQUIRE(mica_session_context_within_memory(model, nullptr, 4096, &context, &error) == MICA_OK);
  CHECK(context == 4096);
  REQUIRE(mica_session_context_within_memory(model, nullptr, 1u << 24, &context, &error) == MICA_OK);
  mica_session_options options = context_of(context);
  size_t bytes = 0;
  CHECK(mica_session_size(model, &options, &bytes, &error) == MICA_OK);
  mica_model_close(model);
}
