// Connection: the socket of one client as a stream with limits of time and size, and Connections, all of them: when
// there is no room for one more, the one that has been sending its request for longest goes. Not HTTP: http_server.hpp.
#pragma once

#include <list>
#include <mutex>
#include <string>

#include <httplib.h>

#include "limits.hpp"

namespace app::serve {

class Connections;

// Who asked has left: nothing is written any more.
struct ClientGone {};

class Connection final : public httplib::Stream {
 public:
  // Of a socket that was accepted; takes it over.
  Connection(Connections* all, int socket);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The one that this thread serves.
  static Connection* current();

  // False where there is no room for it: nothing but a refusal should be written.
  bool has_place() const { return has_place_; }
  // Waits for the first byte of a request; false when none comes.
  bool wait_for_request();
  // The head has been read, and the body shall be; or all of it.
  void begin_body();
  void begin_answer();
  // It ends behind the answer at hand: what comes next of it could not be told from the rest of a request.
  void close_behind() { closes_ = true; }
  bool closes() const { return closes_; }
  // Nothing more is written: the client has left.
  void drop() { closes_ = is_dropped_ = true; }
  double request_seconds() const { return std::chrono::duration<double>(Clock::now() - requested_).count(); }
  // The client closed its end, or the connection is broken. One that closes the way to here alone and waits for its answer
  // looks the same, and is taken for gone.
  bool is_gone() const;
  // Throws ClientGone.
  void require_client() const;
  // Behind an answer to what was not read to its end: the client should still see it.
  void linger();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  friend class Connections;
  enum class Phase { idle, head, body, answer };

  void enter(Phase phase, std::chrono::seconds time);
  bool wait(short events, Clock::time_point until) const;
  bool fill();

  Connections* all_;
  const int socket_;
  bool has_place_ = false;
  Phase phase_ = Phase::idle;  // changed under the lock of all
  Clock::time_point since_ = Clock::now(), until_ = Clock::time_point::max();
  Clock::time_point requested_ = Clock::now();
  bool closes_ = false, is_dropped_ = false;
  size_t head_bytes_ = 0;
  char buffer_[8192];
  size_t buffered_ = 0, taken_ = 0;
};

class Connections {
 public:
  explicit Connections(size_t most) : most_(most) {}

  // No more; those that wait for a request, or send one, are cut off.
  void close();

 private:
  friend class Connection;
  bool add(Connection* connection);
  void remove(Connection* connection);
  void enter(Connection* connection, Connection::Phase phase);

  const size_t most_;
  std::mutex mutex_;
  std::list<Connection*> open_;
  bool closed_ = false;
};

// `least` connections and `more`, or as many as there may be descriptors for: the process's soft limit is raised where that
// helps. Throws Failure where it cannot have `least`.
size_t connections_within_limits(size_t least, size_t more);

}  // namespace app::serve
