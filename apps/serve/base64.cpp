// Base64, see base64.hpp.
#include "base64.hpp"

#include <array>
#include <cstdint>

namespace app::serve {
namespace {

constexpr int8_t kForeign = -1, kBlank = -2;

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  for (int8_t& value : values) value = kForeign;
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int8_t i = 0; i < 64; ++i) values[static_cast<uint8_t>(kAlphabet[i])] = i;
  values['-'] = 62;
  values['_'] = 63;
  for (const char blank : {' ', '\t', '\r', '\n'}) values[static_cast<uint8_t>(blank)] = kBlank;
  return values;
}

constexpr std::array<int8_t, 256> kValues = make_values();

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  size_t digits = 0, padding = 0;
  for (const char c : text) {
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    if (value == kBlank) continue;
    if (c == '=' && ++padding <= 2) continue;
    if (value == kForeign || padding > 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if (++digits % 4 != 1) bytes += static_cast<char>(bits >> (6 - 2 * ((digits - 1) % 4)));
  }
  const bool is_whole = digits % 4 != 1 && (padding == 0 || (digits + padding) % 4 == 0);
  return is_whole ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace app::serve
