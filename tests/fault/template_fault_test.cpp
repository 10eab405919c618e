// Bad chat templates: what is no template, what fails while it is rendered, and what would never end or fill the
// memory. Each gets a status that names the template and the line, in bounded time.
#include <chrono>

#include "limits.hpp"
#include "template_files.hpp"

using namespace mica;

namespace {

constexpr std::string_view kMessages = R"({"messages": [{"role": "user", "content": "hi"}]})";

std::string times(size_t count, std::string_view text) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// Fails, within seconds, with the name of the template in front.
Status refused(std::string_view source) {
  std::string out;
  const auto start = std::chrono::steady_clock::now();
  const Status status = render(source, kMessages, &out);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  CHECK_FALSE(status.is_ok());
  CHECK(out.empty());
  CHECK(took.count() < 30);  // under a sanitizer and an emulator, too
  CHECK(said(status).starts_with("test.jinja: line "));
  return status;
}

struct BadTemplate {
  std::string_view source;
  Code code;
  std::string_view mentions;
};

void check_refused(std::initializer_list<BadTemplate> bad_ones) {
  for (const BadTemplate& bad : bad_ones) {
    CAPTURE(bad.source);
    const Status status = refused(bad.source);
    CAPTURE(said(status));
    CHECK(status.code() == bad.code);
    CHECK(said(status).find(bad.mentions) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("syntax errors are found when a template is read") {
  const Json sources = read_json_file(kTemplates + "hostile/syntax_errors.json");
  CHECK(sources.root().size() == 97);
  for (JsonValue value : sources.root()) {
    std::string_view source;
    REQUIRE(value.as_string(&source));
    CAPTURE(source);
    std::unique_ptr<Template> made;
    const Status status = Template::read(source, "test.jinja", &made);
    CHECK(status.code() == Code::corrupt_file);
    CHECK(said(status).starts_with("test.jinja: line 1: "));
  }
}

TEST_CASE("hostile templates end in an error") {
  const Json index = read_json_file(kTemplates + "hostile/index.json");
  for (JsonValue one : index.root()) {
    const std::string name = text_at(one, "file");
    const std::vector<uint8_t> source = read_all(kTemplates + "hostile/" + name);
    CAPTURE(name);
    if (source.empty()) continue;  // those that are one thing many times: below
    const Status status = refused(text_of(source));
    CHECK((status.code() == Code::limit_exceeded || text_at(one, "class") != "limit" || name.starts_with("19")));
  }
}

TEST_CASE("what is nested too deep is refused when it is read, before the stack ends") {
  const std::string sources[] = {
      "{{ " + times(20000, "(") + "1" + times(20000, ")") + " }}",
      "{{ " + times(20000, "[") + times(20000, "]") + " }}",
      times(5000, "{% if true %}") + times(5000, "{% endif %}"),
      "{{ " + times(40000, "not ") + "1 }}",
      "{{ " + times(40000, "-") + "1 }}",
      "{{ messages" + times(40000, ".a") + " }}",
      "{{ 1" + times(40000, " + 1") + " }}",
      "{{ 'x'" + times(40000, " | trim") + " }}",
      "{{ " + times(20000, "1 if 1 else ") + "1 }}",
      "{{ " + times(20000, "{1:") + "1" + times(20000, "}") + " }}",
  };
  for (const std::string& source : sources) {
    CAPTURE(source.substr(0, 40));
    std::unique_ptr<Template> made;
    const Status status = Template::read(source, "test.jinja", &made);
    CHECK_FALSE(status.is_ok());
    CHECK(said(status).starts_with("test.jinja: line 1: "));
  }
}

TEST_CASE("each bound holds on both sides") {
  std::string out;
  const size_t nested = limits::kTemplateNestingMax / 2 - 5;
  CHECK(render("{{ " + times(nested, "(") + "1" + times(nested, ")") + " }}", kMessages, &out));
  CHECK(render("{{ range(100000) | length }}", kMessages, &out));
  CHECK(render("{{ ('x' * 16000000) | length }}", kMessages, &out));
  CHECK(out == "110000016000000");
  check_refused({
      {"{{ range(100001) | length }}", Code::limit_exceeded, "100000"},
      {"{{ ('x' * 17000000) | length }}", Code::limit_exceeded, "16 MiB"},
      {"{{ [0] * 20000000 }}", Code::limit_exceeded, "256 MiB"},
      {"{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", Code::limit_exceeded, "steps"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", Code::limit_exceeded, "nested"},
      {"{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
       Code::limit_exceeded, "nested"},
      {"{{ 10 ** 39 }}", Code::limit_exceeded, "38 digits"},
  });
  const std::string long_source(limits::kChatTemplateBytesMax + 1, 'x');
  std::unique_ptr<Template> made;
  CHECK(Template::read(std::string_view(long_source).substr(1), "test.jinja", &made));
  CHECK(Template::read(long_source, "test.jinja", &made).code() == Code::limit_exceeded);
}

TEST_CASE("a tuple that is huge to compare is no key") {
  check_refused({{"{% set ns = namespace(t=(1,)) %}{% for i in range(40) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}"
                  "{{ {ns.t: 1} | length }}",
                  Code::unsupported, "key"}});
}

TEST_CASE("errors name the line and what was met") {
  check_refused({
      {"a\nb {{ nobody.name }}", Code::unsupported, "line 2: what is undefined, nobody"},
      {"\n\n{{ 'a' + 1 }}", Code::unsupported, "line 3: a text + an integer"},
      {"{% if x %}\n{{ x }\n{% endif %}", Code::corrupt_file, "line 2"},
      {"{{ raise_exception('no pictures') }}", Code::invalid_argument, "no pictures"},
      {"{{ 'x' | explode }}", Code::corrupt_file, "no filter named explode"},
      {"{% include 'secret' %}", Code::unsupported, "include"},
      {"{{ ''.__class__.__mro__ }}", Code::unsupported, "__class__"},
      {"{{ messages.append(1) }}", Code::unsupported, "append"},
      {"{{ {} | list | last | tojson }}", Code::unsupported, "JSON"},
  });
  std::unique_ptr<Template> made;
  const Status status = Template::read("{{ '\xff' }}", "test.jinja", &made);
  CHECK(status.code() == Code::invalid_argument);
  CHECK(said(status).starts_with("test.jinja: "));
}
