// HttpServer: cpp-httplib's server with a gate before it: who may ask, how much and how slowly; then a route answers.
// What routes there are: routes.hpp.
#pragma once

#include <atomic>

#include <httplib.h>

#include "connection.hpp"
#include "routes.hpp"

namespace app::serve {

class HttpServer final : private httplib::Server {
 public:
  HttpServer(Service* service, size_t connections_max);

  // The port that it has then; 0 takes a free one. Throws Failure.
  int bind(const std::string& host, int port);
  // Where it is bound: nobody else can reach it.
  bool is_loopback() const { return is_loopback_; }
  // Answers until close() is called from another thread, and what is under way then.
  void run();
  void close();

 private:
  bool process_and_close_socket(socket_t socket) override;
  HandlerResponse before_body(const httplib::Request& request, httplib::Response& response);
  void read_and_answer(const httplib::Request& request, httplib::Response& response,
                       const httplib::ContentReader& reader);
  // Null where it is refused, which the response says then.
  const Route* admitted(const httplib::Request& request, httplib::Response& response) const;
  const Route& admit(const httplib::Request& request) const;
  void check_caller(const httplib::Request& request) const;
  void check_body(const httplib::Request& request) const;
  bool has_key(const httplib::Request& request) const;

  Service& service_;
  Connections connections_;
  bool is_loopback_ = false;
  std::atomic<bool> closes_{false};
};

}  // namespace app::serve
