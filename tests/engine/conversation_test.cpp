// Conversations of several turns: what a question that was cancelled or did not fit leaves behind.
// The model is the panel checkpoint, whose turns have control tokens around them.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "panel_session.hpp"

namespace {

struct Turn {
  std::string answer;
  uint32_t tokens = 0;  // in the session after the answer
};

class Conversation : public mica::test::PanelSession {
 public:
  explicit Conversation(uint32_t context = 512) : PanelSession(context) {}

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
