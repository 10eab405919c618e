// TensorTable: the tensors of a model by name. Not an owner of their bytes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "model_files.hpp"

namespace mica {

class TensorTable {
 public:
  void reserve(size_t count) { tensors_.reserve(count); }
  void add(const TensorView& tensor) { tensors_.push_back(tensor); }
  // Sorts by name; after it find() works. Two tensors of one name are corrupt_file; `file` is for that message.
  Status finish(const char* file);
  // Null when there is no such tensor.
  const TensorView* find(std::string_view name) const;
  std::span<const TensorView> all() const { return tensors_; }

 private:
  std::vector<TensorView> tensors_;
};

// The bytes that a tensor of `dtype` and these dimensions (outermost first) has. False when the number overflows, or
// the rows of a block type are no whole number of blocks.
[[nodiscard]] bool tensor_bytes(DType dtype, std::span<const uint64_t> shape, size_t* out);

// Whether a name from a file may stand in a table and in messages: 1 to kTensorNameBytesMax bytes, no control
// characters.
Status check_tensor_name(std::string_view name, const char* file);

}  // namespace mica
