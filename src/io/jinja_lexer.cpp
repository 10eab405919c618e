// Tokens of the template language, see jinja_lexer.hpp.
#include "jinja_lexer.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <string>

#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view source, const char* title, Heap* heap, std::vector<Token>* out)
      : source_(source), title_(title), heap_(heap), out_(out) {}

  Status run() {
    while (at_ < source_.size()) MICA_TRY(root());
    add(Token::Type::end, {});
    return Status::ok();
  }

 private:
  Status error(const char* what, std::string_view about = "") const {
    return Status::error(Code::corrupt_file, "%s: line %u: %s%.*s", title_, line_, what,
                         static_cast<int>(std::min<size_t>(about.size(), 80)), about.data());
  }
  void add(Token::Type type, std::string_view text) { out_->push_back({type, line_, text}); }
  bool here(std::string_view what) const { return source_.substr(at_).starts_with(what); }
  char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  // Moves on, counting lines.
  void move_to(size_t place) {
    line_ += static_cast<uint32_t>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                              source_.begin() + static_cast<ptrdiff_t>(place), '\n'));
    at_ = place;
  }
  size_t behind_space(size_t place) const {
    while (place < source_.size()) {
      size_t next = place;
      if (!is_space(utf8_next(source_, &next))) break;
      place = next;
    }
    return place;
  }

  // The end of a tag at the current place: its bytes with the white space that it eats, or 0.
  size_t tag_end(char mark, bool trims_line) const;
  bool close_tag(char mark, bool trims_line) {
    const size_t bytes = tag_end(mark, trims_line);
    if (bytes == 0) return false;
    move_to(at_ + bytes);
    line_start_ = source_[at_ - 1] == '\n';
    return true;
  }
  void text_before_tag(std::string_view text, char sign, bool is_print);
  // Where "WORD" of a tag {% WORD stands behind `place`, or npos.
  size_t word_in_tag(size_t place, std::string_view word) const;
  Status root();
  Status comment();
  Status raw();
  Status tag(char mark);
  Status token();
  Status number();
  Status name();
  Status string();
  Status escape(std::string_view* rest, std::string* out) const;
  Status sign();

  std::string_view source_;
  const char* title_;
  Heap* heap_;
  std::vector<Token>* out_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_start_ = true;  // what was read last ended a line
  std::string open_;        // brackets that are to be closed
};

size_t Lexer::tag_end(char mark, bool trims_line) const {
  const auto ends = [&](size_t place) {
    return place + 1 < source_.size() && source_[place] == mark && source_[place + 1] == '}';
  };
  if (peek() == '-' && ends(at_ + 1)) return behind_space(at_ + 3) - at_;
  if (mark != '}' && peek() == '+' && ends(at_ + 1)) return 3;
  if (!ends(at_)) return 0;
  return trims_line && peek(2) == '\n' ? 3 : 2;
}

void Lexer::text_before_tag(std::string_view text, char sign, bool is_print) {
  if (sign == '-') {
    text = stripped(text, false, true);
  } else if (sign != '+' && !is_print) {
    const size_t line = text.rfind('\n') + 1;
    const std::string_view indent = text.substr(line);
    if ((line > 0 || line_start_) && stripped(indent, true, false).empty()) text = text.substr(0, line);
  }
  if (!text.empty()) add(Token::Type::data, text);
}

size_t Lexer::word_in_tag(size_t place, std::string_view word) const {
  place += place < source_.size() && (source_[place] == '-' || source_[place] == '+');
  place = behind_space(place);
  return source_.substr(place).starts_with(word) ? behind_space(place + word.size()) : std::string_view::npos;
}

// Text up to a tag, and the tag.
Status Lexer::root() {
  size_t begin = at_;
  const auto opens = [&](size_t place) {
    const char next = place + 1 < source_.size() ? source_[place + 1] : '\0';
    return next == '{' || next == '%' || next == '#';
  };
  while (begin != std::string_view::npos && begin < source_.size() && !(source_[begin] == '{' && opens(begin))) {
    begin = source_.find('{', begin + 1);
  }
  if (begin >= source_.size()) {
    add(Token::Type::data, source_.substr(at_));
    at_ = source_.size();
    return Status::ok();
  }
  const char mark = source_[begin + 1];
  const char after = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
  const char tag_sign = after == '-' || after == '+' ? after : '\0';
  text_before_tag(source_.substr(at_, begin - at_), tag_sign, mark == '{');
  move_to(begin);
  if (mark == '%') {
    const size_t end = word_in_tag(begin + 2, "raw");
    if (end != std::string_view::npos) {
      const std::string_view rest = source_.substr(end);
      if (rest.starts_with("%}") || rest.starts_with("-%}")) {
        move_to(end);
        close_tag('%', false);
        return raw();
      }
    }
  }
  move_to(begin + 2 + (tag_sign != '\0'));
  line_start_ = false;
  return mark == '#' ? comment() : tag(mark == '{' ? '}' : '%');
}

Status Lexer::comment() {
  const size_t end = source_.find("#}", at_);
  if (end == std::string_view::npos) return error("a comment {# has no end");
  const bool has_sign = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+');
  move_to(end - has_sign);
  close_tag('#', true);
  return Status::ok();
}

Status Lexer::raw() {
  for (size_t begin = source_.find("{%", at_); begin != std::string_view::npos; begin = source_.find("{%", begin + 1)) {
    const size_t end = word_in_tag(begin + 2, "endraw");
    if (end == std::string_view::npos) continue;
    const char after = source_[begin + 2];
    const size_t started = at_;
    at_ = end;
    const bool closes = tag_end('%', true) != 0;
    at_ = started;
    if (!closes) continue;
    text_before_tag(source_.substr(at_, begin - at_), after == '-' || after == '+' ? after : '\0', false);
    move_to(end);
    close_tag('%', true);
    return Status::ok();
  }
  return error("{% raw %} has no end");
}

Status Lexer::tag(char mark) {
  const bool is_print = mark == '}';
  add(is_print ? Token::Type::print_begin : Token::Type::block_begin, {});
  open_.clear();
  for (;;) {
    move_to(behind_space(at_));
    if (at_ >= source_.size()) return error(is_print ? "{{ has no end" : "{% has no end");
    const uint32_t line = line_;
    if (open_.empty() && close_tag(mark, !is_print)) {
      out_->push_back({is_print ? Token::Type::print_end : Token::Type::block_end, line, {}});
      return Status::ok();
    }
    MICA_TRY(token());
  }
}

Status Lexer::token() {
  const char c = peek();
  if (is_digit(c)) return number();
  if (c == '\'' || c == '"') return string();
  if (c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<uint8_t>(c) >= 0x80) return name();
  return sign();
}

Status Lexer::number() {
  size_t end = at_;
  bool is_real = false;
  const auto at = [&](size_t place) { return place < source_.size() ? source_[place] : '\0'; };
  const auto digits = [&](auto is_one) {
    while (is_one(at(end)) || (at(end) == '_' && is_one(at(end + 1)) && end > at_)) ++end;
  };
  const char base = static_cast<char>(at(at_ + 1) | 0x20);
  if (at(at_) == '0' && (base == 'x' || base == 'o' || base == 'b')) {
    end += 2;
    digits([&](char c) {
      if (base == 'x') return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
      return c >= '0' && c <= (base == 'o' ? '7' : '1');
    });
    if (end == at_ + 2) end = at_ + 1;
  } else {
    digits(is_digit);
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_dot && at(end) == '.' && is_digit(at(end + 1))) {
      is_real = true;
      ++end;
      digits(is_digit);
    }
    const size_t exponent = end + 1 + (at(end + 1) == '+' || at(end + 1) == '-');
    if (!after_dot && (at(end) | 0x20) == 'e' && is_digit(at(exponent))) {
      is_real = true;
      end = exponent;
      digits(is_digit);
    }
    if (!is_real && at(at_) == '0') {  // 0 and 00 are numbers, 012 is none
      end = at_;
      digits([](char c) { return c == '0'; });
    }
  }
  add(is_real ? Token::Type::real : Token::Type::integer, source_.substr(at_, end - at_));
  at_ = end;
  return Status::ok();
}

Status Lexer::name() {
  size_t end = at_;
  while (end < source_.size()) {
    size_t next = end;
    const char32_t c = utf8_next(source_, &next);
    const bool plain = c < 0x80 && (c == '_' || is_digit(static_cast<char>(c)) || ((c | 0x20) >= 'a' &&
        (c | 0x20) <= 'z'));
    if (!plain && (c < 0x80 || !is_name_part(c, end == at_))) break;
    end = next;
  }
  if (end == at_) return sign();
  add(Token::Type::name, source_.substr(at_, end - at_));
  at_ = end;
  return Status::ok();
}

// One escape at the start of *rest, behind its backslash.
Status Lexer::escape(std::string_view* rest, std::string* out) const {
  constexpr std::string_view kLetters = "\n\\'\"abfnrtv";
  constexpr std::string_view kMeanings("\0\\'\"\a\b\f\n\r\t\v", 11);
  const char c = (*rest)[0];
  rest->remove_prefix(1);
  const size_t known = kLetters.find(c);
  if (known != std::string_view::npos) {
    if (c != '\n') out->push_back(kMeanings[known]);
    return Status::ok();
  }
  char32_t code = 0;
  if (c >= '0' && c <= '7') {
    code = static_cast<char32_t>(c - '0');
    for (int i = 0; i < 2 && !rest->empty() && (*rest)[0] >= '0' && (*rest)[0] <= '7'; ++i) {
      code = code * 8 + static_cast<char32_t>((*rest)[0] - '0');
      rest->remove_prefix(1);
    }
  } else if (c == 'x' || c == 'u' || c == 'U') {
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    for (size_t i = 0; i < digits; ++i) {
      const char d = i < rest->size() ? (*rest)[i] : '\0';
      const char letter = static_cast<char>(d | 0x20);
      if (!is_digit(d) && !(letter >= 'a' && letter <= 'f')) {
        return error("an escape in a string lacks digits: \\", {&c, 1});
      }
      code = code * 16 + static_cast<char32_t>(is_digit(d) ? d - '0' : letter - 'a' + 10);
    }
    rest->remove_prefix(digits);
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return error("an escape in a string is no character");
  } else if (c == 'N') {
    const size_t end = rest->find('}');
    if (!rest->starts_with("{") || end == std::string_view::npos) return error("\\N in a string lacks {NAME}");
    code = character_named(rest->substr(1, end - 1));
    if (code == 0) return error("mica does not know the character name ", rest->substr(1, end - 1));
    rest->remove_prefix(end + 1);
  } else {
    // Not an escape: the backslash stays. The reference writes characters beyond ASCII by their numbers first.
    out->push_back('\\');
    if (static_cast<uint8_t>(c) < 0x80) {
      out->push_back(c);
      return Status::ok();
    }
    const std::string_view whole(rest->data() - 1, rest->size() + 1);
    size_t next = 0;
    append_hexadecimal(utf8_next(whole, &next), out);
    *rest = whole.substr(next);
    return Status::ok();
  }
  utf8_append(code, out);
  return Status::ok();
}

Status Lexer::string() {
  const char quote = peek();
  size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) return error("a string has no end: ", source_.substr(at_, 30));
  std::string_view text = source_.substr(at_ + 1, end - at_ - 1);
  if (text.find('\\') != std::string_view::npos) {
    std::string plain;
    while (!text.empty()) {
      const size_t next = std::min(text.find('\\'), text.size());
      plain += text.substr(0, next);
      text.remove_prefix(next);
      if (text.empty()) break;
      text.remove_prefix(1);
      MICA_TRY(escape(&text, &plain));
    }
    const char* kept = heap_->join(plain, {});
    if (kept == nullptr) return error("its strings are too long");
    text = {kept, plain.size()};
  }
  add(Token::Type::string, text);
  move_to(end + 1);
  return Status::ok();
}

Status Lexer::sign() {
  constexpr std::string_view kSigns[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
                                         "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";"};
  const auto* found = std::find_if(std::begin(kSigns), std::end(kSigns), [&](std::string_view s) { return here(s); });
  if (found == std::end(kSigns)) {
    return error("this is not of the template language: ", source_.substr(at_, utf8_step(source_.substr(at_)).bytes));
  }
  const char c = (*found)[0];
  if (c == '(' || c == '[' || c == '{') open_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
  if (c == ')' || c == ']' || c == '}') {
    if (open_.empty() || open_.back() != c) return error("a bracket closes what was not opened: ", *found);
    open_.pop_back();
  }
  add(Token::Type::sign, *found);
  at_ += found->size();
  return Status::ok();
}

}  // namespace

Status read_tokens(std::string_view source, const char* title, Heap* heap, std::vector<Token>* out) {
  return Lexer(source, title, heap, out).run();
}

std::string normal_source(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out.push_back(source[i] == '\r' ? '\n' : source[i]);
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace mica::jinja
