// RandomTensors: weights out of thin air for published shapes. What a model's tensors are for: weights.cpp.
#include <algorithm>
#include <bit>
#include <cstring>

#include "stream_transform.hpp"
#include "tensor_source.hpp"

namespace mica {
namespace {

// A prime number of values, repeated: neighbouring rows differ, and filling gigabytes takes no time.
constexpr size_t kPatternValues = 65521;

// What rows of floats enter, whatever the storage of the others is.
bool stays_float(Slot slot) {
  return slot == Slot::layer_input_projection || (is_layered(slot) && part_of(slot).reads == Site::count);
}

// Where matrices are said to lie that are not there; nobody reads it.
alignas(64) uint8_t absent[64];

Status no_memory(size_t bytes) {
  return Status::error(Code::out_of_memory, "no memory for %zu bytes of random weights", bytes);
}

}  // namespace

Status RandomTensors::choose_roots(const ModelSpec& spec) {
  for (const auto& table : name_tables(spec))
    for (const TensorName& name : table)
      if (name.required || name.slot == Slot::lm_head) names_.set(name);
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
  out->data = absent;
  if (present_) {
    auto* memory = reinterpret_cast<uint16_t*>(own(values * sizeof(uint16_t)));
    if (memory == nullptr) return no_memory(values * sizeof(uint16_t));
    for (size_t done = 0; done < values; done += pattern_.size())
      std::memcpy(memory + done, pattern_.data(), std::min(pattern_.size(), values - done) * sizeof(uint16_t));
    out->data = reinterpret_cast<uint8_t*>(memory);
  }
  out->dtype = DType::bf16;
  out->stride_bytes = columns * sizeof(uint16_t);
  bytes_ += values * sizeof(uint16_t);
  return Status::ok();
}

Status RandomTensors::panels(size_t rows, size_t columns, WeightFormat format, Matrix* out) {
  const size_t stride = panel_bytes(format, columns);
  const size_t bytes = panel_count(rows) * stride;
  uint8_t* memory = present_ ? own(bytes) : absent;
  float* scale = reinterpret_cast<float*>(own(rows * sizeof(float)));
  if (memory == nullptr || scale == nullptr) return no_memory(bytes);
  uint32_t state = 1;
  std::vector<uint8_t> pattern(kPatternValues);
  for (uint8_t& byte : pattern) byte = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  for (size_t done = 0; present_ && done < bytes; done += pattern.size())
    std::memcpy(memory + done, pattern.data(), std::min(pattern.size(), bytes - done));
  const int multiplier = facts_of(format).group > 0 ? kMultiplierMax : 1;
  std::fill_n(scale, rows, 0.03f / static_cast<float>(facts_of(format).code_max * multiplier));
  out->format = format;
  out->data = memory;
  out->stride_bytes = stride;
  out->scale = scale;
  out->levels = levels_of(format);
  bytes_ += bytes + rows * sizeof(float);
  return Status::ok();
}

Status RandomTensors::matrix(const Place& place, const MatrixShape& shape, Matrix* out) {
  const size_t rows = shape.rows, columns = shape.columns;
  *out = Matrix{};
  if (!stored(place)) return Status::ok();
  out->rows = rows;
  out->columns = columns;
  parameters_ += static_cast<uint64_t>(rows) * columns;
  const WeightFormat format = formats_[static_cast<size_t>(place.section)];
  if (format == WeightFormat::floats || stays_float(place.slot)) return brain_floats(rows, columns, out);
  // Embedding, head, patch embedding and values of shared heads have 8 bits, as the quantizer leaves them.
  const Slot slot = place.slot;
  const bool shared = slot == Slot::value && rows < columns;
  const bool eight = slot == Slot::embedding || slot == Slot::layer_input_table || slot == Slot::lm_head || slot == Slot::patch_embedding || shared;
  return panels(rows, columns, eight ? WeightFormat::s8 : format, out);
}

Status RandomTensors::vector(const Place& place, const char* suffix, size_t count, const float** out) {
  *out = nullptr;
  if (!stored(place)) return Status::ok();
  float* values = reinterpret_cast<float*>(own(count * sizeof(float)));
  if (values == nullptr) return no_memory(count * sizeof(float));
  std::fill_n(values, count, std::strcmp(suffix, ".weight") == 0 ? 1.0f : 0.0f);
  parameters_ += count;
  bytes_ += count * sizeof(uint16_t);
  *out = values;
  return Status::ok();
}

Status RandomTensors::bounds(const Place&, const RowBounds** out) {
  static constexpr RowBounds kWide = {-1e9f, 1e9f, -1e9f, 1e9f};
  *out = &kWide;
  return Status::ok();
}

Status RandomTensors::transforms(const ModelSpec& spec, Weights* weights) {
  StreamTransform& decoder = weights->decoder.stream;
  decoder.folded = decoder.rotated = decoder.down_rotation = formats_[0] != WeightFormat::floats;
  MICA_TRY(complete_transform(decoder_stream(spec), 1, {}, &decoder));
  if (!spec.has_vision) return Status::ok();
  const VisionSpec& v = spec.vision;
  StreamTransform& vision = weights->vision.stream;
  vision.folded = vision.rotated = vision.down_rotation = formats_[2] != WeightFormat::floats;
  vision.integer_attention = vision.rotated;
  MICA_TRY(complete_transform(vision_stream(spec), static_cast<size_t>(v.merge) * v.merge, {}, &vision));
  share_transform(spec, weights);
  return Status::ok();
}

Status RandomTensors::static_parts(const ModelSpec& spec, Weights* weights) {
  // Normed rows reach about 4; what lies beyond is clamped, which costs no time.
  for (const NamedPoint& named : quant_points(spec, weights))
    named.point->scale_visual = named.point->scale_text = 4.0f / 127;
  place_directions(spec, weights);
  StreamTransform& decoder = weights->decoder.stream;
  if (decoder.rotated) rotate_mixed(decoder_stream(spec), weights->decoder, &decoder);
  return Status::ok();
}

}  // namespace mica
