// Storage types of tensors, with their sizes. Not arithmetic: kernels that widen each type live in simd/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica {

enum class DType : uint8_t {
  f32, f16, bf16, f64, i8, u8, i16, i32, i64, boolean,
  // GGUF block types: blocks of 32 values along a row (ggml's quants.h): f16 scale (q4_1: and f16 minimum), then codes.
  q8_0, q4_0, q4_1,
};

struct DTypeLayout {
  const char* name;         // as safetensors spells it; GGUF's name for block types
  uint32_t block_values;    // values in one block: 1, or 32
  uint32_t block_bytes;     // bytes of one block
};

constexpr DTypeLayout dtype_layout(DType type) {
  switch (type) {
    case DType::f32: return {"F32", 1, 4};
    case DType::f16: return {"F16", 1, 2};
    case DType::bf16: return {"BF16", 1, 2};
    case DType::f64: return {"F64", 1, 8};
    case DType::i8: return {"I8", 1, 1};
    case DType::u8: return {"U8", 1, 1};
    case DType::i16: return {"I16", 1, 2};
    case DType::i32: return {"I32", 1, 4};
    case DType::i64: return {"I64", 1, 8};
    case DType::boolean: return {"BOOL", 1, 1};
    case DType::q8_0: return {"Q8_0", 32, 34};
    case DType::q4_0: return {"Q4_0", 32, 18};
    case DType::q4_1: return {"Q4_1", 32, 20};
  }
  return {"?", 1, 0};
}

}  // namespace mica
