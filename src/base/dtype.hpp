// Storage types of tensors, with their sizes. Not arithmetic: kernels that widen each type live in simd/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica {

// The types of simd/lists/stored_types.inc in its order: first those that weights may have.
enum class DType : uint8_t {
#define MICA_STORED_TYPE(type, ...) type,
#define MICA_PLAIN_TYPE(type, ...) type,
#include "stored_types.inc"
  // A type of a file's tensor that mica does not compute with; only its bytes are known.
  other,
};

struct DTypeLayout {
  const char* name;         // as safetensors spells it; GGUF's name for block types
  int64_t ggml_number;      // in GGUF files; negative where it has none
  uint32_t block_values;    // values in one block
  uint32_t block_bytes;     // bytes of one block
  bool weights;             // a matrix or vector may have it
};

// By DType.
inline constexpr DTypeLayout kDTypeLayouts[] = {
#define MICA_STORED_TYPE(type, ...) {__VA_ARGS__, true},
#define MICA_PLAIN_TYPE(type, ...) {__VA_ARGS__, false},
#include "stored_types.inc"
    {"?", -1, 1, 1, false},
};

constexpr const DTypeLayout& dtype_layout(DType type) { return kDTypeLayouts[static_cast<size_t>(type)]; }

// Types that a checkpoint's weights may have; others are refused when a model is opened.
constexpr bool is_weight_dtype(DType type) { return dtype_layout(type).weights; }

}  // namespace mica
