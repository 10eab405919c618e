// Matrices of checkpoints whose activations have static ranges (quant_method "gemma"): integers of 2, 4 or 8 bits with
// a scale a row, and the steps of what enters and leaves them. Not what is done with the steps: kept_rows.hpp.
#include <algorithm>
#include <cmath>

#include "checked.hpp"
#include "tensor_source.hpp"

namespace mica {
namespace {

// Integers of one matrix: fields of `bits` in bytes, from the low bits on, each row in whole bytes.
struct Codes {
  const TensorView* tensor;
  size_t rows, columns;
  uint32_t bits = 0;  // 0: the tensor has not so many

  Codes(const TensorView& stored, size_t row_count, size_t column_count)
      : tensor(&stored), rows(row_count), columns(column_count) {
    if (stored.rank != 2 || stored.shape[0] != rows) return;
    if (stored.dtype == DType::i8 && stored.shape[1] == columns) bits = 8;
    for (const uint32_t fields : {4u, 2u})
      if (stored.dtype == DType::u8 && stored.shape[1] == ceil_div(columns * fields, size_t{8})) bits = fields;
  }
  int8_t at(size_t row, size_t column) const {
    const uint8_t* bytes = tensor->bytes.data() + row * static_cast<size_t>(tensor->shape[1]);
    if (bits == 8) return static_cast<int8_t>(bytes[column]);
    const size_t bit = column * bits;
    return static_cast<int8_t>((bytes[bit / 8] >> bit % 8 & ((1u << bits) - 1)) - (1u << (bits - 1)));
  }
  // A format of panels for them; floats where none has all of their values.
  WeightFormat format() const {
    if (bits != 8) return WeightFormat::u4;
    const auto* values = reinterpret_cast<const int8_t*>(tensor->bytes.data());
    const bool all = std::find(values, values + rows * columns, int8_t{-128}) == values + rows * columns;
    return all ? WeightFormat::s8 : WeightFormat::floats;
  }
};

// Panels of rows of `width` codes, several of which may make a stored one.
void pack(const Codes& codes, size_t width, WeightFormat format, uint8_t* panels) {
  constexpr size_t kPanelRows = 16;
  const size_t pieces = codes.columns / width, rows = codes.rows * pieces;
  std::vector<int8_t> block(kPanelRows * width);
  for (size_t first = 0; first < rows; first += kPanelRows, panels += panel_bytes(format, width)) {
    const size_t count = std::min(kPanelRows, rows - first);
    for (size_t r = 0; r < count; ++r)
      for (size_t i = 0; i < width; ++i)
        block[r * width + i] = codes.at((first + r) / pieces, (first + r) % pieces * width + i);
    pack_panels(format, panels, {block.data()}, count, width);
  }
}

void widen(const Codes& codes, size_t width, const float* scales, float* out) {
  for (size_t row = 0; row < codes.rows; ++row)
    for (size_t i = 0; i < codes.columns; ++i, ++out)
      *out = static_cast<float>(codes.at(row, i)) * scales[(row * codes.columns + i) / width];
}

Status no_memory(size_t bytes) {
  return Status::error(Code::out_of_memory, "no memory for %zu bytes of weights", bytes);
}

}  // namespace

Status FileTensors::static_ranges(const Place& place, const MatrixShape& shape, Matrix* out, bool* found) {
  const std::string base = stored_name(place, "");
  const TensorView* table = files_.find(base + ".embedding_quantized");
  const TensorView* stored = table != nullptr ? table : files_.find(base + ".weight");
  const std::string scale_name = base + (table != nullptr ? ".embedding_scale" : ".weight_scale");
  const TensorView* scale = files_.find(scale_name);
  if (packed() || stored == nullptr || scale == nullptr) return Status::ok();
  *found = true;
  const Codes codes(*stored, shape.rows, shape.columns);
  const size_t blocks = scale->rank == 2 ? static_cast<size_t>(scale->shape[1]) : 0;
  if (codes.bits == 0 || blocks == 0 || shape.columns % blocks != 0 || (table == nullptr && blocks != 1))
    return Status::error(Code::corrupt_file,
                         "%s: \"%s\" and its scales do not hold %zu x %zu integers of 2, 4 or 8 bits", files_.path(),
                         base.c_str(), shape.rows, shape.columns);
  const float* scales = nullptr;
  MICA_TRY(widen(*scale, scale_name, shape.rows * blocks, &scales));
  MICA_TRY(check_finite(scale_name, scales, shape.rows * blocks));
  RowSteps steps;
  if (table == nullptr) MICA_TRY(read_steps(base, &steps));
  read_.push_back(stored);
  // Rows of floats can enter no panels; a table is only looked up.
  const bool integers = codes.format() != WeightFormat::floats && (table != nullptr || steps.in != 0);
  out->format = integers ? codes.format() : WeightFormat::floats;
  const size_t width = integers ? shape.columns / blocks : shape.columns;
  out->rows = shape.rows * (shape.columns / width);
  out->columns = width;
  out->stride_bytes = integers ? panel_bytes(out->format, width) : width * sizeof(float);
  if (integers && width > packed_columns_max(out->format))
    return Status::error(Code::unsupported, "%s: \"%s\" has rows of %zu integers; mica adds up %zu", files_.path(),
                         base.c_str(), width, packed_columns_max(out->format));
  const size_t bytes = out->bytes();
  uint8_t* memory = own(bytes);
  if (memory == nullptr) return no_memory(bytes);
  if (integers) pack(codes, width, out->format, memory);
  else mica::widen(codes, shape.columns / blocks, scales, reinterpret_cast<float*>(memory));
  out->data = memory;
  if (integers) out->scale = scales;
  parameters_ += static_cast<uint64_t>(shape.rows) * shape.columns;
  bytes_ += bytes;
  if (steps.in == 0 && steps.out == 0) return Status::ok();
  auto* kept = reinterpret_cast<RowSteps*>(own(sizeof(RowSteps)));
  if (kept == nullptr) return no_memory(sizeof(RowSteps));
  *kept = steps;
  out->steps = kept;
  return Status::ok();
}

Status FileTensors::read_steps(const std::string& base, RowSteps* out) {
  const std::pair<const char*, float*> fields[] = {{".input_activation_scale", &out->in},
                                                   {".output_activation_scale", &out->out}};
  for (const auto& [suffix, target] : fields) {
    const std::string name = base + suffix;
    const TensorView* tensor = files_.find(name);
    if (tensor == nullptr) continue;  // as 0: the row is not rounded
    const float* value = nullptr;
    MICA_TRY(widen(*tensor, name, 1, &value));
    if (*value != 0 && !(std::isnormal(*value) && *value > 0))
      return Status::error(Code::corrupt_file, "%s: \"%s\" is neither 0 nor a positive number", files_.path(),
                           name.c_str());
    *target = *value;
  }
  return Status::ok();
}

}  // namespace mica
