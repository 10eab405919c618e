// The harness's memory, values and comparisons. Not its command line: harness_main.cpp.
#include "harness.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <doctest/doctest.h>

#include "harness_options.hpp"

namespace mica::kernel_test {

namespace {

constexpr uint8_t kCanary = 0xC7;
constexpr uint8_t kUnwritten = 0xA5;

// What the fault handler reads: the live buffers and the innermost trial. One thread, no allocation.
struct LiveBuffer {
  const char* name;
  const uint8_t* mapping;
  size_t mapping_bytes;
  const uint8_t* begin;
  size_t bytes;
};
constexpr size_t kLiveBuffersMax = 256;
LiveBuffer live_buffers[kLiveBuffersMax];
const Trial* current_trial = nullptr;

size_t page_bytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

[[noreturn]] void die(const char* text) {
  std::fprintf(stderr, "harness: %s\n", text);
  std::_Exit(2);
}

void on_fault(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const uint8_t*>(info->si_addr);
  std::fprintf(stderr, "\nmemory fault in %s\n", current_trial ? current_trial->description() : "no trial");
  for (const LiveBuffer& live : live_buffers) {
    if (!live.name || address < live.mapping || address >= live.mapping + live.mapping_bytes) continue;
    if (address < live.begin)
      std::fprintf(stderr, "  %td bytes before the start of buffer '%s' (%zu bytes)\n", live.begin - address, live.name,
                   live.bytes);
    else
      std::fprintf(stderr, "  byte %td of buffer '%s', which has %zu bytes\n", address - live.begin, live.name,
                   live.bytes);
  }
  std::fflush(nullptr);
  std::_Exit(1);
}

}  // namespace

void install_fault_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

// --- values ----------------------------------------------------------------------------------------------------------

uint64_t Random::bits() {
  uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int64_t Random::integer(int64_t low, int64_t high) {
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  return range == 0 ? static_cast<int64_t>(bits()) : static_cast<int64_t>(static_cast<uint64_t>(low) + bits() % range);
}

float Random::real(float low, float high) {
  return low + (high - low) * (static_cast<float>(bits() >> 40) * 0x1p-24f);
}

float Random::normal() {
  // Box and Muller; 1 - u is never zero.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - static_cast<double>(bits() >> 11) * 0x1p-53));
  return static_cast<float>(radius * std::cos(6.283185307179586 * static_cast<double>(bits() >> 11) * 0x1p-53));
}

const char* name_of(Values values) {
  switch (values) {
    case Values::random: return "random values";
    case Values::all_high: return "all values high";
    case Values::all_low: return "all values low";
    case Values::alternating: return "alternating values";
    case Values::sparse: return "sparse values";
  }
  return "";
}

std::vector<Values> values_under_test() {
  if (timing()) return {Values::random};
  return {std::begin(kValues), std::end(kValues)};
}

const char* name_of(Place place) {
  switch (place) {
    case Place::at_end: return "at the end of a page";
    case Place::at_start: return "at the start of a page";
    case Place::misaligned: return "misaligned";
  }
  return "";
}

namespace {

template <typename T, typename Bound, typename Draw>
void fill(T* data, size_t count, Bound low, Bound high, Values values, Random& random, Draw draw) {
  const Bound zero = low > Bound(0) ? low : high < Bound(0) ? high : Bound(0);
  for (size_t i = 0; i < count; ++i) {
    Bound value = zero;
    switch (values) {
      case Values::random: value = draw(); break;
      case Values::all_high: value = high; break;
      case Values::all_low: value = low; break;
      case Values::alternating: value = i % 2 == 0 ? high : low; break;
      case Values::sparse:
        if (const uint64_t bits = random.bits(); bits % 16 == 0) value = bits & 16 ? high : low;
        break;
    }
    data[i] = static_cast<T>(value);
  }
}

}  // namespace

template <typename T>
void fill_integers(T* data, size_t count, int64_t low, int64_t high, Values values, Random& random) {
  fill(data, count, low, high, values, random, [&] { return random.integer(low, high); });
}

void fill_reals(float* data, size_t count, float low, float high, Values values, Random& random) {
  fill(data, count, low, high, values, random, [&] { return random.real(low, high); });
}

// --- memory ----------------------------------------------------------------------------------------------------------

GuardedBytes::GuardedBytes(const char* name, size_t bytes, size_t alignment, Place place) : name_(name), bytes_(bytes) {
  const size_t page = page_bytes();
  pages_bytes_ = round_up(bytes + 2 * alignment, page);
  mapping_bytes_ = pages_bytes_ + 2 * page;
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) die("no memory for a guarded buffer");
  pages_ = static_cast<uint8_t*>(mapping) + page;
  if (mprotect(pages_, pages_bytes_, PROT_READ | PROT_WRITE) != 0) die("mprotect failed");
  switch (place) {
    case Place::at_end: begin_ = pages_ + (pages_bytes_ - bytes) / alignment * alignment; break;
    case Place::at_start: begin_ = pages_; break;
    case Place::misaligned: begin_ = pages_ + alignment; break;
  }
  std::memset(pages_, kCanary, pages_bytes_);
  std::memset(begin_, kUnwritten, bytes);
  for (LiveBuffer& live : live_buffers)
    if (!live.name) {
      live = {name, static_cast<uint8_t*>(mapping), mapping_bytes_, begin_, bytes};
      return;
    }
  die("too many live buffers");
}

GuardedBytes::~GuardedBytes() {
  for (LiveBuffer& live : live_buffers)
    if (live.begin == begin_) live = {};
  munmap(pages_ - page_bytes(), mapping_bytes_);
}

bool GuardedBytes::canary_intact() const {
  const auto whole = [](const uint8_t* from, const uint8_t* to) {
    return std::all_of(from, to, [](uint8_t byte) { return byte == kCanary; });
  };
  return whole(pages_, begin_) && whole(begin_ + bytes_, pages_ + pages_bytes_);
}

void GuardedBytes::forbid() {
  if (mprotect(pages_, pages_bytes_, PROT_NONE) != 0) die("mprotect failed");
}

// --- comparison ------------------------------------------------------------------------------------------------------

Trial::Trial(const char* kernel, const simd::Kernels& level, const char* sizes_format, ...)
    : random(0), level_(level), outer_(current_trial) {
  va_list arguments;
  va_start(arguments, sizes_format);
  std::vsnprintf(sizes_, sizeof sizes_, sizes_format, arguments);
  va_end(arguments);
  std::snprintf(description_, sizeof description_, "%s at %s: %s", kernel, level.name, sizes_);
  uint64_t hash = 0xCBF29CE484222325u ^ options().seed;  // FNV-1a
  for (const char* text : {kernel, static_cast<const char*>(sizes_)})
    for (; *text; ++text) hash = (hash ^ static_cast<uint8_t>(*text)) * 0x100000001B3u;
  random = Random(hash);
  current_trial = this;
}

Trial::~Trial() { current_trial = outer_; }

namespace {

template <typename T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a == b || (std::isnan(a) && std::isnan(b));
  else
    return a == b;
}

bool within(float a, float b, float tolerance) {
  if (!std::isfinite(a) || !std::isfinite(b)) return same(a, b);
  return std::fabs(a - b) <= tolerance;
}

bool canaries_intact(const Trial& trial, const GuardedBytes& a, const GuardedBytes& b, const char* file, int line) {
  for (const GuardedBytes* buffer : {&a, &b})
    if (!buffer->canary_intact()) {
      ADD_FAIL_CHECK_AT(file, line, trial.description() << "\n  wrote outside of buffer '" << buffer->name() << "'");
      return false;
    }
  return true;
}

void report(const Trial& trial, const char* name, size_t index, size_t count, double expected, double got,
            const char* file, int line) {
  char text[512];
  std::snprintf(text, sizeof text, "%s\n  '%s'[%zu] of %zu: expected %.9g, got %.9g", trial.description(), name, index,
                count, expected, got);
  ADD_FAIL_CHECK_AT(file, line, text);
}

}  // namespace

template <typename T>
size_t first_difference(const T* expected, const T* got, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!same(expected[i], got[i])) return i;
  return count;
}

size_t first_beyond(const float* expected, const float* got, size_t count, const std::vector<float>& tolerances) {
  for (size_t i = 0; i < count; ++i)
    if (!within(expected[i], got[i], tolerances[tolerances.size() == 1 ? 0 : i])) return i;
  return count;
}

template <typename T>
bool expect_equal(const Trial& trial, const Guarded<T>& expected, const Guarded<T>& got, const char* file, int line) {
  const size_t count = expected.size();
  const size_t at = expected.size() == got.size() ? first_difference(expected.data(), got.data(), count) : 0;
  if (at < count)
    report(trial, got.name(), at, count, static_cast<double>(expected[at]), static_cast<double>(got[at]), file, line);
  const bool good = at == count && canaries_intact(trial, expected, got, file, line);
  if (good) CHECK_MESSAGE(good, trial.description());
  return good;
}

bool expect_near(const Trial& trial, const Guarded<float>& expected, const Guarded<float>& got,
                 const std::vector<float>& tolerances, const char* file, int line) {
  const size_t count = expected.size();
  if (tolerances.size() != 1 && tolerances.size() != count) die("expect_near: one tolerance, or one for each value");
  const size_t at =
      expected.size() == got.size() ? first_beyond(expected.data(), got.data(), count, tolerances) : 0;
  if (at < count) {
    char name[128];
    std::snprintf(name, sizeof name, "%s (tolerance %.3g)", got.name(), tolerances[tolerances.size() == 1 ? 0 : at]);
    report(trial, name, at, count, expected[at], got[at], file, line);
  }
  const bool good = at == count && canaries_intact(trial, expected, got, file, line);
  if (good) CHECK_MESSAGE(good, trial.description());
  return good;
}

float sum_tolerance(size_t terms, double magnitude) {
  constexpr double kRoundoff = 0x1p-24;
  const double n = static_cast<double>(terms) + 1;
  const double gamma = n * kRoundoff / (1 - n * kRoundoff);
  return static_cast<float>(2 * gamma * magnitude + 0x1p-126);
}

float ulp_tolerance(double ulps, double magnitude) {
  return static_cast<float>(ulps * 0x1p-23 * std::fabs(magnitude) + 0x1p-126);
}

#define MICA_INSTANTIATE(T)                                                                                         \
  template bool expect_equal<T>(const Trial&, const Guarded<T>&, const Guarded<T>&, const char*, int);             \
  template size_t first_difference<T>(const T*, const T*, size_t);
MICA_INSTANTIATE(int8_t)
MICA_INSTANTIATE(uint8_t)
MICA_INSTANTIATE(int16_t)
MICA_INSTANTIATE(uint16_t)
MICA_INSTANTIATE(int32_t)
MICA_INSTANTIATE(uint32_t)
MICA_INSTANTIATE(int64_t)
MICA_INSTANTIATE(uint64_t)
MICA_INSTANTIATE(float)
#undef MICA_INSTANTIATE

template void fill_integers<int8_t>(int8_t*, size_t, int64_t, int64_t, Values, Random&);
template void fill_integers<uint8_t>(uint8_t*, size_t, int64_t, int64_t, Values, Random&);
template void fill_integers<int16_t>(int16_t*, size_t, int64_t, int64_t, Values, Random&);
template void fill_integers<uint16_t>(uint16_t*, size_t, int64_t, int64_t, Values, Random&);
template void fill_integers<int32_t>(int32_t*, size_t, int64_t, int64_t, Values, Random&);
template void fill_integers<uint32_t>(uint32_t*, size_t, int64_t, int64_t, Values, Random&);

}  // namespace mica::kernel_test
