// What the server's manager hears, see service_manager.hpp.
#include "service_manager.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "terminal.hpp"

namespace app::serve {
namespace {

template <typename Number>
std::optional<Number> number_of(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  const std::string_view text(value);
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number <= 0) return std::nullopt;
  return number;
}

// 0, or what went wrong.
int send_to(const std::string& name, const std::string& bytes) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';  // a name that is no file's
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const ssize_t sent =
      ::sendto(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
  const int error = sent < 0 ? errno : 0;
  ::close(socket);
  return error;
}

}  // namespace

ServiceManager::ServiceManager() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || (socket[0] != '/' && socket[0] != '@')) return;
  socket_ = socket;
  // One that is meant for another process is not for this one to answer.
  const std::optional<pid_t> watched = number_of<pid_t>("WATCHDOG_PID");
  const std::optional<int64_t> microseconds = number_of<int64_t>("WATCHDOG_USEC");
  if (!microseconds || (watched && *watched != getpid())) return;
  pulse_ = std::chrono::milliseconds(1 + *microseconds / 3000);
}

void ServiceManager::tell(const std::string& lines) {
  if (socket_.empty()) return;
  const int error = send_to(socket_, lines);
  if (error == 0) return;
  print_note("the service manager cannot be told " + lines + " at NOTIFY_SOCKET " + screen_text(socket_) + ": " +
             std::strerror(error) + "; it may end this server");
  if (error != EAGAIN && error != ENOBUFS) socket_.clear();
}

}  // namespace app::serve
