// Where a slot's rows and columns lie in stored tensors, against the layouts written out.
#include "stored_matrix.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

namespace mica {
namespace {

// The values of a tensor are their own places in it.
std::vector<uint16_t> picked(const StoredMatrix& stored, size_t rows, size_t columns) {
  std::vector<uint16_t> tensor(stored.rows() * stored.columns()), out(rows * columns);
  std::iota(tensor.begin(), tensor.end(), uint16_t{0});
  stored.copy(reinterpret_cast<const uint8_t*>(tensor.data()), stored.columns() * sizeof(uint16_t), sizeof(uint16_t),
              reinterpret_cast<uint8_t*>(out.data()), columns * sizeof(uint16_t));
  return out;
}

std::vector<size_t> rows_of(Stored kind, size_t rows, const FusedShape& fused) {
  const StoredMatrix stored(kind, rows, 8, fused);
  std::vector<size_t> out;
  for (size_t row = 0; row < rows; ++row) out.push_back(stored.row_of(row));
  return out;
}

}  // namespace

TEST_CASE("stored matrices: rows of fused tensors") {
  // Four query heads of two rows, two key heads.
  const FusedShape fused = {.query = 8, .key = 4, .head = 2};
  CHECK(StoredMatrix(Stored::query_of_groups, 8, 8, fused).rows() == 16);
  CHECK(rows_of(Stored::query_of_blocks, 8, fused) == std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(rows_of(Stored::key_of_blocks, 4, fused) == std::vector<size_t>{8, 9, 10, 11});
  CHECK(rows_of(Stored::value_of_blocks, 4, fused) == std::vector<size_t>{12, 13, 14, 15});
  // q q k v | q q k v
  CHECK(rows_of(Stored::query_of_groups, 8, fused) == std::vector<size_t>{0, 1, 2, 3, 8, 9, 10, 11});
  CHECK(rows_of(Stored::key_of_groups, 4, fused) == std::vector<size_t>{4, 5, 12, 13});
  CHECK(rows_of(Stored::value_of_groups, 4, fused) == std::vector<size_t>{6, 7, 14, 15});
  CHECK(rows_of(Stored::first_half, 3, {}) == std::vector<size_t>{0, 1, 2});
  CHECK(rows_of(Stored::second_half, 3, {}) == std::vector<size_t>{3, 4, 5});
  CHECK(StoredMatrix(Stored::second_half, 3, 8, {}).rows() == 6);
  CHECK(StoredMatrix(Stored::second_half, 3, 8, {}).is_view());
  CHECK_FALSE(StoredMatrix(Stored::key_of_groups, 4, 8, fused).is_view());
}

TEST_CASE("stored matrices: columns in another order") {
  const StoredMatrix transposed(Stored::transposed, 2, 3, {});
  CHECK(transposed.rows() == 3);
  CHECK(transposed.columns() == 2);
  CHECK(picked(transposed, 2, 3) == std::vector<uint16_t>{0, 2, 4, 1, 3, 5});
  // Two channels of a window of three patches: stored [channel][patch], read [patch][channel].
  CHECK(picked(StoredMatrix(Stored::channels_outer, 1, 6, {.window = 3}), 1, 6) ==
        std::vector<uint16_t>{0, 3, 1, 4, 2, 5});
  // Two pixels of three colors: stored [pixel][color], read [color][pixel].
  CHECK(picked(StoredMatrix(Stored::channels_inner, 1, 6, {}), 1, 6) == std::vector<uint16_t>{0, 3, 1, 4, 2, 5});
}

}  // namespace mica
