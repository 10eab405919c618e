// Statements of the template language, and what the parser is made of. See jinja_parser.hpp.
#include <algorithm>
#include <cstdarg>

#include "jinja_parser.hpp"
#include "utf8.hpp"

namespace mica::jinja {

Status parse_template(Tree* tree) {
  std::vector<Token> tokens;
  MICA_TRY(check_utf8(tree->source).in(tree->title.c_str()));
  MICA_TRY(read_tokens(tree->source, tree->title.c_str(), &tree->heap, &tokens));
  Parser parser(tree, tokens);
  parser.parse();
  return parser.status();
}

bool Parser::parse() {
  return body({}, &tree_.root) && (now().type == Token::Type::end || fail_here("the end")) &&
         check_names(tree_.root, false);
}

bool Parser::fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (status_.is_ok()) status_ = tree_.error_at(now().line, Code::corrupt_file, format, arguments);
  va_end(arguments);
  return false;
}

bool Parser::fail_here(const char* wanted) {
  const Token& token = now();
  std::string_view met = token.text;
  switch (token.type) {
    case Token::Type::print_begin: met = "{{"; break;
    case Token::Type::print_end: met = "}}"; break;
    case Token::Type::block_begin: met = "{%"; break;
    case Token::Type::block_end: met = "%}"; break;
    case Token::Type::end: met = "the end of the template"; break;
    default: break;
  }
  return fail("%s is expected, not %.*s", wanted, static_cast<int>(std::min<size_t>(met.size(), 60)), met.data());
}

bool Parser::skip_sign(std::string_view sign) {
  const bool here = at_sign(sign);
  if (here) advance();
  return here;
}

bool Parser::skip_name(std::string_view name) {
  const bool here = at_name(name);
  if (here) advance();
  return here;
}

bool Parser::expect(Token::Type type, const char* what) {
  if (now().type != type) return fail_here(what);
  advance();
  return true;
}

bool Parser::expect_sign(std::string_view sign) {
  const std::string wanted(sign);
  return skip_sign(sign) || fail_here(wanted.c_str());
}

bool Parser::expect_name(std::string_view* name) {
  *name = now().text;
  return expect(Token::Type::name, "a name");
}

uint32_t Parser::add(Op op, uint32_t line, const Nodes& children, uint32_t name, uint8_t detail) {
  Node node{op, detail, 1, line, name, static_cast<uint32_t>(tree_.children.size()),
            static_cast<uint32_t>(children.size())};
  for (uint32_t child : children) {
    if (child != kNoNode) node.height = std::max<uint16_t>(node.height, tree_.nodes[child].height + 1);
  }
  if (node.height > 2 * limits::kTemplateNestingMax) {
    fail("more than %u steps of one expression hang on each other", limits::kTemplateNestingMax);
    return kNoNode;
  }
  tree_.children.insert(tree_.children.end(), children.begin(), children.end());
  tree_.nodes.push_back(node);
  return static_cast<uint32_t>(tree_.nodes.size() - 1);
}

uint32_t Parser::name_of(std::string_view text) {
  const auto [place, is_new] = names_.try_emplace(text, static_cast<uint32_t>(tree_.names.size()));
  if (is_new) tree_.names.push_back(text);
  return place->second;
}

uint32_t Parser::constant(const Value& value, uint32_t line, Op op) {
  tree_.constants.push_back(value);
  return add(op, line, {}, static_cast<uint32_t>(tree_.constants.size() - 1));
}

// Text, prints and statements up to a tag that begins with one of `ends`, at whose word it stops; to the end without.
bool Parser::body(std::initializer_list<std::string_view> ends, uint32_t* out) {
  const Nested nested(this);
  if (!nested.ok()) return false;
  const uint32_t line = now().line;
  Nodes parts;
  const auto ends_here = [&] {
    return now().type == Token::Type::name && std::find(ends.begin(), ends.end(), now().text) != ends.end();
  };
  while (now().type != Token::Type::end) {
    const Token& token = now();
    advance();
    if (token.type == Token::Type::data) {
      parts.push_back(constant(Value::string(token.text), token.line, Op::text));
    } else if (token.type == Token::Type::print_begin) {
      uint32_t value = kNoNode;
      if (!tuple(&value, {}) || !expect(Token::Type::print_end, "}}")) return false;
      parts.push_back(add(Op::print, token.line, {value}));
    } else {
      if (ends_here()) break;
      if (!statement(&parts.emplace_back(kNoNode)) || !expect(Token::Type::block_end, "%}")) return false;
    }
    if (parts.back() == kNoNode) return false;
  }
  *out = add(Op::body, line, parts);
  return *out != kNoNode;
}

// What stands between %} of a tag and the tag that ends it.
bool Parser::block_body(std::initializer_list<std::string_view> ends, uint32_t* out) {
  skip_sign(":");
  if (!expect(Token::Type::block_end, "%}") || !body(ends, out)) return false;
  if (now().type != Token::Type::end) return true;
  std::string wanted;
  for (std::string_view end : ends) wanted += (wanted.empty() ? "{% " : " or {% ") + std::string(end);
  return fail_here(wanted.c_str());
}

bool Parser::whole_block(std::string_view end, uint32_t* out) {
  if (!block_body({end}, out)) return false;
  advance();
  return true;
}

bool Parser::statement(uint32_t* out) {
  struct Known {
    std::string_view name;
    bool (Parser::*parse)(uint32_t*);
  };
  static constexpr Known kKnown[] = {
      {"set", &Parser::set_statement},       {"for", &Parser::for_statement},
      {"if", &Parser::if_statement},         {"macro", &Parser::macro_statement},
      {"call", &Parser::call_statement},     {"generation", &Parser::generation_statement},
      {"filter", &Parser::filter_statement}, {"with", &Parser::with_statement},
      {"block", &Parser::block_statement},   {"autoescape", &Parser::autoescape_statement},
      {"print", &Parser::print_statement},   {"break", &Parser::loop_control},
      {"continue", &Parser::loop_control},   {"include", &Parser::foreign_statement},
      {"import", &Parser::foreign_statement}, {"from", &Parser::foreign_statement},
      {"extends", &Parser::foreign_statement},
  };
  if (now().type != Token::Type::name) return fail_here("a tag's name");
  const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& k) { return at_name(k.name);
      });
  if (known == std::end(kKnown)) return fail_here("the name of a tag that can stand here");
  return (this->*known->parse)(out);
}

// Whether a value can be assigned to `node`; notes what it hides.
bool Parser::as_target(uint32_t place) {
  const Node& node = tree_.nodes[place];
  if (node.op == Op::tuple) {
    for (uint32_t i = 0; i < node.count; ++i)
      if (!as_target(tree_.child(node, i))) return false;
    return true;
  }
  if (node.op != Op::variable && node.op != Op::member) return fail("a value cannot be assigned to this");
  const std::string_view name = tree_.names[node.name];
  if (node.op == Op::variable && name == "loop" && for_depth_ > 0) {
    return fail("loop cannot be assigned to within a for");
  }
  const uint8_t takes = name == "varargs" ? kTakesMore : name == "kwargs" ? kTakesNamed : name == "caller"
      ? kTakesCaller : 0;
  if (node.op == Op::variable) {
    for (Scope& scope : scopes_) scope.hidden |= takes & ~scope.takes;
  }
  return true;
}

bool Parser::target(uint32_t* out, const TupleRules& rules) {
  // What is only assigned to is not read.
  const std::vector<Scope> scopes = scopes_;
  if (!tuple(out, rules)) return false;
  scopes_ = scopes;
  return as_target(*out);
}

bool Parser::name_target(std::string_view* out) {
  if (!expect_name(out)) return false;
  for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
    if (*out == constant) return fail("a value cannot be assigned to %s", constant);
  }
  return true;
}

bool Parser::set_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  uint32_t place = kNoNode, value = kNoNode, content = kNoNode;
  // The value is read before the target is set, whatever stands first.
  const std::vector<Scope> scopes = scopes_;
  if (!target(&place, {.simple = true, .with_members = true})) return false;
  if (skip_sign("=")) {
    scopes_ = scopes;
    if (!tuple(&value, {}) || !as_target(place)) return false;
    *out = add(Op::set, line, {place, value});
    return *out != kNoNode;
  }
  while (at_sign("|")) {
    if (!filter(&value)) return false;
  }
  if (!whole_block("endset", &content)) return false;
  *out = add(Op::set_block, line, {place, value, content});
  return *out != kNoNode;
}

bool Parser::for_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  uint32_t place = kNoNode, items = kNoNode, condition = kNoNode, content = kNoNode, otherwise = kNoNode;
  ++for_depth_;
  if (!target(&place, {.simple = true, .end_word = "in"})) return false;
  if (!skip_name("in")) return fail_here("in");
  if (!tuple(&items, {.with_conditional = false, .end_word = "recursive"})) return false;
  if (skip_name("if") && !expression(&condition)) return false;
  const bool recursive = skip_name("recursive");
  ++scopes_.back().loops;
  if (!block_body({"endfor", "else"}, &content)) return false;
  --scopes_.back().loops;
  const bool has_else = at_name("else");
  advance();
  if (has_else && !whole_block("endfor", &otherwise)) return false;
  --for_depth_;
  *out = add(Op::loop, line, {place, items, condition, content, otherwise}, 0, recursive);
  return *out != kNoNode;
}

bool Parser::if_statement(uint32_t* out) {
  const uint32_t line = now().line;
  Nodes parts;
  bool more = true;
  while (more) {
    advance();  // if, elif
    uint32_t& condition = parts.emplace_back(kNoNode);
    if (!tuple(&condition, {.with_conditional = false})) return false;
    if (!block_body({"elif", "else", "endif"}, &parts.emplace_back(kNoNode))) return false;
    more = at_name("elif");
  }
  const bool has_else = at_name("else");
  advance();
  if (has_else && !whole_block("endif", &parts.emplace_back(kNoNode))) return false;
  *out = add(Op::branches, line, parts);
  return *out != kNoNode;
}

bool Parser::parameters(Nodes* out) {
  if (!expect_sign("(")) return false;
  bool has_default = false;
  const size_t first = out->size();
  while (!at_sign(")")) {
    if (out->size() > first && !expect_sign(",")) return false;
    const uint32_t line = now().line;
    std::string_view name;
    uint32_t value = kNoNode;
    if (!name_target(&name)) return false;
    if (skip_sign("=")) {
      has_default = true;
      if (!expression(&value)) return false;
    } else if (has_default) {
      return fail("a parameter without a default stands behind one with a default");
    }
    const uint32_t known = name_of(name);
    for (size_t i = first; i < out->size(); ++i)
      if (tree_.nodes[(*out)[i]].name == known) return fail("a macro has a parameter twice");
    out->push_back(add(Op::parameter, line, {value}, known));
    if (out->back() == kNoNode) return false;
  }
  advance();
  return true;
}

bool Parser::macro_body(std::string_view end, uint32_t* out, uint8_t* takes) {
  scopes_.emplace_back();
  if (!whole_block(end, out)) return false;
  *takes = scopes_.back().takes;
  scopes_.pop_back();
  return true;
}

bool Parser::macro_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  std::string_view name;
  Nodes parts(1, kNoNode);
  uint8_t takes = 0;
  if (!name_target(&name) || !parameters(&parts) || !macro_body("endmacro", &parts[0], &takes)) return false;
  for (size_t i = 1; i < parts.size(); ++i) {
    const Node& parameter = tree_.nodes[parts[i]];
    const std::string_view own = tree_.names[parameter.name];
    if (own == "varargs") takes &= static_cast<uint8_t>(~kTakesMore);
    if (own == "kwargs") takes &= static_cast<uint8_t>(~kTakesNamed);
    if (own != "caller" || (takes & kTakesCaller) == 0) continue;
    if (tree_.child(parameter, 0) == kNoNode) return fail("a parameter caller must have a default");
    takes &= static_cast<uint8_t>(~kTakesCaller);
  }
  *out = add(Op::macro, line, parts, name_of(name), takes);
  return *out != kNoNode;
}

bool Parser::call_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  Nodes parts(2, kNoNode);
  uint8_t takes = 0;
  if (at_sign("(") && !parameters(&parts)) return false;
  if (!expression(&parts[0])) return false;
  if (tree_.nodes[parts[0]].op != Op::call) return fail("{%% call needs the call of a macro");
  if (!macro_body("endcall", &parts[1], &takes)) return false;
  *out = add(Op::call_block, line, parts, 0, takes);
  return *out != kNoNode;
}

// Prints its body; what is set in it stays in it, as in the call of a macro.
bool Parser::generation_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  uint32_t content = kNoNode;
  uint8_t takes = 0;
  if (!macro_body("endgeneration", &content, &takes)) return false;
  *out = add(Op::with, line, {content});
  return *out != kNoNode;
}

bool Parser::filter_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  uint32_t value = kNoNode, content = kNoNode;
  if (!filter(&value)) return false;
  while (at_sign("|")) {
    if (!filter(&value)) return false;
  }
  if (!whole_block("endfilter", &content)) return false;
  *out = add(Op::filter_block, line, {value, content});
  return *out != kNoNode;
}

bool Parser::with_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  Nodes parts;
  while (now().type != Token::Type::block_end) {
    if (!parts.empty() && !expect_sign(",")) return false;
    uint32_t place = kNoNode, value = kNoNode;
    const int depth = for_depth_;
    for_depth_ = 0;
    if (!target(&place, {.simple = true}) || !expect_sign("=") || !expression(&value)) return false;
    for_depth_ = depth;
    parts.push_back(place);
    parts.push_back(value);
  }
  if (!whole_block("endwith", &parts.emplace_back(kNoNode))) return false;
  *out = add(Op::with, line, parts);
  return *out != kNoNode;
}

bool Parser::block_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  std::string_view name;
  uint32_t content = kNoNode;
  if (!expect_name(&name)) return false;
  const bool scoped = skip_name("scoped");
  const bool required = skip_name("required");
  const uint32_t known = name_of(name);
  for (uint32_t block : tree_.blocks)
    if (tree_.nodes[block].name == known) return fail("a block stands twice");
  scopes_.emplace_back();
  if (!whole_block("endblock", &content)) return false;
  scopes_.pop_back();
  skip_name(name);
  if (required) return fail("a required block needs a template that extends this one");
  *out = add(Op::block, line, {content}, known, scoped);
  tree_.blocks.push_back(*out);
  return *out != kNoNode;
}

bool Parser::autoescape_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  uint32_t condition = kNoNode, content = kNoNode;
  if (!expression(&condition) || !whole_block("endautoescape", &content)) return false;
  *out = add(Op::autoescape, line, {condition, content});
  return *out != kNoNode;
}

bool Parser::print_statement(uint32_t* out) {
  const uint32_t line = now().line;
  advance();
  Nodes parts;
  while (now().type != Token::Type::block_end) {
    if (!parts.empty() && !expect_sign(",")) return false;
    uint32_t value = kNoNode;
    if (!expression(&value)) return false;
    parts.push_back(add(Op::print, line, {value}));
  }
  *out = add(Op::body, line, parts);
  return *out != kNoNode;
}

bool Parser::loop_control(uint32_t* out) {
  if (scopes_.back().loops == 0) return fail("break and continue stand outside of a loop");
  *out = add(at_name("break") ? Op::leave : Op::next, now().line, {});
  advance();
  return *out != kNoNode;
}

// with context, without context
bool Parser::import_context() {
  const bool here = (at_name("with") || at_name("without")) && look().type == Token::Type::name &&
      look().text == "context";
  if (!here) return false;
  advance();
  advance();
  return true;
}

// a, b as c with context
bool Parser::imported_names() {
  for (bool first = true;; first = false) {
    if (!first && !expect_sign(",")) return false;
    if (!first && import_context()) return true;
    std::string_view name;
    if (!name_target(&name)) return false;
    if (name.starts_with('_')) return fail("names that begin with _ cannot be imported");
    if (skip_name("as") && !name_target(&name)) return false;
    if (import_context() || !at_sign(",")) return true;
  }
}

// Other templates: there are none, which is said when the tag is reached.
bool Parser::foreign_statement(uint32_t* out) {
  const uint32_t line = now().line;
  const std::string_view tag = now().text;
  advance();
  uint32_t file = kNoNode;
  std::string_view name;
  if (!expression(&file)) return false;
  if (tag == "import" && (!skip_name("as") ? !fail_here("as") : !name_target(&name))) return false;
  if (tag == "from" && (!skip_name("import") ? !fail_here("import") : !imported_names())) return false;
  if (tag == "include" && at_name("ignore") && look().text == "missing") {
    advance();
    advance();
  }
  import_context();
  *out = add(Op::foreign, line, {}, name_of(tag));
  return *out != kNoNode;
}

// Filters and tests that nobody knows are errors, but within an if (statement or expression), where they may never be
// reached.
bool Parser::check_names(uint32_t place, bool may_be_unknown) {
  if (place == kNoNode) return true;
  const Node& node = tree_.nodes[place];
  const bool named = node.op == Op::filter || node.op == Op::test;
  if (named && node.detail == kUnknown && !may_be_unknown) {
    const std::string_view name = tree_.names[node.name];
    status_ = Status::error(Code::corrupt_file, "%s: line %u: there is no %s named %.*s", tree_.title.c_str(),
                            node.line,
                            node.op == Op::filter ? "filter" : "test",
                                static_cast<int>(std::min<size_t>(name.size(), 60)),
                            name.data());
    return false;
  }
  for (uint32_t i = 0; i < node.count; ++i) {
    bool may = may_be_unknown;
    if (node.op == Op::branches || node.op == Op::conditional) may = true;
    if (node.op == Op::macro || node.op == Op::block || node.op == Op::filter_block) may = false;
    if (node.op == Op::loop && i >= 2) may = false;
    if ((node.op == Op::set_block || node.op == Op::call_block) && i >= 1) may = false;
    if (node.op == Op::with && i + 1 == node.count) may = false;
    if (!check_names(tree_.child(node, i), may)) return false;
  }
  return true;
}

}  // namespace mica::jinja
