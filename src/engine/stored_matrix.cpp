// StoredMatrix: the places of rows and columns.
#include "stored_matrix.hpp"

#include <cstring>

namespace mica {
namespace {

bool is_in_blocks(Stored stored) { return stored >= Stored::query_of_blocks && stored <= Stored::value_of_blocks; }
bool is_in_groups(Stored stored) { return stored >= Stored::query_of_groups && stored <= Stored::value_of_groups; }

bool is_in_heads(Stored stored) { return stored == Stored::first_of_heads || stored == Stored::second_of_heads; }

constexpr size_t kColors = 3;

}  // namespace

bool StoredMatrix::is_part(Stored stored) { return stored >= Stored::query_of_blocks; }

size_t StoredMatrix::rows() const {
  if (is_in_blocks(stored_) || is_in_groups(stored_)) return fused_.query + 2 * fused_.key;
  if (is_part()) return 2 * rows_;
  return stored_ == Stored::transposed ? columns_ : rows_;
}

size_t StoredMatrix::row_of(size_t row) const {
  if (is_in_groups(stored_)) {
    const size_t head = row / fused_.head, within = row % fused_.head;
    const size_t queries = fused_.query / fused_.key;  // heads of a group
    const bool query = stored_ == Stored::query_of_groups;
    const size_t group = query ? head / queries : head;
    const size_t place = query ? head % queries : stored_ == Stored::key_of_groups ? queries : queries + 1;
    return (group * (queries + 2) + place) * fused_.head + within;
  }
  if (is_in_heads(stored_)) {
    const size_t before = 2 * (row / fused_.head) + (stored_ == Stored::second_of_heads);
    return before * fused_.head + row % fused_.head;
  }
  switch (stored_) {
    case Stored::key_of_blocks: return row + fused_.query;
    case Stored::value_of_blocks: return row + fused_.query + fused_.key;
    case Stored::second_half: return row + rows_;
    default: return row;
  }
}

bool StoredMatrix::moves_columns() const {
  return stored_ == Stored::transposed || stored_ == Stored::channels_outer || stored_ == Stored::channels_inner;
}

bool StoredMatrix::is_view() const {
  return !moves_columns() && !is_in_groups(stored_) && !is_in_heads(stored_);
}

// Of columns that change their order.
size_t StoredMatrix::column_of(size_t column) const {
  if (stored_ == Stored::channels_outer) {
    const size_t channels = columns_ / fused_.window;
    return column % channels * fused_.window + column / channels;
  }
  const size_t pixels = columns_ / kColors;
  return column % pixels * kColors + column / pixels;
}

void StoredMatrix::copy(const uint8_t* tensor, size_t tensor_stride_bytes, size_t value_bytes, uint8_t* out,
                        size_t out_stride_bytes) const {
  for (size_t row = 0; row < rows_; ++row, out += out_stride_bytes) {
    if (!moves_columns()) {
      std::memcpy(out, tensor + row_of(row) * tensor_stride_bytes, out_stride_bytes);
      continue;
    }
    for (size_t column = 0; column < columns_; ++column) {
      const uint8_t* value = stored_ == Stored::transposed
                                 ? tensor + column * tensor_stride_bytes + row * value_bytes
                                 : tensor + row * tensor_stride_bytes + column_of(column) * value_bytes;
      std::memcpy(out + column * value_bytes, value, value_bytes);
    }
  }
}

}  // namespace mica
