// Decoding of JPEG, PNG and WebP against what PIL makes of the same files (tests/data/picture/decoded.json). Not of bad
// files: tests/fault.
#include <doctest/doctest.h>

#include "log.hpp"
#include "picture.hpp"
#include "picture_test.hpp"

using namespace mica;

namespace {

Status decode(const std::vector<uint8_t>& file, Picture* out) { return decode_picture(file, "test file", out); }

std::vector<uint8_t> rgb_of(const Picture& picture) {
  const uint8_t* rgb = picture.rgb.get();
  return std::vector<uint8_t>(rgb, rgb + size_t{picture.width} * picture.height * 3);
}

}  // namespace

TEST_CASE("every kind of file is decoded to PIL's pixels") {
  const nlohmann::json cases = read_cases("picture/decoded.json");
  REQUIRE(cases.size() >= 70);
  for (const nlohmann::json& expected : cases) {
    const std::string file = expected["file"];
    CAPTURE(file);
    Picture picture;
    const Status status = decode(read_test_data("picture/" + file), &picture);
    if (!MICA_TEST_WEBP && file.ends_with(".webp")) {
      CHECK(status.code() == Code::unsupported);
      continue;
    }
    REQUIRE_MESSAGE(status.is_ok(), status.message());
    CHECK(picture.width == expected["width"]);
    CHECK(picture.height == expected["height"]);
    const std::vector<uint8_t> rgb = rgb_of(picture);
    CHECK(crc32_of(rgb.data(), rgb.size()) == expected["crc32"]);
  }
}

TEST_CASE("the eight orientations show the same picture") {
  // The stored pixels of these files are equal, so each must be the upright one, turned.
  Picture upright;
  REQUIRE(decode(read_test_data("picture/jpeg/orientation_1.jpg"), &upright));
  const uint32_t right = upright.width - 1, bottom = upright.height - 1;
  for (uint32_t orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    Picture turned;
    REQUIRE(decode(read_test_data("picture/jpeg/orientation_" + std::to_string(orientation) + ".jpg"), &turned));
    REQUIRE(turned.width == (orientation >= 5 ? upright.height : upright.width));
    size_t differing = 0;
    for (uint32_t y = 0; y <= bottom; ++y) {
      for (uint32_t x = 0; x <= right; ++x) {
        // Where EXIF 2.3 says that row y and column x are seen.
        const uint32_t seen_x[] = {x, right - x, right - x, x, y, bottom - y, bottom - y, y};
        const uint32_t seen_y[] = {y, y, bottom - y, bottom - y, x, x, right - x, right - x};
        const size_t seen = (size_t{seen_y[orientation - 1]} * turned.width + seen_x[orientation - 1]) * 3;
        differing += std::memcmp(&upright.rgb[(size_t{y} * upright.width + x) * 3], &turned.rgb[seen], 3) != 0;
      }
    }
    CHECK(differing == 0);
  }
}

TEST_CASE("a damaged JPEG that PIL reads is read, and the damage is logged") {
  std::vector<uint8_t> file = read_test_data("picture/jpeg/restarts.jpg");
  // Exchanges two restart markers: what lies between is misplaced, but all of it can be decoded.
  std::vector<size_t> markers;
  for (size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == 0xFF && file[i + 1] >= 0xD0 && file[i + 1] <= 0xD7) markers.push_back(i + 1);
  }
  REQUIRE(markers.size() >= 2);
  std::swap(file[markers[0]], file[markers[1]]);
  std::string logged;
  set_log(
      [](void* user, LogLevel level, const char* message) {
        if (level == LogLevel::warning) *static_cast<std::string*>(user) += message;
      },
      &logged);
  Picture picture;
  const Status status = decode(file, &picture);
  set_log(nullptr, nullptr);
  CHECK_MESSAGE(status.is_ok(), status.message());
  CHECK(logged.find("test file: damaged JPEG") == 0);
}

TEST_CASE("a failure leaves no picture") {
  Picture picture = synthetic_picture(2, 2);
  CHECK(decode({0xFF, 0xD8, 0xFF}, &picture).code() == Code::corrupt_file);
  CHECK(picture.rgb == nullptr);
  CHECK(picture.width == 0);
}
