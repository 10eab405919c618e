// UTF-8: see utf8.hpp. Well-formed sequences are those of Table 3-7 of the Unicode standard, so overlong forms,
// surrogates and values beyond U+10FFFF are invalid at the first byte that shows it.
#include "utf8.hpp"

namespace mica {

namespace {

bool is_continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// How many bytes the character has that `lead` starts, and which second bytes may follow; 0: `lead` starts none.
struct Lead {
  uint8_t bytes, second_min, second_max;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0x80, 0xBF};
  if (byte < 0xC2) return {0, 0, 0};  // a continuation, or an overlong form of ASCII
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};  // beyond are the surrogates
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Step utf8_step(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = lead_of(byte(0));
  if (lead.bytes == 0) return {Utf8Step::Kind::invalid, 1, 0};
  if (lead.bytes == 1) return {Utf8Step::Kind::whole, 1, byte(0)};
  char32_t character = byte(0) & (0x7Fu >> lead.bytes);
  for (uint8_t i = 1; i < lead.bytes; ++i) {
    if (i >= text.size()) return {Utf8Step::Kind::cut, i, 0};
    const bool fits = i == 1 ? byte(1) >= lead.second_min && byte(1) <= lead.second_max : is_continuation(byte(i));
    if (!fits) return {Utf8Step::Kind::invalid, i, 0};
    character = character << 6 | (byte(i) & 0x3Fu);
  }
  return {Utf8Step::Kind::whole, lead.bytes, character};
}

size_t utf8_invalid_at(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const Utf8Step step = utf8_step(text.substr(offset));
    if (step.kind != Utf8Step::Kind::whole) return offset;
    offset += step.bytes;
  }
  return offset;
}

Status check_utf8(std::string_view text) {
  const size_t invalid_at = utf8_invalid_at(text);
  if (invalid_at == text.size()) return Status::ok();
  return Status::error(Code::invalid_argument, "the text is not valid UTF-8 at byte %zu: save it again as UTF-8",
                       invalid_at);
}

char32_t utf8_next(std::string_view text, size_t* offset) {
  const Utf8Step step = utf8_step(text.substr(*offset));
  *offset += step.bytes;
  return step.character;
}

size_t utf8_start_before(std::string_view text, size_t offset) {
  --offset;
  while (offset > 0 && is_continuation(static_cast<uint8_t>(text[offset]))) --offset;
  return offset;
}

void utf8_append(char32_t character, std::string* text) {
  const auto put = [&](char32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xC0 | character >> 6);
  } else {
    if (character < 0x10000) {
      put(0xE0 | character >> 12);
    } else {
      put(0xF0 | character >> 18);
      put(0x80 | (character >> 12 & 0x3F));
    }
    put(0x80 | (character >> 6 & 0x3F));
  }
  put(0x80 | (character & 0x3F));
}

void utf8_append_lossy(std::string_view bytes, std::string* text) {
  while (!bytes.empty()) {
    const Utf8Step step = utf8_step(bytes);
    *text += step.kind == Utf8Step::Kind::whole ? bytes.substr(0, step.bytes) : kUtf8Replacement;
    bytes.remove_prefix(step.bytes);
  }
}

bool is_white_space(char32_t character) {
  return (character >= 0x09 && character <= 0x0D) || character == 0x20 || character == 0x85 || character == 0xA0 ||
         character == 0x1680 || (character >= 0x2000 && character <= 0x200A) || character == 0x2028 ||
         character == 0x2029 || character == 0x202F || character == 0x205F || character == 0x3000;
}

}  // namespace mica
