// Who may ask, and what is not HTTP as it should be: broken, oversized, slow and ambiguous requests. Not what a request asks.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "server.hpp"

using namespace serve_test;
using program::contains;
using namespace std::chrono_literals;

TEST_CASE("who may ask") {
  const Server server({"--api-key", "first", "--api-key", "second", "--allowed-host", "panel.local"});
  struct {
    const char* path;
    const char* headers;
    int status;
  } const cases[] = {
      {"/health", "", 200},
      {"/v1/models", "", 401},
      {"/v1/models", "Authorization: Bearer wrong\r\n", 401},
      {"/v1/models", "Authorization: Bearer firs\r\n", 401},
      {"/v1/models", "Authorization: Bearer \r\n", 401},
      {"/v1/models", "Authorization: Bearer first\r\n", 200},
      {"/v1/models", "x-api-key: second\r\n", 200},
      {"/health", "Host: localhost:1\r\n", 200},
      {"/health", "Host: [::1]:1\r\n", 200},
      {"/health", "Host: panel.local\r\n", 200},
      {"/health", "Host: elsewhere.example\r\n", 403},
      {"/health", "Host: 127.0.0.1.elsewhere.example\r\n", 403},
      {"/health", "Host: localhost:1\r\nOrigin: http://localhost:1\r\n", 200},
      {"/health", "Host: localhost:1\r\nOrigin: http://elsewhere.example\r\n", 403},
      {"/health", "Host: localhost:1\r\nOrigin: null\r\n", 403},
  };
  for (const auto& one : cases) {
    CAPTURE(std::string(one.path));
    CAPTURE(std::string(one.headers));
    const std::string answer = raw(
        server.port(), std::string("GET ") + one.path + " HTTP/1.1\r\n" + one.headers + "Connection: close\r\n\r\n");
    CHECK(contains(answer, "HTTP/1.1 " + std::to_string(one.status)));
    CHECK(!contains(answer, "Access-Control"));
  }
}

TEST_CASE("broken, oversized and slow senders are refused, and others do not notice") {
  const Server server({"-c", "256"});
  const std::string post = "POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\n";
  std::string ranges = "GET /health HTTP/1.1\r\nConnection: close\r\nRange: bytes=0-1";
  for (int i = 0; i < 6000; ++i) ranges += ",2-3";
  const struct {
    std::string bytes;
    const char* status;
  } cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET / HTTP/9.9\r\n\r\n", "400"},
      {std::string(100000, 'x'), ""},
      {"GET /health HTTP/1.1\r\n" + std::string(100000, 'x') + "\r\n\r\n", ""},
      {"GET /" + std::string(1000, 'x') + " HTTP/1.1\r\n\r\n", "414"},
      {"GET /health HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "400"},
      {ranges + "\r\n\r\n", ""},
      {post + "\r\n", "411"},
      {post + "Content-Length: 99999999999\r\n\r\n", "413"},
      {post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {post + "Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", "415"},
      {post + "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n\r\n{}", "415"},
      {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "408"},
      {post + "Transfer-Encoding: Chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", "400"},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "400"},
      {post + "Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", "413"},
      {post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "400"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.bytes.substr(0, 120));
    const std::string answer = raw(server.port(), one.bytes);
    CHECK(contains(answer, *one.status == '\0' ? "" : std::string("HTTP/1.1 ") + one.status));
  }
  // Many that send half a head and stay: more than there is room for.
  std::vector<std::thread> slow;
  for (int i = 0; i < 250; ++i) slow.emplace_back([&] { raw(server.port(), "GET /health HTTP/1.1\r\nX: ", 2); });
  std::this_thread::sleep_for(100ms);
  CHECK(content(server.post("/v1/chat/completions", question(kPicture, kQuestion))) == kAnswer);
  for (std::thread& one : slow) one.join();
  CHECK(server.get("/health")["status"] == "ok");
}

TEST_CASE("a body's length that another could read otherwise is refused, with all that follows") {
  const Server server({"-c", "256"});
  const std::string next = "\r\n\r\nGET /health HTTP/1.1\r\nConnection: close\r\n\r\n";
  for (const char* head :
       {"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 0x",
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: +0",
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 0, 0",
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 50",
        "GET /health HTTP/1.1\r\nContent-Length: 0x", "GET /health HTTP/1.1\r\nTransfer-Encoding: gzip"}) {
    CAPTURE(head);
    const std::string answer = raw(server.port(), head + next);
    CHECK(answer.starts_with("HTTP/1.1 400"));
    CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
  }
}

TEST_CASE("a client of HTTP/1.0 gets a stream that ends with the connection") {
  const Server server({"-c", "256"});
  Json body = question(kPicture, kQuestion);
  body["stream"] = true;
  const std::string text = body.dump();
  const std::string answer =
      raw(server.port(), "POST /v1/chat/completions HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: " +
                             std::to_string(text.size()) + "\r\n\r\n" + text);
  CHECK(!contains(answer, "chunked"));
  CHECK(contains(answer, "\r\n\r\ndata: {"));
  CHECK(answer.ends_with("\ndata: [DONE]\n\n"));
}
