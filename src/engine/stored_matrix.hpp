// StoredMatrix: where the rows and columns of a slot's matrix lie in the tensor that a file stores for it (Stored,
// blueprint/family.hpp). Not the names: tensor_source.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "family.hpp"

namespace mica {

// Of what a stored matrix holds beside the slot's.
struct FusedShape {
  size_t query = 0, key = 0, head = 0;  // rows of all queries, of all keys, of one head
  size_t window = 1;                    // patches that a row of joined patches is made of
};

class StoredMatrix {
 public:
  StoredMatrix(Stored stored, size_t rows, size_t columns, const FusedShape& fused)
      : stored_(stored), rows_(rows), columns_(columns), fused_(fused) {}

  // True for rows of a matrix that other slots read, too.
  static bool is_part(Stored stored);
  bool is_part() const { return is_part(stored_); }
  // Of the tensor.
  size_t rows() const;
  size_t columns() const { return stored_ == Stored::transposed ? rows_ : columns_; }
  // The tensor's row in which a row of the slot lies, if it lies in one.
  size_t row_of(size_t row) const;
  bool moves_columns() const;
  // True when the slot's matrix is a run of the tensor's rows.
  bool is_view() const;
  // Copies values of `value_bytes` each (of rows that are only moved: of any size); `out` has the slot's shape.
  void copy(const uint8_t* tensor, size_t tensor_stride_bytes, size_t value_bytes, uint8_t* out,
            size_t out_stride_bytes) const;

 private:
  size_t column_of(size_t column) const;

  Stored stored_;
  size_t rows_, columns_;
  FusedShape fused_;
};

}  // namespace mica
