// OwnBytes: aligned blocks that live as long as what refers to them. Not an arena: blocks come one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mica {

using OwnedBytes = std::vector<std::unique_ptr<uint8_t[]>>;

// `bytes` bytes kept by `owned`, 64-byte aligned; null when there is no memory left.
uint8_t* own_bytes(size_t bytes, OwnedBytes* owned);

}  // namespace mica
