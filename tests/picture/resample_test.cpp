// Resampling against PIL's results (tests/data/picture/resampled.json). Not of what a model wants: pixels_test.cpp.
#include "resample.hpp"

#include <doctest/doctest.h>

#include "picture_test.hpp"

using namespace mica;

namespace {

size_t scratch_bytes(const ResampleGeometry& geometry, ResampleFilter filter) {
  Arena arena;
  const Resampler resampler(geometry, filter, &arena);
  return arena.used();
}

// The wanted part of the resized picture; empty when the number of rows is wrong.
std::vector<uint8_t> resample(const Picture& picture, const ResampleGeometry& geometry, ResampleFilter filter) {
  const size_t bytes = scratch_bytes(geometry, filter);
  // Exactly as many bytes as were asked for, so that AddressSanitizer sees the first one beyond.
  const std::unique_ptr<uint8_t, void (*)(void*)> scratch(
      static_cast<uint8_t*>(std::aligned_alloc(Arena::kAlignment, bytes)), std::free);
  Arena arena(scratch.get(), bytes);
  Resampler resampler(geometry, filter, &arena);
  if (arena.failed()) return {};
  std::vector<uint8_t> result;
  for (uint32_t y = resampler.source_begin(); y < resampler.source_end(); ++y) {
    resampler.push(&picture.rgb[size_t{y} * picture.width * 3]);
    while (const uint8_t* row = resampler.next_row())
      result.insert(result.end(), row, row + size_t{geometry.width} * 3);
  }
  CHECK(resampler.next_row() == nullptr);
  return result;
}

ResampleGeometry whole(uint32_t source_width, uint32_t source_height, uint32_t target_width, uint32_t target_height) {
  return {source_width, source_height, target_width, target_height, 0, 0, target_width, target_height};
}

ResampleFilter filter_of(const std::string& name) {
  constexpr const char* kNames[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
  for (int i = 0; i < 6; ++i)
    if (name == kNames[i]) return static_cast<ResampleFilter>(i);
  FAIL(name);
  return ResampleFilter::nearest;
}

}  // namespace

TEST_CASE("every size is resampled to PIL's pixels") {
  const nlohmann::json cases = read_cases("picture/resampled.json");
  REQUIRE(cases.size() >= 180);
  for (const nlohmann::json& expected : cases) {
    CAPTURE(expected.dump());
    const auto& source = expected["source"];
    const auto& target = expected["target"];
    const ResampleFilter filter = filter_of(expected["filter"]);
    const Picture picture = synthetic_picture(source[0], source[1]);
    const std::vector<uint8_t> result = resample(picture, whole(source[0], source[1], target[0], target[1]), filter);
    CHECK(result.size() == size_t{target[0]} * size_t{target[1]} * 3);
    CHECK(crc32_of(result.data(), result.size()) == expected["crc32"]);
  }
}

TEST_CASE("a part of the target is that part of the whole") {
  const uint32_t sizes[][4] = {
      {61, 47, 30, 22}, {61, 47, 150, 99}, {61, 47, 61, 90}, {61, 97, 90, 30}, {61, 47, 61, 47}};
  for (const auto& size : sizes) {
    ResampleGeometry geometry = whole(size[0], size[1], size[2], size[3]);
    const Picture picture = synthetic_picture(size[0], size[1]);
    for (const ResampleFilter filter : {ResampleFilter::bicubic, ResampleFilter::lanczos, ResampleFilter::nearest}) {
      geometry = whole(size[0], size[1], size[2], size[3]);
      const std::vector<uint8_t> all = resample(picture, geometry, filter);
      geometry.left = 7;
      geometry.top = 5;
      geometry.width = 11;
      geometry.height = 9;
      const std::vector<uint8_t> part = resample(picture, geometry, filter);
      REQUIRE(part.size() == 11 * 9 * 3);
      for (uint32_t y = 0; y < 9; ++y)
        CHECK(std::memcmp(&part[y * 11 * 3], &all[(size_t{5 + y} * size[2] + 7) * 3], 11 * 3) == 0);
    }
  }
}

TEST_CASE("scratch does not grow with the source height") {
  const ResampleFilter filter = ResampleFilter::bicubic;
  CHECK(scratch_bytes(whole(1000, 1000, 500, 500), filter) == scratch_bytes(whole(1000, 1400, 500, 500), filter));
  // Rows first: a source row of sums for each active row.
  CHECK(scratch_bytes(whole(1000, 9000, 500, 500), filter) == scratch_bytes(whole(1000, 60000, 500, 500), filter));
  CHECK(scratch_bytes(whole(1000, 60000, 500, 500), filter) < 200 * 1000);
}
