// Clock: seconds that pass, for statistics. Not a date.
#pragma once

#include <chrono>

namespace mica {

inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace mica
