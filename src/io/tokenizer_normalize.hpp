// Normalizer: what a tokenizer does to a text before it is cut, as a list of steps. Not the prefix of Metaspace and
// ByteLevel, which pre-tokenizers add.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "status.hpp"
#include "tokenizer_pattern.hpp"
#include "unicode_forms.hpp"

namespace mica {

struct NormalizeStep {
  enum class Kind {
    form,           // to a Unicode normal form
    lowercase,      // character by character, without context
    strip,          // white space off the ends
    strip_accents,  // drops marks: non-spacing, spacing and enclosing ones
    prepend,        // `content` in front of a text that is not empty
    replace,        // each match of `pattern` by `content`
  };
  Kind kind = Kind::form;
  NormalForm form = NormalForm::nfc;
  bool left = true, right = true;  // of strip
  std::string content;
  Pattern pattern;
};

class Normalizer {
 public:
  void add(NormalizeStep step) { steps_.push_back(std::move(step)); }
  size_t steps() const { return steps_.size(); }

  // `text` is valid UTF-8 and replaced by what it becomes. Without `prefix` nothing is prepended: the text continues
  // another. Errors: limit_exceeded (kNormalizedBytesMax, or a pattern without end), out_of_memory.
  Status apply(bool prefix, PatternScratch* scratch, std::string* text) const;

 private:
  std::vector<NormalizeStep> steps_;
};

}  // namespace mica
