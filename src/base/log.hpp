// Log: the one way by which the library says anything, through a callback that the application sets. Not printing: with
// no callback nothing is said.
#pragma once

namespace mica {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };
using LogFunction = void (*)(void* user, LogLevel level, const char* message);

// Process-wide; set it before the first model is opened. Null silences.
void set_log(LogFunction function, void* user);
[[gnu::format(printf, 2, 3)]] void log_message(LogLevel level, const char* format, ...);

}  // namespace mica
