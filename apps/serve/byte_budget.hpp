// ByteBudget: the bytes that all requests together may hold. Each holds its share, which is given back with it.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace app::serve {

class ByteBudget {
 public:
  explicit ByteBudget(size_t bytes_max) : bytes_max_(bytes_max) {}

  bool take(size_t bytes) {
    size_t now = held_.load();
    do {
      if (bytes > bytes_max_ - now) return false;
    } while (!held_.compare_exchange_weak(now, now + bytes));
    return true;
  }
  size_t bytes_max() const { return bytes_max_; }
  void give_back(size_t bytes) { held_ -= bytes; }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> held_{0};
};

// What one request holds.
class Held {
 public:
  Held() = default;
  explicit Held(ByteBudget* budget) : budget_(budget) {}
  Held(Held&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  Held& operator=(Held&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Held() {
    if (budget_ != nullptr) budget_->give_back(bytes_);
  }

  // False where it would be too much for the server also if this request were alone.
  bool can_have(size_t bytes) const { return budget_ != nullptr && bytes <= budget_->bytes_max() - bytes_; }
  // False where the server holds too much already.
  bool add(size_t bytes) {
    if (budget_ == nullptr || !budget_->take(bytes)) return false;
    bytes_ += bytes;
    return true;
  }

 private:
  ByteBudget* budget_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace app::serve
