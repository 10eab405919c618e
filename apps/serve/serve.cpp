// mica serve: answers the clients of other programs over HTTP. Its options, and how it begins and ends.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <thread>

#include <malloc.h>
#include <unistd.h>

#include "command.hpp"
#include "files.hpp"
#include "http_server.hpp"
#include "options.hpp"
#include "service_manager.hpp"
#include "terminal.hpp"
#include "words.hpp"

namespace app {
namespace {

using serve::HttpServer;
using serve::Service;
using serve::ServiceManager;

// Beside those that are answered and wait: idle ones, and those that send.
constexpr size_t kConnectionsBeside = 128;

struct ServeOptions {
  Options shared;
  std::string host = "127.0.0.1";
  uint32_t port = 8080;
  uint32_t slots = 4;
  uint32_t queue = 64;
  size_t cache_bytes = size_t{256} << 20;
  std::string alias;
  std::vector<std::string> keys, hosts;
  std::string key_file;
  bool logs_json = false;
};

void add_serve_options(CommandLine& line, ServeOptions& options) {
  constexpr const char* kGroup = "Server";
  line.add({.names = "--host",
            .value = "ADDRESS",
            .help = "where it listens; 0.0.0.0: for the whole network",
            .group = kGroup},
           &options.host);
  line.add({.names = "--port", .value = "N", .help = "0: a free one", .group = kGroup, .low = 0, .high = 65535},
           &options.port);
  line.add({.names = "-np,--parallel",
            .value = "N",
            .help = "answers at once, each with a context of -c",
            .group = kGroup,
            .low = 1,
            .high = 256},
           &options.slots);
  line.add({.names = "--queue",
            .value = "N",
            .help = "requests that may wait; more are told to come again (429)",
            .group = kGroup,
            .low = 0,
            .high = 1024},
           &options.queue);
  line.add({.names = "--cache-bytes",
            .value = "N",
            .help = "for encoded pictures, so that one that comes again is not "
                    "encoded again",
            .group = kGroup,
            .low = 0,
            .high = 1e15,
            .initial = "268435456"},
           &options.cache_bytes);
  line.add({.names = "-a,--alias",
            .value = "NAME",
            .help = "what clients call the model; without it its file's name",
            .group = kGroup},
           &options.alias);
  line.add({.names = "--api-key",
            .value = "KEY",
            .help = "only who shows it is answered; several: once each. Who lists "
                    "processes sees it: better a file",
            .group = kGroup},
           &options.keys);
  line.add({.names = "--api-key-file",
            .value = "FILE",
            .help = "keys, one a line; lines that begin with # are read past",
            .group = kGroup},
           &options.key_file);
  line.add({.names = "--allowed-host",
            .value = "NAME",
            .help = "a name, beside localhost and addresses, that requests "
                    "may call a server of this machine alone by; several: once each",
            .group = kGroup},
           &options.hosts);
  line.add({.names = "--log-json",
            .value = "",
            .help = "a line of JSON for each request, in place of one for people",
            .group = kGroup},
           &options.logs_json);
}

// Without the blanks around it, which no header keeps. `place` says which key is at fault: it is not shown itself.
std::string key_of(const std::string& text, const std::string& place) {
  const std::string key = trim(text, " \t\r");
  if (!std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; }))
    throw UsageError(place + ": a key has letters, digits and signs of ASCII alone, so that every client can send it");
  return key;
}

std::vector<std::string> read_keys(const ServeOptions& options) {
  std::vector<std::string> keys;
  for (const std::string& text : options.keys) keys.push_back(key_of(text, "--api-key"));
  if (contains(keys, "")) throw UsageError("--api-key is empty (a variable that is not set?)");
  if (options.key_file.empty()) return keys;
  size_t line = 0;
  for (const std::string& text : split(read_text(options.key_file), '\n')) {
    ++line;
    if (text.starts_with('#')) continue;
    const std::string key = key_of(text, "--api-key-file: " + options.key_file + ", line " + std::to_string(line));
    if (!key.empty()) keys.push_back(key);
  }
  if (keys.size() == options.keys.size()) throw UsageError("--api-key-file: " + options.key_file + " has no key");
  return keys;
}

// The file's name, or that of the folder that it is the whole of.
std::string model_name(const ServeOptions& options) {
  if (!options.alias.empty()) return options.alias;
  if (!options.shared.repository.empty()) return options.shared.repository;
  if (options.shared.model.empty()) return "mica";
  std::filesystem::path path(options.shared.model);
  if (!path.has_filename()) path = path.parent_path();
  return path.filename() == "." ? std::filesystem::absolute(path).parent_path().filename() : path.filename();
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  return signals;
}

timespec to_timespec(std::chrono::milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<long>(time.count() % 1000 * 1000 * 1000)};
}

// A watchdog hears that all is well once the scheduler has let itself be asked: where its lock is never given back, it
// hears nothing, and the server is started anew.
void wait_for_end(const Service& service, ServiceManager& manager) {
  const sigset_t signals = ending_signals();
  int signal = 0;
  if (!manager.pulse()) {
    sigwait(&signals, &signal);
    return;
  }
  const timespec pulse = to_timespec(*manager.pulse());
  while (sigtimedwait(&signals, nullptr, &pulse) < 0) {
    static_cast<void>(service.scheduler.is_idle());
    manager.tell("WATCHDOG=1");
  }
}

// Running answers may end, until another signal comes or their time is over; what is left then is told so.
void end(Service* service, HttpServer* server) {
  const sigset_t signals = ending_signals();
  service->scheduler.drain();
  if (!service->scheduler.is_idle())
    print_note("ending: running answers have " + std::to_string(serve::kDrainTime.count()) + " s; again ends them now");
  const auto until = serve::Clock::now() + serve::kDrainTime;
  const timespec pause = to_timespec(std::chrono::milliseconds(50));
  while (!service->scheduler.is_idle() && serve::Clock::now() < until)
    if (sigtimedwait(&signals, nullptr, &pause) > 0) break;
  service->scheduler.stop();
  server->close();
}

int serve_model(CommandLine& line, const std::vector<std::string>& arguments) {
  ServeOptions options;
  add_options(line, options.shared, kModelOptions | kSamplingOptions | kPredictOption | kSessionOptions | kQuietOption);
  add_serve_options(line, options);
  line.describe("--ctx-size",
                "tokens that the conversation of each answer can hold; 0: 4096, or as far as the model was trained");
  parse(line, arguments, options.shared);
  const std::vector<std::string> keys = read_keys(options);
  // Which would be every address of this machine.
  if (options.host.empty()) throw UsageError("--host is empty (a variable that is not set?)");
  const size_t connections = serve::connections_within_limits(options.slots, options.queue + kConnectionsBeside);
  const Model model = open_model(options.shared);
  using Form = serve::RequestLog::Form;
  const Form form = options.logs_json ? Form::json : options.shared.quiet ? Form::none : Form::text;
  Service service{
      .model = model,
      .name = model_name(options),
      .created = static_cast<int64_t>(std::time(nullptr)),
      .sampling = sampling_options(options.shared, model.get()),
      .has_seed = options.shared.seed >= 0,
      .keys = keys,
      .hosts = options.hosts,
      .log = serve::RequestLog(form),
      .scheduler{model, {session_options(options.shared), options.slots, options.queue, options.cache_bytes}},
      .budget = serve::ByteBudget(serve::kHeldBytesMax),
      .decoding{},
      .measuring{},
      .tokenizing{},
      .schemas{}};
  HttpServer server(&service, connections);
  const int port = server.bind(options.host, static_cast<int>(options.port));
  const std::string host = options.host.find(':') == std::string::npos ? options.host : '[' + options.host + ']';
  std::printf("mica serves %s at http://%s:%d: %u answers at once of %u tokens each, %s beside the weights\n",
              screen_text(service.name).c_str(), host.c_str(), port, options.slots, service.scheduler.context(),
              format_bytes(service.scheduler.bytes()).c_str());
  std::fflush(stdout);
  if (!server.is_loopback() && keys.empty())
    print_note("whoever reaches this address may ask: --api-key-file FILE wants a key of them");
  std::thread listening([&] { server.run(); });
  ServiceManager manager;
  manager.tell("READY=1\nSTATUS=at http://" + host + ':' + std::to_string(port));
  wait_for_end(service, manager);
  manager.tell("STOPPING=1");
  end(&service, &server);
  listening.join();
  return 0;
}

// Threads of connections come and go by the hundred: what one frees goes back to the system, not into its own heap.
void keep_heaps_small() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
}

// Signals wait for who waits for them, in every thread that begins from here on.
int run(CommandLine& line, const std::vector<std::string>& arguments) {
  const sigset_t signals = ending_signals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  struct Restore {
    sigset_t mask;
    ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const restore{before};
  keep_heaps_small();
  return serve_model(line, arguments);
}

}  // namespace

const Command kServeCommand = {
    "serve", "answers other programs over HTTP",
    "  mica serve                                      the default model at http://127.0.0.1:8080\n"
    "  mica serve -m Qwen2-VL-2B-Instruct -np 8 -c 8192\n"
    "  mica serve --host 0.0.0.0 --api-key-file keys\n"
    "\n"
    "For clients of OpenAI's protocol the address is http://127.0.0.1:8080/v1, with any key where none is wanted.\n"
    "Ctrl-C lets running answers end; again ends them.",
    run};

}  // namespace app
