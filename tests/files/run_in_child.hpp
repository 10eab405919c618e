// A test's code in a process of its own, which may be killed, starved or deprived of rights. Not a program's start.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mica {

// Runs `body` in a child and returns its result as the child's exit status (-1 when it was killed).
template <class Body>
int run_in_child(Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body());
  int state = 0;
  REQUIRE(waitpid(child, &state, 0) == child);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

// The same as an ordinary user.
template <class Body>
int run_as_nobody(Body body) {
  return run_in_child([&body] {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) return 100;
    return body();
  });
}

}  // namespace mica
