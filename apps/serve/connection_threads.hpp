// ConnectionThreads: a thread for each connection. How many have a place is bounded by Connections; threads are a few more, of
// those that are refused, and further connections wait in the system. Where it gives no thread, the connection is refused.
#pragma once

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include <httplib.h>

namespace app::serve {

class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(size_t most) : most_(most) {}

  // In the thread that accepts: what it is given now can only be refused.
  static bool is_refusing() { return refusing(); }

  void enqueue(std::function<void()> serve) override {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      ended_.wait(lock, [this] { return running_ < most_; });
      ++running_;
    }
    try {
      std::thread([this, serve] {
        serve();
        leave();
      }).detach();
    } catch (const std::system_error&) {
      refusing() = true;
      serve();
      refusing() = false;
      leave();
    }
  }

  void shutdown() override {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  static bool& refusing() {
    thread_local bool refuses = false;
    return refuses;
  }
  void leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    --running_;
    ended_.notify_all();
  }

  const size_t most_;
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t running_ = 0;
};

}  // namespace app::serve
