// CharacterStream and UTF-8: whatever the bytes and however they are cut, the stream prints the same text.
#include <doctest/doctest.h>

#include <random>

#include "tokenizer_files.hpp"
#include "utf8.hpp"

using namespace mica;

namespace {

// `bytes` through a stream in pieces of `step` bytes; every call within its bound.
std::string streamed(std::string_view bytes, size_t step) {
  CharacterStream characters;
  std::string text;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    std::vector<char> out(CharacterStream::bytes_max(piece.size()));  // a write beyond is seen by sanitizers
    const size_t written = characters.push(piece, out.data());
    REQUIRE(written <= out.size());
    text.append(out.data(), written);
    CHECK(utf8_invalid_at(text) == text.size());  // whole characters at any time
    bytes.remove_prefix(piece.size());
  }
  char rest[3];
  return text.append(rest, characters.finish(rest));
}

std::string lossy(std::string_view bytes) {
  std::string text;
  utf8_append_lossy(bytes, &text);
  return text;
}

}  // namespace

TEST_CASE("a character is printed when its last byte has come") {
  CharacterStream characters;
  char out[16];
  CHECK(characters.push("a\xF0\x9F", out) == 1);
  CHECK(characters.push("\x99", out) == 0);
  CHECK(std::string(out, characters.push("\x82!", out)) == "\xF0\x9F\x99\x82!");
  CHECK(characters.finish(out) == 0);
}

TEST_CASE("a character that does not end is printed as U+FFFD, once") {
  CharacterStream characters;
  char out[16];
  CHECK(characters.push("\xE4\xB8", out) == 0);
  CHECK(std::string(out, characters.push("x", out)) == "\xEF\xBF\xBDx");
  CHECK(characters.push("\xE4", out) == 0);
  CHECK(std::string(out, characters.finish(out)) == "\xEF\xBF\xBD");
  CHECK(characters.finish(out) == 0);
  CHECK(std::string(out, characters.push("y", out)) == "y");
}

TEST_CASE("overlong forms, surrogates and lone bytes become U+FFFD as Unicode recommends") {
  const std::string_view sign = kUtf8Replacement;
  const auto signs = [&](int count) {
    std::string text;
    while (count-- > 0) text += sign;
    return text;
  };
  CHECK(lossy("\xC0\xAF") == signs(2));
  CHECK(lossy("\xE0\x80\xAF") == signs(3));
  CHECK(lossy("\xED\xA0\x80") == signs(3));
  CHECK(lossy("\xF4\x90\x80\x80") == signs(4));
  CHECK(lossy("\xF0\x9F\x99") == signs(1));
  CHECK(lossy("\xF0\x9F\x99z") == signs(1) + "z");
  CHECK(lossy("\xFF\x80") == signs(2));
  CHECK(lossy(std::string_view("\0", 1)) == std::string_view("\0", 1));
}

TEST_CASE("any bytes in any pieces give the text that they give at once") {
  std::mt19937 random(1);
  const std::string_view interesting =
      "\xF0\x9F\x99\x82\xE4\xB8\x96\xC3\xA9\xED\xA0\xC0\xFF\x80"
      "ab\xF4\x8F\x90";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (size_t i = random() % 24; i > 0; --i) {
      bytes += random() % 4 == 0 ? static_cast<char>(random()) : interesting[random() % interesting.size()];
    }
    CAPTURE(round);
    const std::string expected = lossy(bytes);
    for (size_t step : {1, 2, 3, 5, 24}) CHECK(streamed(bytes, step) == expected);
  }
}

TEST_CASE("every character is read back") {
  for (char32_t character = 0; character < 0x110000; ++character) {
    if (character == 0xD800) character = 0xE000;
    std::string text;
    utf8_append(character, &text);
    size_t offset = 0;
    REQUIRE(utf8_invalid_at(text) == text.size());
    REQUIRE(utf8_next(text, &offset) == character);
    REQUIRE(offset == text.size());
  }
}
