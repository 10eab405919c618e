// Runs the built `mica`, see program.hpp.
#include "program.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace program {
namespace {

constexpr double kSecondsMax = 60;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::vector<char*> command_line(const Arguments& arguments) {
  static char name[] = MICA_PROGRAM;
  std::vector<char*> line = {name};
  for (const std::string& argument : arguments) line.push_back(const_cast<char*>(argument.c_str()));
  line.push_back(nullptr);
  return line;
}

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    close_end(read);
    close_end(write);
  }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

// Appends what can be read; closes the end when there is no more.
void drain(int& end, std::string& text) {
  char block[4096];
  const ssize_t count = read(end, block, sizeof block);
  if (count > 0) text.append(block, static_cast<size_t>(count));
  if (count == 0 || (count < 0 && errno != EINTR)) Pipe::close_end(end);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("waitpid");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string data(const std::string& path) { return std::string(TESTS_DATA) + '/' + path; }

Outcome run(const Arguments& arguments, const std::string& input, const std::string& out_path) {
  Pipe in, out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  if (out_path == kUnread) {
    Pipe::close_end(out.read);
  } else if (out_path == kClosed) {
    posix_spawn_file_actions_addclose(&actions, STDOUT_FILENO);
  } else if (!out_path.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_path.c_str(), O_WRONLY, 0);
  }
  pid_t child = -1;
  const int spawned = posix_spawn(&child, MICA_PROGRAM, &actions, nullptr, command_line(arguments).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) throw std::runtime_error("cannot start " MICA_PROGRAM);
  Pipe::close_end(in.read);
  Pipe::close_end(out.write);
  Pipe::close_end(err.write);
  // Inputs of the tests fit into a pipe's buffer, so writing cannot wait for the program.
  if (write(in.write, input.data(), input.size()) != static_cast<ssize_t>(input.size())) {
    throw std::runtime_error("the program's input");
  }
  Pipe::close_end(in.write);
  Outcome outcome;
  while (out.read >= 0 || err.read >= 0) {
    pollfd ends[2] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}};
    poll(ends, 2, -1);
    if (ends[0].revents != 0) drain(out.read, outcome.out);
    if (ends[1].revents != 0) drain(err.read, outcome.err);
  }
  outcome.status = wait_for(child);
  return outcome;
}

const std::string& state_folder() {
  static const std::string folder = std::filesystem::temp_directory_path() / ("mica_state_" + std::to_string(getpid()));
  return folder;
}

Terminal::Terminal(const Arguments& arguments, const std::string& terminal_kind) {
  winsize size{40, 100, 0, 0};
  const std::vector<char*> line = command_line(arguments);
  child_ = forkpty(&terminal_, nullptr, nullptr, &size);
  if (child_ < 0) throw std::runtime_error("forkpty");
  if (child_ == 0) {
    setenv("TERM", terminal_kind.c_str(), 1);
    setenv("XDG_STATE_HOME", state_folder().c_str(), 1);
    execv(MICA_PROGRAM, line.data());
    _exit(127);
  }
}

Terminal::~Terminal() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    wait_for(child_);
  }
  if (terminal_ >= 0) close(terminal_);
}

void Terminal::type(const std::string& keys) {
  if (write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("the terminal");
  }
}

bool Terminal::read_some(double seconds_left) {
  pollfd end{terminal_, POLLIN, 0};
  if (seconds_left <= 0 || poll(&end, 1, static_cast<int>(seconds_left * 1000)) <= 0) return false;
  char block[4096];
  const ssize_t count = read(terminal_, block, sizeof block);
  if (count <= 0) return false;  // Linux says EIO when the program has gone
  seen_.append(block, static_cast<size_t>(count));
  return true;
}

bool Terminal::shows(const std::string& text) {
  const double deadline = now() + kSecondsMax;
  for (;;) {
    const size_t place = seen_.find(text, found_);
    if (place != std::string::npos) {
      found_ = place + text.size();
      return true;
    }
    if (!read_some(deadline - now())) return false;
  }
}

bool Terminal::shows_more() {
  const double deadline = now() + kSecondsMax;
  while (seen_.size() <= found_) {
    if (!read_some(deadline - now())) return false;
  }
  return true;
}

void Terminal::signal(int number) { kill(child_, number); }

int Terminal::status() {
  const double deadline = now() + kSecondsMax;
  while (read_some(deadline - now())) {
  }
  if (now() >= deadline) return -1;
  const int status = wait_for(child_);
  child_ = -1;
  return status;
}

}  // namespace program
