// A name that nobody can guess, of letters and digits.
#pragma once

#include <random>
#include <string>

namespace app::serve {

inline std::string drawn_text() {
  constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string text;
  for (int i = 0; i < 24; ++i) text += kDigits[random() % 36];
  return text;
}

}  // namespace app::serve
