// System call faults: functions put before those of the C library, by the names that mica's calls have: those for large
// files.
#undef _FILE_OFFSET_BITS  // here each name is itself
#include "system_call_faults.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>

namespace {

using mica::test::CallFault;

size_t g_seen, g_fault_at;
bool g_armed, g_forever;
CallFault g_fault;
int g_error_number;
const char* g_faulted = "";

// What a call may be made to do.
constexpr unsigned kFails = 1, kInterrupts = 2, kShortens = 4;

// True when the call at hand has the fault; errno is set.
bool faulted(const char* name, unsigned kinds, CallFault* fault) {
  if (!g_armed) return false;
  const unsigned kind = g_fault == CallFault::error         ? kFails
                        : g_fault == CallFault::interrupted ? kInterrupts
                                                            : kShortens;
  if ((kinds & kind) == 0) return false;
  ++g_seen;
  if (g_forever ? g_seen < g_fault_at : g_seen != g_fault_at) return false;
  if (*g_faulted == '\0') g_faulted = name;
  *fault = g_fault;
  errno = g_fault == CallFault::interrupted ? EINTR : g_error_number;
  return true;
}

template <class Function>
Function* real(Function*, const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function*>(found);
}

}  // namespace

namespace mica::test {

void fault_call(size_t n, CallFault fault, int error_number, bool forever) {
  g_seen = 0;
  g_fault_at = n;
  g_fault = fault;
  g_error_number = error_number;
  g_forever = forever;
  g_faulted = "";
  g_armed = true;
}

size_t stop_call_faults() {
  g_armed = false;
  return g_seen;
}

const char* faulted_call() { return g_faulted; }

}  // namespace mica::test

// A call that fails, or may be interrupted, and does nothing then.
#define MICA_CALL(result_type, name, parameters, arguments, kinds)            \
  extern "C" result_type name parameters {                                    \
    static auto* const next = real(static_cast<result_type(*) parameters>(nullptr), #name); \
    CallFault fault;                                                          \
    if (faulted(#name, kinds, &fault)) return static_cast<result_type>(-1);   \
    return next arguments;                                                    \
  }

// A call that moves `bytes`: one of them, if it is cut short.
#define MICA_TRANSFER(name, parameters, arguments)                            \
  extern "C" ssize_t name parameters {                                        \
    static auto* const next = real(static_cast<ssize_t(*) parameters>(nullptr), #name); \
    CallFault fault;                                                          \
    if (bytes > 0 && faulted(#name, kFails | kInterrupts | kShortens, &fault)) { \
      if (fault != CallFault::partial) return -1;                             \
      bytes = 1;                                                              \
    }                                                                         \
    return next arguments;                                                    \
  }

#define MICA_OPEN(name)                                                       \
  extern "C" int name(const char* path, int flags, ...) {                     \
    static auto* const next = real(static_cast<int (*)(const char*, int, ...)>(nullptr), #name); \
    CallFault fault;                                                          \
    if (faulted(#name, kFails | kInterrupts, &fault)) return -1;              \
    va_list rest;                                                             \
    va_start(rest, flags);                                                    \
    const mode_t mode = va_arg(rest, mode_t);                                 \
    va_end(rest);                                                             \
    return next(path, flags, mode);                                           \
  }

// stat64 is a structure too.
#pragma GCC diagnostic ignored "-Wshadow"

MICA_OPEN(open64)
MICA_TRANSFER(read, (int fd, void* data, size_t bytes), (fd, data, bytes))
MICA_TRANSFER(write, (int fd, const void* data, size_t bytes), (fd, data, bytes))
MICA_TRANSFER(pread64, (int fd, void* data, size_t bytes, off64_t place), (fd, data, bytes, place))
MICA_TRANSFER(pwrite64, (int fd, const void* data, size_t bytes, off64_t place), (fd, data, bytes, place))
MICA_CALL(int, fsync, (int fd), (fd), kFails | kInterrupts)
MICA_CALL(int, fdatasync, (int fd), (fd), kFails | kInterrupts)
MICA_CALL(int, ftruncate64, (int fd, off64_t bytes), (fd, bytes), kFails | kInterrupts)
MICA_CALL(int, rename, (const char* from, const char* to), (from, to), kFails)
MICA_CALL(int, linkat, (int from_folder, const char* from, int folder, const char* to, int flags),
          (from_folder, from, folder, to, flags), kFails)
MICA_CALL(int, access, (const char* path, int mode), (path, mode), kFails)
MICA_CALL(int, fstat64, (int fd, struct stat64* about), (fd, about), kFails)
MICA_CALL(int, stat64, (const char* path, struct stat64* about), (path, about), kFails)

extern "C" void* mmap64(void* place, size_t bytes, int protection, int flags, int fd, off64_t offset) {
  static auto* const next = real(static_cast<void* (*)(void*, size_t, int, int, int, off64_t)>(nullptr), "mmap64");
  CallFault fault;
  // Memory that is no file's belongs to tests of allocations.
  if (fd >= 0 && faulted("mmap64", kFails, &fault)) return reinterpret_cast<void*>(-1);
  return next(place, bytes, protection, flags, fd, offset);
}

// Closes whatever it says: the descriptor of a close() that failed is gone.
extern "C" int close(int fd) {
  static auto* const next = real(static_cast<int (*)(int)>(nullptr), "close");
  CallFault fault;
  const bool fails = faulted("close", kFails | kInterrupts, &fault);
  const int error_number = errno;
  const int result = next(fd);
  if (!fails) return result;
  errno = error_number;
  return -1;
}
