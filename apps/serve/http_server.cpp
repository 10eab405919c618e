// The gate of the server, see http_server.hpp.
#include "http_server.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <strings.h>
#include <sys/socket.h>

#include "connection_threads.hpp"
#include "ollama_protocol.hpp"
#include "words.hpp"

namespace app::serve {
namespace {

constexpr char kFullAnswer[] =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
constexpr int kContinue = 100;
constexpr int kClientGone = 499;  // for the log alone, as nginx has it: it is written to nobody
constexpr int kBacklog = 128;     // the library's 5 makes clients that come together wait for a second

// Takes as long wherever the first difference is.
bool is_same_secret(const std::string& given, const std::string& key) {
  unsigned difference = given.size() != key.size();
  for (size_t i = 0; i < given.size() && !key.empty(); ++i)
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(key[i % key.size()]);
  return difference == 0;
}

// Without the port; brackets of an IPv6 address go too.
std::string host_of(const std::string& authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

bool is_address(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

bool is_of_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_address(host));
}

// A route whose path ends in / is for what stands behind it, too.
bool is_at(const std::string& asked, const Route& route) {
  const std::string_view path = route.path;
  return asked == path || (path.size() > 1 && path.ends_with('/') && asked.starts_with(path));
}

// What may be done at a path, as the header Allow says it.
std::string methods_at(const std::string& path) {
  std::string methods;
  for (const Route& route : routes()) {
    if (!is_at(path, route)) continue;
    methods += (methods.empty() ? "" : ", ") + std::string(route.method);
    if (methods.ends_with("GET")) methods += ", HEAD";
  }
  return methods;
}

// Below /api/ are Ollama's clients, also where nothing is.
void write_refusal(const Refusal& refusal, const std::string& path, httplib::Response& response) {
  response.status = refusal.status();
  if (refusal.status() == 429 || refusal.status() == 503) response.set_header("Retry-After", "1");
  if (refusal.status() == 401) response.set_header("WWW-Authenticate", "Bearer");
  if (refusal.status() == 405) response.set_header("Allow", methods_at(path));
  response.set_content(path.starts_with("/api/") ? ollama_error(refusal) : openai_error(refusal), "application/json");
}

// Of the body. Where a proxy before this server could read another one, what follows would be a request of somebody else.
uint64_t length_told(const httplib::Request& request) {
  constexpr const char* kName = "Content-Length";
  const size_t count = request.get_header_value_count(kName);
  if (count == 0) return 0;
  const std::string digits = request.get_header_value(kName);
  if (count > 1 || digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
    throw Refusal(400, "the body's length is no number, or told twice");
  return request.get_header_value<uint64_t>(kName);  // the largest, where it is larger
}

const Route* find_route(const httplib::Request& request) {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route& route : routes())
    if (method == route.method && is_at(request.path, route)) return &route;
  // What is not done in any way: saying which way others do it would mislead.
  const auto is_here = [&](const Route& route) { return is_at(request.path, route); };
  const auto is_done = [&](const Route& route) { return is_here(route) && route.answer != nullptr; };
  const auto known = std::ranges::find_if(routes(), is_here);
  if (known != routes().end() && std::ranges::none_of(routes(), is_done)) return &*known;
  const std::string methods = methods_at(request.path);
  if (methods.empty()) throw Refusal(404, "there is no such route");
  throw Refusal(405, "this route wants " + methods);
}

// Whatever a route throws becomes an answer.
template <typename Answer>
void answering(const std::string& path, httplib::Response& response, const Answer& answer) {
  try {
    answer();
  } catch (const ClientGone&) {
    response.status = kClientGone;
    Connection::current()->drop();
  } catch (const Refusal& refusal) {
    write_refusal(refusal, path, response);
  } catch (const Failure& failure) {
    write_refusal(refusal_of(failure.status(), failure.what()), path, response);
  } catch (const std::bad_alloc&) {
    write_refusal(Refusal(503, "out of memory"), path, response);
  } catch (const std::exception&) {
    write_refusal(Refusal(500, "the server failed"), path, response);
  }
}

}  // namespace

HttpServer::HttpServer(Service* service, size_t connections_max) : service_(*service), connections_(connections_max) {
  new_task_queue = [connections_max] { return new ConnectionThreads(connections_max + kRefusedAtOnce); };
  set_payload_max_length(kBodyBytesMax);
  set_keep_alive_timeout(kIdleTimeMax.count());
  // Not the library's, which lets another program take the same port.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  set_tcp_nodelay(true);
  set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Server", std::string("mica/") + mica_version()}});
  set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) { return before_body(request, response); });
  // Who asks before sending a body is refused before.
  set_expect_100_continue_handler([this](const httplib::Request& request, httplib::Response& response) {
    return admitted(request, response) != nullptr ? kContinue : response.status;
  });
  Post(".*", [this](const httplib::Request& request, httplib::Response& response,
                    const httplib::ContentReader& reader) { read_and_answer(request, response, reader); });
  // What the library itself refuses.
  set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty()) return;
    Connection::current()->close_behind();
    write_refusal(Refusal(response.status, "this is no request that the server reads"), request.path, response);
  });
  // The library tells more of a connection than is so here.
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    response.headers.erase("Accept-Ranges");
    if (response.headers.erase("Keep-Alive") > 0 && !Connection::current()->closes())
      response.set_header("Keep-Alive", "timeout=" + std::to_string(kIdleTimeMax.count()));
  });
  set_logger([this](const httplib::Request& request, const httplib::Response& response) {
    service_.log.write(
        {request.remote_addr, request.method, request.path, response.status, Connection::current()->request_seconds()});
  });
}

int HttpServer::bind(const std::string& host, int port) {
  is_loopback_ = is_of_this_machine(host);
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound < 0)
    throw Failure("cannot listen at " + host + " port " + std::to_string(port) +
                      ": is another program there, or is that no address of this machine? --port 0 takes a free port",
                  MICA_IO_ERROR);
  ::listen(svr_sock_, kBacklog);
  return bound;
}

void HttpServer::run() { listen_after_bind(); }

void HttpServer::close() {
  closes_ = true;
  connections_.close();
  stop();
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(&connections_, socket);
  if (!connection.has_place() || ConnectionThreads::is_refusing()) {
    if (!closes_) connection.write(kFullAnswer, sizeof kFullAnswer - 1);
    return false;
  }
  // The library would answer in pieces of a file, and compressed, where that is asked for.
  const auto simplify = [](httplib::Request& request) {
    request.ranges.clear();
    request.headers.erase("Accept-Encoding");
  };
  bool closed = false;
  try {
    while (!closed && !closes_ && connection.wait_for_request())
      closed = !process_request(connection, false, closed, simplify) || closed || connection.closes();
  } catch (const std::exception&) {  // out of memory: this client goes, the others stay
    return false;
  }
  if (connection.closes()) connection.linger();
  return true;
}

const Route* HttpServer::admitted(const httplib::Request& request, httplib::Response& response) const {
  const Route* route = nullptr;
  answering(request.path, response, [&] { route = &admit(request); });
  if (route != nullptr) return route;
  Connection::current()->close_behind();
  response.set_header("Connection", "close");
  return nullptr;
}

HttpServer::HandlerResponse HttpServer::before_body(const httplib::Request& request, httplib::Response& response) {
  Connection& connection = *Connection::current();
  const Route* route = admitted(request, response);
  if (route == nullptr) return HandlerResponse::Handled;
  if (request.method == "POST") {
    connection.begin_body();
    return HandlerResponse::Unhandled;
  }
  connection.begin_answer();
  answering(request.path, response, [&] {
    Call call{service_, request, response, {}, {}};
    route->answer(call);
  });
  return HandlerResponse::Handled;
}

void HttpServer::read_and_answer(const httplib::Request& request, httplib::Response& response,
                                 const httplib::ContentReader& reader) {
  Connection& connection = *Connection::current();
  const Route* route = find_route(request);
  std::string body;
  Held held(&service_.budget);
  int refused = 0;
  const bool is_whole = reader([&](const char* bytes, size_t count) {
    if (body.size() + count > kBodyBytesMax) refused = 413;
    // As text, as JSON and as the pictures' files.
    else if (!held.add(count * 3)) refused = 503;
    if (refused == 0) body.append(bytes, count);
    return refused == 0;
  });
  if (!is_whole) {
    connection.close_behind();
    response.set_header("Connection", "close");
  }
  connection.begin_answer();
  answering(request.path, response, [&] {
    if (refused == 413) throw Refusal(413, "the body has more than " + std::to_string(kBodyBytesMax) + " bytes");
    if (refused == 503) throw Refusal(503, "the server holds as much of requests as it may: ask again later");
    if (!is_whole) throw Refusal(408, "the body did not come whole, or too slowly");
    Call call{service_, request, response, parse_request(body), std::move(held)};
    std::string().swap(body);
    route->answer(call);
  });
}

// ---- who may ask ----------------------------------------------------------------------------------------------------

const Route& HttpServer::admit(const httplib::Request& request) const {
  if (request.target.size() > kPathBytesMax) throw Refusal(414, "the path is too long");
  check_caller(request);
  const Route* route = find_route(request);
  if (!route->is_open && !has_key(request))
    throw Refusal(401, "this server wants a key: Authorization: Bearer KEY, or x-api-key: KEY");
  if (route->answer == nullptr) throw Refusal(501, "mica does not do what this route is for");
  check_body(request);
  return *route;
}

// A page of another site, open in a browser here, can send requests to this machine, and can give itself a name that
// leads here. What it sends names it.
void HttpServer::check_caller(const httplib::Request& request) const {
  const std::string authority = request.get_header_value("Host"), host = host_of(authority);
  if (is_loopback_ && !host.empty() && !is_address(host) && host != "localhost" && !contains(service_.hosts, host))
    throw Refusal(403, "this server is not called that: --allowed-host NAME lets requests call it so");
  const std::string origin = request.get_header_value("Origin");
  if (!origin.empty() && origin != "http://" + authority && origin != "https://" + authority)
    throw Refusal(403, "pages of other sites may not ask this server");
}

bool HttpServer::has_key(const httplib::Request& request) const {
  if (service_.keys.empty()) return true;
  constexpr std::string_view kBearer = "Bearer ";
  const std::string authorization = request.get_header_value("Authorization");
  std::string bearer;
  if (strncasecmp(authorization.c_str(), kBearer.data(), kBearer.size()) == 0)
    bearer = authorization.substr(kBearer.size());
  bool found = false;
  for (const std::string& key : service_.keys)
    for (const std::string& given : {bearer, request.get_header_value("x-api-key")})
      found |= is_same_secret(given, key);
  return found;
}

void HttpServer::check_body(const httplib::Request& request) const {
  const size_t encodings = request.get_header_value_count("Transfer-Encoding");
  const bool is_chunked = strcasecmp(request.get_header_value("Transfer-Encoding").c_str(), "chunked") == 0;
  const uint64_t length = length_told(request);
  if (request.method != "POST") {
    if (encodings > 0 || length > 0) throw Refusal(400, "a request of this method has no body");
    return;
  }
  if (!is_chunked && !request.has_header("Content-Length")) throw Refusal(411, "the length of the body is not told");
  if (encodings > 0 && (encodings > 1 || !is_chunked || request.has_header("Content-Length")))
    throw Refusal(400, "the body's length is told in two ways, or in none that is read here");
  if (length > kBodyBytesMax) throw Refusal(413, "the body has more than " + std::to_string(kBodyBytesMax) + " bytes");
  if (!request.get_header_value("Content-Encoding").empty()) throw Refusal(415, "compressed bodies are not read");
  if (request.is_multipart_form_data()) throw Refusal(415, "the body is no form: it is JSON");
}

}  // namespace app::serve
