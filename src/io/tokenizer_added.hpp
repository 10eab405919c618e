// AddedTokens: tokens that are found in a text as strings, before anything else is done to it. Not the vocabulary:
// whether a string is also a token of the model does not matter here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "status.hpp"
#include "tokenizer_normalize.hpp"
#include "tokenizer_pattern.hpp"

namespace mica {

struct AddedToken {
  int32_t id = 0;
  bool single_word = false;  // not when a word character stands next to it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and that behind it
  bool normalized = false;   // is looked for, normalised itself, in the normalised text
  bool special = false;      // control, not text
  std::string content;       // not empty
};

// Finds the leftmost and there the longest of a set of strings.
class StringSet {
 public:
  void add(std::string content, uint32_t value);
  // After the last add().
  void finish();
  // The longest string that text has at `at`; false when there is none.
  bool longest_at(std::string_view text, size_t at, size_t* bytes, uint32_t* value) const;

 private:
  struct Entry {
    std::string content;
    uint32_t value;
  };
  std::vector<Entry> entries_;           // sorted by content; of equal contents the first added counts
  std::array<uint32_t, 257> by_byte_{};  // entries that begin with byte b: [by_byte_[b], by_byte_[b + 1])
};

class AddedTokens {
 public:
  struct Segment {
    size_t begin, end;  // bytes of the text
    int32_t id;         // an added token, or -1: text
  };

  // The normalizer is used during the call only. Errors: as Normalizer::apply.
  Status build(std::vector<AddedToken> tokens, const Normalizer& normalizer);

  // Cuts `text` at the added tokens that are looked for in raw text, or at those looked for in normalised text. A
  // special token is left as text unless `parse_special`; the tokens inside its string are then not looked for.
  Status split(std::string_view text, bool normalized, bool parse_special, PatternScratch* scratch,
               std::vector<Segment>* segments) const;

  // How tokenizers writes a token that is looked for in normalised text; empty: as its content.
  std::string_view normal_form(int32_t id) const;

 private:
  struct NormalForm {
    int32_t id;
    std::string text;
  };
  Status stands_alone(std::string_view text, size_t begin, size_t end, PatternScratch* scratch, bool* alone) const;

  std::vector<AddedToken> tokens_;
  StringSet raw_, normalized_;
  std::vector<NormalForm> normal_forms_;  // sorted by id; of tokens whose content is another
  Pattern word_;  // one word character; compiled only when a token is single_word
};

}  // namespace mica
