// TensorSource: names, shapes and storage of tensors. What a slot is for: weights.cpp.
#include "tensor_source.hpp"

#include <cmath>
#include <cstring>
#include <new>

#include "checked.hpp"
#include "pack.hpp"
#include "static_format.hpp"

namespace mica {

uint8_t* own_bytes(size_t bytes, OwnedBytes* owned) {
  constexpr size_t kAlignment = 64;
  std::unique_ptr<uint8_t[]> block(new (std::nothrow) uint8_t[bytes + kAlignment]);
  if (!block) return nullptr;
  const uintptr_t address = reinterpret_cast<uintptr_t>(block.get());
  uint8_t* aligned = block.get() + (round_up(address, kAlignment) - address);
  owned->push_back(std::move(block));
  return aligned;
}

namespace {

Status no_memory(size_t bytes) {
  return Status::error(Code::out_of_memory, "no memory for %zu bytes of weights", bytes);
}

// [2, 3] for messages.
std::string shape_text(const TensorView& tensor) {
  std::string text = "[";
  for (uint32_t i = 0; i < tensor.rank; ++i) text += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

uint64_t element_count(const TensorView& tensor, uint32_t first_dimension = 0) {
  uint64_t count = 1;
  for (uint32_t i = first_dimension; i < tensor.rank; ++i) count *= tensor.shape[i];
  return count;
}

// Rows of a packed file end at whole lines of 64 bytes (DESIGN 4); those of a checkpoint have no padding.
bool fits(const ModelFiles& files, uint64_t stored, size_t wanted) {
  if (files.kind() != ModelFiles::Kind::packed) return stored == wanted;
  return stored >= wanted && stored - wanted < 64;
}

}  // namespace

// ---- files ----------------------------------------------------------------------------------------------------------

std::string FileTensors::full_name(const TensorName& name, uint32_t layer, const char* suffix) const {
  std::string text = roots_[static_cast<size_t>(name.part)];
  const char* place = std::strstr(name.pattern, "{}");
  if (place == nullptr) return text + name.pattern + suffix;
  text.append(name.pattern, place);
  return text + std::to_string(layer) + (place + 2) + suffix;
}

Status FileTensors::missing(const std::string& name) const {
  return Status::error(Code::not_found, "%s: there is no tensor \"%s\"; is the checkpoint complete?", files_.path(),
                       name.c_str());
}

Status FileTensors::choose_roots(const ModelSpec& spec) {
  const TensorName* probe[4] = {};
  for (const auto& table : spec.family->tensors) {
    for (const TensorName& name : table) {
      names_[static_cast<size_t>(name.slot)] = &name;
      const size_t part = static_cast<size_t>(name.part);
      if (probe[part] == nullptr) probe[part] = &name;
    }
  }
  for (size_t part = 0; part < 4; ++part) {
    const auto& roots = spec.family->roots[part];
    if (probe[part] == nullptr || roots.empty()) continue;
    roots_[part] = roots[0];
    for (const char* root : roots) {
      const char* saved = roots_[part];
      roots_[part] = root;
      if (files_.find(full_name(*probe[part], 0, ".weight")) != nullptr) break;
      roots_[part] = saved;
    }
  }
  return Status::ok();
}

Status FileTensors::widen(const TensorView& tensor, const std::string& name, size_t count, const float** out) {
  if (!fits(files_, element_count(tensor), count))
    return Status::error(Code::corrupt_file, "%s: tensor \"%s\" has shape %s where the config asks for %zu values",
                         files_.path(), name.c_str(), shape_text(tensor).c_str(), count);
  if (!is_weight_dtype(tensor.dtype) || count % dtype_layout(tensor.dtype).block_values != 0)
    return Status::error(Code::unsupported, "%s: tensor \"%s\" is stored as %s, which cannot be a vector",
                         files_.path(), name.c_str(), dtype_layout(tensor.dtype).name);
  uint8_t* memory = own(count * sizeof(float));
  if (memory == nullptr) return no_memory(count * sizeof(float));
  float* values = reinterpret_cast<float*>(memory);
  widen_row(*simd::kernels_at(simd::Level::scalar)->f32, tensor.dtype, values, tensor.bytes.data(), count);
  parameters_ += count;
  bytes_ += tensor.bytes.size();
  *out = values;
  return Status::ok();
}

Status FileTensors::vector(Slot slot, uint32_t layer, const char* suffix, size_t count, const float** out) {
  const TensorName* name = name_of(slot);
  *out = nullptr;
  if (name == nullptr) return Status::ok();
  std::string full = full_name(*name, layer, suffix);
  const TensorView* tensor = files_.find(full);
  if (tensor == nullptr && *suffix == '\0') {
    // A table of positions is a parameter of its own in one family and an embedding, with a weight, in another.
    full += ".weight";
    tensor = files_.find(full);
  }
  if (tensor == nullptr) return name->required ? missing(full) : Status::ok();
  return widen(*tensor, full, count, out);
}

Status FileTensors::matrix(Slot slot, uint32_t layer, size_t rows, size_t columns, Matrix* out) {
  const TensorName* name = name_of(slot);
  *out = Matrix{};
  if (name == nullptr) return Status::ok();
  const std::string full = full_name(*name, layer, ".weight");
  const TensorView* tensor = files_.find(full);
  if (tensor == nullptr) return name->required ? missing(full) : Status::ok();
  const bool packed =
      files_.kind() == ModelFiles::Kind::packed && (tensor->dtype == DType::u8 || tensor->dtype == DType::i8);
  if (packed) {
    MICA_TRY(panels(*tensor, full.substr(0, full.size() - std::strlen(".weight")), rows, columns, out));
    return load_bias(full_name(*name, layer, ".bias"), rows, out);
  }
  if (tensor->rank < 2 || tensor->shape[0] != rows || !fits(files_, element_count(*tensor, 1), columns))
    return Status::error(Code::corrupt_file, "%s: tensor \"%s\" has shape %s where the config asks for [%zu, %zu]",
                         files_.path(), full.c_str(), shape_text(*tensor).c_str(), rows, columns);
  const DTypeLayout layout = dtype_layout(tensor->dtype);
  if (!is_weight_dtype(tensor->dtype) || columns % layout.block_values != 0)
    return Status::error(Code::unsupported,
                         "%s: tensor \"%s\" is stored as %s with rows of %zu, which mica does not read", files_.path(),
                         full.c_str(), layout.name, columns);
  out->rows = rows;
  out->columns = columns;
  out->dtype = tensor->dtype;
  out->stride_bytes = tensor->bytes.size() / rows;
  out->data = tensor->bytes.data();
  parameters_ += static_cast<uint64_t>(rows) * columns;
  bytes_ += tensor->bytes.size();
  return load_bias(full_name(*name, layer, ".bias"), rows, out);
}

Status FileTensors::load_bias(const std::string& name, size_t rows, Matrix* out) {
  const TensorView* bias = files_.find(name);
  return bias ? widen(*bias, name, rows, &out->bias) : Status::ok();
}

// Of what the quantizer writes; weights that a checkpoint brought show by logits that are not finite.
Status FileTensors::check_finite(const std::string& name, const float* values, size_t count) const {
  for (size_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i]))
      return Status::error(Code::corrupt_file, "%s: tensor \"%s\" has %g at channel %zu: quantize the model again",
                           files_.path(), name.c_str(), static_cast<double>(values[i]), i);
  return Status::ok();
}

// Packed integers stay where the file is mapped; `base` is the name without ".weight".
Status FileTensors::panels(const TensorView& tensor, const std::string& base, size_t rows, size_t columns,
                           Matrix* out) {
  const bool nibbles = tensor.dtype == DType::u8;
  const size_t panel_bytes = nibbles ? simd::u4_panel_bytes(columns) : simd::s8_panel_bytes(columns);
  if (tensor.bytes.size() != simd::panel_count(rows) * panel_bytes || columns > simd::kInputsMaxW8)
    return Status::error(Code::corrupt_file,
                         "%s: tensor \"%s.weight\" has %zu bytes of panels where the config asks for %zu x %zu values",
                         files_.path(), base.c_str(), tensor.bytes.size(), rows, columns);
  out->rows = rows;
  out->columns = columns;
  out->layout = nibbles ? MatrixLayout::panels_u4 : MatrixLayout::panels_s8;
  out->data = tensor.bytes.data();
  out->stride_bytes = panel_bytes;
  parameters_ += static_cast<uint64_t>(rows) * columns;
  bytes_ += tensor.bytes.size();
  const std::string scale = base + static_format::kScaleSuffix;
  const TensorView* scales = files_.find(scale);
  if (scales == nullptr) return missing(scale);
  MICA_TRY(widen(*scales, scale, rows, &out->scale));
  MICA_TRY(check_finite(scale, out->scale, rows));
  const std::string rank1 = base + static_format::kRank1Suffix;
  const TensorView* terms = files_.find(rank1);
  if (terms != nullptr) {
    MICA_TRY(widen(*terms, rank1, rows, &out->rank1));
    MICA_TRY(check_finite(rank1, out->rank1, rows));
  }
  return kept_channels(base, rows, columns, out);
}

// Inputs of a packed matrix that are multiplied in float.
Status FileTensors::kept_channels(const std::string& base, size_t rows, size_t columns, Matrix* out) {
  const std::string name = base + static_format::kKeptChannelsSuffix;
  const TensorView* channels = files_.find(name);
  if (channels == nullptr) return Status::ok();
  const TensorView* weights = files_.find(base + static_format::kKeptSuffix);
  if (weights == nullptr) return missing(base + static_format::kKeptSuffix);
  if (channels->dtype != DType::i32 || weights->dtype != DType::f32 || weights->rank != 2 || weights->shape[0] == 0 ||
      weights->shape[0] > kKeptChannelsMax || weights->shape[0] > element_count(*channels) ||
      weights->shape[1] != round_up(rows, 16))
    return Status::error(Code::corrupt_file, "%s: \"%s\" and its weights do not describe up to %u of %zu inputs",
                         files_.path(), name.c_str(), kKeptChannelsMax, columns);
  const auto count = static_cast<uint32_t>(weights->shape[0]);
  uint8_t* memory = own(count * (sizeof(uint32_t) + rows * sizeof(float)));
  if (memory == nullptr) return no_memory(count * rows * sizeof(float));
  auto* kept = reinterpret_cast<float*>(memory);
  auto* indices = reinterpret_cast<uint32_t*>(kept + count * rows);
  for (uint32_t k = 0; k < count; ++k) {
    int32_t channel = -1;
    std::memcpy(&channel, channels->bytes.data() + k * sizeof channel, sizeof channel);
    if (channel < 0 || static_cast<size_t>(channel) >= columns)
      return Status::error(Code::corrupt_file, "%s: \"%s\": %d is not one of %zu inputs", files_.path(), name.c_str(),
                           channel, columns);
    indices[k] = static_cast<uint32_t>(channel);
    std::memcpy(kept + k * rows, weights->bytes.data() + k * weights->shape[1] * sizeof(float), rows * sizeof(float));
  }
  out->kept_channels = indices;
  out->kept = kept;
  out->kept_count = count;
  return check_finite(base + static_format::kKeptSuffix, kept, count * rows);
}

}  // namespace mica
