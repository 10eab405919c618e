// PackedTensors: pads rows and passes bytes on. Not quantization.
#include "packed_tensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "checked.hpp"
#include "kernel_choice.hpp"
#include "matrix.hpp"
#include "packed_writer.hpp"
#include "static_format.hpp"

namespace mica {
namespace {

constexpr size_t kLineBytes = 64;
constexpr float kHalfMax = 65504;

// Types without blocks are stored as they are.
DType stored_type(const TensorView& tensor) {
  return dtype_layout(tensor.dtype).block_values == 1 ? tensor.dtype : DType::f16;
}

struct PaddedShape {
  size_t rows;           // the first dimension of a matrix
  size_t row_values;     // product of all dimensions but those
  size_t padded_values;  // a multiple of a line
};

// A matrix keeps its first dimension as rows (the kernel of a convolution is one row an output channel); a vector is
// one row.
PaddedShape padded_shape(const TensorView& tensor) {
  PaddedShape shape{
      .rows = tensor.rank > 1 ? static_cast<size_t>(tensor.shape[0]) : 1, .row_values = 1, .padded_values = 0};
  for (uint32_t i = tensor.rank > 1 ? 1 : 0; i < tensor.rank; ++i)
    shape.row_values *= static_cast<size_t>(tensor.shape[i]);
  shape.padded_values = round_up(shape.row_values, kLineBytes / dtype_layout(stored_type(tensor)).block_bytes);
  return shape;
}

Status write_copy(const TensorView& tensor, PackedWriter* writer) {
  const PaddedShape shape = padded_shape(tensor);
  const DTypeLayout layout = dtype_layout(tensor.dtype);
  const size_t source_bytes = shape.row_values / layout.block_values * layout.block_bytes;
  const simd::Kernels& kernels = definition_kernels();
  std::vector<uint8_t> row(shape.padded_values * dtype_layout(stored_type(tensor)).block_bytes, 0);
  std::vector<float> values(layout.block_values == 1 ? 0 : shape.row_values);
  for (size_t i = 0; i < shape.rows; ++i) {
    const uint8_t* source = tensor.bytes.data() + i * source_bytes;
    if (layout.block_values == 1) {
      std::memcpy(row.data(), source, source_bytes);
    } else {
      widen_row(kernels, tensor.dtype, values.data(), source, values.size());
      narrow_row(kernels, reinterpret_cast<uint16_t*>(row.data()), values.data(), values.size());
    }
    MICA_TRY(writer->append(tensor.name, row));
  }
  return Status::ok();
}

}  // namespace

void PackedTensors::add_copy(const TensorView& tensor) {
  const PaddedShape shape = padded_shape(tensor);
  std::vector<uint64_t> stored = {shape.padded_values};
  if (tensor.rank > 1) stored.insert(stored.begin(), shape.rows);
  entries_.push_back({{std::string(tensor.name), stored_type(tensor), std::move(stored)}, {}, tensor});
}

void PackedTensors::add(std::string name, DType dtype, std::vector<uint64_t> shape, Bytes bytes) {
  entries_.push_back({{std::move(name), dtype, std::move(shape)}, bytes, {}});
}

void PackedTensors::add_panels(const std::string& name, WeightFormat format, std::vector<uint64_t> shape, Bytes bytes) {
  tags_.add(name, format);
  add(name + ".weight", facts_of(format).dtype, std::move(shape), bytes);
}

Status PackedTensors::add_matrix(const std::string& name, const Matrix& source, OwnedBytes* memory, Matrix* out) {
  const simd::Kernels& kernels = definition_kernels();
  std::vector<float> row(round_up(source.columns, kLineBytes / sizeof(uint16_t)));
  float largest = 0;
  for (size_t r = 0; r < source.rows; ++r) {
    widen_matrix_row(kernels, source, r, row.data());
    for (const float value : row) largest = std::max(largest, std::fabs(value));
  }
  const DType dtype = largest <= kHalfMax ? DType::f16 : DType::f32;
  const size_t row_bytes = row.size() * dtype_layout(dtype).block_bytes;
  uint8_t* values = own_bytes(source.rows * row_bytes, memory);
  auto* bias = reinterpret_cast<float*>(source.bias ? own_bytes(source.rows * sizeof(float), memory) : nullptr);
  if (values == nullptr || (source.bias && !bias))
    return Status::error(Code::out_of_memory, "no memory for the values of \"%s\"", name.c_str());
  for (size_t r = 0; r < source.rows; ++r) {
    widen_matrix_row(kernels, source, r, row.data());
    uint8_t* target = values + r * row_bytes;
    if (dtype == DType::f32) std::memcpy(target, row.data(), row_bytes);
    else narrow_row(kernels, reinterpret_cast<uint16_t*>(target), row.data(), row.size());
  }
  if (bias) std::memcpy(bias, source.bias, source.rows * sizeof(float));
  *out = {.rows = source.rows,
          .columns = source.columns,
          .dtype = dtype,
          .data = values,
          .stride_bytes = row_bytes,
          .bias = bias};
  tags_.add(name, WeightFormat::floats);
  add(name + ".weight", dtype, {source.rows, row.size()}, {values, source.rows * row_bytes});
  return bias ? add_floats(name + ".bias", bias, source.rows) : Status::ok();
}

Status PackedTensors::add_floats(std::string name, const float* values, size_t count) {
  const size_t padded = round_up(count, kLineBytes / sizeof(float));
  uint8_t* bytes = own_bytes(padded * sizeof(float), &owned_);
  if (bytes == nullptr) return Status::error(Code::out_of_memory, "no memory for \"%s\"", name.c_str());
  std::memset(bytes, 0, padded * sizeof(float));
  std::memcpy(bytes, values, count * sizeof(float));
  add(std::move(name), DType::f32, {padded}, {bytes, padded * sizeof(float)});
  return Status::ok();
}

Status PackedTensors::write(const char* path, MetadataList documents) const {
  if (!tags_.empty()) documents.emplace_back(static_format::kFormatsKey, tags_.json());
  std::vector<TensorDeclaration> declarations;
  for (const Entry& entry : entries_) declarations.push_back(entry.declaration);
  PackedWriter writer;
  MICA_TRY(writer.create(path, documents, std::move(declarations)));
  for (const Entry& entry : entries_) {
    if (entry.copied.name.empty()) MICA_TRY(writer.append(entry.declaration.name, entry.bytes));
    else MICA_TRY(write_copy(entry.copied, &writer));
  }
  return writer.finish();
}

}  // namespace mica
