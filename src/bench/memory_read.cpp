// MemoryRead: PlainRead over memory of its own.
#include "memory_read.hpp"

#include <chrono>

#include "bench_data.hpp"
#include "compute.hpp"
#include "kernels.hpp"
#include "plain_read.hpp"

namespace mica {
namespace {

constexpr size_t kMemoryBytes = 192u << 20;

}  // namespace

struct MemoryRead::Parts {
  Parts(const simd::Kernels& kernels, int threads)
      : pool(static_cast<uint32_t>(threads)),
        compute{.kernels = &kernels, .pool = &pool},
        bytes(buffer<uint8_t>(kMemoryBytes)),
        read(compute, bytes.get(), kMemoryBytes) {}

  ThreadPool pool;
  Compute compute;
  Buffer<uint8_t> bytes;
  PlainRead read;
};

MemoryRead::MemoryRead(const char* level, int threads)
    : parts_(std::make_unique<Parts>(*simd::kernels_named(level), threads)) {}

MemoryRead::~MemoryRead() = default;

double MemoryRead::bytes_per_second() const {
  constexpr int kTimes = 4;  // so that waking the threads does not count
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) parts_->read();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(kTimes * kMemoryBytes) / seconds.count();
}

}  // namespace mica
