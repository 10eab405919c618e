// Normal forms: utf8proc decomposes and composes; the order of marks between the two is sorted here, because utf8proc
// sorts by swapping neighbours, which takes hours for a megabyte of marks.
#include "unicode_forms.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "utf8.hpp"

namespace mica {

namespace {

// Some of a text, as characters in the form's decomposition.
class Decomposition {
 public:
  explicit Decomposition(NormalForm form) : form_(form) {}

  // False when memory or utf8proc fails, which it does not for valid characters.
  bool append(char32_t character) {
    const bool compatible = form_ == NormalForm::nfkc || form_ == NormalForm::nfkd;
    const auto options =
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
    int boundary_class = 0;
    const size_t before = characters_.size();
    characters_.resize(before + kDecomposedMax);
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), characters_.data() + before, kDecomposedMax,
                                options, &boundary_class);
    if (count < 0 || count > kDecomposedMax) return false;
    characters_.resize(before + static_cast<size_t>(count));
    return true;
  }

  // Orders marks, composes where the form does, and appends the text.
  bool finish(std::string* text) {
    sort_marks();
    auto count = static_cast<utf8proc_ssize_t>(characters_.size());
    if (form_ == NormalForm::nfc || form_ == NormalForm::nfkc) {
      count = utf8proc_normalize_utf32(characters_.data(), count,
                                       static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
      if (count < 0) return false;
    }
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) utf8_append(static_cast<char32_t>(characters_[i]), text);
    characters_.clear();
    return true;
  }

 private:
  static constexpr int kDecomposedMax = 32;  // the longest, of U+FDFA, has 18

  static int combining_class(utf8proc_int32_t character) { return utf8proc_get_property(character)->combining_class; }

  // The canonical ordering algorithm (Unicode, D109): runs of marks by combining class, equals in their order.
  void sort_marks() {
    const auto is_starter = [](utf8proc_int32_t character) { return combining_class(character) == 0; };
    for (auto begin = characters_.begin(); begin != characters_.end();) {
      const auto end = std::find_if(begin, characters_.end(), is_starter);
      if (end - begin > 1) {
        std::stable_sort(
            begin, end, [](utf8proc_int32_t a, utf8proc_int32_t b) { return combining_class(a) < combining_class(b); });
      }
      begin = end == characters_.end() ? end : end + 1;
    }
  }

  NormalForm form_;
  std::vector<utf8proc_int32_t> characters_;
};

bool is_ascii(char c) { return static_cast<uint8_t>(c) < 0x80; }

// Appends to `out` until it has more than bytes_max. False when utf8proc fails.
bool append_normal_form(NormalForm form, std::string_view text, size_t bytes_max, std::string* out) {
  Decomposition run(form);
  for (size_t at = 0; at < text.size() && out->size() <= bytes_max;) {
    // ASCII never combines with what stands before it, so a run ends there; it can with what follows.
    if (is_ascii(text[at]) && !run.finish(out)) return false;
    if (!run.append(utf8_next(text, &at))) return false;
  }
  return run.finish(out);
}

}  // namespace

Status to_normal_form(NormalForm form, size_t bytes_max, std::string* text) {
  if (std::all_of(text->begin(), text->end(), is_ascii)) return Status::ok();
  std::string out;
  out.reserve(text->size());
  if (!append_normal_form(form, *text, bytes_max, &out)) {
    return Status::error(Code::internal, "the text has no normal form");
  }
  if (out.size() > bytes_max) {
    return Status::error(Code::limit_exceeded, "the text has more than %zu bytes in its normal form", bytes_max);
  }
  text->swap(out);
  return Status::ok();
}

void append_lower_case(char32_t character, std::string* text) {
  if (character == 0x130) {  // capital I with dot: SpecialCasing.txt
    *text += "i\xCC\x87";
    return;
  }
  utf8_append(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))), text);
}

bool is_mark(char32_t character) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

}  // namespace mica
