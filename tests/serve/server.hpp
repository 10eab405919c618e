// A `mica serve` of the test's own, at a port of its own, and what its tests ask it. Asserts nothing.
#pragma once

#include <string>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "program.hpp"

namespace serve_test {

using Json = nlohmann::ordered_json;

// A picture of tests/data, and what the panel model says of it.
inline const std::string kPicture = "panel/000.jpg";
inline constexpr const char* kQuestion = "Which unit is this?";
inline constexpr const char* kAnswer = "SOLAR 1";

// A server of the panel model that answers greedily; it ends with the object.
class Server {
 public:
  explicit Server(const program::Arguments& more = {});
  ~Server();

  httplib::Client client() const;
  int port() const { return port_; }
  void interrupt();  // as Ctrl-C does
  int end();         // the exit status, once it has ended by itself

  Json get(const std::string& path) const;
  // The body of what is answered, whatever its status.
  Json post(const std::string& path, const Json& body) const;
  int status_of(const std::string& path, const std::string& body) const;
  double metric(const std::string& name) const;

 private:
  program::Terminal terminal_;
  int port_ = 0;
  bool has_ended_ = false;
};

std::string file_bytes(const std::string& path);
std::string base64(const std::string& bytes);
// One turn: the picture (a path of tests/data; empty: none), then the text.
Json question(const std::string& picture, const std::string& text);
std::string content(const Json& answer);
// What a socket gets that sends `bytes` and no more, which it may say; it is cut off after `seconds`.
std::string raw(int port, const std::string& bytes, double seconds = 5, bool says_end = false);

}  // namespace serve_test
