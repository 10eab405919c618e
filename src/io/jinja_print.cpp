// str() and repr() of Python, and the escaping of HTML. See jinja_run.hpp.
#include <algorithm>

#include "jinja_number.hpp"
#include "jinja_run.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {
namespace {

void represent_text(std::string_view text, std::string* out) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out->push_back(quote);
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = utf8_next(text, &at);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
    } else if (c == '\n' || c == '\r' || c == '\t') {
      *out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (is_printable(c)) {
      *out += text.substr(begin, at - begin);
    } else {
      out->push_back('\\');
      append_hexadecimal(c, out);
    }
  }
  out->push_back(quote);
}

void append_range(const Range& range, std::string* out) {
  *out += "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
  *out += range.step == 1 ? ")" : ", " + std::to_string(range.step) + ")";
}

}  // namespace

static bool represent_items(Run& run, const Value* items, size_t count, const char* open, const char* close,
                            std::string* out) {
  *out += open;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) *out += ", ";
    if (!run.represent(items[i], out)) return false;
  }
  *out += close;
  return true;
}

static bool represent_mapping(Run& run, const Mapping& mapping, std::string* out) {
  *out += "{";
  for (uint32_t i = 0; i < mapping.count; ++i) {
    if (i > 0) *out += ", ";
    if (!run.represent(mapping.entries[i].key, out)) return false;
    *out += ": ";
    if (!run.represent(mapping.entries[i].value, out)) return false;
  }
  *out += "}";
  return true;
}

bool Run::print(const Value& value, std::string* out) {
  if (value.is_string()) {
    if (!room(out->size() + value.size) || !charge_text(value.size)) return false;
    *out += value.view();
    return true;
  }
  if (value.is(Kind::undefined)) return true;
  return represent(value, out);
}

bool Run::represent(const Value& value, std::string* out) {
  const Deeper deeper(this);
  if (!deeper.ok() || !charge(1) || !room(out->size())) return false;
  switch (value.kind) {
    case Kind::undefined: *out += "Undefined"; return true;
    case Kind::none: *out += "None"; return true;
    case Kind::boolean: *out += value.truth ? "True" : "False"; return true;
    case Kind::integer:
    case Kind::wide: *out += integer_text(value.whole()); return true;
    case Kind::real: *out += real_text(value.real); return true;
    case Kind::string:
      if (!charge_text(value.size)) return false;
      if (value.marked) *out += "Markup(";
      represent_text(value.view(), out);
      if (value.marked) *out += ")";
      return true;
    case Kind::list: return represent_items(*this, value.items_at, value.size, "[", "]", out);
    case Kind::tuple: return represent_items(*this, value.items_at, value.size, "(", value.size == 1 ? ",)" : ")", out);
    case Kind::mapping: return represent_mapping(*this, *value.mapping, out);
    case Kind::name_space:
      *out += "<Namespace ";
      if (!represent_mapping(*this, *value.mapping, out)) return false;
      *out += ">";
      return true;
    case Kind::range: append_range(*value.range, out); return true;
    case Kind::keys:
    case Kind::values:
    case Kind::items: {
      std::span<const Value> items;
      const char* open = value.is(Kind::keys) ? "dict_keys([" : value.is(Kind::values) ? "dict_values(["
          : "dict_items([";
      return iterate(value, &items) && represent_items(*this, items.data(), items.size(), open, "])", out);
    }
    case Kind::macro: {
      const Node& node = tree_.nodes[value.macro->node];
      *out += "<Macro ";
      if (value.macro->is_caller) *out += "anonymous";
      else represent_text(tree_.names[node.name], out);
      *out += ">";
      return true;
    }
    // What Python shows of these has an address in it.
    default: return fail("%s has no form as text", describe(value));
  }
}

bool Run::as_text(const Value& value, std::string_view* out) {
  if (value.is_string()) {
    *out = value.view();
    return true;
  }
  std::string shown;
  Value kept;
  if (!print(value, &shown) || !text(shown, &kept)) return false;
  *out = kept.view();
  return true;
}

bool Run::escape_html(const Value& value, Value* out) {
  if (value.is_string() && value.marked) {
    *out = value;
    return true;
  }
  std::string_view plain;
  if (!as_text(value, &plain)) return false;
  std::string escaped;
  for (char c : plain) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&#34;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return room(escaped.size()) && text(escaped, out, true);
}

}  // namespace mica::jinja
