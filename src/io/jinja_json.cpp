// Values as JSON, byte for byte as json.dumps of Python writes them. Not the writer of mica's own documents
// (json_build.hpp), which has another layout. See jinja_run.hpp.
#include <algorithm>
#include <cmath>
#include <vector>

#include "jinja_number.hpp"
#include "jinja_run.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {
namespace {

void append_escape(uint32_t unit, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kDigits[unit >> shift & 15]);
}

void append_text(std::string_view text, bool ascii, std::string* out) {
  constexpr std::string_view kShort = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
  out->push_back('"');
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = utf8_next(text, &at);
    const size_t known = c < 0x80 ? kShort.find(static_cast<char>(c)) : std::string_view::npos;
    if (known != std::string_view::npos) {
      out->push_back('\\');
      out->push_back(kLetters[known]);
    } else if (c < 0x20 || (ascii && c >= 0x7F && c < 0x10000)) {
      append_escape(c, out);
    } else if (ascii && c >= 0x10000) {
      append_escape(0xD800 + ((c - 0x10000) >> 10), out);
      append_escape(0xDC00 + ((c - 0x10000) & 0x3FF), out);
    } else {
      *out += text.substr(begin, at - begin);
    }
  }
  out->push_back('"');
}

std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  return std::isinf(number) ? (number < 0 ? "-Infinity" : "Infinity") : real_text(number);
}

}  // namespace

// One document while it is written.
struct JsonWriter {
  Run& run;
  const Run::JsonForm& form;
  std::string* out;
  uint32_t depth = 0;

  void line() {
    if (!form.has_indent) return;
    out->push_back('\n');
    for (uint32_t i = 0; i < depth; ++i) *out += form.indent;
  }

  bool key(const Value& value) {
    switch (value.kind) {
      case Kind::string: append_text(value.view(), form.ascii, out); return true;
      case Kind::none: *out += "\"null\""; return true;
      case Kind::boolean: *out += value.truth ? "\"true\"" : "\"false\""; return true;
      case Kind::integer:
      case Kind::wide: *out += '"' + integer_text(value.whole()) + '"'; return true;
      case Kind::real: *out += '"' + number_text(value.real) + '"'; return true;
      default: return run.fail("%s cannot be a key in JSON", run.describe(value));
    }
  }

  bool mapping(const Mapping& mapping) {
    if (mapping.count == 0) {
      *out += "{}";
      return true;
    }
    std::vector<Entry> entries(mapping.entries, mapping.entries + mapping.count);
    bool ok = true;
    if (form.sorted) {
      std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
        bool is_less = false;
        ok = ok && run.less(a.key, b.key, false, &is_less);
        return ok && is_less;
      });
    }
    *out += '{';
    ++depth;
    for (const Entry& entry : entries) {
      if (&entry != entries.data()) *out += form.item_separator;
      line();
      if (!ok || !key(entry.key)) return false;
      *out += form.key_separator;
      if (!value(entry.value)) return false;
    }
    --depth;
    line();
    *out += '}';
    return true;
  }

  bool items(const Value& list) {
    if (list.size == 0) {
      *out += "[]";
      return true;
    }
    *out += '[';
    ++depth;
    for (uint32_t i = 0; i < list.size; ++i) {
      if (i > 0) *out += form.item_separator;
      line();
      if (!value(list.items_at[i])) return false;
    }
    --depth;
    line();
    *out += ']';
    return true;
  }

  // Depth is bounded by how deep values can be nested.
  bool value(const Value& value) {
    if (!run.charge(1) || !run.room(out->size())) return false;
    switch (value.kind) {
      case Kind::none: *out += "null"; return true;
      case Kind::boolean: *out += value.truth ? "true" : "false"; return true;
      case Kind::integer:
      case Kind::wide: *out += integer_text(value.whole()); return true;
      case Kind::real: *out += number_text(value.real); return true;
      case Kind::string:
        append_text(value.view(), form.ascii, out);
        return run.charge_text(value.size);
      case Kind::list:
      case Kind::tuple: return items(value);
      case Kind::mapping: return mapping(*value.mapping);
      default: return run.fail("%s cannot be written as JSON", run.describe(value));
    }
  }
};

bool Run::write_json(const Value& value, const JsonForm& form, std::string* out) {
  return JsonWriter{*this, form, out}.value(value);
}

}  // namespace mica::jinja
