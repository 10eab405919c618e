// The server as its clients meet it: routes, answers whole and streamed, refusals, and what others do to it meanwhile.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "server.hpp"

using namespace serve_test;
using program::contains;
using program::data;
using namespace std::chrono_literals;

namespace {

// Until it is so, for a few seconds.
template <typename Condition>
bool becomes(const Condition& condition, int times = 500) {
  for (int i = 0; i < times; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// Tokens without an end: as many as the context has room for.
Json endless() {
  Json body = question("", "x");
  body["ignore_eos"] = true;
  body["max_tokens"] = -1;
  body["stream"] = true;
  return body;
}

// Asks for a stream, and stays as long as `hear` says so of its bytes; it is told whether they are not the first.
template <typename Hear>
void hear_stream(const Server& server, const Hear& hear) {
  httplib::Client client = server.client();
  bool has_begun = false;
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.body = endless().dump();
  request.set_header("Content-Type", "application/json");
  request.content_receiver = [&](const char*, size_t, uint64_t, uint64_t) {
    const bool stays = hear(has_begun);
    has_begun = true;
    return stays;
  };
  client.send(request);
  CHECK(has_begun);
}

// The same, and leaves after its first bytes, when `then` has been done.
template <typename Then>
void leave_stream(const Server& server, const Then& then) {
  hear_stream(server, [&](bool) {
    then();
    return false;
  });
}

std::vector<Json> events_of(const std::string& stream) {
  std::vector<Json> events;
  for (size_t at = 0; (at = stream.find("data: {", at)) != std::string::npos; ++at)
    events.push_back(Json::parse(stream.substr(at + 6, stream.find("\n\n", at) - at - 6)));
  return events;
}

}  // namespace

TEST_CASE("what a client asks before it asks a question") {
  const Server server({"-c", "512", "-np", "3"});
  CHECK(server.get("/health") == Json{{"status", "ok"}});
  for (const char* path : {"/v1/models", "/models"}) {
    const Json model = server.get(path)["data"][0];
    CHECK(model["id"] == "model");
    CHECK(model["object"] == "model");
    CHECK(model["max_model_len"] == 512);
    CHECK(model["meta"]["n_ctx"] == 512);
    CHECK(model["architecture"]["input_modalities"] == Json{"text", "image"});
    CHECK(server.get("/v1/models/model") == model);
  }
  CHECK(server.get("/v1/models/other")["error"]["code"] == 404);
  const Json props = server.get("/props?model=model");
  CHECK(props["default_generation_settings"]["n_ctx"] == 512);
  CHECK(props["total_slots"] == 3);
  CHECK(props["modalities"]["vision"] == true);
  CHECK(server.get("/slots").size() == 3);
  const Json tokens = server.post("/tokenize", {{"content", kQuestion}})["tokens"];
  CHECK(tokens.size() > 2);
  CHECK(server.post("/detokenize", {{"tokens", tokens}})["content"] == kQuestion);
  CHECK(server.metric("answers_total") == 0);
  struct {
    const char* method;
    const char* path;
    int status;
    const char* allowed = nullptr;
  } const refused[] = {{"GET", "/nothing", 404},
                       {"POST", "/health", 405, "GET, HEAD"},
                       {"PUT", "/v1/models", 405, "GET, HEAD"},
                       {"DELETE", "/props", 405, "GET, HEAD, POST"},
                       {"POST", "/v1/embeddings", 501},
                       {"POST", "/v1/responses", 501},
                       {"OPTIONS", "/v1/completions", 405, "POST"},
                       {"GET", "/../../etc/passwd", 404}};
  for (const auto& one : refused) {
    CAPTURE(std::string(one.path));
    const std::string head = std::string(one.method) + ' ' + one.path + " HTTP/1.1\r\nConnection: close\r\n";
    const std::string answer = raw(server.port(), head + "Content-Length: 0\r\n\r\n");
    CHECK(contains(answer, "HTTP/1.1 " + std::to_string(one.status)));
    CHECK(contains(answer, "\"error\":{\"message\":"));
    CHECK(contains(answer, "\r\nAllow: ") == (one.allowed != nullptr));
    if (one.allowed != nullptr) CHECK(contains(answer, std::string("\r\nAllow: ") + one.allowed + "\r\n"));
  }
}

TEST_CASE("an answer, whole and as a stream, with probabilities and within a conversation") {
  const Server server;
  Json body = question(kPicture, kQuestion);
  const Json whole = server.post("/v1/chat/completions", body);
  CHECK(content(whole) == kAnswer);
  CHECK(whole["choices"][0]["finish_reason"] == "stop");
  CHECK(whole["usage"]["prompt_tokens"] > 32);
  CHECK(whole["timings"]["image_n"] == 1);
  body["messages"][0]["content"][0]["image_url"] = base64(file_bytes(data(kPicture)));
  body["stream"] = true;
  body["logprobs"] = true;
  body["top_logprobs"] = 2;
  body["stream_options"] = {{"include_usage", true}};
  httplib::Client client = server.client();
  const httplib::Result stream = client.Post("/v1/chat/completions", body.dump(), "application/json");
  REQUIRE(stream);
  CHECK(stream->get_header_value("Content-Type") == "text/event-stream");
  CHECK(stream->body.ends_with("data: [DONE]\n\n"));
  const std::vector<Json> events = events_of(stream->body);
  REQUIRE(events.size() > 4);
  CHECK(events.front()["choices"][0]["delta"] == Json{{"role", "assistant"}, {"content", ""}});
  std::string text;
  for (size_t i = 1; i + 2 < events.size(); ++i) {
    text += events[i]["choices"][0]["delta"]["content"];
    const Json chance = events[i]["choices"][0]["logprobs"]["content"][0];
    CHECK(chance["logprob"] <= 0);
    CHECK(chance["top_logprobs"].size() == 2);
    CHECK(chance["top_logprobs"][0]["token"] == chance["token"]);
  }
  CHECK(text == kAnswer);
  const Json& last = events[events.size() - 2];
  CHECK(last["choices"][0]["delta"].empty());
  CHECK(last["choices"][0]["finish_reason"] == "stop");
  CHECK(events.back()["choices"].empty());
  CHECK(events.back()["usage"]["prompt_tokens"] == whole["usage"]["prompt_tokens"]);
  CHECK(events.back()["timings"]["image_n"] == 0);  // it was encoded before
  // A conversation that goes on is not read again.
  Json more = question(kPicture, kQuestion);
  more["messages"].push_back({{"role", "assistant"}, {"content", kAnswer}});
  more["messages"].push_back({{"role", "user"}, {"content", kQuestion}});
  const Json second = server.post("/v1/chat/completions", more);
  CHECK(second["usage"]["prompt_tokens_details"]["cached_tokens"] > 32);
  more["cache_prompt"] = false;
  const Json anew = server.post("/v1/chat/completions", more);
  CHECK(anew["usage"]["prompt_tokens_details"]["cached_tokens"] == 0);
  CHECK(anew["usage"]["prompt_tokens"] == second["usage"]["prompt_tokens"]);
  CHECK(content(anew) == content(second));
}

TEST_CASE("fields of a request: read, tolerated, or refused by name") {
  const Server server({"-c", "256"});
  struct {
    const char* fields;
    const char* answer;  // or a part of the refusal
  } const cases[] = {
      {R"({"tools": [{"type": "function"}], "tool_choice": "auto", "user": "u", "store": true, "foo": [1]})", kAnswer},
      {R"({"max_tokens": 2})", "SOLAR "},
      {R"({"max_tokens": null, "max_completion_tokens": 1})", "SOLAR"},
      {R"({"stop": "R 1"})", "SOLA"},
      {R"({"stop": ["9", "LA"]})", "SO"},
      {R"({"response_format": {"type": "text"}})", kAnswer},
      {R"({"n": 1, "frequency_penalty": 0, "logit_bias": {"5": -100}})", kAnswer},
      {R"({"temperature": 0.7, "seed": 7, "top_k": 1})", kAnswer},
      {R"({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"const": "SOLAR 9"}}}})",
       "\"SOLAR 9\""},
      {R"({"json_schema": {"type": "integer", "minimum": 7, "maximum": 7}})", "7"},
      {R"({"response_format": {"type": "json_object", "schema": {"properties": {"z": {"const": 1}, "a": {"const": 2}},
           "required": ["z", "a"], "additionalProperties": false}}})",
       R"({"z":1, "a":2})"},
      {R"({"response_format": {"type": "text"}, "max_tokens": 30})", kAnswer},  // free again
      {R"({"response_format": {"type": "json_schema", "json_schema": {}}})", "response_format"},
      {R"({"response_format": {"type": "yaml"}})", "response_format"},
      {R"({"json_schema": {"type": "string", "contentEncoding": "base64"}})", "contentEncoding"},
      {R"({"n": 2})", R"("n\" other than 1)"},
      {R"({"frequency_penalty": 0.5})", "frequency_penalty"},
      {R"({"temperature": "hot"})", "wants a number"},
      {R"({"temperature": -1})", "from 0 to 100"},
      {R"({"max_tokens": 1.5})", "wants a whole number"},
      {R"({"max_tokens": 0})", "no tokens"},
      {R"({"top_logprobs": 21})", "from 0 to 20"},
      {R"({"top_logprobs": 2})", "wants \\\"logprobs\\\": true"},
      {R"({"stream_options": {"include_usage": 1}})", "include_usage"},
      {R"({"seed": 1e19})", kAnswer},
      {R"({"mirostat": 2})", "mirostat"},
      {R"({"typical_p": 0.5})", "typical_p"},
      {R"({"min_tokens": 5})", "min_tokens"},
      {R"({"stop_token_ids": [1]})", "stop_token_ids"},
      {R"({"guided_regex": "a*"})", "guided_regex"},
      {R"({"guided_json": {"const": 5}})", "5"},
      {R"({"continue_final_message": true})", "continue_final_message"},
      {R"({"stream": 1})", "wants true or false"},
      {R"({"stop": [1]})", "stop"},
      {R"({"stop": [""]})", "empty"},
      {R"({"messages": []})", "empty"},
      {R"({"messages": [1]})", "not an object"},
      {R"({"messages": {}})", "wants a list"},
      {R"({"messages": [{"role": "judge", "content": "x"}]})", "no role"},
      {R"({"messages": [{"role": "user"}]})", "no \\\"content\\\""},
      {R"({"messages": [{"role": "user", "content": 5}]})", "wants a text or a list"},
      {R"({"messages": [{"role": "user", "content": []}]})", "no \\\"content\\\""},
      {R"({"messages": [{"role": "user", "content": [{"type": "audio"}]}]})", "is not read here"},
      {R"({"messages": [{"role": "assistant", "content": "x"}]})", "nothing to answer"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "file:///etc/passwd"}]}]})",
       "no picture from elsewhere"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://a/b.jpg"}]}]})",
       "no picture from elsewhere"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:,x"}]}]})", "base64"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:;base64,!"}]}]})",
       "base64"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:;base64,AAAA"}]}]})",
       "cannot be read"},
  };
  for (const auto& one : cases) {
    CAPTURE(std::string(one.fields));
    Json body = question(kPicture, kQuestion);
    body.update(Json::parse(one.fields));
    const Json answer = server.post("/v1/chat/completions", body);
    if (answer.contains("error")) CHECK(answer["error"]["code"] == 400);
    if (answer.contains("error")) CHECK(contains(answer.dump(), one.answer));
    else CHECK(content(answer) == std::string(one.answer));
  }
  CHECK(server.status_of("/v1/chat/completions", "{") == 400);
  const std::string twice = R"({"messages": [{"role": "user", "content": "a", "content": "b"}]})";
  const httplib::Result refused = server.client().Post("/v1/chat/completions", twice, "application/json");
  REQUIRE(refused);
  CHECK(contains(refused->body, "has \\\"content\\\" twice"));
  CHECK(server.status_of("/v1/chat/completions", "[]") == 400);
  CHECK(server.status_of("/v1/chat/completions", "\xff") == 400);
  CHECK(server.status_of("/v1/chat/completions", std::string(100000, '[')) == 400);
  Json long_text = question("", std::string(10000, 'x'));
  CHECK(contains(server.post("/v1/chat/completions", long_text).dump(), "(mica serve -c)"));
  const Json completion = server.post("/v1/completions", {{"prompt", "x"}, {"max_tokens", 2}, {"logprobs", 1}});
  CHECK(completion["object"] == "text_completion");
  CHECK(completion["choices"][0]["logprobs"]["tokens"].size() == completion["usage"]["completion_tokens"]);
  CHECK(server.status_of("/v1/completions", R"({"prompt": ["a", "b"]})") == 400);
  CHECK(server.status_of("/v1/completions", R"({"prompt": [1, 99999999]})") == 400);
}

TEST_CASE("a vocabulary may be larger than its tokenizer, which may be missing") {
  const Server server;
  Json body = question(kPicture, kQuestion);
  body.update({{"stream", true}, {"logprobs", true}, {"top_logprobs", 20}, {"temperature", 100}, {"max_tokens", 40}});
  httplib::Client client = server.client();
  for (int i = 0; i < 5; ++i) {
    const httplib::Result stream = client.Post("/v1/chat/completions", body.dump(), "application/json");
    REQUIRE(stream);
    CHECK(stream->body.ends_with("data: [DONE]\n\n"));
  }
  const Server silent({"-m", data("golden/llama"), "-c", "64"});
  CHECK(silent.status_of("/v1/chat/completions", question("", "x").dump()) == 501);
  CHECK(silent.status_of("/v1/completions", R"({"prompt": "x"})") == 501);
  const std::string tokens = R"({"prompt": [1, 5], "max_tokens": 3, "logprobs": 2, "stream": true})";
  CHECK(silent.status_of("/v1/completions", tokens) == 200);
  CHECK(silent.get("/health")["status"] == "ok");
}

TEST_CASE("who leaves before the answer comes is dropped") {
  const Server server({"-np", "1"});
  const std::string waits = question("", "x").dump();
  leave_stream(server, [&] {
    const std::string head = "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ";
    raw(server.port(), head + std::to_string(waits.size()) + "\r\n\r\n" + waits, 0.05);
  });
  CHECK(becomes([&] { return server.metric("abandoned_total") + server.metric("answers_total") == 2; }));
  CHECK(content(server.post("/v1/chat/completions", question(kPicture, kQuestion))) == kAnswer);
}

TEST_CASE("who leaves while a whole answer is being written is dropped, too") {
  const Server server({"-np", "1", "-c", "16384"});
  Json body = endless();
  body["stream"] = false;
  const std::string asked = body.dump(), head = "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ";
  raw(server.port(), head + std::to_string(asked.size()) + "\r\n\r\n" + asked, 0.1);
  CHECK(becomes([&] { return server.metric("abandoned_total") + server.metric("answers_total") == 1; }));
  CHECK(server.metric("answers_total") == 0);
}

TEST_CASE("the tokens of a question are counted, and nothing is encoded") {
  const Server server({"-np", "1"});
  const Json body = question(kPicture, kQuestion);
  const Json counted = server.post("/v1/chat/completions/input_tokens", body);
  CHECK(server.metric("images_total") == 0);
  CHECK(counted["input_tokens"] == server.post("/v1/chat/completions", body)["usage"]["prompt_tokens"]);
}

TEST_CASE("Ollama's protocol") {
  const Server server;
  const std::string picture = base64(file_bytes(data(kPicture)));
  CHECK(server.get("/api/version").contains("version"));
  const Json model = server.get("/api/tags")["models"][0];
  CHECK(model["model"] == "model");
  CHECK(model["details"]["family"] == "qwen2_vl");
  CHECK(server.get("/api/ps")["models"][0]["digest"] == model["digest"]);
  CHECK(server.post("/api/show", {{"model", "model"}})["capabilities"] == Json{"completion", "vision"});
  const Json message = {{"role", "user"}, {"content", kQuestion}, {"images", {picture}}};
  const Json chat = {{"model", "model"},
                     {"messages", {message}},
                     {"stream", false},
                     {"keep_alive", "5m"},
                     {"think", false},
                     {"format", ""},
                     {"options", {{"num_ctx", 8192}, {"num_predict", 30}}}};
  const Json whole = server.post("/api/chat", chat);
  CHECK(whole["message"]["content"] == kAnswer);
  CHECK(whole["done"] == true);
  CHECK(whole["done_reason"] == "stop");
  CHECK(whole["eval_count"] > 0);
  httplib::Client client = server.client();
  const Json generate = {{"model", "model"}, {"prompt", kQuestion}, {"images", {picture}}};
  const httplib::Result stream = client.Post("/api/generate", generate.dump(), "application/json");
  REQUIRE(stream);
  CHECK(stream->get_header_value("Content-Type") == "application/x-ndjson");
  std::string text;
  Json last;
  for (size_t at = 0, end; (end = stream->body.find('\n', at)) != std::string::npos; at = end + 1) {
    CHECK((last.is_null() || last["done"] == false));
    last = Json::parse(stream->body.substr(at, end - at));
    text += last["response"];
  }
  CHECK(text == kAnswer);
  CHECK(last["done"] == true);
  CHECK(last["prompt_eval_count"] == whole["prompt_eval_count"]);
  CHECK(server.post("/api/chat", {{"model", "model"}})["done_reason"] == "load");
  Json of_schema = chat;
  of_schema["format"] = {
      {"type", "object"}, {"properties", {{"unit", {{"const", "SOLAR 1"}}}}}, {"required", {"unit"}}};
  of_schema["format"]["additionalProperties"] = false;
  CHECK(Json::parse(server.post("/api/chat", of_schema)["message"]["content"].get<std::string>())["unit"] == "SOLAR 1");
  const struct {
    const char* path;
    Json body;
    const char* part;
  } refused[] = {
      {"/api/chat", {{"messages", {message}}, {"format", "yaml"}}, "format"},
      {"/api/chat", {{"messages", {message}}, {"format", {{"type", "bytes"}}}}, "type"},
      {"/api/chat", {{"messages", {message}}, {"options", {{"temperature", "x"}}}}, "temperature"},
      {"/api/chat", {{"messages", {message}}, {"options", {{"mirostat", 2}}}}, "mirostat"},
      {"/api/chat", {{"messages", {{{"role", "tool"}, {"content", "x"}}}}}, "no role"},
      {"/api/chat", {{"messages", {{{"role", "user"}, {"content", 5}}}}}, "not a text"},
      {"/api/generate", {{"prompt", "x"}, {"context", {1, 2}}}, "context"},
      {"/api/generate", {{"prompt", "x"}, {"images", {"!"}}}, "base64"},
      {"/api/generate", {{"prompt", "x"}, {"raw", true}, {"images", {picture}}}, "raw"},
      {"/api/embed", {{"input", "x"}}, "mica does not do"},
      {"/api/nothing", Json::object(), "no such route"},
  };
  for (const auto& one : refused) {
    CAPTURE(one.body.dump());
    const Json answer = server.post(one.path, one.body);
    CHECK(contains(answer["error"].is_string() ? answer["error"].get<std::string>() : answer.dump(), one.part));
  }
}

TEST_CASE("the page: one file that may run its own script alone") {
  const Server server;
  httplib::Client client = server.client();
  const httplib::Result plain = client.Get("/");
  REQUIRE(plain);
  CHECK(plain->body == "Ollama is running");
  const httplib::Result page = client.Get("/", httplib::Headers{{"Accept", "text/html,*/*"}});
  REQUIRE(page);
  const std::string policy = page->get_header_value("Content-Security-Policy");
  CHECK(contains(policy, "default-src 'none'"));
  const size_t nonce = policy.find("'nonce-") + 7;
  CHECK(contains(page->body, "<script nonce=\"" + policy.substr(nonce, policy.find('\'', nonce) - nonce) + '"'));
  for (const char* foreign : {"http://", "https://", "innerHTML", "src=\"", "@import", "url("})
    CHECK_MESSAGE(!contains(page->body, foreign), foreign);
}

TEST_CASE("several at once get what each gets alone") {
  const Server server({"-np", "3", "-c", "512"});
  std::vector<Json> bodies;
  std::vector<std::string> alone;
  for (const char* text : {"Which unit is this?", "Read the display.", "Which lamps are lit?", "What is the reading?"})
    for (const char* picture : {"panel/000.jpg", "images/c_panel.jpg"}) bodies.push_back(question(picture, text));
  for (const Json& body : bodies) alone.push_back(content(server.post("/v1/chat/completions", body)));
  std::vector<std::string> together(bodies.size());
  std::vector<std::thread> clients;
  for (size_t i = 0; i < bodies.size(); ++i)
    clients.emplace_back([&, i] { together[i] = content(server.post("/v1/chat/completions", bodies[i])); });
  for (std::thread& client : clients) client.join();
  CHECK(together == alone);
  CHECK(server.metric("answers_total") == 2 * static_cast<double>(bodies.size()));
}

// How long the one who is answered waited at most for a token while another's prompt was read, over how long that took.
double longest_wait(const Server& server, const std::string& prompt) {
  using Clock = std::chrono::steady_clock;
  std::atomic<bool> is_read{false};
  Clock::time_point asked, read, heard;
  Clock::duration longest{};
  std::thread other;
  hear_stream(server, [&](bool has_begun) {
    const Clock::time_point now = Clock::now();
    if (!has_begun) {
      asked = now;
      other = std::thread([&] {
        Json body = question("", prompt);
        body["max_tokens"] = 1;
        CHECK(server.post("/v1/chat/completions", body).contains("choices"));
        read = Clock::now();
        is_read = true;
      });
    } else {
      longest = std::max(longest, now - heard);
    }
    heard = now;
    return !is_read;
  });
  other.join();
  return std::chrono::duration<double>(longest) / std::chrono::duration<double>(read - asked);
}

TEST_CASE("who is answered does not wait for all of another's prompt") {
  const Server server({"-m", MICA_DEFAULT_MODEL_FILE, "-b", "2048", "-np", "2"});  // packed: short ones join
  std::string prompt;
  for (int i = 0; i < 230; ++i) prompt += "unit " + std::to_string(i) + ' ';
  // Each is another prompt; once is enough, where the machine does something else meanwhile.
  CHECK(becomes([&] { return longest_wait(server, prompt += 'x') < 0.6; }, 5));
}

TEST_CASE("a full queue says when to come again, and who leaves makes room at once") {
  const Server server({"-np", "1", "--queue", "0", "-c", "4096"});
  leave_stream(server, [&] {
    httplib::Client client = server.client();
    const httplib::Result refused = client.Post("/v1/chat/completions", question("", "x").dump(), "application/json");
    REQUIRE(refused);
    CHECK(refused->status == 429);
    CHECK(refused->get_header_value("Retry-After") == "1");
    CHECK(contains(refused->body, "rate_limit_error"));
    CHECK(server.get("/slots")[0]["is_processing"] == true);
  });
  CHECK(becomes([&] { return server.metric("abandoned_total") == 1; }));
  CHECK(content(server.post("/v1/chat/completions", question(kPicture, kQuestion))) == kAnswer);
}

TEST_CASE("a signal lets an answer end, a second one ends it; who asks meanwhile is told") {
  Server server({"-np", "1", "-c", "1024"});
  std::string stream;
  std::thread client([&] {
    httplib::Client asking = server.client();
    if (const httplib::Result result = asking.Post("/v1/chat/completions", endless().dump(), "application/json"))
      stream = result->body;
  });
  CHECK(becomes([&] { return server.get("/slots")[0]["n_decoded"] > 0; }));
  server.interrupt();
  client.join();
  CHECK(stream.ends_with("data: [DONE]\n\n"));
  CHECK((contains(stream, "\"finish_reason\":\"length\"") || contains(stream, "the server is ending")));
  CHECK(server.end() == 0);
}

TEST_CASE("a server that cannot begin says why at once") {
  const program::Outcome large =
      program::run({"serve", "-m", data("panel/model"), "-c", "4000000", "-np", "256", "--port", "0"});
  CHECK(large.status == 1);
  CHECK(contains(large.err, "a smaller -np, -c, -b or --cache-bytes takes less"));
  const Server server;
  const program::Outcome taken =
      program::run({"serve", "-m", data("panel/model"), "--port", std::to_string(server.port())});
  CHECK(taken.status == 1);
  CHECK(contains(taken.err, "is another program there"));
  CHECK(program::run({"serve", "-m", data("panel/model"), "--api-key", ""}).status == 2);
  CHECK(contains(program::run({"serve", "-m", data("panel/model"), "--host", ""}).err, "--host is empty"));
}

TEST_CASE("a server that others reach says that it wants no key of them") {
  program::Arguments line = {"serve", "-m", data("panel/model"), "--port", "0", "--host", "0.0.0.0", "-q"};
  program::Terminal open(line);
  CHECK(open.shows("--api-key-file FILE wants a key"));
  open.type("\x03");
  CHECK(open.status() == 0);
  line.insert(line.end(), {"--api-key", "first"});
  program::Terminal guarded(line);
  CHECK(guarded.shows("mica serves"));
  guarded.type("\x03");
  CHECK(guarded.status() == 0);
  CHECK(!contains(guarded.seen(), "wants a key"));
}
