// The byte-level alphabet: see byte_level.hpp. As GPT-2's encoder.py defines it (bytes_to_unicode).
#include "byte_level.hpp"

#include <array>

#include "utf8.hpp"

namespace mica {

namespace {

constexpr char32_t kFirstSubstitute = 0x100;
constexpr size_t kSubstitutes = 68;  // bytes that are not printable

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int16_t, kFirstSubstitute + kSubstitutes> byte{};  // by character; -1: not of the alphabet
};

constexpr bool is_printable(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.byte.fill(-1);
  char32_t substitute = kFirstSubstitute;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t character = is_printable(byte) ? byte : substitute++;
    alphabet.character[byte] = character;
    alphabet.byte[character] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

void byte_level_append(std::string_view bytes, std::string* text) {
  for (char c : bytes) utf8_append(kAlphabet.character[static_cast<uint8_t>(c)], text);
}

bool byte_level_bytes(std::string_view text, std::string* bytes) {
  const size_t before = bytes->size();
  for (size_t offset = 0; offset < text.size();) {
    const char32_t character = utf8_next(text, &offset);
    if (character >= kAlphabet.byte.size() || kAlphabet.byte[character] < 0) {
      bytes->resize(before);
      return false;
    }
    bytes->push_back(static_cast<char>(kAlphabet.byte[character]));
  }
  return true;
}

}  // namespace mica
