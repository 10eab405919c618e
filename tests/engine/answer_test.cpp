// Answers a token at a time, and the texts that end them. Not what the model answers: golden_test.cpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "panel_session.hpp"

namespace {

const std::string kQuestion = "Which unit is this?", kAnswer = "SOLAR 1";

struct Told {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<std::string> pieces;
  mica_stop stop = MICA_STOP_NONE;
  uint32_t held = 0;  // tokens in the session afterwards

  void add(const char* piece, size_t bytes, int32_t token) {
    text.append(piece, bytes);
    pieces.emplace_back(piece, bytes);
    if (token >= 0) tokens.push_back(token);
  }
};

mica_sampling greedy(uint32_t tokens_max = 0, int ignore_end = 0) {
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = tokens_max;
  sampling.ignore_end = ignore_end;
  return sampling;
}

class Talk : mica::test::PanelSession {
 public:
  explicit Talk(uint32_t context = 256) : PanelSession(context) {}

  void ask(const std::string& question = kQuestion) { REQUIRE(add(question) == MICA_OK); }
  mica_status set_stops(const std::vector<std::string>& stops) {
    std::vector<mica_text> texts;
    for (const std::string& stop : stops) texts.push_back({stop.data(), stop.size()});
    return mica_session_set_stops(session_, texts.data(), texts.size(), nullptr);
  }
  Told generate(const mica_sampling& sampling) {
    Told told;
    mica_generation result{};
    const auto add = [](void* user, const char* text, size_t bytes, int32_t token) {
      static_cast<Told*>(user)->add(text, bytes, token);
      return 0;
    };
    REQUIRE(mica_session_generate(session_, &sampling, add, &told, &result, nullptr) == MICA_OK);
    CHECK(result.tokens == told.tokens.size());
    told.stop = result.stop;
    told.held = tokens();
    return told;
  }
  Told step_through(const mica_sampling& sampling) {
    REQUIRE(mica_session_begin(session_, &sampling, nullptr) == MICA_OK);
    return step_on();
  }
  Told step_on() {
    Told told;
    mica_step step{};
    do {
      REQUIRE(mica_session_step(session_, &step, nullptr) == MICA_OK);
      told.add(step.text, step.text_bytes, step.token);
    } while (step.stop == MICA_STOP_NONE);
    told.stop = step.stop;
    REQUIRE(mica_session_step(session_, &step, nullptr) == MICA_OK);  // no token, and what waited is computed
    CHECK(step.token == -1);
    CHECK(step.text_bytes == 0);
    CHECK(step.stop == told.stop);
    told.held = tokens();
    return told;
  }
  uint32_t tokens() const {
    mica_stats stats{};
    mica_session_stats(session_, &stats);
    return stats.tokens;
  }
  mica_session* session() { return session_; }
};

void check_same(const Told& told, const Told& wanted) {
  CHECK(told.text == wanted.text);
  CHECK(told.tokens == wanted.tokens);
  CHECK(told.stop == wanted.stop);
  CHECK(told.held == wanted.held);
}

}  // namespace

TEST_CASE("steps give the tokens and the text of generate, whatever ends the answer, turn after turn") {
  struct Way {
    uint32_t context;
    mica_sampling sampling;
    mica_stop stop;
  };
  mica_sampling drawn = mica_sampling_default();
  drawn.temperature = 1.5f;
  drawn.seed = 11;
  drawn.tokens_max = 9;
  drawn.ignore_end = 1;
  for (const Way& way : {Way{256, greedy(), MICA_STOP_END}, Way{256, greedy(2), MICA_STOP_TOKENS},
                         Way{256, drawn, MICA_STOP_TOKENS}, Way{96, greedy(0, 1), MICA_STOP_CONTEXT}}) {
    CAPTURE(way.stop);
    Talk whole(way.context), stepped(way.context);
    for (int turn = 0; turn < (way.stop == MICA_STOP_CONTEXT ? 1 : 2); ++turn) {
      whole.ask();
      stepped.ask();
      const Told wanted = whole.generate(way.sampling), told = stepped.step_through(way.sampling);
      CHECK(wanted.stop == way.stop);
      CHECK(!wanted.tokens.empty());
      check_same(told, wanted);
    }
  }
}

TEST_CASE(
    "a token waits in the session until the next call that computes, and the logits are those it was chosen from") {
  Talk talk;
  talk.ask();
  const mica_sampling sampling = greedy();
  REQUIRE(mica_session_begin(talk.session(), &sampling, nullptr) == MICA_OK);
  mica_step step{};
  REQUIRE(mica_session_step(talk.session(), &step, nullptr) == MICA_OK);
  const uint32_t before = talk.tokens();
  const float* logits = nullptr;
  REQUIRE(mica_session_logits(talk.session(), 0, &logits, nullptr) == MICA_OK);
  for (int32_t i = 0; i < 100; ++i) CHECK(logits[i] <= logits[step.token]);
  REQUIRE(mica_session_prefill(talk.session(), nullptr, nullptr, nullptr) == MICA_OK);
  CHECK(talk.tokens() == before + 1);
  const Told rest = talk.step_on();
  Talk other;
  other.ask();
  const Told whole = other.generate(sampling);
  CHECK(std::vector<int32_t>(whole.tokens.begin() + 1, whole.tokens.end()) == rest.tokens);
}

TEST_CASE("an answer ends before a stop text, which is never shown") {
  struct Case {
    std::vector<std::string> stops;
    std::string text;
    mica_stop stop;
  };
  const Case cases[] = {
      {{"SOLAR"}, "", MICA_STOP_TEXT},
      {{"R 1"}, "SOLA", MICA_STOP_TEXT},
      {{"LAR", "OLA"}, "S", MICA_STOP_TEXT},
      {{" "}, "SOLAR", MICA_STOP_TEXT},
      {{"1"}, "SOLAR ", MICA_STOP_TEXT},
      {{"SOLAR 1"}, "", MICA_STOP_TEXT},
      {{"SOLAR 12", "AR 1x", "\xC3\xA9"}, kAnswer, MICA_STOP_END},
      {{}, kAnswer, MICA_STOP_END},
  };
  Talk whole, stepped;
  for (const Case& each : cases) {
    CAPTURE(each.text);
    for (Talk* talk : {&whole, &stepped}) {
      mica_session_clear(talk->session());
      REQUIRE(talk->set_stops(each.stops) == MICA_OK);
      talk->ask();
    }
    const Told told = whole.generate(greedy());
    CHECK(told.text == each.text);
    CHECK(told.stop == each.stop);
    check_same(stepped.step_through(greedy()), told);
  }
}

TEST_CASE("what is held back comes at the answer's end, whatever that is") {
  Talk talk;
  REQUIRE(talk.set_stops({kAnswer + "0"}) == MICA_OK);
  talk.ask();
  const Told told = talk.generate(greedy());
  CHECK(told.text == kAnswer);
  CHECK(told.pieces.back() == kAnswer);
  for (size_t i = 0; i + 1 < told.pieces.size(); ++i) CHECK(told.pieces[i].empty());
  mica_session_clear(talk.session());
  talk.ask();
  const Told cut = talk.generate(greedy(static_cast<uint32_t>(told.tokens.size()) - 1));
  CHECK(cut.stop == MICA_STOP_TOKENS);
  CHECK(kAnswer.rfind(cut.text, 0) == 0);
  mica_session_clear(talk.session());
  talk.ask();
  std::string heard;
  const mica_sampling sampling = greedy();
  const auto stop_at_once = [](void* user, const char* text, size_t bytes, int32_t) {
    static_cast<std::string*>(user)->append(text, bytes);
    return 1;
  };
  mica_generation result{};
  REQUIRE(mica_session_generate(talk.session(), &sampling, stop_at_once, &heard, &result, nullptr) == MICA_OK);
  CHECK(result.stop == MICA_STOP_CALLBACK);
  CHECK(!heard.empty());
  CHECK(kAnswer.rfind(heard, 0) == 0);
}

TEST_CASE("stop texts have bounds, and those of before stay when others are refused") {
  Talk talk;
  REQUIRE(talk.set_stops({"R 1"}) == MICA_OK);
  CHECK(talk.set_stops({"a", ""}) == MICA_INVALID_ARGUMENT);
  CHECK(talk.set_stops({"\xFF"}) == MICA_INVALID_ARGUMENT);
  CHECK(talk.set_stops({std::string(257, 'a')}) == MICA_LIMIT_EXCEEDED);
  CHECK(talk.set_stops(std::vector<std::string>(65, "a")) == MICA_LIMIT_EXCEEDED);
  talk.ask();
  CHECK(talk.generate(greedy()).text == "SOLA");
  CHECK(talk.set_stops({std::string(256, 'a')}) == MICA_OK);
  CHECK(talk.set_stops(std::vector<std::string>(64, "b")) == MICA_OK);
}

TEST_CASE("no step without a beginning; a message, clearing and generating end an answer") {
  Talk talk;
  mica_step step{};
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);
  const mica_sampling sampling = greedy();
  CHECK(mica_session_begin(talk.session(), &sampling, nullptr) == MICA_OK);
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);  // nothing to continue
  mica_sampling wrong = greedy();
  wrong.top_p = 7;
  talk.ask();
  CHECK(mica_session_begin(talk.session(), &wrong, nullptr) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);
  const auto begin = [&] {
    REQUIRE(mica_session_begin(talk.session(), &sampling, nullptr) == MICA_OK);
    REQUIRE(mica_session_step(talk.session(), &step, nullptr) == MICA_OK);
    CHECK(step.token >= 0);
  };
  begin();
  talk.ask();
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);
  begin();
  mica_session_clear(talk.session());
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);
  talk.ask();
  CHECK(talk.generate(sampling).text == kAnswer);
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);
}

TEST_CASE("a cancelled step loses no token, and text that is added is what the answer goes on behind") {
  Talk disturbed, whole;
  whole.ask();
  const Told wanted = whole.generate(greedy());
  disturbed.ask();
  const mica_sampling sampling = greedy();
  REQUIRE(mica_session_begin(disturbed.session(), &sampling, nullptr) == MICA_OK);
  std::vector<int32_t> tokens;
  mica_step step{};
  do {
    REQUIRE(mica_session_step(disturbed.session(), &step, nullptr) == MICA_OK);
    if (step.token >= 0) tokens.push_back(step.token);
    mica_session_cancel(disturbed.session());
    if (step.stop == MICA_STOP_NONE) CHECK(mica_session_step(disturbed.session(), &step, nullptr) == MICA_CANCELLED);
  } while (step.stop == MICA_STOP_NONE);
  CHECK(tokens == wanted.tokens);

  Talk forced;
  forced.ask();
  REQUIRE(mica_session_begin(forced.session(), &sampling, nullptr) == MICA_OK);
  REQUIRE(mica_session_add_tokens(forced.session(), wanted.tokens.data(), 2, nullptr, 0, nullptr) == MICA_OK);
  CHECK(forced.step_on().tokens == std::vector<int32_t>(wanted.tokens.begin() + 2, wanted.tokens.end()));
}
