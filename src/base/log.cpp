// Log: formats one line and hands it to the application's callback. Not a file writer.
#include "log.hpp"

#include <cstdarg>
#include <cstdio>
#include <mutex>

namespace mica {

namespace {

struct Log {
  LogFunction function = nullptr;
  void* user = nullptr;
};
std::mutex g_mutex;
Log g_log;

Log current_log() {
  const std::lock_guard lock(g_mutex);
  return g_log;
}

}  // namespace

void set_log(LogFunction function, void* user) {
  const std::lock_guard lock(g_mutex);
  g_log = {function, user};
}

void log_message(LogLevel level, const char* format, ...) {
  const Log log = current_log();
  if (log.function == nullptr) return;
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  // Not under the lock: the function may set another.
  log.function(log.user, static_cast<int>(level), message);
}

}  // namespace mica
