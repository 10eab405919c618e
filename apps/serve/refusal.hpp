// Refusal: why a request is not answered, as a status of HTTP and a message for people. How a client's protocol spells
// it: protocols.hpp.
#pragma once

#include <stdexcept>
#include <string>

#include "handles.hpp"
#include "terminal.hpp"

namespace app::serve {

class Refusal : public std::runtime_error {
 public:
  Refusal(int status, const std::string& message, const std::string& field = "")
      : std::runtime_error(message), status_(status), field_(field) {}

  int status() const { return status_; }
  const std::string& field() const { return field_; }  // of the request, where one is at fault

 private:
  int status_;
  std::string field_;
};

// What the library's failure says of the request.
inline int http_status(mica_status status) {
  switch (status) {
    case MICA_INVALID_ARGUMENT:
    case MICA_UNSUPPORTED:
    case MICA_LIMIT_EXCEEDED:
    case MICA_CORRUPT_FILE:
    case MICA_CONTEXT_FULL: return 400;
    case MICA_OUT_OF_MEMORY:
    case MICA_CANCELLED: return 503;
    default: return 500;
  }
}

// A failure of the library as a client is told it. The server's own fault may name its files: that is for its log.
inline Refusal refusal_of(mica_status status, const char* message) {
  if (status == MICA_CONTEXT_FULL) return {400, std::string(message) + " (mica serve -c)"};
  if (http_status(status) != 500) return {http_status(status), message};
  print_note(std::string("a request failed: ") + message);
  return {500, "the server failed; its log says why"};
}

}  // namespace app::serve
