// Normalizer: see tokenizer_normalize.hpp. Each step rewrites the whole text.
#include "tokenizer_normalize.hpp"

#include "limits.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

Status check_size(const std::string& text) {
  if (text.size() <= limits::kNormalizedBytesMax) return Status::ok();
  return Status::error(Code::limit_exceeded, "the text has more than %zu bytes after normalisation",
                       limits::kNormalizedBytesMax);
}

// Rewrites character by character: append(character, out).
template <class Append>
Status rewrite(std::string* text, Append append) {
  std::string out;
  out.reserve(text->size());
  for (size_t at = 0; at < text->size();) append(utf8_next(*text, &at), &out);
  text->swap(out);
  return check_size(*text);
}

void strip(bool left, bool right, std::string* text) {
  size_t begin = left ? text->size() : 0, end = right ? 0 : text->size();
  for (size_t at = 0; at < text->size();) {
    const size_t start = at;
    if (is_white_space(utf8_next(*text, &at))) continue;
    if (left && begin > start) begin = start;
    if (right) end = at;
  }
  *text = begin < end ? text->substr(begin, end - begin) : std::string();
}

Status apply_step(const NormalizeStep& step, bool prefix, PatternScratch* scratch, std::string* text) {
  switch (step.kind) {
    case NormalizeStep::Kind::form: return to_normal_form(step.form, limits::kNormalizedBytesMax, text);
    case NormalizeStep::Kind::lowercase: return rewrite(text, append_lower_case);
    case NormalizeStep::Kind::strip: strip(step.left, step.right, text); return Status::ok();
    case NormalizeStep::Kind::strip_accents:
      return rewrite(text, [](char32_t character, std::string* out) {
        if (!is_mark(character)) utf8_append(character, out);
      });
    case NormalizeStep::Kind::prepend:
      if (prefix && !text->empty()) text->insert(0, step.content);
      return check_size(*text);
    case NormalizeStep::Kind::replace: {
      std::string out;
      MICA_TRY(step.pattern.replace_all(*text, step.content, limits::kNormalizedBytesMax, scratch, &out));
      text->swap(out);
      return Status::ok();
    }
  }
  return Status::ok();
}

}  // namespace

Status Normalizer::apply(bool prefix, PatternScratch* scratch, std::string* text) const {
  for (const NormalizeStep& step : steps_) MICA_TRY(apply_step(step, prefix, scratch, text));
  return Status::ok();
}

}  // namespace mica
