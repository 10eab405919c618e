// Sockets of clients, see connection.hpp.
#include "connection.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "handles.hpp"

namespace app::serve {
namespace {

thread_local Connection* current_connection = nullptr;

void address_of(int (*ask)(int, sockaddr*, socklen_t*), int socket, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
  if (ask(socket, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return;
  if (getnameinfo(reinterpret_cast<sockaddr*>(&address), bytes, host, sizeof host, service, sizeof service,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  ip = host;
  port = std::atoi(service);
}

}  // namespace

Connection::Connection(Connections* all, int socket) : all_(all), socket_(socket) {
  has_place_ = all_->add(this);
  current_connection = this;
}

Connection::~Connection() {
  current_connection = nullptr;
  if (has_place_) all_->remove(this);  // before: another socket may get this number
  ::shutdown(socket_, SHUT_RDWR);
  ::close(socket_);
}

Connection* Connection::current() { return current_connection; }

void Connection::enter(Phase phase, std::chrono::seconds time) {
  all_->enter(this, phase);
  until_ = Clock::now() + time;
}

bool Connection::wait_for_request() {
  enter(Phase::idle, kIdleTimeMax);
  head_bytes_ = 0;
  if (taken_ == buffered_ && !fill()) return false;
  enter(Phase::head, kHeadTimeMax);
  requested_ = Clock::now();
  return true;
}

void Connection::begin_body() { enter(Phase::body, kBodyTimeMax); }

void Connection::begin_answer() {
  all_->enter(this, Phase::answer);
  until_ = Clock::time_point::max();
}

bool Connection::is_gone() const { return wait(POLLRDHUP, Clock::now()); }

void Connection::require_client() const {
  if (is_gone()) throw ClientGone();
}

void Connection::linger() {
  if (is_dropped_) return;
  constexpr size_t kBytesMax = size_t{4} << 20;
  ::shutdown(socket_, SHUT_WR);
  until_ = Clock::now() + std::chrono::seconds(1);
  for (size_t bytes = 0; bytes < kBytesMax && fill();) bytes += buffered_;
}

bool Connection::wait(short events, Clock::time_point until) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd entry{socket_, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool Connection::is_readable() const { return taken_ < buffered_ || wait(POLLIN, Clock::now()); }
bool Connection::is_writable() const { return wait(POLLOUT, Clock::now() + kStallTimeMax) && !is_gone(); }

// More bytes of the client's, within the time that its phase has and without a long pause.
bool Connection::fill() {
  taken_ = buffered_ = 0;
  if (!wait(POLLIN, phase_ == Phase::idle ? until_ : std::min(until_, Clock::now() + kStallTimeMax))) return false;
  const ssize_t count = ::recv(socket_, buffer_, sizeof buffer_, 0);
  if (count <= 0) return false;
  buffered_ = static_cast<size_t>(count);
  return true;
}

ssize_t Connection::read(char* bytes, size_t size) {
  if (taken_ == buffered_ && !fill()) return -1;
  const size_t count = std::min(size, buffered_ - taken_);
  if (phase_ == Phase::head && (head_bytes_ += count) > kHeadBytesMax) return -1;
  std::copy_n(buffer_ + taken_, count, bytes);
  taken_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* bytes, size_t size) {
  if (is_dropped_) return -1;
  for (;;) {
    if (!wait(POLLOUT, Clock::now() + kStallTimeMax)) return -1;
    const ssize_t count = ::send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) return count;
  }
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  address_of(::getpeername, socket_, ip, port);
}
void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  address_of(::getsockname, socket_, ip, port);
}

// ---- all of them ----------------------------------------------------------------------------------------------------

bool Connections::add(Connection* connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return false;
  if (open_.size() >= most_) {
    Connection* oldest = nullptr;
    for (Connection* other : open_)
      if (other->phase_ != Connection::Phase::answer && (oldest == nullptr || other->since_ < oldest->since_))
        oldest = other;
    if (oldest == nullptr) return false;
    ::shutdown(oldest->socket_, SHUT_RDWR);  // its thread wakes up, and closes it
    open_.remove(oldest);
  }
  open_.push_back(connection);
  return true;
}

void Connections::remove(Connection* connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  open_.remove(connection);
}

void Connections::close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  for (const Connection* connection : open_)
    if (connection->phase_ != Connection::Phase::answer) ::shutdown(connection->socket_, SHUT_RD);
}

void Connections::enter(Connection* connection, Connection::Phase phase) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (connection->phase_ == Connection::Phase::answer || phase == Connection::Phase::idle)
    connection->since_ = Clock::now();
  connection->phase_ = phase;
}

// Where descriptors end before places do, nobody makes room: whoever comes waits until an idle one's time is over.
size_t connections_within_limits(size_t least, size_t more) {
  constexpr size_t kOthers = 16;  // what the process has open beside connections
  const size_t beside = kRefusedAtOnce + kOthers, wanted = least + more + beside;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return least + more;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < least + beside)
    throw Failure("this process may have " + std::to_string(limit.rlim_cur) + " files and connections, and " +
                      std::to_string(least) + " answers at once take " + std::to_string(least + beside) +
                      ": raise it (ulimit -n), or lower -np",
                  MICA_LIMIT_EXCEEDED);
  return std::min<size_t>(limit.rlim_cur, wanted) - beside;
}

}  // namespace app::serve
