// DamagedFrames: says that frames were skipped, and why, without filling a log: a line at once, then at most one in ten
// seconds for all that came meanwhile. Any thread may call it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace app::watch {

class DamagedFrames {
 public:
  void add(const std::string& reason);
  void say_rest();

 private:
  using Clock = std::chrono::steady_clock;
  void say();

  std::mutex mutex_;
  uint64_t unsaid_ = 0;
  std::string reason_;
  Clock::time_point quiet_until_;
};

}  // namespace app::watch
