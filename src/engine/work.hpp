// Work: what was done for one conversation, and the wish that it stop. Not progress: prefill has that.
#pragma once

#include <atomic>
#include <cstdint>

#include "status.hpp"

namespace mica {

struct WorkStats {
  uint32_t pictures = 0, picture_tokens = 0;
  uint32_t pictures_reduced = 0;  // of these, made smaller than the rules ask
  double picture_seconds = 0;
  uint32_t prefill_tokens = 0;
  double prefill_seconds = 0;
  uint32_t decode_tokens = 0;
  double decode_seconds = 0;
};

class Work {
 public:
  // From any thread or signal handler: the next check fails.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void forget_cancel() { cancelled_.store(false, std::memory_order_relaxed); }
  // Errors: cancelled, once.
  Status check_cancelled() {
    if (cancelled_.exchange(false, std::memory_order_relaxed))
      return Status::error(Code::cancelled, "stopped on request");
    return Status::ok();
  }
  WorkStats stats;

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace mica
