// RequestLog: a line for each request on standard error, for people or as JSON. It has no bodies, no headers and no
// queries: what could be a secret is not told.
#pragma once

#include <string>

namespace app::serve {

struct RequestLine {
  std::string client, method, path;  // decoded
  int status = 0;
  double seconds = 0;
};

class RequestLog {
 public:
  enum class Form { none, text, json };
  explicit RequestLog(Form form) : form_(form) {}
  void write(const RequestLine& line) const;

 private:
  Form form_;
};

}  // namespace app::serve
