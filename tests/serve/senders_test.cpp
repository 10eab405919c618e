// Who may ask, and what is not HTTP as it should be: broken, oversized, slow and ambiguous requests. Not what a request asks.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.hpp"
#include "test_folder.hpp"

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
      {"/v1/models", "authorization: bearer first\r\n", 200},
      {"/v1/models", "x-api-key: second\r\n", 200},
      {"/v1/models", "Authorization: Bearer any\r\nx-api-key: second\r\n", 200},
      {"/v1/models", "Authorization: Bearer any\r\nx-api-key: other\r\n", 401},
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

TEST_CASE("keys of a file: one a line, without the blanks around it, and none of what no client can send") {
  const mica::TestFolder folder;
  const std::string path = folder.write("keys", "# of the kitchen\n\n  first \r\nsecond");
  {
    const Server server({"--api-key-file", path});
    const auto status = [&](const std::string& key) {
      const std::string head = "GET /v1/models HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer ";
      return raw(server.port(), head + key + "\r\n\r\n").substr(9, 3);
    };
    for (const char* key : {"first", "second"}) CHECK(status(key) == "200");
    for (const char* key : {"# of the kitchen", "of", ""}) CHECK(status(key) == "401");
  }
  const struct {
    const char* text;
    const char* error;
  } bad[] = {{"\n# none\n", "has no key"}, {"first\ntwo words\n", "line 2: a key has"}, {"\x7f", "line 1: a key has"}};
  for (const auto& one : bad) {
    folder.write("keys", one.text);
    const program::Outcome outcome = program::run({"serve", "--port", "0", "--api-key-file", path});
    CHECK(outcome.status == 2);
    CHECK(contains(outcome.err, one.error));
    CHECK(!contains(outcome.err, "words"));
  }
}

// The server of a process that may have so many files; `ask` is given its port in a process that may have more.
template <typename Ask>
void with_files(rlim_t files, const Ask& ask) {
  int told[2] = {}, over[2] = {};
  REQUIRE(pipe(told) == 0);
  REQUIRE(pipe(over) == 0);
  const pid_t child = fork();
  if (child == 0) {
    close(over[1]);
    const rlimit limit = {files, files};
    int port = setrlimit(RLIMIT_NOFILE, &limit), wrote = 0;
    {
      const Server server({"-np", "1"});
      port = server.port();
      wrote = static_cast<int>(::write(told[1], &port, sizeof port));
      while (read(over[0], &port, 1) > 0) continue;
    }
    _exit(wrote == sizeof port ? 0 : 1);
  }
  close(told[1]);
  int port = 0, status = -1;
  if (read(told[0], &port, sizeof port) == sizeof port) ask(port);
  for (const int end : {told[0], over[0], over[1]}) close(end);
  waitpid(child, &status, 0);
  CHECK(port != 0);
  CHECK(status == 0);
}

TEST_CASE("where descriptors are few, who has been idle for longest makes room") {
  with_files(60, [](int port) {
    std::vector<std::unique_ptr<httplib::Client>> clients;
    for (int i = 0; i < 70; ++i) {
      clients.push_back(std::make_unique<httplib::Client>("127.0.0.1", port));
      clients.back()->set_keep_alive(true);
      clients.back()->set_read_timeout(10);
      const httplib::Result answer = clients.back()->Get("/health");
      CHECK((answer && answer->status == 200));
    }
  });
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

TEST_CASE("who closes the way here is gone: a whole answer that is waited for is not written, nor why") {
  const Server server({"-np", "1", "-c", "16384"});
  Json body = question("", "x");
  body.update({{"ignore_eos", true}, {"max_tokens", -1}});
  const std::string asked = body.dump(), head = "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ";
  CHECK(raw(server.port(), head + std::to_string(asked.size()) + "\r\n\r\n" + asked, 5, true) == "");
  for (int i = 0; i < 500 && server.metric("abandoned_total") == 0; ++i) std::this_thread::sleep_for(10ms);
  CHECK(server.metric("abandoned_total") == 1);
  CHECK(contains(raw(server.port(), "GET /health HTTP/1.1\r\n\r\n", 5, true), "HTTP/1.1 200"));
}

TEST_CASE("what is told of a connection is so") {
  const Server server({"-c", "256"});
  const auto get = [&](const std::string& more) {
    return raw(server.port(), "HEAD /health HTTP/1.1\r\n" + more + "\r\n", 5, true);
  };
  CHECK(contains(get(""), "\r\nKeep-Alive: timeout=30\r\n"));
  CHECK(!contains(get("Connection: close\r\n"), "Keep-Alive"));
  CHECK(!contains(get(""), "Accept-Ranges"));
  CHECK(contains(program::run({"serve", "--help"}).out, "(default: 268435456)"));
}

TEST_CASE("routes that other servers have are known, and not done here") {
  const Server server({"-c", "256"});
  for (const char* asked :
       {"POST /v1/images/edits", "POST /v1/audio/translations", "GET /v1/files/file-1",
        "POST /v1/batches/batch-1/cancel", "HEAD /api/blobs/sha256:0", "GET /v1/embeddings", "PUT /v1/responses"}) {
    CAPTURE(asked);
    const std::string answer =
        raw(server.port(), std::string(asked) + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 5, true);
    CHECK(answer.starts_with("HTTP/1.1 501"));
    CHECK((*asked == 'H' || contains(answer, "\"error\":{\"message\":")));
  }
}
