// What a request asks for in vain is refused by its name, and what an answer says of itself is so: the bytes of its tokens, a
// conversation that goes on as if it were read anew, lines of the log.
#include <doctest/doctest.h>

#include "server.hpp"

using namespace serve_test;
using program::contains;
using program::data;

namespace {

struct Case {
  const char* path;
  const char* fields;
  const char* name;  // that is refused; empty: answered
};

constexpr const char* kChat = "/v1/chat/completions";

void check(const Server& server, const Case& one) {
  CAPTURE(std::string(one.fields));
  Json body = Json::parse(one.fields);
  if (std::string(one.path) == "/api/generate") body["prompt"] = "x";
  else if (!body.contains("messages")) body["messages"] = {{{"role", "user"}, {"content", "x"}}};
  body["stream"] = false;
  httplib::Client client = server.client();
  const httplib::Result result = client.Post(one.path, body.dump(), "application/json");
  REQUIRE(result);
  CHECK(result->status == (*one.name == '\0' ? 200 : 400));
  CHECK(contains(result->body, one.name));
}

}  // namespace

TEST_CASE("a field that would change the answer is refused by its name, and passes where it changes nothing") {
  const Server server({"-c", "256", "-n", "3"});
  const Case cases[] = {
      {kChat, R"({"allowed_token_ids": [1]})", "allowed_token_ids"},
      {kChat, R"({"chat_template": "x"})", "chat_template"},
      {kChat, R"({"truncate_prompt_tokens": 1})", "truncate_prompt_tokens"},
      {kChat, R"({"include_stop_str_in_output": true})", "include_stop_str_in_output"},
      {kChat, R"({"prompt_logprobs": 2})", "prompt_logprobs"},
      {kChat, R"({"length_penalty": 2})", "length_penalty"},
      {kChat, R"({"best_of": 5})", "best_of"},
      {kChat, R"({"echo": true})", "echo"},
      {kChat, R"({"logits_processors": ["x"]})", "logits_processors"},
      {kChat, R"({"guided_decoding": {"json": {}}})", "guided_decoding"},
      {kChat, R"({"skip_special_tokens": false})", "skip_special_tokens"},
      {kChat, R"({"t_max_predict_ms": 5})", "t_max_predict_ms"},
      {kChat, R"({"n_probs": 3})", "n_probs"},
      {kChat, R"({"tool_choice": "required"})", "tool_choice"},
      {kChat, R"({"tool_choice": {"type": "function", "function": {"name": "f"}}})", "tool_choice"},
      {kChat, R"({"messages": [{"role": "user", "content": "x", "images": ["AAAA"]}]})", "images"},
      {kChat, R"({"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}, {"role": "user", "content": "x"}]})",
       "tool_calls"},
      {kChat, R"({"response_format": {"type": "json_object"}, "json_schema": {"type": "integer"}})", "json_schema"},
      {kChat, R"({"guided_json": {"type": "integer"}, "json_schema": {"type": "boolean"}})", "guided_json"},
      {kChat, R"({"repeat_penalty": 2, "repetition_penalty": 3})", "repetition_penalty"},
      {"/api/generate", R"({"raw": true, "system": "x"})", "system"},
      {"/api/generate", R"({"temperature": 0})", "temperature"},
      {"/api/chat", R"({"max_tokens": 2})", "max_tokens"},
      {"/api/chat", R"({"response_format": {"type": "json_object"}})", "response_format"},
      {"/api/chat", R"({"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]})", "tool_calls"},
      {kChat, R"({"best_of": 1, "length_penalty": 1.0, "echo": false, "skip_special_tokens": true, "n_probs": 0,
                  "t_max_predict_ms": -1, "chat_template": null, "tool_choice": "none", "prompt_logprobs": null})",
       ""},
      {kChat, R"({"response_format": {"type": "text"}, "json_schema": {"type": "integer"}})", ""},
      {kChat, R"({"repeat_penalty": 1.5, "repetition_penalty": 1.5})", ""},
      {kChat, R"({"messages": [{"role": "assistant", "content": null, "tool_calls": null, "images": []},
                               {"role": "user", "content": "x"}]})",
       ""},
      {"/api/generate", R"({"raw": true, "system": "", "temperature": null})", ""},
  };
  for (const Case& one : cases) check(server, one);
}

TEST_CASE("tokens that are parts of a character: their bytes, and a conversation that such an answer is in") {
  const Server server;
  Json body = question("", "x");
  body["json_schema"] = {{"const", "日本語"}};
  body.update({{"logprobs", true}, {"top_logprobs", 1}});
  const Json whole = server.post(kChat, body);
  std::string joined;
  for (const Json& token : whole["choices"][0]["logprobs"]["content"])
    for (const Json& byte : token["bytes"]) joined += static_cast<char>(byte.get<int>());
  CHECK(content(whole) == "\"日本語\"");
  CHECK(joined == " " + content(whole));  // a blank before the whole is left out of the text
  // Cut within a character, the text does not tell the tokens: that answer is read again, a whole one is not.
  const auto cached_behind = [&](int tokens, const char* schema) {
    Json first = question(kPicture, kQuestion);
    first["max_tokens"] = tokens;
    if (schema != nullptr) first["json_schema"] = Json::parse(schema);
    const std::string said = content(server.post(kChat, first));
    Json second = question(kPicture, kQuestion);
    second["messages"].push_back({{"role", "assistant"}, {"content", said}});
    second["messages"].push_back({{"role", "user"}, {"content", kQuestion}});
    const Json goes_on = server.post(kChat, second);
    second["cache_prompt"] = false;
    const Json anew = server.post(kChat, second);
    CHECK(content(goes_on) == content(anew));
    CHECK(goes_on["usage"]["prompt_tokens"] == anew["usage"]["prompt_tokens"]);
    return goes_on["usage"]["prompt_tokens_details"]["cached_tokens"].get<int>();
  };
  CHECK(cached_behind(2, R"({"const": "日本語"})") == 0);
  CHECK(cached_behind(30, nullptr) > 0);
}

TEST_CASE("a line of the log is one line, whatever is asked, and tells who asked") {
  program::Terminal server({"serve", "-m", data("panel/model"), "--port", "0"});
  constexpr const char* kPlace = " at http://127.0.0.1:";
  REQUIRE(server.shows(kPlace));
  REQUIRE(server.shows(": "));
  const int port = std::stoi(server.seen().substr(server.seen().find(kPlace) + std::string(kPlace).size()));
  raw(port, "GET /%0afake%20line%09x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1);
  CHECK(server.shows(" 127.0.0.1 GET /%0Afake%20line%09x 4"));
  raw(port, "NONSENSE\r\n\r\n", 1);
  CHECK(server.shows(" 127.0.0.1 "));
  server.type("\x03");
  CHECK(server.status() == 0);
  CHECK(!contains(server.seen(), "fake line"));
}
