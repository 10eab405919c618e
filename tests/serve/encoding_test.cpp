// What one client asks for keeps the others' answers going: a large picture, a schema that takes long to be read, a text that
// is longer than any context. Times are compared within one try; a machine that is busy has several.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "server.hpp"

using namespace serve_test;
using program::contains;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void add_big_endian(uint32_t number, std::string* bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) *bytes += static_cast<char>(number >> shift);
}

std::string png_chunk(const std::string& kind, const std::string& data) {
  std::string chunk;
  add_big_endian(static_cast<uint32_t>(data.size()), &chunk);
  uint32_t sum = ~0u;
  for (const char byte : kind + data) {
    sum ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (0xEDB88320u & (0u - (sum & 1)));
  }
  chunk += kind + data;
  add_big_endian(~sum, &chunk);
  return chunk;
}

// A gray gradient, stored without compression; each `seed` is another picture.
std::string png(uint32_t width, uint32_t height, uint32_t seed) {
  std::string rows;
  for (uint32_t y = 0; y < height; ++y) {
    rows += '\0';
    for (uint32_t x = 0; x < width; ++x) rows += static_cast<char>(x + y * seed);
  }
  std::string packed = "\x78\x01", head;
  uint32_t a = 1, b = 0;
  for (const char byte : rows) {
    a = (a + static_cast<uint8_t>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  for (size_t at = 0; at < rows.size(); at += 65535) {
    const size_t count = std::min<size_t>(65535, rows.size() - at);
    packed += at + count == rows.size() ? '\1' : '\0';
    for (const size_t number : {count, ~count}) packed += {static_cast<char>(number), static_cast<char>(number >> 8)};
    packed.append(rows, at, count);
  }
  add_big_endian(b << 16 | a, &packed);
  add_big_endian(width, &head);
  add_big_endian(height, &head);
  head += {8, 0, 0, 0, 0};
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", head) + png_chunk("IDAT", packed) + png_chunk("IEND", "");
}

// The longest pause of an answer without an end while `ask` is done beside it.
double longest_pause(const Server& server, const std::function<void()>& ask) {
  Json body = question("", "x");
  body.update({{"ignore_eos", true}, {"max_tokens", -1}, {"stream", true}, {"logprobs", true}});
  httplib::Client client = server.client();
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.body = body.dump();
  request.set_header("Content-Type", "application/json");
  std::thread other;
  std::atomic<bool> is_done{false};
  double newest = 0, longest = 0;
  request.content_receiver = [&](const char*, size_t, uint64_t, uint64_t) {
    if (newest == 0)
      other = std::thread([&] {
        ask();
        is_done = true;
      });
    else longest = std::max(longest, now() - newest);
    newest = now();
    return !is_done;
  };
  client.send(request);
  REQUIRE(newest != 0);
  other.join();
  CHECK_MESSAGE(is_done, "the answer ended before what was asked beside it");
  return longest;
}

// Of some tries, one in which the pause is less than `share` of what the asking takes.
void check_goes_on(double share, const std::function<double(int)>& pause_over_time) {
  double least = 1;
  for (int i = 1; i <= 4 && least >= share; ++i) least = std::min(least, pause_over_time(i));
  CHECK(least < share);
}

}  // namespace

TEST_CASE("an answer goes on while another's picture is on its way through the tower") {
  const Server server({"-np", "2", "-c", "4096"});
  check_goes_on(0.6, [&](int seed) {
    Json body = question("", "Which unit is this?"), answer;
    const std::string url = "data:image/png;base64," + base64(png(784, 512, static_cast<uint32_t>(seed)));
    body["messages"][0]["content"].push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
    const double pause = longest_pause(server, [&] { answer = server.post("/v1/chat/completions", body); });
    CHECK(answer["timings"]["image_n"] == 1);
    return pause * 1000 / answer["timings"]["image_ms"].get<double>();
  });
}

TEST_CASE("a schema that takes long to be read, and a text that no context holds, keep nobody waiting") {
  const Server server({"-np", "2", "-c", "4096"});
  check_goes_on(0.5, [&](int try_number) {
    Json body = question("", "x"), properties, answer;
    for (int i = 0; i < 3; ++i)
      properties[std::to_string(i)] = {{"pattern", "^(a?){" + std::to_string(1400 + 10 * try_number + i) + "}$"}};
    body["json_schema"] = {{"type", "object"}, {"properties", properties}};
    double seconds = 0;
    const double pause = longest_pause(server, [&] {
      const double start = now();
      answer = server.post("/v1/chat/completions", body);
      seconds = now() - start;
    });
    CHECK(answer.contains("choices"));
    return pause / seconds;
  });
  Json body = question("", std::string(2000000, 'a'));
  const Json refused = server.post("/v1/chat/completions", body);
  CHECK(refused["error"]["code"] == 400);
  CHECK(contains(refused["error"]["message"].get<std::string>(), "does not fit a context of 4096"));
}

TEST_CASE(
    "many parts that are long together only keep nobody waiting: not an answer, not who asks whether all is well") {
  const Server server({"-np", "2", "-c", "4096"});
  std::string text;
  for (int i = 0; i < 3200; ++i) text += "<|im_end|>";
  Json body = question("", text);
  Json& parts = body["messages"][0]["content"];
  // Measured by tokens, and refused by bytes.
  for (const size_t count : {2, 500}) {
    CAPTURE(count);
    while (parts.size() < count) parts.push_back(parts[0]);
    for (const char* route : {"/v1/chat/completions", "/v1/chat/completions/input_tokens"})
      check_goes_on(0.5, [&](int) {
        double seconds = 0;
        Json answer;
        const double pause = longest_pause(server, [&] {
          const double start = now();
          for (int i = 0; i < 4; ++i) answer = server.post(route, body);
          seconds = now() - start;
        });
        CHECK(answer["error"]["code"] == 400);
        CHECK(contains(answer["error"]["message"].get<std::string>(), count == 2 ? " tokens does not" : " bytes does"));
        return pause / seconds;
      });
  }
  // What fits is answered, however many parts it comes in.
  Json small = question("", "x");
  for (int i = 0; i < 2000; ++i) small["messages"][0]["content"].push_back({{"type", "text"}, {"text", "1"}});
  CHECK(server.post("/v1/chat/completions/input_tokens", small)["input_tokens"] < 4096);
}

TEST_CASE("/tokenize and /detokenize: how much they take, one at a time") {
  const Server server({"-c", "256"});
  const std::string most(size_t{1} << 20, 'a');
  const Json tokens = server.post("/tokenize", {{"content", most}})["tokens"];
  CHECK(tokens.size() > 1000);
  CHECK(server.status_of("/tokenize", Json{{"content", most + 'a'}}.dump()) == 413);
  Json some = Json::array();
  for (size_t i = 0; i < 1000; ++i) some.push_back(tokens[i]);
  CHECK(most.starts_with(server.post("/detokenize", {{"tokens", some}})["content"].get<std::string>()));
}
