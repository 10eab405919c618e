// Pattern: PCRE2 in UTF mode, interpreted: just-in-time code needs pages that are writable and executable, which
// hardened systems forbid. Match and heap limits bound every search.
#include "tokenizer_pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "limits.hpp"
#include "tokenizer_dialect.hpp"
#include "utf8.hpp"

namespace mica {

void PatternScratch::Delete::operator()(pcre2_real_match_data_8* data) const { pcre2_match_data_free_8(data); }
void PatternScratch::Delete::operator()(pcre2_real_match_context_8* context) const {
  pcre2_match_context_free_8(context);
}
void Pattern::Delete::operator()(pcre2_real_code_8* code) const { pcre2_code_free_8(code); }

Status PatternScratch::prepare(size_t text_bytes) {
  if (data_ == nullptr) data_.reset(pcre2_match_data_create_8(1, nullptr));
  if (context_ == nullptr) context_.reset(pcre2_match_context_create_8(nullptr));
  if (data_ == nullptr || context_ == nullptr) return Status::error(Code::out_of_memory, "no memory for a pattern");
  // A run of n spaces costs the usual patterns n steps back, so the limit grows with the text.
  pcre2_set_match_limit_8(context_.get(),
                          static_cast<uint32_t>(limits::kPatternStepsMax + limits::kPatternStepsPerByte * text_bytes));
  pcre2_set_heap_limit_8(context_.get(), static_cast<uint32_t>(limits::kPatternHeapBytesMax >> 10));
  return Status::ok();
}

Status Pattern::compile(std::string_view expression, Pattern* out) {
  if (expression.empty()) return Status::error(Code::corrupt_file, "is empty");
  if (expression.size() > limits::kPatternBytesMax) {
    return Status::error(Code::limit_exceeded, "is longer than %zu bytes", limits::kPatternBytesMax);
  }
  std::string translated;
  MICA_TRY(translate_pattern(expression, &translated));
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code_8* code =
      pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(translated.data()), translated.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (code == nullptr) {
    if (error == PCRE2_ERROR_HEAP_FAILED) return Status::error(Code::out_of_memory, "no memory for a pattern");
    char message[128] = {};
    pcre2_get_error_message_8(error, reinterpret_cast<PCRE2_UCHAR8*>(message), sizeof message);
    return Status::error(Code::corrupt_file, "is no regular expression: %s", message);
  }
  out->code_.reset(code);
  out->literal_.clear();
  return Status::ok();
}

Pattern Pattern::literal(std::string_view text) {
  Pattern pattern;
  pattern.literal_ = text;
  return pattern;
}

Status Pattern::find_all(std::string_view text, PatternScratch* scratch, std::vector<Match>* matches) const {
  matches->clear();
  if (code_ != nullptr) return find_expression(text, scratch, matches);
  size_t at = 0;
  while (!literal_.empty() && (at = text.find(literal_, at)) != std::string_view::npos) {
    matches->push_back({at, at + literal_.size()});
    at += literal_.size();
  }
  return Status::ok();
}

Status Pattern::find_expression(std::string_view text, PatternScratch* scratch, std::vector<Match>* matches) const {
  MICA_TRY(scratch->prepare(text.size()));
  size_t at = 0;
  uint32_t options = PCRE2_NO_UTF_CHECK;
  while (at <= text.size()) {
    const int result = pcre2_match_8(code_.get(), reinterpret_cast<PCRE2_SPTR8>(text.data()), text.size(), at, options,
                                     scratch->data_.get(), scratch->context_.get());
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      if (result == PCRE2_ERROR_NOMEMORY) return Status::error(Code::out_of_memory, "no memory for a pattern");
      return Status::error(Code::limit_exceeded,
                           "a pattern of the tokenizer takes too many steps at byte %zu of a text", at);
    }
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer_8(scratch->data_.get());
    const bool behind_match = offsets[0] == offsets[1] && !matches->empty() && matches->back().end == offsets[1];
    if (!behind_match) matches->push_back({offsets[0], offsets[1]});
    at = offsets[1];
    if (offsets[0] != offsets[1]) continue;
    if (at == text.size()) break;
    utf8_next(text, &at);
  }
  return Status::ok();
}

Status Pattern::replace_all(std::string_view text, std::string_view replacement, size_t bytes_max,
                            PatternScratch* scratch, std::string* out) const {
  std::vector<Match> matches;
  MICA_TRY(find_all(text, scratch, &matches));
  size_t from = 0;
  for (const Match& match : matches) {
    if (out->size() > bytes_max) break;
    *out += text.substr(from, match.begin - from);
    *out += replacement;
    from = match.end;
  }
  *out += text.substr(from);
  if (out->size() <= bytes_max) return Status::ok();
  return Status::error(Code::limit_exceeded, "the text grows beyond %zu bytes by a replacement", bytes_max);
}

}  // namespace mica
