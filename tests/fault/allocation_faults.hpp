// Allocations that fail when a test says so: malloc and all that stands on it, in this program and in the libraries
// that it links. For one thread; OpenMP's own start of threads would end the process. Not a heap: memory is the
// system's.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "mica.h"

namespace mica::test {

enum class Repeat { once, forever };

// From here on the n-th allocation (from 1) fails, `forever`: and all behind it.
void fail_allocation(size_t n, Repeat repeat);
// From here on allocations fail that would have more than `bytes` of new memory in use at a time.
void limit_memory(size_t bytes);
// Ends either; the number of allocations that there were.
size_t stop_failing();
// Blocks that were allocated and not freed.
long live_allocations();

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

// The n behind n: each one, or, where trying all would take minutes, the first hundred and then `growth` further each
// time. With sanitizers, where everything takes longer, the steps grow at once.
inline size_t next_fault(size_t n, double growth) {
  if (kSanitized) return n + 1 + n / 8;
  return n + 1 + static_cast<size_t>(n > 100 ? static_cast<double>(n) * growth : 0);
}

// Calls run(mica_error*) with the n-th allocation failing, for every n, once and forever after, until it needs fewer.
// It returns MICA_OUT_OF_MEMORY or, where a library can do without, MICA_OK, and leaves no block behind; after(status)
// says in what state things are then, undoes what run() did, and leaves no block behind either.
template <class Run, class After>
void fail_each_allocation(const Run& run, const After& after, double growth = 0) {
  constexpr int kFaultsShown = 5;
  mica_error error{};
  // What is made once and kept (tables of libraries, locales) is made here.
  for (int i = 0; i < 2; ++i) {
    const mica_status status = run(&error);
    REQUIRE_MESSAGE(status == MICA_OK, error.message);
    after(status);
  }
  size_t failures = 0;
  int shown = 0;
  for (const Repeat repeat : {Repeat::once, Repeat::forever})
    for (size_t n = 1;; n = next_fault(n, growth)) {
      error = {};
      const long live = live_allocations();
      fail_allocation(n, repeat);
      const mica_status status = run(&error);
      const size_t seen = stop_failing();
      after(status);
      const long left = live_allocations() - live;
      failures += status == MICA_OUT_OF_MEMORY;
      if (status == MICA_OK ? left != 0 : status != MICA_OUT_OF_MEMORY || left != 0 || seen < n)
        if (++shown <= kFaultsShown)
          FAIL_CHECK(std::string("allocation ").append(std::to_string(n))
                         .append(repeat == Repeat::once ? " of " : " and all behind it of ")
                         .append(std::to_string(seen)).append(": ").append(mica_status_name(status)).append(", ")
                         .append(std::to_string(left)).append(" blocks left; ").append(error.message));
      if (seen < n) break;
    }
  CHECK(shown == 0);
  CHECK(failures > 0);
}

template <class Run>
void fail_each_allocation(const Run& run, double growth = 0) {
  fail_each_allocation(run, [](mica_status) {}, growth);
}

// The same with less memory than run() takes, from none in steps of `step` bytes on: for libraries that do not survive
// every failed allocation, before which mica asks for what they will take.
template <class Run>
void limit_each_memory(const Run& run, size_t step) {
  mica_status status = MICA_OUT_OF_MEMORY;
  for (size_t bytes = 0; status != MICA_OK; bytes += step) {
    CAPTURE(bytes);
    mica_error error{};
    const long live = live_allocations();
    limit_memory(bytes);
    status = run(&error);
    stop_failing();
    CHECK(live_allocations() == live);
    REQUIRE_MESSAGE((status == MICA_OK || status == MICA_OUT_OF_MEMORY), error.message);
  }
}

}  // namespace mica::test
