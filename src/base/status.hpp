// Status: what every fallible function of mica returns, a code and a message that names the file, field or option.
// Not an exception and not a log: no allocation, no printing, safe to copy across the C boundary.
#pragma once

#include <cstddef>

namespace mica {

// The order is public: mica_status in mica.h has the same values.
enum class Code : int {
  ok = 0,
  invalid_argument = 1,   // the caller passed something outside the documented range
  not_found = 2,          // a file, tensor or field that must exist does not
  permission_denied = 3,  // the system refused access
  io_error = 4,           // reading or writing failed: short read, disk full, a device error
  corrupt_file = 5,       // the bytes contradict their own format
  unsupported = 6,        // well formed, but of a kind or version that mica does not run
  limit_exceeded = 7,     // beyond a named constant of limits.hpp
  out_of_memory = 8,      // an allocation failed; the state is as before the call
  context_full = 9,       // the session has no room for more tokens
  cancelled = 10,         // the caller asked to stop
  internal = 11,          // a promise of mica itself was broken, such as a logit that is not finite
};

const char* code_name(Code code);

class [[nodiscard]] Status {
 public:
  // Long enough for a path of ordinary length and the sentence around it; longer text is cut at a whole character.
  static constexpr size_t kMessageBytes = 508;

  Status() : code_(Code::ok) { message_[0] = '\0'; }
  static Status ok() { return Status(); }
  [[gnu::format(printf, 2, 3)]] static Status error(Code code, const char* format, ...);

  bool is_ok() const { return code_ == Code::ok; }
  explicit operator bool() const { return is_ok(); }
  Code code() const { return code_; }
  const char* message() const { return message_; }

  // The same failure, said with the context of the caller in front: "model.safetensors: header too long".
  Status in(const char* context) const;

 private:
  Code code_;
  char message_[kMessageBytes];
};

}  // namespace mica

#define MICA_JOIN_(a, b) a##b
#define MICA_JOIN(a, b) MICA_JOIN_(a, b)
// Returns the failure of `expression` from the enclosing function.
#define MICA_TRY(expression)                                          \
  do {                                                                \
    if (::mica::Status mica_try_status = (expression); !mica_try_status) \
      return mica_try_status;                                         \
  } while (0)
