// QuantizedLayer: finding its tensors, and rows of integers as blocks or floats. Not the layouts of other programs.
#include "quantized_layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "checked.hpp"
#include "kernel_choice.hpp"
#include "matrix.hpp"
#include "tensor_table.hpp"

namespace mica {
namespace {

constexpr size_t kBlockValues = 32;  // of the types of blocks that integers are kept in

// The type that holds these integers, or f32.
DType kept_type(const IntegerRows& integers) {
  if (integers.columns % kBlockValues != 0) return DType::f32;
  for (size_t k = 0; k < integers.columns; ++k)
    if (integers.group_of[k] != integers.group_of[k / kBlockValues * kBlockValues]) return DType::f32;
  if (integers.code_min >= 0 && integers.code_max <= 15) {
    if (integers.minimums) return DType::grouped_u4_minimum;
    // What is left of a code fits a byte.
    for (const int32_t zero : integers.zeros)
      if (zero < -100 || zero > 100) return DType::f32;
    return DType::grouped_u4;
  }
  if (integers.minimums) return DType::f32;
  const auto fits = [&](int32_t zero) { return integers.code_min - zero >= -128 && integers.code_max - zero <= 127; };
  if (integers.zeros.empty()) return fits(0) ? DType::grouped_s8 : DType::f32;
  return std::all_of(integers.zeros.begin(), integers.zeros.end(), fits) ? DType::grouped_s8 : DType::f32;
}

// The numbers of one group of a row.
struct GroupNumbers {
  float scale, minimum;
  int32_t zero;
};

GroupNumbers numbers_of(const IntegerRows& integers, size_t row, size_t group) {
  const size_t at = row * integers.groups + group;
  return {integers.scales[at], integers.minimums ? integers.minimum[at] : 0,
          integers.zeros.empty() ? 0 : integers.zeros[at]};
}

void put_floats(const IntegerRows& integers, size_t row, const int32_t* codes, float* out) {
  for (size_t k = 0; k < integers.columns; ++k) {
    const GroupNumbers group = numbers_of(integers, row, integers.group_of[k]);
    out[k] = group.scale * static_cast<float>(codes[k] - group.zero);
    if (integers.minimums) out[k] += group.minimum;
  }
}

// As simd/stored/grouped_*_inl.hpp reads them.
void put_block(DType dtype, const GroupNumbers& group, const int32_t* codes, uint8_t* block) {
  std::memcpy(block, &group.scale, sizeof(float));
  if (dtype == DType::grouped_s8) {
    for (size_t i = 0; i < kBlockValues; ++i) block[4 + i] = static_cast<uint8_t>(codes[i] - group.zero);
    return;
  }
  if (dtype == DType::grouped_u4) std::memcpy(block + 4, &group.zero, sizeof(int32_t));
  else std::memcpy(block + 4, &group.minimum, sizeof(float));
  for (size_t i = 0; i < kBlockValues / 2; ++i)
    block[8 + i] = static_cast<uint8_t>(codes[i] | codes[kBlockValues / 2 + i] << 4);
}

}  // namespace

Status LayerTensors::error(const char* what) const {
  return Status::error(Code::corrupt_file, "%s: %s: %s", files.path(), name.c_str(), what);
}

Status LayerTensors::unsupported(const char* what) const {
  return Status::error(Code::unsupported, "%s: %s: %s", files.path(), name.c_str(), what);
}

Status LayerTensors::require(const char* suffix, uint32_t rank, const TensorView** out) const {
  *out = find(suffix);
  if (*out == nullptr)
    return Status::error(Code::not_found, "%s: there is no tensor \"%s%s\"; is the checkpoint complete?", files.path(),
                         name.c_str(), suffix);
  if (rank != 0 && (*out)->rank != rank)
    return Status::error(Code::corrupt_file, "%s: tensor \"%s%s\" has %u dimensions, not %u", files.path(),
                         name.c_str(), suffix, (*out)->rank, rank);
  return Status::ok();
}

Status LayerTensors::require_words(const char* suffix, const TensorView** out) const {
  MICA_TRY(require(suffix, 2, out));
  size_t bytes = 0;
  const bool whole = tensor_bytes(DType::i32, {(*out)->shape, 2}, &bytes) && bytes == (*out)->bytes.size();
  if (whole && ((*out)->dtype == DType::i32 || (*out)->type_name == "U32")) return Status::ok();
  return Status::error(Code::unsupported, "%s: tensor \"%s%s\" is stored as %.*s, not as 32-bit integers", files.path(),
                       name.c_str(), suffix, static_cast<int>((*out)->type_name.size()), (*out)->type_name.data());
}

Status LayerTensors::floats(const char* suffix, size_t count, std::vector<float>* out) const {
  const TensorView* tensor = nullptr;
  MICA_TRY(require(suffix, 0, &tensor));
  const DTypeLayout& layout = dtype_layout(tensor->dtype);
  if (!layout.weights || layout.block_values != 1 || tensor->bytes.size() != count * layout.block_bytes)
    return Status::error(Code::corrupt_file, "%s: tensor \"%s%s\" should be %zu numbers", files.path(), name.c_str(),
                         suffix, count);
  out->resize(count);
  widen_row(definition_kernels(), tensor->dtype, out->data(), tensor->bytes.data(), count);
  if (std::all_of(out->begin(), out->end(), [](float value) { return std::isfinite(value); })) return Status::ok();
  return Status::error(Code::corrupt_file, "%s: tensor \"%s%s\" has a number that is not finite", files.path(),
                       name.c_str(), suffix);
}

Status MadeMatrix::allocate(const std::string& layer, size_t row_count, size_t column_count, DType type,
                            OwnedBytes* owned) {
  const DTypeLayout& layout = dtype_layout(type);
  name = layer;
  rows = row_count;
  columns = column_count;
  dtype = type;
  stride_bytes = columns / layout.block_values * layout.block_bytes;
  size_t bytes = 0;
  data = checked_mul(rows, stride_bytes, &bytes) ? own_bytes(bytes, owned) : nullptr;
  if (data != nullptr) return Status::ok();
  return Status::error(Code::out_of_memory, "no memory for the %zu x %zu weights of %s", rows, columns, layer.c_str());
}

Status make_integer_rows(const LayerTensors& layer, const IntegerRows& integers, MadeMatrix* out, OwnedBytes* owned) {
  const DType dtype = kept_type(integers);
  MICA_TRY(out->allocate(layer.name, integers.rows, integers.columns, dtype, owned));
  std::vector<int32_t> codes(integers.columns);
  for (size_t row = 0; row < integers.rows; ++row) {
    integers.read(row, codes.data());
    if (dtype == DType::f32) {
      put_floats(integers, row, codes.data(), out->row(row));
      continue;
    }
    uint8_t* block = out->data + row * out->stride_bytes;
    for (size_t k = 0; k < integers.columns; k += kBlockValues, block += dtype_layout(dtype).block_bytes)
      put_block(dtype, numbers_of(integers, row, integers.group_of[k]), codes.data() + k, block);
  }
  return Status::ok();
}

uint32_t word_at(const uint8_t* bytes) {
  uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

uint32_t packed_field(const uint8_t* words, size_t stride_bytes, size_t index, uint32_t bits) {
  const size_t bit = index * bits, shift = bit % 32;
  const uint8_t* word = words + bit / 32 * stride_bytes;
  uint64_t both = word_at(word);
  if (shift + bits > 32) both |= static_cast<uint64_t>(word_at(word + stride_bytes)) << 32;
  return static_cast<uint32_t>(both >> shift) & ((1u << bits) - 1);
}

}  // namespace mica
