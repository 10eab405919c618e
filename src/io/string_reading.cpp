// StringReading: see string_reading.hpp. Characters that may still come are ranges, asked for in the automaton.
#include "string_reading.hpp"

#include <algorithm>
#include <string_view>

namespace mica {

namespace {

using Within = StringReading::Within;

constexpr char32_t kLowMin = 0xDC00, kPairsMin = 0x10000;
constexpr char32_t kControlMax = 0x1F;  // the last that stands in no string as it is

bool complete(const Regular& regular, char32_t character, StringReading* reading) {
  const uint32_t state = regular.step(reading->state, character);
  *reading = {};
  reading->state = state;
  return state != Regular::kDead;
}

// All that may come lies in [first, last], which has no surrogate.
bool narrow(const Regular& regular, char32_t first, char32_t last, StringReading* reading) {
  uint32_t target = 0;
  if (!regular.leads_alike(reading->state, first, last, &target))
    return regular.leads_on(reading->state, first, last);
  reading->is_settled = true;
  reading->value = target;
  reading->state = 0;
  return target != Regular::kDead;
}

bool finish_settled(StringReading* reading) {
  const uint32_t state = reading->value;
  *reading = {};
  reading->state = state;
  return true;
}

bool begin_utf8(const Regular& regular, uint8_t byte, StringReading* reading) {
  if (byte < 0xC2 || byte > 0xF4) return false;
  reading->within = Within::utf8;
  reading->left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  reading->value = byte & (0x3Fu >> reading->left);
  const int shift = 6 * reading->left;
  char32_t first = reading->value << shift, last = ((reading->value + 1) << shift) - 1;
  first = std::max<char32_t>(first, reading->left == 1 ? 0x80 : reading->left == 2 ? 0x800 : kPairsMin);
  last = std::min(last, kCharacterMax);
  // Which bytes may follow these four is not for all alike.
  if (byte == 0xE0 || byte == 0xED || byte == 0xF0 || byte == 0xF4) {
    if (byte == 0xED) last = kSurrogateMin - 1;
    return regular.leads_on(reading->state, first, last);
  }
  return narrow(regular, first, last, reading);
}

bool go_on_utf8(const Regular& regular, uint8_t byte, StringReading* reading) {
  if ((byte & 0xC0) != 0x80) return false;
  --reading->left;
  if (reading->is_settled) return reading->left > 0 || finish_settled(reading);
  const uint32_t before = reading->value;
  reading->value = before << 6 | (byte & 0x3Fu);
  const int shift = 6 * reading->left;
  const char32_t first = reading->value << shift, last = ((reading->value + 1) << shift) - 1;
  // The shortest spelling alone is valid, and surrogates and what is beyond the last character have none.
  if (reading->left == 1 && before == 0 && byte < 0xA0) return false;
  if (reading->left == 2 && before == 0 && byte < 0x90) return false;
  if (reading->left == 1 && before == 0xD && byte >= 0xA0) return false;
  if (first > kCharacterMax) return false;
  return reading->left == 0 ? complete(regular, reading->value, reading) : narrow(regular, first, last, reading);
}

int hexadecimal(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const int lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char32_t pair_of(char32_t high, char32_t low) { return kPairsMin + ((high - kSurrogateMin) << 10) + (low - kLowMin); }

// Of four digits: one that is none of a pair, or the first half of one.
bool take_digit(const Regular& regular, uint8_t byte, bool plainly, StringReading* reading) {
  const int digit = hexadecimal(byte);
  if (digit < 0) return false;
  --reading->left;
  if (reading->is_settled) return reading->left > 0 || finish_settled(reading);
  reading->value = reading->value << 4 | static_cast<uint32_t>(digit);
  const int shift = 4 * reading->left;
  const char32_t first = reading->value << shift;
  const char32_t last = std::min<char32_t>(((reading->value + 1) << shift) - 1, plainly ? kControlMax : kCharacterMax);
  if (first > last) return false;
  if (last < kSurrogateMin || first > kSurrogateMax) {
    if (reading->left == 0) return complete(regular, reading->value, reading);
    return plainly ? regular.leads_on(reading->state, first, last) : narrow(regular, first, last, reading);
  }
  const char32_t high = std::max(first, kSurrogateMin), high_last = std::min<char32_t>(last, kLowMin - 1);
  const bool has_pair =
      high <= high_last && regular.leads_on(reading->state, pair_of(high, kLowMin), pair_of(high_last, kSurrogateMax));
  if (reading->left == 0) {
    reading->within = Within::low_escape;
    return has_pair;
  }
  return has_pair || (first < kSurrogateMin && regular.leads_on(reading->state, first, kSurrogateMin - 1)) ||
         (last > kSurrogateMax && regular.leads_on(reading->state, kSurrogateMax + 1, last));
}

// `value` is the first half, then with the digits of the second behind it.
bool take_low_digit(const Regular& regular, uint8_t byte, StringReading* reading) {
  const int digit = hexadecimal(byte);
  if (digit < 0) return false;
  --reading->left;
  reading->value = reading->value << 4 | static_cast<uint32_t>(digit);
  const int shift = 4 * reading->left;
  const char32_t high = reading->value >> (16 - shift);
  const char32_t half = (reading->value << shift) & 0xFFFF;
  const char32_t first = std::max(half, kLowMin);
  const char32_t last = std::min<char32_t>(half + (char32_t{1} << shift) - 1, kSurrogateMax);
  if (first > last) return false;
  if (reading->left == 0) return complete(regular, pair_of(high, half), reading);
  return regular.leads_on(reading->state, pair_of(high, first), pair_of(high, last));
}

bool take_escape(const Regular& regular, uint8_t byte, bool plainly, StringReading* reading) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kCharacters = "\"\\/\b\f\n\r\t";
  if (byte == 'u') {
    *reading = {Within::digits, 4, false, 0, reading->state};
    return regular.leads_on(reading->state, 0, plainly ? kControlMax : kCharacterMax);
  }
  if (byte == '/' && plainly) return false;
  const size_t found = kLetters.find(static_cast<char>(byte));
  return found != std::string_view::npos && complete(regular, static_cast<uint8_t>(kCharacters[found]), reading);
}

// Whether a backslash may come.
bool may_escape(const Regular& regular, uint32_t state, bool plainly) {
  if (!plainly) return regular.leads_on(state);
  return regular.leads_on(state, 0, kControlMax) || regular.leads_on(state, '"', '"') ||
         regular.leads_on(state, '\\', '\\');
}

}  // namespace

bool read_string_byte(const Regular& regular, uint8_t byte, bool plainly, StringReading* reading) {
  switch (reading->within) {
    case Within::nothing: break;
    case Within::utf8: return go_on_utf8(regular, byte, reading);
    case Within::escape: return take_escape(regular, byte, plainly, reading);
    case Within::digits: return take_digit(regular, byte, plainly, reading);
    case Within::low_escape: reading->within = Within::low_letter; return byte == '\\';
    case Within::low_letter:
      reading->within = Within::low_digits;
      reading->left = 4;
      return byte == 'u';
    case Within::low_digits: return take_low_digit(regular, byte, reading);
  }
  if (byte == '\\') {
    reading->within = Within::escape;
    return may_escape(regular, reading->state, plainly);
  }
  if (byte >= 0x80) return begin_utf8(regular, byte, reading);
  return byte >= 0x20 && byte != '"' && complete(regular, byte, reading);
}

bool read_plain_byte(const Regular& regular, uint8_t byte, StringReading* reading) {
  return byte < 0x80 && complete(regular, byte, reading);
}

}  // namespace mica
