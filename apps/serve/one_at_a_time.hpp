// OneAtATime: what takes a core and much memory in the thread of a client: one does it, others wait. Not what the thread that
// computes does: scheduler.hpp.
#pragma once

#include <mutex>

#include "connection.hpp"

namespace app::serve {

class OneAtATime {
 public:
  using Turn = std::unique_lock<std::timed_mutex>;

  // Throws ClientGone: who leaves has no turn.
  Turn enter() {
    Turn turn(mutex_, std::defer_lock);
    do Connection::current()->require_client();
    while (!turn.try_lock_for(kLookTime));
    return turn;
  }

 private:
  std::timed_mutex mutex_;
};

}  // namespace app::serve
