// Available memory: what this process may still take. Not a promise: others take memory too.
#pragma once

#include <cstdint>

namespace mica {

inline constexpr uint64_t kMemoryUnknown = UINT64_MAX;

// Bytes: the least of what the system has (MemAvailable), what the control groups leave, and what the limit of address
// space (RLIMIT_AS) leaves; kMemoryUnknown where nothing is said. `root` stands before all paths: for tests.
uint64_t available_memory(const char* root = "");

}  // namespace mica
