// FrameSlot: the newest frame, between the thread that reads a camera and the one that asks about it. Room for one: a
// frame that nobody took makes way for the next. Not a queue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "frame.hpp"

namespace app::watch {

class FrameSlot {
 public:
  using Clock = std::chrono::steady_clock;

  // `keeps_all`: who reads waits until a frame is taken, and none is lost. `is_ending`: what is waited for does not
  // come any more; asked ten times a second, since a signal's handler can wake nobody.
  FrameSlot(bool keeps_all, std::function<bool()> is_ending)
      : keeps_all_(keeps_all), is_ending_(std::move(is_ending)) {}

  // For who reads. Takes the bytes and leaves those of an old frame, to be written over; false when it is to stop.
  bool put(std::vector<uint8_t>* bytes);
  // A frame that is not whole: it only counts.
  void count_damaged();
  // No more come; `failure` says why, if that is one.
  void close(const std::string& failure);

  // For who asks. Waits for a frame that was not taken yet; false when none comes any more.
  bool take(Frame* frame);
  // Returns at that time, or earlier where no more frames come.
  void wait_until(Clock::time_point time);
  uint64_t frames() const;
  std::string failure() const;

 private:
  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, Clock::time_point until, Condition condition);

  const bool keeps_all_;
  const std::function<bool()> is_ending_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Frame newest_;
  uint64_t frames_ = 0;
  bool is_new_ = false;
  bool is_closed_ = false;
  std::string failure_;
};

}  // namespace app::watch
