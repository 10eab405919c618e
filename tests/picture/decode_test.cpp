// Decoding of JPEG, PNG and WebP against what PIL makes of the same files (tests/data/picture/decoded.json). Not of bad
// files: tests/fault.
#include <doctest/doctest.h>

#include "log.hpp"
#include "picture.hpp"
#include "picture_test.hpp"

using namespace mica;

namespace {

Status decode(const std::vector<uint8_t>& file, Picture* out, Gray16 gray = Gray16::scaled) {
  return decode_picture(file, "test file", out, gray);
}

// What people see.
uint32_t crc32_on_white(const Picture& picture) {
  const size_t pixels = size_t{picture.width} * picture.height;
  std::vector<uint8_t> seen(picture.rgb.get(), picture.rgb.get() + pixels * 3);
  if (picture.alpha != nullptr) put_on_white(seen.data(), picture.alpha.get(), pixels, seen.data());
  return crc32_of(seen.data(), seen.size());
}

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
    const Status status = decode(read_test_data("picture/" + file), &picture, Gray16::clipped);
    if (!MICA_TEST_WEBP && file.ends_with(".webp")) {
      CHECK(status.code() == Code::unsupported);
      continue;
    }
    REQUIRE_MESSAGE(status.is_ok(), status.message());
    CHECK(picture.width == expected["width"]);
    CHECK(picture.height == expected["height"]);
    const std::vector<uint8_t> rgb = rgb_of(picture);
    CHECK(crc32_of(rgb.data(), rgb.size()) == expected["crc32"]);
    if (expected.contains("on_white")) CHECK(crc32_on_white(picture) == expected["on_white"]);
    else CHECK(picture.alpha == nullptr);
  }
}

TEST_CASE("16-bit gray is its high byte, as people see it") {
  // A row of every 16th value, by a 16-bit gray PNG that PIL's clipping would make white.
  Picture scaled, clipped;
  const std::vector<uint8_t> file = read_test_data("picture/png/gray16.png");
  REQUIRE(decode(file, &scaled));
  REQUIRE(decode(file, &clipped, Gray16::clipped));
  size_t darker = 0;
  for (size_t i = 0; i < size_t{scaled.width} * scaled.height; ++i) {
    CHECK(scaled.rgb[i * 3] == scaled.rgb[i * 3 + 2]);
    CHECK(scaled.rgb[i * 3] <= clipped.rgb[i * 3]);
    darker += scaled.rgb[i * 3] < clipped.rgb[i * 3];
  }
  CHECK(darker > size_t{scaled.width} * scaled.height / 2);
}

TEST_CASE("a PNG whose pixels are whole but whose checksum is wrong is read, and that is logged") {
  std::vector<uint8_t> file = read_test_data("picture/png/rgb8.png");
  Picture sound, damaged;
  REQUIRE(decode(file, &sound));
  for (size_t i = 0; i + 4 < file.size(); ++i)
    if (std::memcmp(&file[i], "IEND", 4) == 0) file[i - 5] ^= 0xFF;  // the last byte of IDAT's checksum
  std::string logged;
  set_log([](void* user, int, const char* message) { *static_cast<std::string*>(user) += message; }, &logged);
  const Status status = decode(file, &damaged);
  set_log(nullptr, nullptr);
  REQUIRE_MESSAGE(status.is_ok(), status.message());
  CHECK(logged.find("damaged PNG") != std::string::npos);
  CHECK(rgb_of(sound) == rgb_of(damaged));
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
      [](void* user, int level, const char* message) {
        if (level == static_cast<int>(LogLevel::warning)) *static_cast<std::string*>(user) += message;
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
