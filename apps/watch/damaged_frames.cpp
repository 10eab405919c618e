// What is said of frames that were skipped, see damaged_frames.hpp.
#include "damaged_frames.hpp"

#include "terminal.hpp"

namespace app::watch {

void DamagedFrames::add(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++unsaid_;
  reason_ = reason;
  if (Clock::now() >= quiet_until_) say();
}

void DamagedFrames::say_rest() {
  const std::lock_guard lock(mutex_);
  if (unsaid_ != 0) say();
}

void DamagedFrames::say() {
  constexpr std::chrono::seconds kQuiet(10);
  const std::string count = unsaid_ == 1 ? "a damaged frame was skipped: "
                                         : std::to_string(unsaid_) + " damaged frames were skipped; of the last: ";
  print_note(screen_text(count + reason_));
  unsaid_ = 0;
  quiet_until_ = Clock::now() + kQuiet;
}

}  // namespace app::watch
