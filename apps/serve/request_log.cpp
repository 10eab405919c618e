// Lines about requests, see request_log.hpp.
#include "request_log.hpp"

#include <cstdio>
#include <ctime>

#include "connection.hpp"
#include "request_json.hpp"
#include "terminal.hpp"
#include "words.hpp"

namespace app::serve {
namespace {

// As it is written in a request: nothing of it ends a line, or a word of the line.
std::string encoded(const std::string& text) {
  return percent_encoded(text, [](uint8_t byte) { return byte > ' ' && byte < 0x7F && byte != '%'; });
}

// Of a request that could not be read, the library knows no address.
std::string client_of(const RequestLine& line) {
  std::string address = line.client;
  int port = 0;
  if (address.empty() && Connection::current() != nullptr) Connection::current()->get_remote_ip_and_port(address, port);
  return address;
}

}  // namespace

void RequestLog::write(const RequestLine& line) const {
  if (form_ == Form::none) return;
  char time[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (gmtime_r(&now, &parts) != nullptr) std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
  std::string text;
  if (form_ == Form::json) {
    text = dump(nlohmann::ordered_json{{"time", time},
                                       {"client", client_of(line)},
                                       {"method", line.method},
                                       {"path", line.path},
                                       {"status", line.status},
                                       {"seconds", line.seconds}});
  } else {
    text = std::string(time) + ' ' + client_of(line) + ' ' + encoded(line.method) + ' ' + encoded(line.path) + ' ' +
           std::to_string(line.status) + ' ' + format_seconds(line.seconds);
  }
  std::fprintf(stderr, "%s\n", text.c_str());  // one call: lines of several threads do not mix
}

}  // namespace app::serve
