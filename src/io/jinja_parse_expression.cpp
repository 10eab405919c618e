// Expressions of the template language, from what binds loosest to what binds tightest. See jinja_parser.hpp.
#include <algorithm>
#include <charconv>
#include <string>

#include "jinja_number.hpp"
#include "jinja_parser.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {

bool Parser::expression(uint32_t* out, bool with_conditional) {
  const Nested nested(this);
  if (!nested.ok()) return false;
  return with_conditional ? conditional(out) : disjunction(out);
}

// a if b else c; without else it is undefined when b is false.
bool Parser::conditional(uint32_t* out) {
  uint32_t line = now().line;
  if (!disjunction(out)) return false;
  while (skip_name("if")) {
    uint32_t condition = kNoNode, otherwise = kNoNode;
    if (!disjunction(&condition)) return false;
    if (skip_name("else") && !expression(&otherwise)) return false;
    *out = add(Op::conditional, line, {*out, condition, otherwise});
    if (*out == kNoNode) return false;
    line = now().line;
  }
  return true;
}

// PART, or one node of all parts of PART SEPARATOR PART ...
bool Parser::joined(Op op, bool (Parser::*part)(uint32_t*), bool (Parser::*skip)(std::string_view),
                    std::string_view separator, uint32_t* out) {
  const uint32_t line = now().line;
  Nodes parts(1);
  if (!(this->*part)(&parts[0])) return false;
  while ((this->*skip)(separator)) {
    if (!(this->*part)(&parts.emplace_back())) return false;
  }
  *out = parts.size() == 1 ? parts[0] : add(op, line, parts);
  return *out != kNoNode;
}

bool Parser::disjunction(uint32_t* out) {
  return joined(Op::disjunction, &Parser::conjunction, &Parser::skip_name, "or", out);
}

bool Parser::conjunction(uint32_t* out) {
  return joined(Op::conjunction, &Parser::inverse, &Parser::skip_name, "and", out);
}

bool Parser::inverse(uint32_t* out) {
  const uint32_t line = now().line;
  if (!skip_name("not")) return comparison(out);
  const Nested nested(this);
  if (!nested.ok() || !inverse(out)) return false;
  *out = add(Op::inverse, line, {*out});
  return *out != kNoNode;
}

namespace {

struct Sign {
  std::string_view text;
  Operator meaning;
};
constexpr Sign kComparisons[] = {{"==", Operator::equal}, {"!=", Operator::unequal},       {"<", Operator::less},
                                 {"<=", Operator::less_equal}, {">", Operator::greater}, {">=",
                                     Operator::greater_equal}};
constexpr Sign kSums[] = {{"+", Operator::add}, {"-", Operator::subtract}};
constexpr Sign kProducts[] = {{"*", Operator::multiply}, {"/", Operator::divide}, {"//", Operator::floor_divide},
                              {"%", Operator::remainder}};

template <size_t kCount>
const Sign* sign_of(const Sign (&signs)[kCount], const Token& token) {
  if (token.type != Token::Type::sign) return nullptr;
  const Sign* found = std::find_if(signs, signs + kCount, [&](const Sign& sign) { return sign.text == token.text; });
  return found == signs + kCount ? nullptr : found;
}

}  // namespace

bool Parser::comparison(uint32_t* out) {
  const uint32_t line = now().line;
  Nodes parts(1);
  if (!sum(&parts[0])) return false;
  for (;;) {
    Operator meaning = Operator::in;
    const Sign* sign = sign_of(kComparisons, now());
    if (sign != nullptr) {
      meaning = sign->meaning;
    } else if (at_name("not") && look().type == Token::Type::name && look().text == "in") {
      meaning = Operator::not_in;
      advance();
    } else if (!at_name("in")) {
      break;
    }
    advance();
    uint32_t right = kNoNode;
    if (!sum(&right)) return false;
    parts.push_back(add(Op::operand, line, {right}, 0, static_cast<uint8_t>(meaning)));
    if (parts.back() == kNoNode) return false;
  }
  *out = parts.size() == 1 ? parts[0] : add(Op::compare, line, parts);
  return *out != kNoNode;
}

bool Parser::sum(uint32_t* out) {
  if (!concatenation(out)) return false;
  while (const Sign* sign = sign_of(kSums, now())) {
    const uint32_t line = now().line;
    advance();
    uint32_t right = kNoNode;
    if (!concatenation(&right)) return false;
    *out = add(Op::binary, line, {*out, right}, 0, static_cast<uint8_t>(sign->meaning));
    if (*out == kNoNode) return false;
  }
  return true;
}

bool Parser::concatenation(uint32_t* out) {
  return joined(Op::concatenation, &Parser::product, &Parser::skip_sign, "~", out);
}

bool Parser::product(uint32_t* out) {
  if (!power(out)) return false;
  while (const Sign* sign = sign_of(kProducts, now())) {
    const uint32_t line = now().line;
    advance();
    uint32_t right = kNoNode;
    if (!power(&right)) return false;
    *out = add(Op::binary, line, {*out, right}, 0, static_cast<uint8_t>(sign->meaning));
    if (*out == kNoNode) return false;
  }
  return true;
}

bool Parser::power(uint32_t* out) {
  if (!unary(out)) return false;
  while (at_sign("**")) {
    const uint32_t line = now().line;
    advance();
    uint32_t right = kNoNode;
    if (!unary(&right)) return false;
    *out = add(Op::binary, line, {*out, right}, 0, static_cast<uint8_t>(Operator::power));
    if (*out == kNoNode) return false;
  }
  return true;
}

bool Parser::unary(uint32_t* out, bool with_filters) {
  const uint32_t line = now().line;
  if (at_sign("-") || at_sign("+")) {
    const Nested nested(this);
    const Op op = at_sign("-") ? Op::negative : Op::positive;
    advance();
    if (!nested.ok() || !unary(out, false)) return false;
    *out = add(op, line, {*out});
    if (*out == kNoNode) return false;
  } else if (!primary(out)) {
    return false;
  }
  return postfix(out) && (!with_filters || filters_and_tests(out));
}

bool Parser::primary(uint32_t* out, bool with_members) {
  const Token& token = now();
  switch (token.type) {
    case Token::Type::name: return name_or_constant(out, with_members);
    case Token::Type::integer:
    case Token::Type::real: return number(out);
    case Token::Type::string: {
      std::string_view text = token.text;
      advance();
      while (now().type == Token::Type::string) {  // adjacent ones are one
        const char* joined = tree_.heap.join(text, now().text);
        if (joined == nullptr) return fail("its strings are too long");
        text = {joined, text.size() + now().text.size()};
        advance();
      }
      *out = constant(Value::string(text), token.line);
      return *out != kNoNode;
    }
    default: break;
  }
  if (skip_sign("(")) return tuple(out, {.in_parentheses = true}) && expect_sign(")");
  if (at_sign("[")) return list_display(out);
  if (at_sign("{")) return mapping_display(out);
  return fail_here("an expression");
}

bool Parser::number(uint32_t* out) {
  const Token& token = now();
  std::string digits;
  for (char c : token.text)
    if (c != '_') digits += c;
  Value value;
  if (token.type == Token::Type::real) {
    value = Value::real_of(0);
    if (!read_real(digits, &value.real)) return fail("the number %s is too large", digits.c_str());
  } else {
    int base = 10;
    std::string_view text = digits;
    const char letter = static_cast<char>(digits.size() > 1 ? digits[1] | 0x20 : '\0');
    if (letter == 'x' || letter == 'o' || letter == 'b') {
      base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
      text.remove_prefix(2);
    }
    Integer whole = 0;
    if (!read_integer(text, base, &whole)) return fail("the number %.60s has more than 38 digits", digits.c_str());
    if (!integer_value(&tree_.heap, whole, &value)) return fail("its constants are too large");
  }
  advance();
  *out = constant(value, token.line);
  return *out != kNoNode;
}

bool Parser::name_or_constant(uint32_t* out, bool with_members) {
  const Token& token = now();
  advance();
  const std::string_view name = token.text;
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    *out = constant(Value::boolean(name[0] == 't' || name[0] == 'T'), token.line);
  } else if (name == "none" || name == "None") {
    *out = constant(Value::none(), token.line);
  } else if (with_members && skip_sign(".")) {
    std::string_view attribute;
    if (!expect_name(&attribute)) return false;
    *out = add(Op::member, token.line, {}, name_of(name));
    if (*out == kNoNode) return false;
    tree_.constants.push_back(Value::string(attribute));
    tree_.nodes[*out].first = static_cast<uint32_t>(tree_.constants.size() - 1);
  } else {
    *out = add(Op::variable, token.line, {}, name_of(name));
    const uint8_t takes = name == "varargs" ? kTakesMore : name == "kwargs" ? kTakesNamed : name == "caller"
        ? kTakesCaller : 0;
    for (Scope& scope : scopes_) scope.takes |= takes & ~scope.hidden;
  }
  return *out != kNoNode;
}

bool Parser::ends_tuple(const char* end_word) const {
  const Token::Type type = now().type;
  return type == Token::Type::print_end || type == Token::Type::block_end || at_sign(")") ||
         (end_word != nullptr && at_name(end_word));
}

bool Parser::tuple(uint32_t* out, const TupleRules& rules) {
  const uint32_t line = now().line;
  Nodes items;
  bool is_tuple = false;
  for (;;) {
    if (!items.empty() && !expect_sign(",")) return false;
    if (ends_tuple(rules.end_word)) break;
    uint32_t& item = items.emplace_back(kNoNode);
    if (!(rules.simple ? primary(&item, rules.with_members) : expression(&item, rules.with_conditional))) return false;
    if (!at_sign(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) {
    *out = items[0];
    return true;
  }
  if (!is_tuple && !rules.in_parentheses) return fail_here("an expression");
  *out = add(Op::tuple, line, items);
  return *out != kNoNode;
}

bool Parser::list_display(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  Nodes items;
  while (!at_sign("]")) {
    if (!items.empty() && !expect_sign(",")) return false;
    if (at_sign("]")) break;
    if (!expression(&items.emplace_back(kNoNode))) return false;
  }
  *out = add(Op::list, line, items);
  return expect_sign("]") && *out != kNoNode;
}

bool Parser::mapping_display(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  Nodes items;
  while (!at_sign("}")) {
    if (!items.empty() && !expect_sign(",")) return false;
    if (at_sign("}")) break;
    if (!expression(&items.emplace_back(kNoNode)) || !expect_sign(":")) return false;
    if (!expression(&items.emplace_back(kNoNode))) return false;
  }
  *out = add(Op::mapping, line, items);
  return expect_sign("}") && *out != kNoNode;
}

bool Parser::postfix(uint32_t* node) {
  for (;;) {
    if (at_sign(".") || at_sign("[")) {
      if (!subscript(node)) return false;
    } else if (at_sign("(")) {
      if (!call(node)) return false;
    } else {
      return true;
    }
  }
}

bool Parser::filters_and_tests(uint32_t* node) {
  for (;;) {
    if (at_sign("|")) {
      if (!filter(node)) return false;
    } else if (at_name("is")) {
      if (!test(node)) return false;
    } else if (at_sign("(")) {
      if (!call(node)) return false;
    } else {
      return true;
    }
  }
}

bool Parser::subscript(uint32_t* node) {
  const uint32_t line = now().line;
  if (skip_sign(".")) {
    const Token& token = now();
    uint32_t key = kNoNode;
    if (token.type == Token::Type::name) {
      advance();
      *node = add(Op::attribute, line, {*node}, name_of(token.text));
      return *node != kNoNode;
    }
    if (token.type != Token::Type::integer) return fail_here("a name or a number behind the dot");
    if (!number(&key)) return false;
    *node = add(Op::item, line, {*node, key});
    return *node != kNoNode;
  }
  advance();
  Nodes keys;
  while (!at_sign("]")) {
    if (!keys.empty() && !expect_sign(",")) return false;
    if (!subscribed(&keys.emplace_back(kNoNode))) return false;
  }
  advance();
  const uint32_t key = keys.size() == 1 ? keys[0] : add(Op::tuple, line, keys);
  *node = key == kNoNode ? kNoNode : add(Op::item, line, {*node, key});
  return *node != kNoNode;
}

// A key, or start:stop:step with any of them left out.
bool Parser::subscribed(uint32_t* out) {
  const uint32_t line = now().line;
  Nodes parts(3, kNoNode);
  const auto ends = [&] { return at_sign("]") || at_sign(",") || at_sign(":"); };
  if (!at_sign(":")) {
    if (!expression(&parts[0])) return false;
    if (!at_sign(":")) {
      *out = parts[0];
      return true;
    }
  }
  for (size_t i = 1; i < parts.size() && skip_sign(":"); ++i) {
    if (!ends() && !expression(&parts[i])) return false;
  }
  *out = add(Op::slice, line, parts);
  return *out != kNoNode;
}

bool Parser::call(uint32_t* node) {
  const uint32_t line = now().line;
  Nodes parts{*node};
  if (!arguments(&parts)) return false;
  *node = add(Op::call, line, parts);
  return *node != kNoNode;
}

bool Parser::arguments(Nodes* out) {
  if (!expect_sign("(")) return false;
  bool first = true;
  while (!at_sign(")")) {
    if (!first && !expect_sign(",")) return false;
    if (!first && at_sign(")")) break;
    first = false;
    if (!argument(out)) return false;
  }
  advance();
  return true;
}

// In this order: plain ones, *more, name=x, **named (*more may also follow a name).
bool Parser::argument(Nodes* out) {
  const uint32_t line = now().line;
  const auto has = [&](Op op) {
    return std::any_of(out->begin(), out->end(), [&](uint32_t node) { return tree_.nodes[node].op == op; });
  };
  uint32_t value = kNoNode;
  if (has(Op::double_star)) return fail("an argument stands behind **");
  if (at_sign("*") || at_sign("**")) {
    const Op op = at_sign("*") ? Op::star : Op::double_star;
    if (has(op)) return fail("a call has * or ** twice");
    advance();
    if (!expression(&value)) return false;
    out->push_back(add(op, line, {value}));
  } else if (now().type == Token::Type::name && look().type == Token::Type::sign && look().text == "=") {
    const uint32_t name = name_of(now().text);
    for (uint32_t other : *out) {
      const Node& node = tree_.nodes[other];
      if (node.op == Op::keyword && node.name == name) return fail("a call names an argument twice");
    }
    advance();
    advance();
    if (!expression(&value)) return false;
    out->push_back(add(Op::keyword, line, {value}, name));
  } else {
    if (has(Op::star) || has(Op::keyword)) return fail("an argument without a name stands behind one with a name");
    if (!expression(&value)) return false;
    out->push_back(value);
  }
  return out->back() != kNoNode;
}

bool Parser::dotted_name(std::string_view* out) {
  if (!expect_name(out)) return false;
  while (skip_sign(".")) {
    std::string_view part;
    if (!expect_name(&part)) return false;
    const std::string joined = std::string(*out) + "." + std::string(part);
    const char* kept = tree_.heap.join(joined, {});
    if (kept == nullptr) return fail("its names are too long");
    *out = {kept, joined.size()};
  }
  return true;
}

// `*node` may be kNoNode: a filter over a block.
bool Parser::filter(uint32_t* node) {
  const uint32_t line = now().line;
  if (*node != kNoNode || at_sign("|")) advance();
  std::string_view name;
  Nodes parts{*node};
  if (!dotted_name(&name) || (at_sign("(") && !arguments(&parts))) return false;
  *node = add(Op::filter, line, parts, name_of(name), find_filter(name));
  return *node != kNoNode;
}

bool Parser::test(uint32_t* node) {
  const uint32_t line = now().line;
  advance();
  const bool is_not = skip_name("not");
  std::string_view name;
  Nodes parts{*node};
  if (!dotted_name(&name)) return false;
  const Token::Type type = now().type;
  const bool has_argument = type == Token::Type::string || type == Token::Type::integer || type == Token::Type::real ||
                            at_sign("[") || at_sign("{") ||
                            (type == Token::Type::name && !at_name("else") && !at_name("or") && !at_name("and"));
  if (at_sign("(")) {
    if (!arguments(&parts)) return false;
  } else if (has_argument) {
    if (at_name("is")) return fail("tests cannot be chained with is");
    uint32_t& argument = parts.emplace_back(kNoNode);
    if (!primary(&argument) || !postfix(&argument)) return false;
  }
  *node = add(Op::test, line, parts, name_of(name), find_test(name));
  if (*node != kNoNode && is_not) *node = add(Op::inverse, line, {*node});
  return *node != kNoNode;
}

}  // namespace mica::jinja
