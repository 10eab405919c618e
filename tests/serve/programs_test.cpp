// Other programs' requests, one after the other as each sends them, and what it looks for in the answers: a server that fails
// one of these cannot be added there, or shows nothing. Not their code, which clients.py runs where it is installed.
#include <doctest/doctest.h>

#include "server.hpp"

using namespace serve_test;
using program::contains;
using program::data;

namespace {

std::string picture() { return base64(file_bytes(data(kPicture))); }

Json schema_of(const std::string& unit) {
  return {{"type", "object"},
          {"properties", {{"unit", {{"type", "string"}, {"enum", {unit}}}}}},
          {"required", {"unit"}},
          {"additionalProperties", false}};
}

Json tool() {
  return {{"type", "function"},
          {"function",
           {{"name", "HassTurnOn"},
            {"description", "Turns on a device"},
            {"parameters",
             {{"type", "object"}, {"properties", {{"name", {{"type", "string"}}}}}, {"required", Json::array()}}}}}};
}

// A stream of JSON lines: the text, and the last line. Each before it says that it is none.
std::string lines_of(const Server& server, const std::string& path, const Json& body, Json* last) {
  httplib::Client client = server.client();
  const httplib::Result stream = client.Post(path, body.dump(), "application/json");
  REQUIRE(stream);
  REQUIRE_MESSAGE(stream->status == 200, stream->body);
  CHECK(contains(stream->get_header_value("Content-Type"), "application/x-ndjson"));
  std::string text;
  for (size_t at = 0, end; (end = stream->body.find('\n', at)) != std::string::npos; at = end + 1) {
    CHECK((last->is_null() || (*last)["done"] == false));
    *last = Json::parse(stream->body.substr(at, end - at));
    text += (*last)["message"]["content"];
  }
  CHECK((*last)["done"] == true);
  return text;
}

// A stream of events: the text. A role first, no text where the reason stands, usage last, where it was asked for.
std::string events_of(const Server& server, const Json& body, Json* usage) {
  httplib::Client client = server.client();
  const httplib::Result stream = client.Post("/v1/chat/completions", body.dump(), "application/json");
  REQUIRE(stream);
  REQUIRE_MESSAGE(stream->status == 200, stream->body);
  CHECK(stream->get_header_value("Content-Type") == "text/event-stream");
  CHECK(stream->body.ends_with("data: [DONE]\n\n"));
  std::string text;
  bool is_first = true;
  for (size_t at = 0; (at = stream->body.find("data: {", at)) != std::string::npos; ++at) {
    const Json event = Json::parse(stream->body.substr(at + 6, stream->body.find("\n\n", at) - at - 6));
    CHECK(!event.contains("error"));
    if (event["choices"].empty()) {
      *usage = event["usage"];
      continue;
    }
    const Json& delta = event["choices"][0]["delta"];
    if (is_first) CHECK(delta == Json{{"role", "assistant"}, {"content", ""}});
    is_first = false;
    if (!event["choices"][0]["finish_reason"].is_null()) CHECK(!delta.contains("content"));
    else text += delta["content"];
  }
  return text;
}

Json ollama_user() { return {{"role", "user"}, {"content", kQuestion}, {"images", {picture()}}}; }

// Frames with what they are called, then the question; `detail` as Frigate has it.
Json frames(int count) {
  Json parts = Json::array();
  for (int i = 1; i <= count; ++i) {
    parts.push_back({{"type", "text"}, {"text", "Image " + std::to_string(i) + ":"}});
    parts.push_back(
        {{"type", "image_url"}, {"image_url", {{"url", "data:image/jpeg;base64," + picture()}, {"detail", "low"}}}});
  }
  parts.push_back({{"type", "text"}, {"text", kQuestion}});
  return {{{"role", "user"}, {"content", parts}}};
}

Json response_schema() {
  return {{"type", "json_schema"},
          {"json_schema", {{"name", "review"}, {"strict", true}, {"schema", schema_of("SOLAR 1")}}}};
}

}  // namespace

TEST_CASE("Home Assistant's ollama: the model is listed, asked with tools and a picture, then for a schema's answer") {
  const Server server;
  const std::string model = server.get("/api/tags")["models"][0]["model"];
  Json chat{{"model", model},
            {"messages", {{{"role", "system"}, {"content", "You are a voice assistant."}}, ollama_user()}},
            {"tools", {tool()}},
            {"stream", true},
            {"think", false},
            {"keep_alive", "-1s"},
            {"options", {{"num_ctx", 8192}}}};
  Json last;
  const std::string said = lines_of(server, "/api/chat", chat, &last);
  CHECK(!said.empty());
  CHECK(last["eval_count"] > 0);
  CHECK(last["prompt_eval_count"] > 32);
  chat["messages"].push_back({{"role", "assistant"}, {"content", said}, {"tool_calls", nullptr}});
  chat["messages"].push_back({{"role", "user"}, {"content", "And which unit?"}, {"images", nullptr}});
  CHECK(!lines_of(server, "/api/chat", chat, &(last = nullptr)).empty());
  chat["format"] = schema_of("SOLAR 9");
  CHECK(Json::parse(lines_of(server, "/api/chat", chat, &(last = nullptr)))["unit"] == "SOLAR 9");
}

TEST_CASE("Home Assistant's llama_cpp: a server is taken that answers three tokens beside a tool, whole and streamed") {
  const Server server;
  const std::string model = server.get("/v1/models")["data"][0]["id"];
  const Json probe = {
      {"type", "function"},
      {"function", {{"name", "probe"}, {"parameters", {{"type", "object"}, {"properties", Json::object()}}}}}};
  Json body{
      {"model", model}, {"messages", {{{"role", "user"}, {"content", "Hi"}}}}, {"tools", {probe}}, {"max_tokens", 3}};
  CHECK(server.post("/v1/chat/completions", body)["choices"][0]["message"]["role"] == "assistant");
  body["stream"] = true;
  Json usage;
  events_of(server, body, &usage);
  CHECK(usage.is_null());
}

TEST_CASE("LLM Vision: numbered pictures by OpenAI's protocol, and Ollama's with more fields than it needs") {
  const Server server;
  CHECK(server.get("/v1/models")["data"].size() == 1);
  const Json answer = server.post(
      "/v1/chat/completions",
      {{"model", "mica"}, {"messages", frames(2)}, {"max_completion_tokens", 20}, {"temperature", 0}, {"top_p", 0.9}});
  CHECK(!content(answer).empty());
  CHECK(server.get("/api/tags").contains("models"));
  const Json ollama = server.post(
      "/api/chat", {{"model", "model"},
                    {"messages", {ollama_user()}},
                    {"stream", false},
                    {"prompt", kQuestion},
                    {"images", {picture()}},
                    {"system", ""},
                    {"keep_alive", "5m"},
                    {"options", {{"temperature", 0}, {"num_predict", 20}, {"top_p", 0.9}, {"num_ctx", 16384}}}});
  CHECK(ollama["message"]["content"] == kAnswer);
}

TEST_CASE("Frigate: what the model is, what a picture takes, and a review of frames that keeps a schema") {
  const Server server({"-c", "1024"});
  const Json model = server.get("/v1/models")["data"][0];
  CHECK(model["max_model_len"] == 1024);
  CHECK(contains(model["architecture"]["input_modalities"].dump(), "image"));
  const Json props = server.get("/props?model=" + model["id"].get<std::string>());
  CHECK(props["modalities"]["vision"] == true);
  CHECK(props["default_generation_settings"]["n_ctx"] == 1024);
  // It asks about a picture of its own, for one token, to know what one takes.
  const auto tokens = [&](int count) {
    const Json answer = server.post("/v1/chat/completions", {{"messages", frames(count)}, {"max_tokens", 1}});
    return answer["usage"]["prompt_tokens"].get<int>();
  };
  CHECK(tokens(2) - tokens(1) == tokens(3) - tokens(2));
  CHECK(tokens(2) > tokens(1) + 16);
  const Json review = server.post(
      "/v1/chat/completions",
      {{"model", model["id"]}, {"messages", frames(3)}, {"response_format", response_schema()}, {"max_tokens", 300}});
  CHECK(Json::parse(content(review))["unit"] == kAnswer);
  // Its Ollama way.
  const Json shown = server.post("/api/show", {{"model", model["id"]}, {"verbose", false}});
  CHECK(contains(shown["capabilities"].dump(), "vision"));
  const Json generated = server.post("/api/generate", {{"model", model["id"]},
                                                       {"prompt", kQuestion},
                                                       {"images", {picture()}},
                                                       {"stream", false},
                                                       {"keep_alive", -1},
                                                       {"options", {{"temperature", 0}}}});
  CHECK(generated["response"] == kAnswer);
}

TEST_CASE("Open WebUI: a stream with its usage, a title beside it, and Ollama's routes") {
  const Server server;
  const std::string model = server.get("/v1/models")["data"][0]["id"];
  const Json parts = {{{"type", "text"}, {"text", kQuestion}},
                      {{"type", "image_url"}, {"image_url", {{"url", "data:image/jpeg;base64," + picture()}}}}};
  Json body{{"stream", true},
            {"model", model},
            {"messages", {{{"role", "user"}, {"content", parts}}}},
            {"stream_options", {{"include_usage", true}}}};
  Json usage;
  CHECK(!events_of(server, body, &usage).empty());
  CHECK(usage["completion_tokens"] > 0);
  const Json title = server.post("/v1/chat/completions",
                                 {{"model", model},
                                  {"messages", {{{"role", "user"}, {"content", "### Task: a title of 3 words."}}}},
                                  {"stream", false},
                                  {"max_completion_tokens", 10}});
  CHECK(title["choices"][0]["message"]["content"].is_string());
  CHECK(server.get("/api/version").contains("version"));
  CHECK(server.get("/api/tags")["models"][0]["model"] == model);
  CHECK(server.get("/api/ps")["models"].size() == 1);
  CHECK(server.post("/api/show", {{"name", model}}).contains("model_info"));
  Json last;
  CHECK(lines_of(server, "/api/chat", {{"model", model}, {"messages", {ollama_user()}}, {"options", Json::object()}},
                 &last) == kAnswer);
  CHECK(server.status_of("/api/embed", R"({"model": "model", "input": ["x"]})") == 501);
}
