// Places of patches in every order that towers have them in: squares that are merged, windows with smaller ones at the
// ends.
#include <doctest/doctest.h>

#include <set>

#include "patch_order.hpp"

using namespace mica;

TEST_CASE("each row stands at a place of its own, and squares stay together") {
  for (const uint32_t unit : {1u, 2u, 3u})
    for (const uint32_t window_units : {0u, 1u, 2u, 4u})
      for (const uint32_t rows : {1u, 3u, 7u})
        for (const uint32_t columns : {1u, 4u, 5u}) {
          const PatchOrder order = {
              .rows = rows * unit, .columns = columns * unit, .unit = unit, .window = window_units * unit};
          std::set<size_t> seen;
          const size_t square = size_t{unit} * unit;
          for (size_t i = 0; i < order.count(); ++i) {
            const PatchPlace place = order.place(i), first = order.place(i / square * square);
            CHECK(place.row < order.rows);
            CHECK(place.column < order.columns);
            CHECK(seen.insert(order.index_of(place)).second);
            CHECK(place.row - first.row == i % square / unit);
            CHECK(place.column - first.column == i % unit);
            if (order.window == 0) CHECK(order.index_of(place) == i);
          }
          CHECK(seen.size() == order.count());
        }
}

TEST_CASE("the rows of a window follow each other, windows row by row") {
  const PatchOrder order = {.rows = 10, .columns = 14, .unit = 2, .window = 4};
  CHECK(order.windows() == 3 * 4);
  size_t next = 0;
  for (size_t window = 0; window < order.windows(); ++window) {
    const PatchRun run = order.run(window);
    CHECK(run.first == next);
    next += run.count;
    for (size_t i = run.first; i < next; ++i) {
      CHECK(order.place(i).row / 4 == window / 4);
      CHECK(order.place(i).column / 4 == window % 4);
    }
  }
  CHECK(next == order.count());
  CHECK(order.run(3).count == 4 * 2);
  CHECK(order.run(11).count == 2 * 2);
  // One window is all.
  const PatchOrder whole = {.rows = 4, .columns = 6, .unit = 2, .window = 0};
  CHECK(whole.windows() == 1);
  CHECK(whole.run(0).count == 24);
}
