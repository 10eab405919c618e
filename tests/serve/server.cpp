// A server to ask, see server.hpp.
#include "server.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace serve_test {
namespace {

program::Arguments with(program::Arguments line, const program::Arguments& more) {
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

}  // namespace

Server::Server(const program::Arguments& more)
    : terminal_(with({"serve", "-m", program::data("panel/model"), "--port", "0", "--temp", "0", "-q"}, more)) {
  constexpr const char* kPlace = " at http://127.0.0.1:";
  if (!terminal_.shows(kPlace) || !terminal_.shows(": ")) throw std::runtime_error(terminal_.seen());
  const std::string& seen = terminal_.seen();
  port_ = std::stoi(seen.substr(seen.find(kPlace) + std::string(kPlace).size()));
}

Server::~Server() {
  if (has_ended_) return;
  interrupt();
  interrupt();
  end();
}

void Server::interrupt() { terminal_.type("\x03"); }

int Server::end() {
  has_ended_ = true;
  return terminal_.status();
}

httplib::Client Server::client() const {
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(60);
  return client;
}

Json Server::get(const std::string& path) const {
  httplib::Client asking = client();
  const httplib::Result result = asking.Get(path);
  return result ? Json::parse(result->body, nullptr, false) : Json();
}

Json Server::post(const std::string& path, const Json& body) const {
  httplib::Client asking = client();
  const httplib::Result result = asking.Post(path, body.dump(), "application/json");
  return result ? Json::parse(result->body, nullptr, false) : Json();
}

int Server::status_of(const std::string& path, const std::string& body) const {
  httplib::Client asking = client();
  const httplib::Result result = asking.Post(path, body, "application/json");
  return result ? result->status : -1;
}

double Server::metric(const std::string& name) const {
  httplib::Client asking = client();
  const httplib::Result result = asking.Get("/metrics");
  const size_t at = result ? result->body.find("\nmica:" + name + ' ') : std::string::npos;
  return at == std::string::npos ? -1 : std::stod(result->body.substr(result->body.find(' ', at)));
}

std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

Json question(const std::string& picture, const std::string& text) {
  Json parts = Json::array();
  if (!picture.empty()) {
    const std::string url = "data:image/jpeg;base64," + base64(file_bytes(program::data(picture)));
    parts.push_back({{"type", "image_url"}, {"image_url", {{"url", url}, {"detail", "low"}}}});
  }
  parts.push_back({{"type", "text"}, {"text", text}});
  return {{"model", "mica"}, {"messages", {{{"role", "user"}, {"content", parts}}}}, {"max_tokens", 30}};
}

std::string content(const Json& answer) {
  if (!answer.contains("choices")) return answer.dump();
  return answer["choices"][0]["message"]["content"].get<std::string>();
}

std::string raw(int port, const std::string& bytes, double seconds, bool says_end) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<size_t>(count);
    }
    if (says_end) ::shutdown(socket, SHUT_WR);
    char block[4096];
    pollfd entry{socket, POLLIN, 0};
    while (::poll(&entry, 1, static_cast<int>(seconds * 1000)) > 0) {
      const ssize_t count = ::recv(socket, block, sizeof block, 0);
      if (count <= 0) break;
      answer.append(block, static_cast<size_t>(count));
    }
  }
  ::close(socket);
  return answer;
}

}  // namespace serve_test
