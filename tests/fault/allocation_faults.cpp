// Allocation faults: malloc and its family, put before those of the C library or of the address sanitizer.
#include "allocation_faults.hpp"

#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

// Plain data, set before anything runs: the first allocations come before main().
size_t g_seen, g_fail_at, g_bytes_max;
bool g_armed, g_forever, g_limited;
long g_live, g_bytes;

bool fails(size_t bytes) {
  if (!g_armed) return false;
  ++g_seen;
  bool fail = g_forever ? g_seen >= g_fail_at : g_seen == g_fail_at;
  if (g_limited) fail = g_bytes + static_cast<long>(bytes) > static_cast<long>(g_bytes_max);
  if (fail) errno = ENOMEM;
  return fail;
}

void* counted(void* block) {
  if (block == nullptr) return nullptr;
  __atomic_fetch_add(&g_live, 1, __ATOMIC_RELAXED);
  if (g_limited) g_bytes += static_cast<long>(malloc_usable_size(block));
  return block;
}

}  // namespace

namespace mica::test {

void fail_allocation(size_t n, Repeat repeat) {
  g_seen = 0;
  g_fail_at = n;
  g_forever = repeat == Repeat::forever;
  g_limited = false;
  g_armed = true;
}

void limit_memory(size_t bytes) {
  g_seen = 0;
  g_bytes = 0;
  g_bytes_max = bytes;
  g_limited = g_armed = true;
}

size_t stop_failing() {
  g_armed = g_limited = false;
  return g_seen;
}

long live_allocations() { return __atomic_load_n(&g_live, __ATOMIC_RELAXED); }

}  // namespace mica::test

// The heap that is behind.
#if defined(__SANITIZE_ADDRESS__)
#define MICA_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MICA_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(MICA_ADDRESS_SANITIZER)
#define MICA_HEAP(name) __interceptor_##name
#else
#define MICA_HEAP(name) __libc_##name
#endif

extern "C" {

void* MICA_HEAP(malloc)(size_t);
void* MICA_HEAP(calloc)(size_t, size_t);
void* MICA_HEAP(realloc)(void*, size_t);
void* MICA_HEAP(memalign)(size_t, size_t);
void MICA_HEAP(free)(void*);

void* malloc(size_t bytes) { return fails(bytes) ? nullptr : counted(MICA_HEAP(malloc)(bytes)); }
void* calloc(size_t count, size_t bytes) {
  return fails(count * bytes) ? nullptr : counted(MICA_HEAP(calloc)(count, bytes));
}
void* memalign(size_t alignment, size_t bytes) {
  return fails(bytes) ? nullptr : counted(MICA_HEAP(memalign)(alignment, bytes));
}
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** out, size_t alignment, size_t bytes) {
  void* block = memalign(alignment, bytes);
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

void* realloc(void* block, size_t bytes) {
  if (fails(bytes)) return nullptr;
  if (block == nullptr) return counted(MICA_HEAP(realloc)(nullptr, bytes));
  void* moved = MICA_HEAP(realloc)(block, bytes);
  if (moved == nullptr && bytes == 0) __atomic_fetch_sub(&g_live, 1, __ATOMIC_RELAXED);
  return moved;
}

void free(void* block) {
  if (block != nullptr) __atomic_fetch_sub(&g_live, 1, __ATOMIC_RELAXED);
  if (block != nullptr && g_limited) g_bytes -= static_cast<long>(malloc_usable_size(block));
  MICA_HEAP(free)(block);
}

}  // extern "C"

// The sanitizer's operators do not call malloc.
#if defined(MICA_ADDRESS_SANITIZER)

namespace {

void* allocate(size_t bytes, size_t alignment) {
  return alignment > 0 ? memalign(alignment, bytes ? bytes : 1) : malloc(bytes ? bytes : 1);
}
void* allocate_or_throw(size_t bytes, size_t alignment) {
  if (void* block = allocate(bytes, alignment)) return block;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t bytes) { return allocate_or_throw(bytes, 0); }
void* operator new[](size_t bytes) { return allocate_or_throw(bytes, 0); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 0); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 0); }
void* operator new(size_t bytes, std::align_val_t a) { return allocate_or_throw(bytes, static_cast<size_t>(a)); }
void* operator new[](size_t bytes, std::align_val_t a) { return allocate_or_throw(bytes, static_cast<size_t>(a)); }
void* operator new(size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<size_t>(a));
}
void* operator new[](size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<size_t>(a));
}
void operator delete(void* block) noexcept { free(block); }
void operator delete[](void* block) noexcept { free(block); }
void operator delete(void* block, size_t) noexcept { free(block); }
void operator delete[](void* block, size_t) noexcept { free(block); }
void operator delete(void* block, std::align_val_t) noexcept { free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { free(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { free(block); }

#endif
