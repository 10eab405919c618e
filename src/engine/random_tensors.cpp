// RandomTensors: weights out of thin air for published shapes. What a model's tensors are for: weights.cpp.
#include <algorithm>
#include <bit>
#include <cstring>

#include "pack.hpp"
#include "stream_transform.hpp"
#include "tensor_source.hpp"

namespace mica {
namespace {

// A prime number of values, repeated: neighbouring rows differ, and filling gigabytes takes no time.
constexpr size_t kPatternValues = 65521;

Status no_memory(size_t bytes) {
  return Status::error(Code::out_of_memory, "no memory for %zu bytes of random weights", bytes);
}

}  // namespace

Status RandomTensors::choose_roots(const ModelSpec& spec) {
  for (const auto& table : spec.family->tensors)
    for (const TensorName& name : table)
      if (name.required || name.slot == Slot::lm_head) names_[static_cast<size_t>(name.slot)] = &name;
  pattern_.resize(kPatternValues);
  uint32_t state = 1;
  for (uint16_t& value : pattern_) {
    state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
    const float uniform = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
    value = static_cast<uint16_t>(std::bit_cast<uint32_t>(uniform * 0.03f) >> 16);
  }
  return Status::ok();
}

Status RandomTensors::brain_floats(size_t rows, size_t columns, Matrix* out) {
  const size_t values = rows * columns;
  auto* memory = reinterpret_cast<uint16_t*>(own(values * sizeof(uint16_t)));
  if (memory == nullptr) return no_memory(values * sizeof(uint16_t));
  for (size_t done = 0; done < values; done += pattern_.size())
    std::memcpy(memory + done, pattern_.data(), std::min(pattern_.size(), values - done) * sizeof(uint16_t));
  out->dtype = DType::bf16;
  out->data = reinterpret_cast<uint8_t*>(memory);
  out->stride_bytes = columns * sizeof(uint16_t);
  bytes_ += values * sizeof(uint16_t);
  return Status::ok();
}

Status RandomTensors::panels(size_t rows, size_t columns, MatrixLayout layout, Matrix* out) {
  const bool nibbles = layout == MatrixLayout::panels_u4;
  const size_t panel_bytes = nibbles ? simd::u4_panel_bytes(columns) : simd::s8_panel_bytes(columns);
  const size_t bytes = simd::panel_count(rows) * panel_bytes;
  uint8_t* memory = own(bytes);
  float* scale = reinterpret_cast<float*>(own(rows * sizeof(float)));
  if (memory == nullptr || scale == nullptr) return no_memory(bytes);
  uint32_t state = 1;
  std::vector<uint8_t> pattern(kPatternValues);
  for (uint8_t& byte : pattern) byte = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  for (size_t done = 0; done < bytes; done += pattern.size())
    std::memcpy(memory + done, pattern.data(), std::min(pattern.size(), bytes - done));
  std::fill_n(scale, rows, nibbles ? 0.03f / 8 : 0.03f / 128);
  out->layout = layout;
  out->data = memory;
  out->stride_bytes = panel_bytes;
  out->scale = scale;
  bytes_ += bytes + rows * sizeof(float);
  return Status::ok();
}

Status RandomTensors::matrix(Slot slot, uint32_t, size_t rows, size_t columns, Matrix* out) {
  *out = Matrix{};
  const TensorName* name = names_[static_cast<size_t>(slot)];
  if (name == nullptr) return Status::ok();
  out->rows = rows;
  out->columns = columns;
  parameters_ += static_cast<uint64_t>(rows) * columns;
  const RandomStorage storage = storage_[static_cast<size_t>(name->part)];
  if (storage == RandomStorage::bf16) return brain_floats(rows, columns, out);
  // Embedding, head, patch embedding and values of shared heads have 8 bits, as the quantizer leaves them.
  const bool shared = slot == Slot::value && rows < columns;
  const bool eight = storage == RandomStorage::w8a8 || slot == Slot::embedding || slot == Slot::lm_head ||
                     slot == Slot::patch_embedding || shared;
  return panels(rows, columns, eight ? MatrixLayout::panels_s8 : MatrixLayout::panels_u4, out);
}

Status RandomTensors::vector(Slot slot, uint32_t, const char* suffix, size_t count, const float** out) {
  *out = nullptr;
  if (names_[static_cast<size_t>(slot)] == nullptr) return Status::ok();
  float* values = reinterpret_cast<float*>(own(count * sizeof(float)));
  if (values == nullptr) return no_memory(count * sizeof(float));
  std::fill_n(values, count, std::strcmp(suffix, ".weight") == 0 ? 1.0f : 0.0f);
  parameters_ += count;
  bytes_ += count * sizeof(uint16_t);
  *out = values;
  return Status::ok();
}

Status RandomTensors::transforms(const ModelSpec& spec, Weights* weights) {
  StreamTransform& decoder = weights->decoder.stream;
  decoder.folded = decoder.rotated = decoder.down_rotation = storage_[0] != RandomStorage::bf16;
  MICA_TRY(complete_transform(spec.decoder.hidden, spec.decoder.feed_forward, 1, {}, &decoder));
  if (!spec.has_vision) return Status::ok();
  const VisionSpec& v = spec.vision;
  StreamTransform& vision = weights->vision.stream;
  vision.folded = vision.rotated = vision.down_rotation = storage_[2] != RandomStorage::bf16;
  vision.integer_attention = vision.rotated;
  return complete_transform(v.hidden, v.feed_forward, static_cast<size_t>(v.merge) * v.merge, {}, &vision);
}

Status RandomTensors::static_parts(const ModelSpec& spec, Weights* weights) {
  // Normed rows reach about 4; what lies beyond is clamped, which costs no time.
  for (const NamedPoint& named : quant_points(weights))
    named.point->scale_visual = named.point->scale_text = 4.0f / 127;
  if (spec.has_vision) place_directions(spec, &weights->vision);
  return Status::ok();
}

}  // namespace mica
