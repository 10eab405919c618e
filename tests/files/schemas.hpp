// Schemas for tests: with texts that they allow and refuse, those that are refused themselves, and ones made by chance.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "status.hpp"

namespace mica::test {

struct SchemaCase {
  std::string schema;
  std::vector<std::string> allowed, refused;
};

inline const SchemaCase kSchemas[] = {
    {"{}", {"1", "-0.5e10", "true", "null", R"("a\"b")", "[]", "[1, [2]]", "{}", R"({"a": {"b":[]}})", " {}"},
     {"01", "tru", "[1,]", "{,}", "{\"a\" 1}", "1 ", "  1", "\"\x01\"", "\"\xC3\"", "\"\\ud800\"", "\"\\x\"", "nul"}},
    {R"({"type":"object"})", {"{}", R"({"a":1, "b":[{}]})"}, {"[]", "1", "\"a\""}},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"],
         "additionalProperties":false})",
     {R"({"a":1})", R"({"a": -12, "b": "x"})", R"({"a":0,"b":""})"},
     {"{}", R"({"b":"x"})", R"({"b":"x","a":1})", R"({"a":1,})", R"({"a":1.5})", R"({"a":1,"c":2})", R"({"a":1,"a":2})"}},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"ab":true},"additionalProperties":{"type":"null"}})",
     {"{}", R"({"ab":1})", R"({"a":1,"z":null})", R"({"abc":null})", R"({"\u0062":null,"":null})"},
     {R"({"a":null})", R"({"\u0061":null})", R"({"z":1})", R"({"z":null,"a":1})"}},
    {R"({"properties":{"\"é\n":{"type":"null"}},"additionalProperties":false})", {"{}", R"({"\"é\n":null})"}, {"[]"}},
    {R"({"type":"object","required":["x"],"additionalProperties":{"type":"boolean"}})",
     {R"({"x":true})", R"({"x":true,"y":false})"}, {"{}", R"({"y":true})", R"({"x":1})"}},
    {R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})",
     {"[1,2]", "[1, 2, 3]"}, {"[]", "[1]", "[1,2,3,4]", "[1,\"\"]"}},
    {R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":1})",
     {"[1]", "[1,\"a\"]", "[1,\"a\",null,null]"}, {"[]", "[\"a\"]", "[1,null]", "[1,\"a\",1]"}},
    {R"({"prefixItems":[{"type":"integer"}],"items":false})", {"[]", "[1]"}, {"[1,2]"}},
    {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
    {R"({"enum":["a","ab","é",1,-2.5,null,true,[1,{"b":[]}]]})",
     {"\"a\"", "\"ab\"", "\"é\"", "\"\\u00e9\"", "1", "-2.5", "null", "true", "[1, {\"b\": []}]"},
     {"\"b\"", "\"\"", "2", "false", "[1]", "\"abc\""}},
    {R"({"type":"string","enum":["a",1,"b"]})", {"\"a\"", "\"b\""}, {"1"}},
    {R"({"const":{"a":"x"}})", {R"({"a":"x"})", R"({"a": "x"})"}, {"{}", R"({"a":"y"})"}},
    {R"({"type":"string","minLength":2,"maxLength":3})",
     {"\"ab\"", "\"éé\"", "\"\\u00e9\\n\\\\\"", "\"😀\\ud83d\\ude00😀\""}, {"\"\"", "\"a\"", "\"abcd\"", "\"é\""}},
    {R"({"type":"string","minLength":1})", {"\"a\"", "\"abc\""}, {"\"\""}},
    {R"({"type":"string","maxLength":100000})", {"\"\"", "\"a\""}, {"1"}},
    {R"({"type":"string","pattern":"^[a-c]+(-[0-9]{2,3})?$"})",
     {"\"a\"", "\"abc-12\"", "\"c-123\"", "\"\\u0061\""}, {"\"\"", "\"d\"", "\"a-1\"", "\"a-1234\"", "\"-12\""}},
    {R"({"type":"string","pattern":"b|^c$"})", {"\"abc\"", "\"c\"", "\"b\""}, {"\"\"", "\"cc\"", "\"a\""}},
    {R"({"type":"string","pattern":"^\\d{3}\\.[^\\s\"]*\\w$","maxLength":6})",
     {"\"123.a\"", "\"123.éa\""}, {"\"123.\"", "\"123. a\"", "\"123.aaa\"", "\"12a.a\""}},
    {R"({"type":"string","pattern":"^(ab)*$","minLength":3,"maxLength":5})", {"\"abab\""}, {"\"ab\"", "\"ababab\""}},
    {R"({"type":"string","pattern":"^[\\ud83d\\ude00-\\ud83d\\ude4f]$"})", {"\"😀\"", "\"\\ud83d\\uDE4F\""},
     {"\"a\"", "\"\\ud83d\\ude50\"", "\"🚀\"", "\"é\""}},
    {R"({"type":"string","format":"date"})", {"\"2024-02-29\"", "\"2023-12-31\"", "\"0400-02-29\"", "\"0001-01-01\""},
     {"\"2023-02-29\"", "\"2023-13-01\"", "\"2023-04-31\"", "\"1900-02-29\"", "\"0000-02-29\"", "\"0000-01-01\""}},
    {R"({"type":"string","format":"date-time"})", {"\"2024-02-29T23:59:59Z\"", "\"2024-01-01T00:00:00.5+01:30\""},
     {"\"2024-02-30T00:00:00Z\"", "\"2024-01-01T24:00:00Z\"", "\"2024-01-01\""}},
    {R"({"format":"uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567\"", "1"}},
    {R"({"type":"string","format":"ipv4"})", {"\"0.255.10.1\""}, {"\"256.1.1.1\"", "\"1.1.1\""}},
    {R"({"type":"string","format":"email"})", {"\"a.b@c-d.org\""}, {"\"a@b\"", "\"@b.c\""}},
    {R"({"type":"integer"})", {"0", "-7", "12345678901234567890"}, {"1.5", "1e3", "+1", "00"}},
    {R"({"type":"integer","minimum":-5,"exclusiveMaximum":120})",
     {"-5", "0", "119", "9", "99"}, {"-6", "120", "1000", "-10", "200"}},
    {R"({"type":"integer","minimum":2.5,"maximum":10})", {"3", "10"}, {"2", "11"}},
    {R"({"type":"integer","exclusiveMaximum":0})", {"-1", "-100"}, {"0", "-0", "1"}},
    {R"({"type":"integer","multipleOf":7,"minimum":10,"maximum":30})", {"14", "21", "28"}, {"7", "15", "35"}},
    {R"({"type":"number","minimum":0.5,"maximum":12.25})",
     {"0.5", "0.75", "1", "12", "12.25", "12.249", "9.99"}, {"0.49", "0", "12.26", "13", "-1", "1e1", "100"}},
    {R"({"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1})", {"0.1", "0.999"}, {"0", "0.0", "-0.5", "1", "1.0"}},
    {R"({"type":"number","minimum":-1.5,"exclusiveMaximum":-0.25})", {"-1.5", "-1", "-0.251"}, {"-1.51", "-0.25", "0"}},
    {R"({"type":"number"})", {"0", "-1.50", "2e+10", "1E-279"}, {"1e280", ".5", "1.", "-", "1e"}},
    {R"({"type":["string","null"]})", {"null", "\"a\""}, {"1"}},
    {R"({"type":"integer","nullable":true})", {"null", "1"}, {"\"a\""}},
    {R"({"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"boolean"}}]})", {"1", "[true]"}, {"null", "[1]"}},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"additionalProperties":false,
         "anyOf":[{"required":["a"]},{"required":["b"]}]})",
     {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":2})"}, {"{}"}},
    {R"({"oneOf":[{"type":"object","properties":{"k":{"const":"x"},"n":{"type":"integer"}},"required":["k","n"]},
                  {"type":"object","properties":{"k":{"const":"y"}},"required":["k"]},{"type":"string"}]})",
     {R"({"k":"x","n":1})", R"({"k": "y"})", "\"s\""}, {R"({"k":"x"})", R"({"k":"z"})", "1"}},
    {R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},
                  {"properties":{"a":{"maximum":5},"b":{"type":"null"}}}],"additionalProperties":true})",
     {R"({"a":5,"b":null})", R"({"a":1,"c":[]})"}, {R"({"a":6})", "{}", R"({"a":1,"b":1})"}},
    {R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},
         "next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}}})",
     {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"}, {R"({"v":1})"}},
    {R"({"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#"}}},"additionalProperties":false})",
     {"{}", R"({"children":[{},{"children":[]}]})"}, {R"({"children":[1]})"}},
    {R"({"properties":{"a/b~c":{"type":"null"},"d":{"$ref":"#/properties/a~1b~0c"}},"required":["d"]})",
     {R"({"d":null})"}, {R"({"d":1})"}},
    {"true", {"1", "[]"}, {}},
    {R"({"title":"t","description":"d","default":1,"examples":[],"$schema":"s","$id":"i","$comment":"c","type":"null",
         "uniqueItems":false})", {"null"}, {"1"}},
};

struct RefusedSchema {
  std::string schema;
  Code code;
  const char* message;
};

inline const RefusedSchema kRefusedSchemas[] = {
    {"", Code::corrupt_file, "schema"},
    {"{", Code::corrupt_file, "not valid JSON"},
    {"\xFF", Code::invalid_argument, "UTF-8"},
    {"[]", Code::invalid_argument, "must be a schema"},
    {"3", Code::invalid_argument, "must be a schema"},
    {"false", Code::invalid_argument, "no value keeps it"},
    {R"({"type":"text"})", Code::invalid_argument, "type must be object, array"},
    {R"({"type":[]})", Code::invalid_argument, "no value keeps it"},
    {R"({"type":"object","properties":{"a":{"patternProperties":{}}}})", Code::unsupported,
     "properties.a.patternProperties is a keyword that mica does not keep"},
    {R"({"uniqueItems":true})", Code::unsupported, "uniqueItems"},
    {R"({"not":{}})", Code::unsupported, "not is a keyword"},
    {R"({"if":{}})", Code::unsupported, "if is a keyword"},
    {R"({"minProperties":1})", Code::unsupported, "minProperties"},
    {R"({"type":"string","format":"iri"})", Code::unsupported, "format is iri"},
    {R"({"format":1})", Code::invalid_argument, "format must be a string"},
    {R"x({"type":"string","pattern":"(?=a)"})x", Code::unsupported, "pattern has a group that looks around"},
    {R"({"type":"string","pattern":"(a)\\1"})", Code::unsupported, "a \\ before a letter or digit"},
    {R"({"type":"string","pattern":"\\bx"})", Code::unsupported, "a \\ before"},
    {R"({"type":"string","pattern":"[a"})", Code::invalid_argument, "a [ is not closed"},
    {R"({"type":"string","pattern":"(a"})", Code::invalid_argument, "a ( is not closed"},
    {R"x({"type":"string","pattern":"a)"})x", Code::invalid_argument, "a ) closes nothing"},
    {R"({"type":"string","pattern":"*"})", Code::invalid_argument, "nothing before it"},
    {R"({"type":"string","pattern":"a{2,1}"})", Code::invalid_argument, "wrong order"},
    {R"({"type":"string","pattern":"[b-a]"})", Code::invalid_argument, "wrong order"},
    {R"({"type":"string","pattern":"a{5000}"})", Code::limit_exceeded, "repeats 5000 times"},
    {R"({"type":"string","pattern":"(a{1000}){1000}"})", Code::limit_exceeded, "more than 4096 steps"},
    {R"({"type":"string","pattern":"(a|b)*a(a|b){20}$"})", Code::limit_exceeded, "4096 states"},
    {R"({"type":"string","pattern":"^a$","minLength":2})", Code::invalid_argument, "no value keeps it"},
    {R"({"type":"string","minLength":3,"maxLength":2})", Code::invalid_argument, "no value keeps it"},
    {R"({"type":"string","minLength":-1})", Code::invalid_argument, "minLength must be a whole number"},
    {R"({"type":"string","minLength":1e9})", Code::limit_exceeded, "minLength"},
    {R"({"type":"integer","minimum":"a"})", Code::invalid_argument, "minimum must be a number"},
    {R"({"type":"integer","exclusiveMinimum":true})", Code::invalid_argument, "exclusiveMinimum must be a number"},
    {R"({"type":"integer","minimum":NaN})", Code::invalid_argument, "minimum must be a number"},
    {R"({"type":"integer","minimum":1e200})", Code::limit_exceeded, "more digits"},
    {R"({"type":"integer","minimum":2,"maximum":1})", Code::invalid_argument, "no value keeps it"},
    {R"({"type":"number","multipleOf":0.01})", Code::unsupported, "multipleOf is kept for whole numbers"},
    {R"({"enum":[]})", Code::invalid_argument, "enum must be a list"},
    {R"({"enum":[NaN]})", Code::invalid_argument, "enum[0] is a number that JSON cannot write"},
    {R"({"enum":["a"],"minLength":1})", Code::unsupported, "minLength stands beside enum"},
    {R"({"type":"object","properties":[]})", Code::invalid_argument, "properties must be an object"},
    {R"({"type":"object","properties":{"a":1}})", Code::invalid_argument, "properties.a must be a schema"},
    {R"({"type":"object","required":"a"})", Code::invalid_argument, "required must be a list"},
    {R"({"type":"object","required":[1]})", Code::invalid_argument, "required[0] must be a name"},
    {R"({"required":["a"],"additionalProperties":false})", Code::invalid_argument, "no value keeps it"},
    {R"({"type":"array","items":[]})", Code::invalid_argument, "items must be a schema"},
    {R"({"type":"array","prefixItems":{}})", Code::invalid_argument, "prefixItems must be a list"},
    {R"({"anyOf":[]})", Code::invalid_argument, "anyOf must be a list"},
    {R"({"allOf":[]})", Code::invalid_argument, "allOf must be a list"},
    {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", Code::unsupported, "branches 0 and 1"},
    {R"({"oneOf":[{"type":"string"},{"properties":{"a":{}}}]})", Code::unsupported, "branches 0 and 1"},
    {R"({"$ref":"#/$defs/a"})", Code::not_found, "$ref leads to nothing"},
    {R"({"$ref":"http://a/b"})", Code::unsupported, "other documents are not read"},
    {R"({"$ref":"#/"})", Code::not_found, "leads to nothing"},
    {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", Code::invalid_argument, "branch of itself"},
    {R"({"type":"array","items":{"$ref":"#"},"minItems":1})", Code::invalid_argument, "no value keeps it"},
    {R"({"properties":{"a":{},"a":{}}})", Code::corrupt_file, "stands twice"},
};

// A schema of the kept keywords, nested at most so deep.
inline std::string random_schema(std::mt19937* chance, int depth) {
  const auto below = [&](uint32_t bound) { return static_cast<int>((*chance)() % bound); };
  const auto number = [&](int bound) { return std::to_string(below(static_cast<uint32_t>(bound))); };
  const auto inner = [&] { return random_schema(chance, depth - 1); };
  static const char* const kLeaves[] = {
      R"({"type":"boolean"})", R"({"type":"null"})", R"({"type":"number"})", R"({"type":["integer","null"]})",
      R"({"enum":["on","off",3]})", R"({"const":"é\n"})", R"({"type":"string"})",
      R"({"type":"string","pattern":"^(x|yz){1,4}[0-9]?$"})", R"({"type":"string","pattern":"a.c"})",
      R"({"type":"string","pattern":"^[^a-f]*$","minLength":2,"maxLength":9})"};
  switch (depth > 0 ? below(9) : below(4)) {
    case 0: return kLeaves[below(std::size(kLeaves))];
    case 1: return R"({"type":"integer","minimum":-)" + number(40) + R"(,"maximum":)" + number(3000) + "}";
    case 2: return R"({"type":"number","exclusiveMinimum":)" + number(9) + "." + number(99) + R"(,"maximum":)" +
                   std::to_string(10 + below(90)) + ".5}";
    case 3: return R"({"type":"string","minLength":)" + number(4) + R"(,"maxLength":)" + std::to_string(4 + below(9)) + "}";
    case 4: return R"({"type":"array","items":)" + inner() + R"(,"minItems":)" + number(3) + R"(,"maxItems":)" +
                   std::to_string(3 + below(3)) + "}";
    case 5: return R"({"anyOf":[)" + inner() + "," + inner() + "]}";
    case 6: return R"({"type":"array","prefixItems":[)" + inner() + "," + inner() + R"(],"items":false,"minItems":)" +
                   number(3) + "}";
    default: break;
  }
  std::string all = R"({"type":"object","properties":{)", required;
  for (int i = below(5); i >= 0; --i) {
    const std::string name = "\"" + std::string(1, static_cast<char>('a' + i)) + "k\"";
    all += name + ":" + inner() + (i > 0 ? "," : "");
    if (below(2) == 0) required += (required.empty() ? "" : ",") + name;
  }
  const char* const kOthers[] = {"", R"(,"additionalProperties":false)", R"(,"additionalProperties":{"type":"integer"})"};
  return all + R"(},"required":[)" + required + "]" + kOthers[below(3)] + "}";
}

}  // namespace mica::test
