// Standard input, looked at, see piped_input.hpp.
#include "piped_input.hpp"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pasted_paths.hpp"

namespace app {
namespace {

constexpr int kWaitMilliseconds = 1000;  // a program before ours in a pipe has begun by then, on a busy machine too
constexpr size_t kHeadBytes = 12;        // by which pictures are known

// The first bytes of a pipe, which stay in it.
ssize_t peek_pipe(char* head) {
#ifdef __linux__
  int copy[2];
  if (pipe2(copy, O_CLOEXEC) != 0) return 0;
  ssize_t count = tee(STDIN_FILENO, copy[1], kHeadBytes, SPLICE_F_NONBLOCK);
  if (count > 0) count = read(copy[0], head, kHeadBytes);
  close(copy[0]);
  close(copy[1]);
  return count;
#else
  (void)head;
  return 0;  // cannot be looked at without being taken
#endif
}

PipedInput kind_of(std::string_view head) {
  const auto is_control = [](unsigned char c) {
    return c < ' ' && std::string_view("\t\n\v\f\r\x1b").find(static_cast<char>(c)) == std::string_view::npos;
  };
  const bool no_text = std::any_of(head.begin(), head.end(), is_control) || head.substr(0, 4) == "%PDF";
  return is_picture(head) || no_text ? PipedInput::kPicture : PipedInput::kText;
}

}  // namespace

PipedInput look_at_input() {
  struct stat status {};
  if (fstat(STDIN_FILENO, &status) != 0) return PipedInput::kNone;
  char head[kHeadBytes];
  ssize_t count = 0;
  if (S_ISREG(status.st_mode)) {
    count = pread(STDIN_FILENO, head, kHeadBytes, lseek(STDIN_FILENO, 0, SEEK_CUR));
  } else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, kWaitMilliseconds) == 0) return PipedInput::kSilent;
    count = S_ISFIFO(status.st_mode) ? peek_pipe(head) : recv(STDIN_FILENO, head, kHeadBytes, MSG_PEEK | MSG_DONTWAIT);
  }
  return count > 0 ? kind_of({head, static_cast<size_t>(count)}) : PipedInput::kNone;
}

}  // namespace app
