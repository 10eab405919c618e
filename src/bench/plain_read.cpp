// PlainRead: loads as wide as the processor has them, in pieces for threads. Not a kernel.
#include "plain_read.hpp"

#include <algorithm>
#include <chrono>

#include "checked.hpp"
#include "kernels.hpp"

namespace mica {
namespace {

// 32 bytes: one load with AVX2, two elsewhere.
using Words = uint64_t __attribute__((vector_size(32)));

[[gnu::always_inline]] inline void add_up(const uint8_t* data, size_t bytes, const ReadAhead& ahead) {
  Words sums[4] = {};
  for (size_t i = 0; i < bytes; i += 128) {
    for (size_t line = i; line < i + 128; line += 64) {
      if (ahead.second_level != 0) __builtin_prefetch(data + line + ahead.second_level, 0, 2);
      if (ahead.first_level != 0) __builtin_prefetch(data + line + ahead.first_level);
    }
    for (size_t j = 0; j < 4; ++j) sums[j] ^= *reinterpret_cast<const Words*>(data + i + 32 * j);
  }
  sums[0] ^= sums[1] ^ sums[2] ^ sums[3];
  __asm__ volatile("" : : "r"(sums) : "memory");  // so that the loads are not left out
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void add_up_avx2(const uint8_t* data, size_t bytes, const ReadAhead& ahead) {
  add_up(data, bytes, ahead);
}
#endif

void add_up_widest([[maybe_unused]] const Compute& compute, const uint8_t* data, size_t bytes,
                   const ReadAhead& ahead) {
#if defined(__x86_64__)
  if ((compute.kernels->needs & simd::cpu::avx2) != 0) return add_up_avx2(data, bytes, ahead);
#endif
  add_up(data, bytes, ahead);
}

}  // namespace

PlainRead::PlainRead(const Compute& compute, const uint8_t* data, size_t bytes)
    : compute_(compute), data_(data), bytes_(bytes / 128 * 128) {
  double least = 0;
  constexpr ReadAhead kCandidates[] = {{0, 0}, {2048, 0}, {4096, 0}, {8192, 0}, {2048, 8192}, {2048, 16384}};
  for (const ReadAhead& ahead : kCandidates)
    for (int repetition = 0; repetition < 3; ++repetition) {
      const auto start = std::chrono::steady_clock::now();
      read(ahead);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (least != 0 && seconds >= least) continue;
      least = seconds;
      ahead_ = ahead;
    }
}

void PlainRead::read(const ReadAhead& ahead) const {
  constexpr size_t kPiece = 1u << 20;
  parallel_for(compute_, ceil_div(bytes_, kPiece), [&](size_t task, int) {
    const size_t at = task * kPiece;
    add_up_widest(compute_, data_ + at, std::min(kPiece, bytes_ - at), ahead);
  });
}

}  // namespace mica
