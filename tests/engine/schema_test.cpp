// Answers that keep a JSON schema, through mica.h: what a small model says, cut to what is allowed. Which texts a schema
// allows: files/schema_test.cpp.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mica_schema.h"
#include "panel_session.hpp"

namespace {

mica_sampling drawn(uint64_t seed, uint32_t tokens_max = 200) {
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 1.5f;
  sampling.top_k = 0;
  sampling.top_p = 1;
  sampling.min_p = 0;
  sampling.seed = seed;
  sampling.tokens_max = tokens_max;
  return sampling;
}

mica_sampling greedy() {
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  return sampling;
}

class Talk : mica::test::PanelSession {
 public:
  Talk() : PanelSession(512) {}

  mica_status set(const char* schema, std::string* message = nullptr) {
    mica_error error{};
    const mica_status status =
        mica_session_set_schema(session_, schema, schema == nullptr ? 0 : std::string(schema).size(), &error);
    if (message != nullptr) *message = error.message;
    return status;
  }
  std::string ask(const mica_sampling& sampling, mica_stop* stop = nullptr) {
    mica_session_clear(session_);
    REQUIRE(add("Which unit is this?") == MICA_OK);
    std::string text;
    mica_generation result{};
    mica_error error{};
    const auto append = [](void* user, const char* piece, size_t bytes, int32_t) {
      static_cast<std::string*>(user)->append(piece, bytes);
      return 0;
    };
    REQUIRE_MESSAGE(mica_session_generate(session_, &sampling, append, &text, &result, &error) == MICA_OK, error.message);
    if (stop != nullptr) *stop = result.stop;
    return text;
  }
  mica_session* session() { return session_; }
};

}  // namespace

TEST_CASE("a drawn answer keeps its schema, and ends where its value is whole") {
  Talk talk;
  REQUIRE(talk.set(R"({"type":"object","properties":{"unit":{"type":"string","maxLength":12},
                       "load":{"type":"integer","minimum":0,"maximum":100},"on":{"type":"boolean"}},
                       "required":["unit","load","on"],"additionalProperties":false})") == MICA_OK);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    mica_stop stop = MICA_STOP_NONE;
    const std::string text = talk.ask(drawn(seed), &stop);
    CAPTURE(text);
    CHECK(stop == MICA_STOP_END);
    const nlohmann::json value = nlohmann::json::parse(text);
    CHECK(value.size() == 3);
    CHECK(value["load"].get<int>() <= 100);
    CHECK(value["load"].get<int>() >= 0);
    CHECK(value["on"].is_boolean());
  }
  mica_stop stop = MICA_STOP_NONE;
  talk.ask(drawn(1, 3), &stop);
  CHECK(stop == MICA_STOP_TOKENS);
}

TEST_CASE("ignore_end does not go on behind a whole value") {
  Talk talk;
  REQUIRE(talk.set(R"({"const":[1, 2]})") == MICA_OK);
  mica_sampling sampling = greedy();
  sampling.ignore_end = 1;
  mica_stop stop = MICA_STOP_NONE;
  const std::string text = talk.ask(sampling, &stop);
  CHECK(nlohmann::json::parse(text) == nlohmann::json({1, 2}));
  CHECK(stop == MICA_STOP_END);
}

TEST_CASE("a greedy answer that keeps the schema by itself is the same with it; without it answers are free again") {
  Talk talk;
  const std::string free = talk.ask(greedy());
  REQUIRE(talk.set(R"({"type":"string","pattern":"^SOLAR [0-9]$"})") == MICA_OK);
  CHECK(talk.ask(greedy()) == "\"" + free + "\"");
  REQUIRE(talk.set(nullptr) == MICA_OK);
  CHECK(talk.ask(greedy()) == free);
}

TEST_CASE("steps of several sessions keep a schema each") {
  mica_error error{};
  mica_model* model = nullptr;
  mica_workspace* workspace = nullptr;
  mica_session_options options = mica_session_options_default();
  options.context = 256;
  REQUIRE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model, &error) == MICA_OK);
  REQUIRE(mica_workspace_create(model, &options, 3, nullptr, 0, &workspace, &error) == MICA_OK);
  const char* const schemas[] = {R"({"enum":["A","B"]})", R"({"type":"integer","minimum":10,"maximum":99})", nullptr};
  mica_session* sessions[3] = {};
  std::string texts[3];
  for (int i = 0; i < 3; ++i) {
    REQUIRE(mica_workspace_session_create(workspace, &options, nullptr, 0, &sessions[i], &error) == MICA_OK);
    if (schemas[i] != nullptr)
      REQUIRE(mica_session_set_schema(sessions[i], schemas[i], std::string(schemas[i]).size(), &error) == MICA_OK);
    const mica_part part{MICA_PART_TEXT, "Which unit?", 11, nullptr};
    REQUIRE(mica_session_add_message(sessions[i], MICA_ROLE_USER, &part, 1, &error) == MICA_OK);
    const mica_sampling sampling = drawn(static_cast<uint64_t>(i), 30);
    REQUIRE(mica_session_begin(sessions[i], &sampling, &error) == MICA_OK);
  }
  mica_step steps[3];
  bool goes_on = true;
  while (goes_on) {
    REQUIRE(mica_sessions_step(sessions, 3, steps, nullptr, &error) == MICA_OK);
    goes_on = false;
    for (int i = 0; i < 3; ++i) {
      texts[i].append(steps[i].text, steps[i].text_bytes);
      goes_on = goes_on || steps[i].stop == MICA_STOP_NONE;
    }
  }
  const nlohmann::json letter = nlohmann::json::parse(texts[0]);  // it may be escaped
  CHECK((letter == "A" || letter == "B"));
  CHECK(texts[1].size() == 2);
  CHECK(nlohmann::json::parse(texts[1]).is_number_integer());
  for (mica_session* session : sessions) mica_session_free(session);
  mica_workspace_free(workspace);
  mica_model_close(model);
}

TEST_CASE("what is refused leaves the schema of before; setting one ends an answer") {
  Talk talk;
  std::string message;
  REQUIRE(talk.set(R"({"const":7})") == MICA_OK);
  CHECK(talk.set(R"({"minProperties":1})", &message) == MICA_UNSUPPORTED);
  CHECK(message.find("minProperties") != std::string::npos);
  CHECK(talk.set("{", &message) == MICA_CORRUPT_FILE);
  CHECK(talk.ask(greedy()) == "7");
  const mica_sampling sampling = greedy();
  REQUIRE(mica_session_begin(talk.session(), &sampling, nullptr) == MICA_OK);
  REQUIRE(talk.set("{}") == MICA_OK);
  mica_step step{};
  CHECK(mica_session_step(talk.session(), &step, nullptr) == MICA_INVALID_ARGUMENT);

  mica_model* shape = nullptr;
  mica_session* session = nullptr;
  mica_session_options options = mica_session_options_default();
  options.context = 16;
  REQUIRE(mica_model_open_shape("smollm2-135m", nullptr, &shape, nullptr) == MICA_OK);
  REQUIRE(mica_session_create(shape, &options, nullptr, 0, &session, nullptr) == MICA_OK);
  CHECK(mica_session_set_schema(session, "{}", 2, nullptr) == MICA_UNSUPPORTED);
  mica_session_free(session);
  mica_model_close(shape);
}
