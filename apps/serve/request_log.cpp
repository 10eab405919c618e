// Lines about requests, see request_log.hpp.
#include "request_log.hpp"

#include <cstdio>
#include <ctime>

#include "request_json.hpp"
#include "terminal.hpp"

namespace app::serve {

void RequestLog::write(const RequestLine& line) const {
  if (form_ == Form::none) return;
  char time[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (gmtime_r(&now, &parts) != nullptr) std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
  std::string text;
  if (form_ == Form::json) {
    text = dump(nlohmann::ordered_json{{"time", time},
                                       {"client", line.client},
                                       {"method", line.method},
                                       {"path", line.path},
                                       {"status", line.status},
                                       {"seconds", line.seconds}});
  } else {
    text = std::string(time) + ' ' + line.client + ' ' + screen_text(line.method + ' ' + line.path) + ' ' +
           std::to_string(line.status) + ' ' + format_seconds(line.seconds);
  }
  std::fprintf(stderr, "%s\n", text.c_str());  // one call: lines of several threads do not mix
}

}  // namespace app::serve
