// What a service manager hears of the server: sd_notify's datagrams, at a socket of the test's own.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.hpp"

using serve_test::Server;

namespace {

// Sets what a manager sets, for the servers that are started while it lives.
class Manager {
 public:
  Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    // A name that the system gives: of no file.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t bytes = sizeof address;
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0);
    REQUIRE(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
    const size_t length = bytes - offsetof(sockaddr_un, sun_path) - 1;
    set("NOTIFY_SOCKET", '@' + std::string(address.sun_path + 1, length));
  }
  ~Manager() {
    close(socket_);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  Manager(const Manager&) = delete;

  static void set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }

  // The next datagram; empty where none comes within the time.
  std::string hear(std::chrono::milliseconds time) const {
    pollfd one{socket_, POLLIN, 0};
    if (poll(&one, 1, static_cast<int>(time.count())) != 1) return "";
    char bytes[512];
    const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
    return count < 0 ? "" : std::string(bytes, static_cast<size_t>(count));
  }

 private:
  int socket_;
};

constexpr std::chrono::seconds kLong{30};
constexpr std::chrono::milliseconds kShort{500};

}  // namespace

TEST_CASE("a service manager hears when the server answers, that it is well, and when it ends") {
  const Manager manager;
  Manager::set("WATCHDOG_USEC", "300000");
  Server server;
  const std::string ready = manager.hear(kLong);
  CHECK(ready == "READY=1\nSTATUS=at http://127.0.0.1:" + std::to_string(server.port()));
  CHECK(server.get("/health")["status"] == "ok");
  for (int i = 0; i < 3; ++i) CHECK(manager.hear(kLong) == "WATCHDOG=1");
  server.interrupt();
  std::string last;
  for (std::string heard = manager.hear(kLong); !heard.empty() && last != "STOPPING=1"; heard = manager.hear(kShort))
    last = heard;
  CHECK(last == "STOPPING=1");
  CHECK(server.end() == 0);
}

TEST_CASE("a watchdog hears nothing that it did not ask for") {
  // None; not a time; one of another process.
  const char* const settings[][2] = {{"", ""}, {"0", ""}, {"-5", ""}, {"300000s", ""}, {"300000", "1"}};
  for (const auto& setting : settings) {
    const char *const time = setting[0], *const process = setting[1];
    CAPTURE(std::string(time));
    const Manager manager;
    Manager::set("WATCHDOG_USEC", time);
    if (process[0] != '\0') Manager::set("WATCHDOG_PID", process);
    const Server server;
    CHECK(manager.hear(kLong).starts_with("READY=1\n"));
    CHECK(manager.hear(kShort).empty());
  }
}

TEST_CASE("a server whose manager cannot be told serves all the same") {
  const Manager manager;
  const std::string long_name(sizeof(sockaddr_un{}.sun_path) + 1, 'x');
  for (const std::string& name : {std::string("/no/such/socket"), '/' + long_name, '@' + long_name}) {
    Manager::set("NOTIFY_SOCKET", name);
    const Server server;
    CHECK(server.get("/health")["status"] == "ok");
  }
  for (const char* name : {"", "relative", "vsock:2:1"}) {  // no address that is a socket's of this machine
    Manager::set("NOTIFY_SOCKET", name);
    const Server server;
    CHECK(server.get("/health")["status"] == "ok");
  }
}
