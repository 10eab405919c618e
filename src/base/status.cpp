// Status: formatting of messages and names of codes. Not the C API's own error type, which copies from here.
#include "status.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace mica {

namespace {

// A message cut in the middle of a UTF-8 character would be invalid text for whoever prints it.
void cut_at_whole_character(char* text, size_t capacity) {
  size_t length = strnlen(text, capacity);
  if (length + 1 < capacity) return;
  size_t end = length;
  while (end > 0 && (static_cast<unsigned char>(text[end - 1]) & 0xC0) == 0x80) --end;
  if (end > 0 && static_cast<unsigned char>(text[end - 1]) >= 0xC0) --end;
  text[end] = '\0';
}

}  // namespace

const char* code_name(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid argument";
    case Code::not_found: return "not found";
    case Code::permission_denied: return "permission denied";
    case Code::io_error: return "input/output error";
    case Code::corrupt_file: return "corrupt file";
    case Code::unsupported: return "unsupported";
    case Code::limit_exceeded: return "limit exceeded";
    case Code::out_of_memory: return "out of memory";
    case Code::context_full: return "context full";
    case Code::cancelled: return "cancelled";
    case Code::internal: return "internal error";
  }
  return "unknown code";
}

Status Status::error(Code code, const char* format, ...) {
  Status status;
  status.code_ = code;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(status.message_, kMessageBytes, format, arguments);
  va_end(arguments);
  cut_at_whole_character(status.message_, kMessageBytes);
  return status;
}

Status Status::in(const char* context) const {
  if (is_ok()) return *this;
  return error(code_, "%s: %s", context, message_);
}

}  // namespace mica
