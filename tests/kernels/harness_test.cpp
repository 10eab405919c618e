// That the harness itself sees what it is there for: differences, overruns, faults.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <set>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {

namespace {

// True when `access` ends a child process by the fault handler.
template <typename Access>
bool faults(Access access) {
  std::fflush(nullptr);  // or the child prints our pending lines once more
  const pid_t child = fork();
  if (child == 0) {
    close(STDERR_FILENO);
    access();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_CASE("harness: a byte beyond either end of a buffer faults or breaks the canary") {
  for (const size_t bytes : {size_t(1), size_t(100), size_t(4096), size_t(5000)}) {
    const Guarded<uint8_t> last("last", bytes, Place::at_end);
    CHECK_FALSE(faults([&] { last[bytes - 1] = 1; }));
    CHECK(faults([&] { last[bytes] = 1; }));
    const Guarded<uint8_t> first("first", bytes, Place::at_start);
    CHECK_FALSE(faults([&] { first[0] = 1; }));
    CHECK(faults([&] { first.data()[-1] = 1; }));
    CHECK(first.canary_intact());
    first[bytes] = 1;
    CHECK_FALSE(first.canary_intact());
    CHECK(last.canary_intact());
    last.data()[-1] = 1;
    CHECK_FALSE(last.canary_intact());
  }
}

TEST_CASE("harness: places and alignment are as named") {
  const Guarded<float> shifted("shifted", 7, Place::misaligned);
  CHECK(reinterpret_cast<uintptr_t>(shifted.data()) % 64 == 4);
  const Guarded<uint8_t> panels("panels", 192, Place::at_end, 64);
  CHECK(reinterpret_cast<uintptr_t>(panels.data()) % 64 == 0);
  CHECK(faults([&] { panels[192] = 1; }));
  Guarded<uint8_t> untouchable("untouchable", 8, Place::at_start);
  untouchable.forbid();
  CHECK(faults([&] { untouchable[0] = 1; }));
}

TEST_CASE("harness: differences are found") {
  const int32_t a[] = {1, 2, 3}, b[] = {1, 2, 4};
  CHECK(first_difference(a, b, 3) == 2);
  CHECK(first_difference(a, b, 2) == 2);
  const float x[] = {1, 0, NAN, INFINITY}, y[] = {1, -0.0f, NAN, -INFINITY};
  CHECK(first_difference(x, y, 4) == 3);
  CHECK(first_beyond(x, y, 4, {1e9f}) == 3);
  const float u[] = {1, 2}, v[] = {1.25f, 2.5f};
  CHECK(first_beyond(u, v, 2, {0.25f, 0.5f}) == 2);
  CHECK(first_beyond(u, v, 2, {0.25f, 0.25f}) == 1);
  CHECK(first_beyond(u, v, 2, {0.5f}) == 2);
}

TEST_CASE("harness: values keep to their bounds") {
  Random random(1);
  for (Values values : kValues) {
    int8_t data[256];
    fill_integers(data, 256, -127, 5, values, random);
    const std::set<int> seen(data, data + 256);
    CHECK(*seen.begin() >= -127);
    CHECK(*seen.rbegin() <= 5);
    const size_t kinds = values == Values::all_high || values == Values::all_low ? 1
                         : values == Values::alternating                        ? 2
                         : values == Values::sparse                             ? 3
                                                                                : seen.size();
    CHECK(seen.size() == kinds);
  }
}

TEST_CASE("harness: the tolerance of a sum bounds two orders of it, and little more") {
  Random random(2);
  for (const size_t terms : {size_t(3), size_t(100), size_t(4000)}) {
    float forward = 0, backward = 0;
    double magnitude = 0;
    std::vector<float> values(terms);
    for (float& value : values) value = random.normal();
    for (size_t i = 0; i < terms; ++i) {
      forward += values[i];
      backward += values[terms - 1 - i];
      magnitude += std::fabs(values[i]);
    }
    CHECK(std::fabs(forward - backward) <= sum_tolerance(terms, magnitude));
    CHECK(sum_tolerance(terms, magnitude) < 1e-3 * magnitude);
  }
}

}  // namespace mica::kernel_test
