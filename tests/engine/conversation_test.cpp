// Conversations of several turns: what a question that was cancelled or did not fit leaves behind.
// The model is the panel checkpoint, whose turns have control tokens around them.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "mica.h"

namespace {

struct Turn {
  std::string answer;
  uint32_t tokens = 0;  // in the session after the answer
};

class Conversation {
 public:
  explicit Conversation(uint32_t context = 512) {
    mica_error error{};
    mica_session_options options = mica_session_options_default();
    options.context = context;
    REQUIRE_MESSAGE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model_, &error) == MICA_OK, error.message);
    REQUIRE(mica_picture_open(MICA_TEST_DATA "/panel/000.jpg", &picture_, &error) == MICA_OK);
    REQUIRE(mica_session_create(model_, &options, nullptr, 0, &session_, &error) == MICA_OK);
  }
  ~Conversation() {
    mica_session_free(session_);
    mica_picture_free(picture_);
    mica_model_close(model_);
  }

  mica_status add(const std::string& question) {
    const mica_part parts[] = {{MICA_PART_PICTURE, nullptr, 0, picture_},
                               {MICA_PART_TEXT, question.data(), question.size(), nullptr}};
    return mica_session_add_message(session_, MICA_ROLE_USER, parts, 2, nullptr);
  }

  Turn ask(const std::string& question) {
    REQUIRE(add(question) == MICA_OK);
    mica_sampling greedy = mica_sampling_default();
    greedy.temperature = 0;
    Turn turn;
    const auto append = [](void* user, const char* text, size_t bytes, int32_t) {
      static_cast<Turn*>(user)->answer.append(text, bytes);
      return 0;
    };
    REQUIRE(mica_session_generate(session_, &greedy, append, &turn, nullptr, nullptr) == MICA_OK);
    mica_stats stats{};
    mica_session_stats(session_, &stats);
    turn.tokens = stats.tokens;
    return turn;
  }

  mica_session* session() { return session_; }

 private:
  mica_model* model_ = nullptr;
  mica_picture* picture_ = nullptr;
  mica_session* session_ = nullptr;
};

int stop_at_once(void*, const char*, double) { return 1; }

}  // namespace

TEST_CASE("a question that is cancelled after an answer leaves the conversation as it was") {
  Conversation undisturbed, disturbed;
  CHECK(undisturbed.ask("Which unit is this?").answer == "SOLAR 1");
  CHECK(disturbed.ask("Which unit is this?").answer == "SOLAR 1");
  REQUIRE(disturbed.add("Read the dial.") == MICA_OK);
  CHECK(mica_session_prefill(disturbed.session(), stop_at_once, nullptr, nullptr) == MICA_CANCELLED);
  const Turn expected = undisturbed.ask("What is the label?");
  const Turn turn = disturbed.ask("What is the label?");
  CHECK(turn.tokens == expected.tokens);
  CHECK(turn.answer == expected.answer);
}

TEST_CASE("a question that does not fit leaves the conversation as it was") {
  Conversation wide, narrow(128);
  const Turn first = narrow.ask("Which unit is this?");
  CHECK(wide.ask("Which unit is this?").tokens == first.tokens);
  CHECK(narrow.add(std::string(400, 'x')) == MICA_CONTEXT_FULL);
  const Turn expected = wide.ask("Read the dial.");
  const Turn turn = narrow.ask("Read the dial.");
  CHECK(turn.tokens == expected.tokens);
  CHECK(turn.answer == expected.answer);
}
