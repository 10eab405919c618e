// TensorTable: order by name, and what every container's tensors have in common. Not a reader of any format.
#include "tensor_table.hpp"

#include <algorithm>

#include "checked.hpp"

namespace mica {

Status TensorTable::finish(const char* file) {
  const auto by_name = [](const TensorView& a, const TensorView& b) { return a.name < b.name; };
  std::sort(tensors_.begin(), tensors_.end(), by_name);
  const auto same_name = [](const TensorView& a, const TensorView& b) { return a.name == b.name; };
  const auto twin = std::adjacent_find(tensors_.begin(), tensors_.end(), same_name);
  if (twin == tensors_.end()) return Status::ok();
  return Status::error(Code::corrupt_file, "%s: tensor %.*s stands there twice", file,
                       static_cast<int>(twin->name.size()), twin->name.data());
}

const TensorView* TensorTable::find(std::string_view name) const {
  const auto before = [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; };
  const auto place = std::lower_bound(tensors_.begin(), tensors_.end(), name, before);
  return place != tensors_.end() && place->name == name ? &*place : nullptr;
}

bool tensor_bytes(DType dtype, std::span<const uint64_t> shape, size_t* out) {
  const DTypeLayout layout = dtype_layout(dtype);
  const uint64_t row = shape.empty() ? 1 : shape.back();
  if (row % layout.block_values != 0) return false;
  size_t values = 1;
  for (uint64_t dimension : shape) {
    if (dimension > SIZE_MAX || !checked_mul(values, static_cast<size_t>(dimension), &values)) return false;
  }
  return checked_mul(values / layout.block_values, layout.block_bytes, out);
}

Status check_tensor_name(std::string_view name, const char* file) {
  if (name.empty()) return Status::error(Code::corrupt_file, "%s: a tensor without a name", file);
  if (name.size() > limits::kTensorNameBytesMax) {
    return Status::error(Code::limit_exceeded, "%s: a tensor's name has %zu bytes, more than %zu", file, name.size(),
                         limits::kTensorNameBytesMax);
  }
  for (char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return Status::error(Code::corrupt_file, "%s: a tensor's name holds a control character", file);
    }
  }
  return Status::ok();
}

}  // namespace mica
