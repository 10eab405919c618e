// The harness of the kernel tests, in the manner of dav1d's checkasm: every level that runs here against the scalar
// twin, with guard pages around every buffer, and timed against it. Not a test: gemm_test.cpp and its neighbours are.
//
// A test case looks like this:
//
//   TEST_CASE("gemm: every level equals scalar") {
//     for (const simd::Kernels* kernels : levels_under_test())
//       for (Place place : kPlaces)
//         for (Values values : kValues) {
//           Trial trial("gemm_s8_u4", *kernels, "rows %zu, inputs %zu, %s", rows, inputs, name_of(values));
//           Guarded<int8_t> x("x", rows * inputs, place);
//           Guarded<int32_t> expected("expected", rows, place), got("got", rows, place);
//           fill_integers(x, -127, 127, values, trial.random);
//           scalar().gemm->...(expected.data(), x.data()); kernels->gemm->...(got.data(), x.data());
//           expect_equal(trial, expected, got);
//           time_call(trial, "gemm_s8_u4", operations(2 * rows * inputs),
//                     [&](const simd::Kernels& timed) { timed.gemm->...(got.data(), x.data()); });
//         }
//   }
//
// With --bench the cases of the test suite "timed" run alone, over the sizes of models where timing() is true.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels.hpp"

namespace mica::kernel_test {

// --- levels ----------------------------------------------------------------------------------------------------------

// Every level but scalar that this binary has and this processor runs, and the levels that are compiled for tests only;
// only the one named by --level=NAME or MICA_TEST_LEVEL where that is given.
const std::vector<const simd::Kernels*>& levels_under_test();
// The definition that the others are compared with.
const simd::Kernels& scalar();
// True where instructions are emulated one by one (--reduced): choose sizes a hundred times smaller.
bool reduced();

// True with --bench[=KERNEL]: choose sizes of models, and one of each kind of value and place.
bool timing();
// Widths of rows that are timed: of the default model and of Qwen2-VL-2B.
inline constexpr size_t kTimedWidths[] = {256, 1536, 8960};

// --- values ----------------------------------------------------------------------------------------------------------

// A small generator (splitmix64), the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits();
  // Uniform in [low, high], both included.
  int64_t integer(int64_t low, int64_t high);
  // Uniform in [low, high).
  float real(float low, float high);
  // Standard normal.
  float normal();

 private:
  uint64_t state_;
};

// What a buffer is filled with: worst cases besides random values. `alternating` is high, low, high, low...; `sparse`
// is zero (or the bound that is nearest to zero) but for one value in sixteen, which is one of the bounds.
enum class Values { random, all_high, all_low, alternating, sparse };
inline constexpr Values kValues[] = {Values::random, Values::all_high, Values::all_low, Values::alternating,
                                     Values::sparse};
const char* name_of(Values values);
// All of them; random ones alone where that is enough.
std::vector<Values> values_under_test();

template <typename T>
void fill_integers(T* data, size_t count, int64_t low, int64_t high, Values values, Random& random);
void fill_reals(float* data, size_t count, float low, float high, Values values, Random& random);

// --- memory ----------------------------------------------------------------------------------------------------------

// Where a buffer of exact size lies between its two guard pages: its last byte before the upper one, its first byte
// after the lower one, or one element after that. The bytes that remain of the pages hold a canary.
enum class Place { at_end, at_start, misaligned };
inline constexpr Place kPlaces[] = {Place::at_end, Place::at_start, Place::misaligned};
const char* name_of(Place place);

// Pages of its own, with a page that faults at each side. A fault prints which buffer was overrun, by how many bytes,
// and in which trial, then ends the program.
class GuardedBytes {
 public:
  // `name` must outlive the buffer. `alignment`, a power of two, is what the kernel's header asks for; the buffer is
  // given no more than that at the places at_end and misaligned.
  GuardedBytes(const char* name, size_t bytes, size_t alignment, Place place);
  ~GuardedBytes();
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  uint8_t* bytes() const { return begin_; }
  const char* name() const { return name_; }
  // True while no byte of the pages outside of the buffer was written.
  bool canary_intact() const;
  // Faults on every access from here on, until it is made accessible again: for arguments that must not be touched at
  // all.
  void forbid();

 private:
  const char* name_;
  uint8_t* pages_ = nullptr;  // the accessible ones, between the guards
  size_t pages_bytes_ = 0;
  size_t mapping_bytes_ = 0;
  uint8_t* begin_ = nullptr;
  size_t bytes_;
};

// `count` values of type T, at first all bytes 0xA5, so that what a kernel leaves unwritten is seen.
template <typename T>
class Guarded : public GuardedBytes {
 public:
  Guarded(const char* name, size_t count, Place place, size_t alignment = alignof(T))
      : GuardedBytes(name, count * sizeof(T), alignment, place), count_(count) {}

  T* data() const { return reinterpret_cast<T*>(bytes()); }
  size_t size() const { return count_; }
  T& operator[](size_t i) const { return data()[i]; }

 private:
  size_t count_;
};

template <typename T>
void fill_integers(const Guarded<T>& buffer, int64_t low, int64_t high, Values values, Random& random) {
  fill_integers(buffer.data(), buffer.size(), low, high, values, random);
}
inline void fill_reals(const Guarded<float>& buffer, float low, float high, Values values, Random& random) {
  fill_reals(buffer.data(), buffer.size(), low, high, values, random);
}

// --- comparison ------------------------------------------------------------------------------------------------------

// One comparison of a kernel at a level: what is printed when it fails, and its own seeded numbers (the seed is a hash
// of the kernel's name and sizes, not of the level, and of --seed=N).
class Trial {
 public:
  [[gnu::format(printf, 4, 5)]] Trial(const char* kernel, const simd::Kernels& level, const char* sizes_format, ...);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // "gemm_s8_u4 at avx2: rows 3, inputs 32"
  const char* description() const { return description_; }
  // "rows 3, inputs 32"
  const char* sizes() const { return sizes_; }
  const simd::Kernels& level() const { return level_; }
  Random random;

 private:
  const simd::Kernels& level_;
  char sizes_[160];
  char description_[256];
  const Trial* outer_;
};

// What a call works on, for a rate in 1e9 a second.
struct Work {
  double amount;
  const char* unit;
};
constexpr Work bytes(size_t read_and_written) { return {static_cast<double>(read_and_written), "GB/s"}; }
// A multiply-add is two.
constexpr Work operations(size_t count) { return {static_cast<double>(count), "GOP/s"}; }

// With --bench: times call(kernels) at the trial's level and, once for all levels, at scalar, and prints both: the
// fastest of several runs, in time of this thread alone, so that what else the machine does counts little. Without it,
// and for kernels that --bench=KERNEL is not part of, nothing. `call` may run any number of times.
void time_call(const Trial& trial, const char* kernel, Work work,
               const std::function<void(const simd::Kernels&)>& call);

// Fails the test case unless both are equal, bit by bit (for floats: the same value or both not a number), and both
// canaries are intact. Returns whether it was so, so that a caller may stop a long loop.
template <typename T>
bool expect_equal(const Trial& trial, const Guarded<T>& expected, const Guarded<T>& got,
                  const char* file = __builtin_FILE(), int line = __builtin_LINE());

// Fails unless |expected[i] - got[i]| <= tolerances[i] (one tolerance for all where `tolerances` has one), and the same
// values are not finite in both.
bool expect_near(const Trial& trial, const Guarded<float>& expected, const Guarded<float>& got,
                 const std::vector<float>& tolerances, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE());

// Index of the first difference, or `count`. What expect_equal and expect_near look with.
template <typename T>
size_t first_difference(const T* expected, const T* got, size_t count);
size_t first_beyond(const float* expected, const float* got, size_t count, const std::vector<float>& tolerances);

// How far two float sums of the same `terms` products may lie apart when their order, and the use of fused multiply-
// add, differ: each is within gamma_n * magnitude of the true sum, where gamma_n = n u / (1 - n u), u = 2^-24 and
// magnitude = sum |a_i b_i| (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). One more rounding is allowed
// for the epilogue, and the smallest normal number where the sum is zero.
float sum_tolerance(size_t terms, double magnitude);
// `ulps` units in the last place of a float of this magnitude.
float ulp_tolerance(double ulps, double magnitude);

}  // namespace mica::kernel_test
