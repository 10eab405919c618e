// Pattern: a string or regular expression from a tokenizer file, and its matches in a text. Bounded: an expression that
// backtracks without end gives a status. Not for patterns of mica's own: those are code.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "status.hpp"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace mica {

// The working memory of searches: one for each thread that searches at a time, used again by all patterns.
class PatternScratch {
 public:
  PatternScratch() = default;
  // Allocates on the first call.
  Status prepare(size_t text_bytes);

 private:
  friend class Pattern;
  struct Delete {
    void operator()(pcre2_real_match_data_8* data) const;
    void operator()(pcre2_real_match_context_8* context) const;
  };
  std::unique_ptr<pcre2_real_match_data_8, Delete> data_;
  std::unique_ptr<pcre2_real_match_context_8, Delete> context_;
};

class Pattern {
 public:
  struct Match {
    size_t begin, end;  // bytes of the text
  };

  // `expression` in the dialect of tokenizer_dialect.hpp. Errors, without their subject ("is empty"): corrupt_file
  // (malformed), unsupported, limit_exceeded (kPatternBytesMax).
  static Status compile(std::string_view expression, Pattern* out);
  // Matches exactly `text`, which is not empty.
  static Pattern literal(std::string_view text);

  // All matches from left to right, none overlapping; an empty match directly behind another is left out. `text` is
  // valid UTF-8, and nothing around it is seen. limit_exceeded: the expression took too many steps.
  Status find_all(std::string_view text, PatternScratch* scratch, std::vector<Match>* matches) const;

  // Appends `text` with each match replaced. limit_exceeded: *out would grow beyond bytes_max.
  Status replace_all(std::string_view text, std::string_view replacement, size_t bytes_max, PatternScratch* scratch,
                     std::string* out) const;

 private:
  struct Delete {
    void operator()(pcre2_real_code_8* code) const;
  };
  Status find_expression(std::string_view text, PatternScratch* scratch, std::vector<Match>* matches) const;

  std::string literal_;  // when there is no code
  std::unique_ptr<pcre2_real_code_8, Delete> code_;
};

}  // namespace mica
