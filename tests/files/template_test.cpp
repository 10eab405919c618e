// Chat templates: renderings of the reference, and parts of the language that its templates do not reach. Templates
// that must be refused: tests/fault.
#include "template_files.hpp"

using namespace mica;

namespace {

std::string rendered(std::string_view source, std::string_view variables = "{}") {
  std::string out;
  const Status status = render(source, variables, &out);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  return out;
}

void check_rendering(const ChatTemplates& templates, JsonValue expected) {
  std::string out;
  const Status status = templates.render(expected, &out);
  CAPTURE(said(status));
  if (!expected.find("text").is_absent()) {
    CHECK(status.is_ok());
    CHECK(out == text_at(expected, "text"));
    return;
  }
  CHECK_FALSE(status.is_ok());
  CHECK(out.empty());
  const bool raises = text_at(expected, "error_kind") == "raise";
  CHECK((status.code() == Code::invalid_argument) == raises);
  if (raises) CHECK(said(status).find(text_at(expected, "error")) != std::string::npos);
}

struct Expression {
  std::string_view source, text;
};

void check_expressions(std::initializer_list<Expression> expressions) {
  for (const Expression& one : expressions) {
    CAPTURE(one.source);
    CHECK(rendered(one.source) == one.text);
  }
}

}  // namespace

TEST_CASE("every folder renders as the reference does") {
  size_t folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTemplates)) {
    const std::string folder = entry.path().string();
    if (!std::filesystem::exists(folder + "/renderings.json")) continue;
    CAPTURE(folder);
    ++folders;
    std::unique_ptr<ChatTemplates> templates;
    const Status status = ChatTemplates::read_folder(folder.c_str(), &templates);
    REQUIRE_MESSAGE(status.is_ok(), said(status));
    const Json cases = read_json_file(folder + "/renderings.json");
    size_t place = 0;
    for (JsonValue expected : cases.root()) {
      CAPTURE(place++);
      check_rendering(*templates, expected);
    }
  }
  CHECK(folders == 40);
}

TEST_CASE("a template that is no text is refused by its document, not taken for none") {
  for (const char* value : {"7", "[1]", "{\"default\": []}"}) {
    const std::string document = "{\"chat_template\": " + std::string(value) + "}";
    const auto documents = [&](const char* name) -> Bytes {
      if (std::string_view(name) != "tokenizer_config.json") return {};
      return {reinterpret_cast<const uint8_t*>(document.data()), document.size()};
    };
    std::unique_ptr<ChatTemplates> templates;
    const Status status = ChatTemplates::read(documents, &templates);
    CHECK(std::string(status.message()).find("tokenizer_config.json: chat_template must be a text") == 0);
  }
}

TEST_CASE("a condition of a loop is asked as late as its item is needed") {
  check_expressions({
      {"{% set ns = namespace(seen=[]) %}{% for x in [1, 2, 1, 3] if x not in ns.seen %}{{ x }}"
       "{% set ns.seen = ns.seen + [x] %}{% endfor %}",
       "123"},
      {"{% for x in [1, 2, 3, 4] if x is even %}{{ loop.length }}{{ loop.last }}{{ loop.revindex }};{% endfor %}",
       "2False2;2True1;"},
  });
}

TEST_CASE("what map and its like give is gone through once") {
  check_expressions({
      {"{% set s = [1, 2] | map('string') %}{{ s | join }}-{{ s | join }}", "12-"},
      {"{% if [] | select %}yes{% endif %}", "yes"},
      {"{% set s = [3, 4] | reject('odd') %}{{ s | first }}{{ s | list }}", "4[]"},
      {"{{ none | map('upper') | list }}", "[]"},
  });
}

TEST_CASE("a macro sees what is around it when it is called") {
  check_expressions({
      {"{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = 2 %}{{ m() }}", "12"},
      {"{% for x in [1, 2] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "12"},
      {"{% macro m() %}{{ x }}{% endmacro %}{% for x in [1] %}{{ m() }}{% endfor %}", ""},
      {"{% generation %}{% set x = 1 %}a{{ x }}{% endgeneration %}{{ x }}", "a1"},
      {"{% set x = 1 %}{% block b %}{{ x }}{% endblock %}{{ self.b() }}", "11"},
  });
}

TEST_CASE("numbers are Python's") {
  check_expressions({
      {"{{ 2 ** 100 }}", "1267650600228229401496703205376"},
      {"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -7.5 // 2 }} {{ 5.5 % -2 }}", "-4 2 -2 -4.0 -0.5"},
      {"{{ 1e16 }} {{ 123456789012345680.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1e300 * 1e10 }}",
       "1e+16 1.2345678901234568e+17 0.0001 1e-05 inf"},
      {"{{ 0.5 | round }} {{ 1.5 | round }} {{ 2.675 | round(2) }} {{ 25 | round(-1) }} {{ 35 | round(-1) }}",
       "0.0 2.0 2.67 20 40"},
      {"{{ '%.3e' % 12345.678 }} {{ '%+d' % 5 }} {{ '%x' % 255 }} {{ '%05.1f' % 2.25 }} {{ '%-5d|' % 3 }}",
       "1.235e+04 +5 ff 002.2 3    |"},
      {"{{ '{:,}'.format(1234567) }} {{ '{:>6.2f}'.format(3.14159) }} {{ '{!r:^7}'.format('a') }}",
       "1,234,567   3.14   'a'  "},
      {"{{ ' 12 ' | int }} {{ '0x1F' | int(base=16) }} {{ '1e3' | int }} {{ '1_000' | int }} {{ 'nan' | float }}",
       "12 31 1000 1000 nan"},
  });
  CHECK(rendered("{{ a }} {{ b }} {{ c }} {{ d }}", R"({"a": 1.0, "b": 1, "c": 12345678901234567890123, "d": -0.0})") ==
        "1.0 1 12345678901234567890123 -0.0");
}

TEST_CASE("case is Unicode's") {
  check_expressions({
      {"{{ 'straße ﬁn ŉ' | upper }}", "STRASSE FIN ʼN"},
      {"{{ 'ΟΔΟΣ ΣΑΣ' | lower }}", "οδος σας"},
      {"{{ 'ǆ ßa' | title }}|{{ 'ßa'.capitalize() }}|{{ 'İ' | lower | length }}", "Ǆ SSa|Ssa|2"},
  });
}

TEST_CASE("texts are cut, searched and filled by characters") {
  check_expressions({
      {"{{ 'a b  c '.rsplit(none, 1) }}{{ ' x '.split(' ') }}{{ 'a,b'.partition(',') }}{{ 'ab'.rpartition('x') }}",
       "['a b', 'c']['', 'x', '']('a', ',', 'b')('', '', 'ab')"},
      {"{{ 'ééé'.find('é', 1) }}{{ 'ééé'.rfind('é') }}{{ 'aXbX'.replace('X', '', 1) }}{{ 'ab'.replace('', '-') }}",
       "12abX-a-b-"},
      {"{{ 'a\\tb'.expandtabs(4) }}|{{ '-5'.zfill(4) }}|{{ 'é'.center(4, '*') }}|{{ 'x'.startswith(('y', 'x')) }}",
       "a   b|-005|*é**|True"},
      {"{{ 'a\\nb\\x0bc'.splitlines() }}{{ 'abc' | truncate(2, end='') }}{{ ['b', 'a'] | sort | join }}",
       "['a', 'b', 'c']abcab"},
  });
}

TEST_CASE("a message is handed on as transformers does") {
  CHECK(rendered("{{ messages[0] }}", R"({"messages": [{"role": "a", "content": null, "reasoning": "why"}]})") ==
        "{'thinking': 'why', 'role': 'a', 'reasoning': 'why', 'reasoning_content': 'why'}");
}

TEST_CASE("autoescape and marked texts") {
  check_expressions({
      {"{% autoescape true %}{{ '<' }}{{ '<' | safe }}{% endautoescape %}{{ '<' }}", "&lt;<<"},
      {"{{ ['<', '>' | safe] | join }}{{ ('<' | safe) + '>' }}", "<><&gt;"},
  });
}
