// gguf_order: the orders one by one. What they are: gguf_family.hpp.
#include "gguf_order.hpp"

#include <cmath>
#include <cstring>

#include "dtype.hpp"
#include "limits.hpp"

namespace mica {
namespace {

// Rotary pairs of a head, whose rows are neighbours here and stand half a head apart in Hugging Face's files.
Status part_pairs(const GgufFile& file, OwnedTensors* owned, TensorView* tensor) {
  uint32_t heads = 0;
  MICA_TRY(file.get_u32("clip.vision.attention.head_count", 1, limits::kHeadsMax, &heads));
  const size_t rows = tensor->rank == 0 ? 0 : static_cast<size_t>(tensor->shape[0]);
  if (rows == 0 || rows % (2 * size_t{heads}) != 0 || tensor->bytes.size() % rows != 0)
    return file.error(Code::corrupt_file, tensor->name, "has no even number of rows a head");
  const size_t row_bytes = tensor->bytes.size() / rows, head = rows / heads, half = head / 2;
  std::vector<uint8_t>& bytes = owned->bytes.emplace_back(tensor->bytes.size());
  for (size_t row = 0; row < rows; ++row) {
    const size_t within = row % head, place = row - within + within % 2 * half + within / 2;
    std::memcpy(bytes.data() + place * row_bytes, tensor->bytes.data() + row * row_bytes, row_bytes);
  }
  tensor->bytes = {bytes.data(), bytes.size()};
  return Status::ok();
}

// Moves single numbers: `place` is where the number at an index goes.
template <class Place>
Status move_numbers(const GgufFile& file, OwnedTensors* owned, TensorView* tensor, const Place& place) {
  size_t count = tensor->rank == 0 ? 0 : 1;
  for (uint32_t i = 0; i < tensor->rank; ++i) count *= tensor->shape[i];
  if (count == 0 || dtype_layout(tensor->dtype).block_values != 1)
    return file.error(Code::unsupported, tensor->name, "is not of plain numbers, which alone can be moved");
  const size_t bytes = tensor->bytes.size() / count;
  std::vector<uint8_t>& moved = owned->bytes.emplace_back(tensor->bytes.size());
  for (size_t at = 0; at < count; ++at)
    std::memcpy(moved.data() + place(at) * bytes, tensor->bytes.data() + at * bytes, bytes);
  tensor->bytes = {moved.data(), moved.size()};
  return Status::ok();
}

// Columns as rows.
Status turn(const GgufFile& file, OwnedTensors* owned, TensorView* tensor) {
  if (tensor->rank != 2) return file.error(Code::corrupt_file, tensor->name, "is no matrix");
  const size_t rows = tensor->shape[0], columns = tensor->shape[1];
  MICA_TRY(move_numbers(file, owned, tensor, [=](size_t at) { return at % columns * rows + at / columns; }));
  std::swap(tensor->shape[0], tensor->shape[1]);
  return Status::ok();
}

// Of each row, or of a vector: all of a color behind each other become all of a pixel.
Status mix_colors(const GgufFile& file, OwnedTensors* owned, TensorView* tensor) {
  constexpr size_t kColors = 3;
  size_t row = 1;
  for (uint32_t i = tensor->rank > 1 ? 1 : 0; i < tensor->rank; ++i) row *= tensor->shape[i];
  if (row == 0 || row % kColors != 0) return file.error(Code::corrupt_file, tensor->name, "is not of pixels");
  const size_t pixels = row / kColors;
  MICA_TRY(move_numbers(file, owned, tensor, [=](size_t at) {
    const size_t within = at % row;
    return at - within + within % pixels * kColors + within / pixels;
  }));
  if (tensor->rank > 1) tensor->rank = 2, tensor->shape[1] = row;
  return Status::ok();
}

// The two outermost axes.
Status exchange_axes(const GgufFile& file, OwnedTensors* owned, TensorView* tensor) {
  if (tensor->rank != 3) return file.error(Code::corrupt_file, tensor->name, "does not have three axes");
  const size_t outer = tensor->shape[0], inner = tensor->shape[1], row = tensor->shape[2];
  MICA_TRY(move_numbers(file, owned, tensor, [=](size_t at) {
    const size_t place = at / row;
    return (place % inner * outer + place / inner) * row + at % row;
  }));
  std::swap(tensor->shape[0], tensor->shape[1]);
  return Status::ok();
}

Status take_logarithms(const GgufFile& file, OwnedTensors* owned, TensorView* tensor) {
  if (tensor->dtype != DType::f32) return file.error(Code::unsupported, tensor->name, "is not F32");
  std::vector<uint8_t>& bytes = owned->bytes.emplace_back(tensor->bytes.begin(), tensor->bytes.end());
  for (size_t at = 0; at < bytes.size(); at += sizeof(float)) {
    float number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    if (!(number < 0) || !std::isfinite(number))
      return file.error(Code::corrupt_file, tensor->name, "has a number that is not below 0");
    number = std::log(-number);
    std::memcpy(bytes.data() + at, &number, sizeof number);
  }
  tensor->bytes = {bytes.data(), bytes.size()};
  return Status::ok();
}

}  // namespace

Status reorder_gguf_tensor(const GgufFile& file, GgufOrder order, OwnedTensors* owned, TensorView* tensor) {
  switch (order) {
    case GgufOrder::same: return Status::ok();
    case GgufOrder::pairs_together: return part_pairs(file, owned, tensor);
    case GgufOrder::turned: return turn(file, owned, tensor);
    case GgufOrder::colors_apart: return tensor->rank > 1 ? mix_colors(file, owned, tensor) : Status::ok();
    case GgufOrder::vector_colors_apart: return mix_colors(file, owned, tensor);
    case GgufOrder::axes_exchanged: return exchange_axes(file, owned, tensor);
    case GgufOrder::negative_exponentials: return take_logarithms(file, owned, tensor);
  }
  return Status::ok();
}

}  // namespace mica
