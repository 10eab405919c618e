// Flags that people bring from llama.cpp and its friends and that no command of mica has: what each means here. A table
// and its look-up; mica's own flags are options.cpp's.
#pragma once

#include <string>

namespace app {

struct ForeignFlag {
  enum class Takes { nothing, value, maybe };  // maybe: one of on, off, auto, 0, 1
  enum class Answer { note, refusal };         // note: it has no meaning here and is left out, which is said

  const char* names;  // with commas between
  Takes takes;
  Answer answer;
  const char* text;            // follows the name; each '%' stands for the value
  const char* value = nullptr;  // the row is for these values alone, with commas between
};

// The first row of that name, and value where the row asks for some; null when there is none.
const ForeignFlag* find_foreign_flag(const std::string& name, const std::string& value);

// True for a word that Takes::maybe takes.
bool is_switch_word(const std::string& word);

// "-ngl: mica computes on the CPU ...", for a note or an error.
std::string foreign_flag_text(const ForeignFlag& flag, const std::string& name, const std::string& value);

}  // namespace app
