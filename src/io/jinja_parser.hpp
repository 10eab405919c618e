// The parser of the template language: tokens to a flat tree. One class in two files: expressions and statements.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jinja_lexer.hpp"
#include "jinja_tree.hpp"
#include "status.hpp"

namespace mica::jinja {

// Fills `tree`, whose source and title are set. Errors: corrupt_file and limit_exceeded, with the title and the line.
Status parse_template(Tree* tree);

// Every function returns false, or kNoNode, once something failed; status() then says what.
class Parser {
 public:
  Parser(Tree* tree, const std::vector<Token>& tokens) : tree_(*tree), tokens_(tokens) {}

  bool parse();
  const Status& status() const { return status_; }

 private:
  using Nodes = std::vector<uint32_t>;

  const Token& now() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void advance() { at_ += at_ + 1 < tokens_.size(); }
  bool at_sign(std::string_view sign) const { return now().type == Token::Type::sign && now().text == sign; }
  bool at_name(std::string_view name) const { return now().type == Token::Type::name && now().text == name; }
  bool skip_sign(std::string_view sign);
  bool skip_name(std::string_view name);
  bool expect(Token::Type type, const char* what);
  bool expect_sign(std::string_view sign);
  bool expect_name(std::string_view* name);
  [[gnu::format(printf, 2, 3)]] bool fail(const char* format, ...);
  bool fail_here(const char* wanted);

  uint32_t add(Op op, uint32_t line, const Nodes& children, uint32_t name = 0, uint8_t detail = 0);
  uint32_t name_of(std::string_view text);
  uint32_t constant(const Value& value, uint32_t line, Op op = Op::constant);

  // --- expressions (jinja_parse_expression.cpp)
  bool expression(uint32_t* out, bool with_conditional = true);
  bool conditional(uint32_t* out);
  bool joined(Op op, bool (Parser::*part)(uint32_t*), bool (Parser::*skip)(std::string_view),
              std::string_view separator, uint32_t* out);
  bool disjunction(uint32_t* out);
  bool conjunction(uint32_t* out);
  bool inverse(uint32_t* out);
  bool comparison(uint32_t* out);
  bool sum(uint32_t* out);
  bool concatenation(uint32_t* out);
  bool product(uint32_t* out);
  bool power(uint32_t* out);
  bool unary(uint32_t* out, bool with_filters = true);
  bool primary(uint32_t* out, bool with_members = false);
  bool number(uint32_t* out);
  bool name_or_constant(uint32_t* out, bool with_members);
  bool postfix(uint32_t* node);
  bool filters_and_tests(uint32_t* node);
  bool subscript(uint32_t* node);
  bool subscribed(uint32_t* out);
  bool call(uint32_t* node);
  bool arguments(Nodes* out);
  bool argument(Nodes* out);
  bool dotted_name(std::string_view* out);
  bool filter(uint32_t* node);
  bool test(uint32_t* node);
  bool list_display(uint32_t* out);
  bool mapping_display(uint32_t* out);
  struct TupleRules {
    bool simple = false;       // names and literals alone
    bool with_conditional = true;
    bool in_parentheses = false;
    bool with_members = false;
    const char* end_word = nullptr;
  };
  bool tuple(uint32_t* out, const TupleRules& rules);
  bool ends_tuple(const char* end_word) const;

  // --- statements (jinja_parse_statement.cpp)
  bool body(std::initializer_list<std::string_view> ends, uint32_t* out);
  bool block_body(std::initializer_list<std::string_view> ends, uint32_t* out);
  bool whole_block(std::string_view end, uint32_t* out);
  bool statement(uint32_t* out);
  bool target(uint32_t* out, const TupleRules& rules);
  bool as_target(uint32_t node);
  bool name_target(std::string_view* out);
  bool set_statement(uint32_t* out);
  bool for_statement(uint32_t* out);
  bool if_statement(uint32_t* out);
  bool macro_statement(uint32_t* out);
  bool call_statement(uint32_t* out);
  bool generation_statement(uint32_t* out);
  bool filter_statement(uint32_t* out);
  bool with_statement(uint32_t* out);
  bool block_statement(uint32_t* out);
  bool autoescape_statement(uint32_t* out);
  bool print_statement(uint32_t* out);
  bool loop_control(uint32_t* out);
  bool foreign_statement(uint32_t* out);
  bool import_context();
  bool imported_names();
  bool parameters(Nodes* out);
  bool macro_body(std::string_view end, uint32_t* out, uint8_t* takes);
  bool check_names(uint32_t node, bool may_be_unknown);

  // What the function around a statement is: Python has no break out of a function, and macros know which names they
  // use.
  struct Scope {
    int loops = 0;          // that `break` can leave
    uint8_t takes = 0;      // MacroTakes: names that were read
    uint8_t hidden = 0;     // and those that were set before
  };
  struct Nested;  // counts how deep the parser is in itself

  Tree& tree_;
  const std::vector<Token>& tokens_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  int for_depth_ = 0;
  std::vector<Scope> scopes_{Scope{}};
  std::unordered_map<std::string_view, uint32_t> names_;
  Status status_;
};

struct Parser::Nested {
  explicit Nested(Parser* parser) : parser_(*parser) { ++parser_.depth_; }
  ~Nested() { --parser_.depth_; }
  bool ok() const {
    return parser_.depth_ <= limits::kTemplateNestingMax ||
           parser_.fail("nested deeper than the %u levels that mica follows", limits::kTemplateNestingMax);
  }
  Parser& parser_;
};

}  // namespace mica::jinja
