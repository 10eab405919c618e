// Log: formats one line and hands it to the application's callback. Not a file writer.
#include "log.hpp"

#include <cstdarg>
#include <cstdio>

namespace mica {

namespace {
LogFunction g_function = nullptr;
void* g_user = nullptr;
}  // namespace

void set_log(LogFunction function, void* user) {
  g_function = function;
  g_user = user;
}

void log_message(LogLevel level, const char* format, ...) {
  if (g_function == nullptr) return;
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  g_function(g_user, level, message);
}

}  // namespace mica
