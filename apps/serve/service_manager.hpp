// ServiceManager: who started the server and wants to hear how it is, as systemd does by datagrams (sd_notify(3)).
// Without one nothing is said. Not what is served, and not when a server is well: serve.cpp knows.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace app::serve {

class ServiceManager {
 public:
  // By $NOTIFY_SOCKET and $WATCHDOG_USEC, as a service manager sets them.
  ServiceManager();

  // Lines of NAME=VALUE: "READY=1", "STOPPING=1", "WATCHDOG=1". What cannot be said is noted once, on standard error.
  void tell(const std::string& lines);
  // How often it wants "WATCHDOG=1", and then a little oftener; nothing: never.
  std::optional<std::chrono::milliseconds> pulse() const { return pulse_; }

 private:
  std::string socket_;  // empty: nobody listens
  std::optional<std::chrono::milliseconds> pulse_;
};

}  // namespace app::serve
