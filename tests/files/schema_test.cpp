// JSON schemas as automata: which texts they allow, byte by byte, which schemas are refused, and that whatever is drawn
// from one is valid. Not tokens: engine/schema_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "json.hpp"
#include "limits.hpp"
#include "lone_step.hpp"
#include "schema_automaton.hpp"
#include "schemas.hpp"
#include "utf8.hpp"

using namespace mica;

namespace {

Json parsed(std::string_view text) {
  Json json;
  const Status status = parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "text", &json);
  REQUIRE_MESSAGE(status.is_ok(), status.message());
  return json;
}

SchemaAutomaton automaton_of(std::string_view schema) {
  SchemaProgram program;
  const Status status = read_json_schema(schema, &program);
  REQUIRE_MESSAGE(status.is_ok(), schema << ": " << status.message());
  return SchemaAutomaton(std::move(program));
}

uint32_t step(SchemaAutomaton* automaton, uint32_t* state, uint8_t byte) {
  const uint32_t to = test::lone_step(automaton, state, byte);
  REQUIRE(to != SchemaAutomaton::kNoRoom);
  return to;
}

// How many bytes of the text fit; one more where it may also end there.
size_t fitting(SchemaAutomaton* automaton, std::string_view text) {
  uint32_t state = automaton->start();
  for (size_t i = 0; i < text.size(); ++i) {
    state = step(automaton, &state, static_cast<uint8_t>(text[i]));
    if (state == SchemaAutomaton::kDead) return i;
  }
  return text.size() + automaton->may_end(state);
}

// ---- a validator of the keywords that are kept ----------------------------------------------------------------------

std::string text_of(JsonValue value) {
  std::string_view text;
  double number = 0;
  bool truth = false;
  if (value.as_string(&text)) return "\"" + std::string(text);
  if (value.as_double(&number)) return std::to_string(number);
  if (value.as_bool(&truth)) return truth ? "true" : "false";
  std::string all = value.is_null() ? "null" : value.is_array() ? "[" : "{";
  for (JsonValue member : value) all += std::string(member.key()) + ":" + text_of(member) + ",";
  return all;
}

bool has_type(JsonValue value, std::string_view type) {
  double number = 0;
  if (type == "integer") return value.as_double(&number) && number == std::floor(number);
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "null") return value.is_null();
  return value.kind() == JsonValue::Kind::boolean;
}

class Validator {
 public:
  explicit Validator(JsonValue root) : root_(root) {}

  bool holds(JsonValue value, JsonValue schema) const {
    bool truth = false;
    if (schema.as_bool(&truth)) return truth;
    for (JsonValue keyword : schema)
      if (!keeps(value, schema, keyword)) return false;
    return true;
  }

 private:
  bool keeps(JsonValue value, JsonValue schema, JsonValue keyword) const {
    const std::string_view name = keyword.key();
    std::string_view text;
    double bound = 0, number = 0;
    size_t fits = 0;
    if (name == "$ref") {
      keyword.as_string(&text);
      JsonValue target = root_;
      for (size_t at = 1; at < text.size();) {
        const size_t end = std::min(text.find('/', at + 1), text.size());
        target = target.find(text.substr(at + 1, end - at - 1));
        at = end;
      }
      return holds(value, target);
    }
    if (name == "type") {
      if (keyword.as_string(&text)) return has_type(value, text);
      for (JsonValue type : keyword) fits += type.as_string(&text) && has_type(value, text);
      return fits > 0;
    }
    if (name == "const") return text_of(keyword) == text_of(value);
    if (name == "enum" || name == "anyOf" || name == "oneOf" || name == "allOf") {
      for (JsonValue each : keyword) fits += name == "enum" ? text_of(each) == text_of(value) : holds(value, each);
      return name == "oneOf" ? fits == 1 : name == "allOf" ? fits == keyword.size() : fits > 0;
    }
    keyword.as_double(&bound);
    if (value.as_double(&number)) {
      if (name == "minimum") return number >= bound;
      if (name == "maximum") return number <= bound;
      if (name == "exclusiveMinimum") return number > bound;
      if (name == "exclusiveMaximum") return number < bound;
      if (name == "multipleOf") return std::fmod(number, bound) == 0;
    }
    return value.is_string() ? keeps_text(value, keyword) : keeps_members(value, schema, keyword);
  }

  static bool keeps_text(JsonValue value, JsonValue keyword) {
    std::string_view text, pattern;
    value.as_string(&text);
    uint64_t bound = 0, length = 0;
    for (size_t at = 0; at < text.size(); ++length) utf8_next(text, &at);
    if (keyword.as_u64(&bound))
      return keyword.key() == "minLength" ? length >= bound : keyword.key() == "maxLength" ? length <= bound : true;
    // std::regex knows bytes alone.
    if (keyword.key() != "pattern" || !keyword.as_string(&pattern) || pattern.find("\\u") != pattern.npos) return true;
    return std::regex_search(std::string(text), std::regex(std::string(pattern)));
  }

  bool keeps_members(JsonValue value, JsonValue schema, JsonValue keyword) const {
    const std::string_view name = keyword.key();
    std::string_view text;
    uint64_t bound = 0;
    if (value.is_array() && keyword.as_u64(&bound))
      return name == "minItems" ? value.size() >= bound : name == "maxItems" ? value.size() <= bound : true;
    size_t index = 0;
    const JsonValue first = schema.find("prefixItems");
    if (value.is_array() && (name == "items" || name == "prefixItems"))
      for (JsonValue item : value) {
        const bool is_first = index < first.size();
        if (is_first == (name == "prefixItems") && !holds(item, is_first ? first.at(index) : keyword)) return false;
        ++index;
      }
    if (!value.is_object()) return true;
    if (name == "required")
      for (JsonValue key : keyword)
        if (!key.as_string(&text) || value.find(text).is_absent()) return false;
    for (JsonValue member : value) {
      const JsonValue named = schema.find("properties").find(member.key());
      if (name == "properties" && !named.is_absent() && !holds(member, named)) return false;
      if (name == "additionalProperties" && named.is_absent() && !holds(member, keyword)) return false;
    }
    return true;
  }

  JsonValue root_;
};

// ---- texts drawn by chance ------------------------------------------------------------------------------------------

// Bytes that lead on; mostly those that end something, so that a text ends.
std::string drawn(SchemaAutomaton* automaton, std::mt19937* chance) {
  std::string text;
  uint32_t state = automaton->start();
  while (text.size() < 4000) {
    if (automaton->may_end(state) && (!automaton->may_go_on(state) || (*chance)() % 4 == 0)) return text;
    std::string bytes, ends;
    for (int byte = 0; byte < 256; ++byte) {
      if (step(automaton, &state, static_cast<uint8_t>(byte)) == SchemaAutomaton::kDead) continue;
      bytes += static_cast<char>(byte);
      if (std::string_view("\"}]0n").find(static_cast<char>(byte)) != std::string_view::npos) ends += bytes.back();
    }
    REQUIRE_MESSAGE(!bytes.empty(), "nothing follows " << text);
    const std::string& from = !ends.empty() && (*chance)() % (text.size() < 200 ? 6 : 40) <= text.size() / 40 ? ends : bytes;
    text += from[(*chance)() % from.size()];
    state = step(automaton, &state, static_cast<uint8_t>(text.back()));
  }
  return {};
}

}  // namespace

TEST_CASE("a schema allows what it says, and nothing else") {
  for (const auto& each : test::kSchemas) {
    SchemaAutomaton automaton = automaton_of(each.schema);
    CAPTURE(each.schema);
    for (const std::string& text : each.allowed) {
      CAPTURE(text);
      CHECK(fitting(&automaton, text) == text.size() + 1);
    }
    for (const std::string& text : each.refused) {
      CAPTURE(text);
      CHECK(fitting(&automaton, text) <= text.size());
    }
  }
}

TEST_CASE("a schema that is not kept is refused by name and place") {
  for (const auto& each : test::kRefusedSchemas) {
    CAPTURE(each.schema);
    SchemaProgram program;
    const Status status = read_json_schema(each.schema, &program);
    CHECK(static_cast<int>(status.code()) == static_cast<int>(each.code));
    CHECK_MESSAGE(std::string(status.message()).find(each.message) != std::string::npos, status.message());
  }
}

TEST_CASE("bounds of schemas, on both sides") {
  SchemaProgram program;
  const auto text = [](size_t bytes) { return "{\"title\":\"" + std::string(bytes - 12, 'a') + "\"}"; };
  CHECK(read_json_schema(text(limits::kSchemaBytesMax), &program).is_ok());
  CHECK(read_json_schema(text(limits::kSchemaBytesMax + 1), &program).code() == Code::limit_exceeded);
  const auto repeated = [](size_t count, const std::string& each, const char* before, const char* after) {
    std::string all = before;
    for (size_t i = 0; i < count; ++i) {
      std::string one = each;
      one.replace(one.find('#'), 1, std::to_string(i));
      all += (i == 0 ? "" : ",") + one;
    }
    return all + after;
  };
  const auto properties = [&](size_t count) { return repeated(count, "\"p#\":{}", "{\"properties\":{", "}}"); };
  CHECK(read_json_schema(properties(limits::kSchemaChoicesMax), &program).is_ok());
  CHECK(read_json_schema(properties(limits::kSchemaChoicesMax + 1), &program).code() == Code::limit_exceeded);
  const auto branches = [&](size_t count) { return repeated(count, "{\"const\":#}", "{\"anyOf\":[", "]}"); };
  CHECK(read_json_schema(branches(limits::kSchemaChoicesMax), &program).is_ok());
  CHECK(read_json_schema(branches(limits::kSchemaChoicesMax + 1), &program).code() == Code::limit_exceeded);
  // Each of these patterns by itself is read soon, and so are all that an answer needs; thousands of them would take minutes.
  const auto patterns = [&](size_t count) {
    return repeated(count, "\"p#\":{\"pattern\":\"^(a?){1500}$\"}", "{\"properties\":{", "}}");
  };
  CHECK(read_json_schema(patterns(3), &program).is_ok());
  const Status many = read_json_schema(patterns(limits::kSchemaChoicesMax), &program);
  CHECK(many.code() == Code::limit_exceeded);
  CHECK(std::string(many.message()).find("too long to be read") != std::string::npos);
  const auto words = [&](size_t count) { return repeated(count, "\"w#\"", "{\"enum\":[", "]}"); };
  CHECK(read_json_schema(words(2000), &program).is_ok());
  CHECK(read_json_schema(words(5000), &program).code() == Code::limit_exceeded);
}

TEST_CASE("whatever is drawn from a schema is valid, and the same schema allows it") {
  std::mt19937 chance(7);
  size_t count = 0, whole = 0;
  const auto draw = [&](const std::string& schema, int times) {
    CAPTURE(schema);
    SchemaAutomaton automaton = automaton_of(schema);
    const Json json = parsed(schema);
    ++count;
    for (int i = 0; i < times; ++i) {
      const std::string text = drawn(&automaton, &chance);
      if (text.empty()) continue;
      CAPTURE(text);
      const Json value = parsed(text);
      CHECK(Validator(json.root()).holds(value.root(), json.root()));
      ++whole;
    }
  };
  for (const auto& each : test::kSchemas) draw(each.schema, 4);
  for (int i = 0; i < 300; ++i) draw(test::random_schema(&chance, 3), 3);
  CHECK(count >= 300);
  CHECK(whole > 900);
}

TEST_CASE("forgetting what was met changes nothing") {
  SchemaAutomaton kept = automaton_of("{}"), forgetting = automaton_of("{}");
  const std::string_view text = R"({"a": [1, {"b": "\u00e9é"}, null], "c": -2.5e3})";
  uint32_t a = kept.start(), b = forgetting.start();
  for (const char byte : text) {
    a = kept.step(a, static_cast<uint8_t>(byte));
    b = forgetting.step(b, static_cast<uint8_t>(byte));
    uint32_t again = b;
    uint32_t* states[] = {&b, &again};
    forgetting.forget(states);
    CHECK(b == again);
    CHECK(kept.may_end(a) == forgetting.may_end(b));
    for (int other = 0; other < 256; ++other)
      CHECK((kept.step(a, static_cast<uint8_t>(other)) == SchemaAutomaton::kDead) ==
            (forgetting.step(b, static_cast<uint8_t>(other)) == SchemaAutomaton::kDead));
  }
  CHECK(forgetting.may_end(b));
}
