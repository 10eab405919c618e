// PreTokenizer: cuts a normalised text into the words that byte-pair encoding works on, as a list of steps. Not added
// tokens, which are found before.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "status.hpp"
#include "tokenizer_pattern.hpp"

namespace mica {

// A text and the pieces of it that count; what lies between two pieces is gone.
struct Pieces {
  struct Span {
    size_t begin, end;
  };
  std::string text;
  std::vector<Span> spans;
  bool opens = false;  // the first piece starts where the context starts
  bool prefix = true;  // a prefix may stand before the first piece: it does not continue a text

  std::string_view view(size_t i) const {
    return std::string_view(text).substr(spans[i].begin, spans[i].end - spans[i].begin);
  }
};

// What becomes of the matches of a split: each a piece, dropped, joined to a neighbour, or joined to each other.
enum class SplitBehavior : uint8_t { isolated, removed, merged_with_previous, merged_with_next, contiguous };

struct PreTokenizeStep {
  enum class Kind {
    split,      // at the matches of `pattern`, or with `invert` at what lies between them
    prefix,     // `content` before pieces that do not begin with it
    replace,    // each match of `pattern` by `content`
    byte_level  // each byte by a character (byte_level.hpp)
  };
  // The pieces that get a prefix: all of them, or only the one that opens the context.
  enum class Prefix : uint8_t { always, first };
  Kind kind = Kind::split;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
  Prefix scheme = Prefix::always;
  std::string content;
  Pattern pattern;
};

class PreTokenizer {
 public:
  void add(PreTokenizeStep step) { steps_.push_back(std::move(step)); }
  // A split at an expression; errors as Pattern::compile.
  Status add_split(std::string_view expression, SplitBehavior behavior, bool invert = false);
  void add_prefix(std::string_view content, PreTokenizeStep::Prefix scheme);
  void add_byte_level();
  size_t steps() const { return steps_.size(); }

  // `pieces` holds a text and one span over all of it. Errors: limit_exceeded.
  Status apply(PatternScratch* scratch, Pieces* pieces) const;

 private:
  std::vector<PreTokenizeStep> steps_;
};

}  // namespace mica
