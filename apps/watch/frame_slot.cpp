// The newest frame, see frame_slot.hpp.
#include "frame_slot.hpp"

namespace app::watch {

template <typename Condition>
void FrameSlot::wait(std::unique_lock<std::mutex>& lock, Clock::time_point until, Condition condition) {
  constexpr std::chrono::milliseconds kGlance(100);
  while (!condition() && !is_ending_() && Clock::now() < until)
    changed_.wait_until(lock, std::min(until, Clock::now() + kGlance));
}

bool FrameSlot::put(std::vector<uint8_t>* bytes) {
  std::unique_lock lock(mutex_);
  if (keeps_all_) wait(lock, Clock::time_point::max(), [&] { return !is_new_; });
  if (is_ending_()) return false;
  newest_.bytes.swap(*bytes);
  newest_.number = ++frames_;
  newest_.time = std::chrono::system_clock::now();
  is_new_ = true;
  changed_.notify_all();
  return true;
}

void FrameSlot::count_damaged() {
  const std::lock_guard lock(mutex_);
  ++frames_;
}

void FrameSlot::close(const std::string& failure) {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  failure_ = failure;
  changed_.notify_all();
}

bool FrameSlot::take(Frame* frame) {
  std::unique_lock lock(mutex_);
  wait(lock, Clock::time_point::max(), [&] { return is_new_ || is_closed_; });
  if (!is_new_ || is_ending_()) return false;
  std::swap(*frame, newest_);
  is_new_ = false;
  changed_.notify_all();
  return true;
}

void FrameSlot::wait_until(Clock::time_point time) {
  std::unique_lock lock(mutex_);
  wait(lock, time, [&] { return is_closed_; });
}

uint64_t FrameSlot::frames() const {
  const std::lock_guard lock(mutex_);
  return frames_;
}

std::string FrameSlot::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace app::watch
