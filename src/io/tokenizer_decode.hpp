// Decoder: the contents of tokens back to text, as a list of steps. Not CharacterStream, which only joins the bytes
// that single tokens are worth.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "status.hpp"
#include "tokenizer_pattern.hpp"

namespace mica {

struct DecodeStep {
  enum class Kind {
    byte_level,     // characters of the byte-level alphabet to bytes, all tokens joined
    replace,        // each match of `pattern` by `content`; in the first token by nothing, if `drop_first`
    byte_fallback,  // tokens <0x00> to <0xFF> to bytes; a run that is no UTF-8 to one U+FFFD a byte
    fuse,           // all tokens joined
    strip,          // up to `start` times `content`, one character, off the front, up to `stop` times off the end
    join,           // all tokens joined by `content`
  };
  Kind kind = Kind::fuse;
  std::string content;
  Pattern pattern;
  size_t start = 0, stop = 0;
  bool drop_first = false;
};

class Decoder {
 public:
  void add(DecodeStep step) { steps_.push_back(std::move(step)); }
  size_t steps() const { return steps_.size(); }

  // Appends the text of `tokens`, valid UTF-8 and together at most kNormalizedBytesMax; they are used up.
  // limit_exceeded: replacements make them longer.
  Status decode(std::vector<std::string>* tokens, std::string* text) const;

  // Appends the bytes that one token in the middle of a text is worth: they need not be whole characters.
  Status decode_one(std::string_view token, PatternScratch* scratch, std::string* bytes) const;

 private:
  std::vector<DecodeStep> steps_;
};

}  // namespace mica
