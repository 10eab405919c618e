// Log: the one way by which the library says anything, through a callback that the application sets. Not printing: with
// no callback nothing is said.
#pragma once

namespace mica {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };
// The level as a number: the public interface's type.
using LogFunction = void (*)(void* user, int level, const char* message);

// Process-wide, from any thread. Null silences. A message that another thread is just saying may still reach the function
// that was set before.
void set_log(LogFunction function, void* user);
[[gnu::format(printf, 2, 3)]] void log_message(LogLevel level, const char* format, ...);

}  // namespace mica
