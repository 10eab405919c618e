// Patterns: the dialect of Oniguruma, as tokenizer files use it, and what is refused of it.
#include "tokenizer_pattern.hpp"

#include <doctest/doctest.h>

#include "tokenizer_dialect.hpp"
#include "tokenizer_known.hpp"
#include "utf8.hpp"

using namespace mica;

namespace {

Pattern compiled(std::string_view expression) {
  Pattern pattern;
  const Status status = Pattern::compile(expression, &pattern);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  return pattern;
}

// The matches, each in brackets.
std::string marked(std::string_view expression, std::string_view text) {
  PatternScratch scratch;
  std::vector<Pattern::Match> matches;
  const Status status = compiled(expression).find_all(text, &scratch, &matches);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  std::string out;
  for (const Pattern::Match& match : matches) {
    out.append("[").append(text.substr(match.begin, match.end - match.begin)).append("]");
  }
  return out;
}

size_t count_members(std::string_view expression) {
  const Pattern pattern = compiled(expression);
  PatternScratch scratch;
  std::vector<Pattern::Match> matches;
  size_t count = 0;
  for (char32_t character = 0; character < 0x110000; ++character) {
    if (character == 0xD800) character = 0xE000;  // surrogates are no characters
    std::string text;
    utf8_append(character, &text);
    REQUIRE(pattern.find_all(text, &scratch, &matches).is_ok());
    count += matches.size();
  }
  return count;
}

}  // namespace

TEST_CASE("classes have as many characters as in the engine of tokenizers, by Unicode 16") {
  CHECK(count_members("\\s") == 25);
  CHECK(count_members("\\d") == 760);
  CHECK(count_members("\\w") == 144671);
  CHECK(count_members("\\p{L}") == 141028);
  CHECK(count_members("\\p{N}") == 1911);
  CHECK(count_members("[\\p{Lu}]") == 1858);
  CHECK(count_members("\\h") == 22);
  CHECK(count_members("(?i:s)") == 3);
  CHECK(count_members(".") == 0x110000 - 0x800 - 1);
}

TEST_CASE("the pattern of GPT-2 cuts as its tokenizer does") {
  CHECK(marked(gpt2_pattern(), "I'll pay $3.50,  ok?\n\n") == "[I]['ll][ pay][ $][3][.][50][,][ ][ ok][?][\n\n]");
}

TEST_CASE("a literal is no expression") {
  PatternScratch scratch;
  std::vector<Pattern::Match> matches;
  REQUIRE(Pattern::literal("a.").find_all("a.aba.a.", &scratch, &matches).is_ok());
  REQUIRE(matches.size() == 3);
  CHECK(matches[1].begin == 4);
}

TEST_CASE("what PCRE2 would read in another way is said in its own") {
  CHECK(marked("a{,2}b", "aaab b") == "[aab][b]");
  CHECK(marked("a{b", "a{b") == "[a{b]");
  CHECK(marked("\\v", "\n\v") == "[\v]");
  CHECK(marked("(?m:a.)", "a\n") == "[a\n]");
  CHECK(marked("^a$", "a\na") == "[a][a]");
  CHECK(marked("[]a]", "]a") == "[]][a]");
  CHECK(marked("\\u4e16|\\x{754C}", "\xE4\xB8\x96\xE7\x95\x8C") == "[\xE4\xB8\x96][\xE7\x95\x8C]");
  CHECK(marked("\\p{Greek}", "\xCE\xB1\xCD\x82") == "[\xCE\xB1]");  // the script, not its extensions
  CHECK(marked("\\bab\\b", "ab cab ab") == "[ab][ab]");
}

TEST_CASE("what has no counterpart is refused by name") {
  for (const char* expression : {"\\X",     "\\K",        "\\G",    "\\C",     "\\g<1>", "\\k<a>", "[[:alpha:]]",
                                 "[a[bc]]", "[a&&b]",     "[\\W]",  "[\\H]",   "(?~a)",  "(?x:a)", "(*UTF)",
                                 "(?#a)",   "(?<name>a)", "a(?i)b", "a{1,3}+", "a{3}?",  "\\xE9",  "\\p{L}(?R)"}) {
    CAPTURE(expression);
    Pattern pattern;
    const Status status = Pattern::compile(expression, &pattern);
    CHECK(status.code() == Code::unsupported);
    CHECK(std::string(status.message()).find("at byte") != std::string::npos);
  }
}

TEST_CASE("what is no expression is refused") {
  for (const char* expression :
       {"",      "(",     ")",        "[",      "[a",           "[]",      "a**b**",      "\\",
        "\\p",   "\\pL",  "\\p{",     "\\p{}",  "\\p{No_such}", "\\p{L)}", "\\x{110000}", "\\x{}",
        "\\u12", "[b-a]", "(?<=a*)b", "\\2(a)", "a{2,1}"}) {
    CAPTURE(expression);
    Pattern pattern;
    CHECK(Pattern::compile(expression, &pattern).code() == Code::corrupt_file);
  }
}
