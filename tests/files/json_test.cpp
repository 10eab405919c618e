// Tests of the JSON reader: values, places in messages, and every limit on both sides. Not of any document's meaning.
#include "json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "limits.hpp"

using namespace mica;

namespace {

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

Status parse(std::string_view text, Json* out, bool unique_keys = false) {
  return parse_json(bytes_of(text), "test.json", unique_keys, out);
}

Json parsed(std::string_view text) {
  Json json;
  const Status status = parse(text, &json);
  REQUIRE_MESSAGE(status.is_ok(), status.message());
  return json;
}

std::string said(const Status& status) { return status.message(); }

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("values of every kind are read back") {
  const Json json = parsed(R"({"a": [1, -2, 2.5, true, null, "x\u00e9\n"], "b": {"c": {"d": 7}}, "e": {}, "f": []})");
  const JsonValue root = json.root();
  REQUIRE(root.is_object());
  CHECK(root.size() == 4);
  const JsonValue a = root.find("a");
  REQUIRE(a.size() == 6);
  uint64_t natural = 0;
  int64_t integer = 0;
  double real = 0;
  bool truth = false;
  std::string_view text;
  CHECK(a.at(0).as_u64(&natural));
  CHECK(natural == 1);
  CHECK_FALSE(a.at(1).as_u64(&natural));
  CHECK(a.at(1).as_i64(&integer));
  CHECK(integer == -2);
  CHECK_FALSE(a.at(2).as_i64(&integer));
  CHECK(a.at(2).as_double(&real));
  CHECK(real == 2.5);
  CHECK(a.at(3).as_bool(&truth));
  CHECK(truth);
  CHECK(a.at(4).is_null());
  CHECK_FALSE(a.at(4).is_set());
  CHECK(a.at(5).as_string(&text));
  CHECK(text == "x\xC3\xA9\n");
  CHECK(a.at(6).is_absent());
  CHECK(root.find_path("b.c.d").as_u64(&natural));
  CHECK(natural == 7);
  CHECK(root.find_path("b.x.d").is_absent());
  CHECK(root.find("e").size() == 0);
  std::string keys;
  for (JsonValue child : root) keys += child.key();
  CHECK(keys == "abef");
  for (JsonValue child : root.find("f")) FAIL("an empty array has the child ", child.key());
  for (JsonValue child : JsonValue()) FAIL("an absent value has the child ", child.key());
}

TEST_CASE("moving a document keeps its values") {
  Json first = parsed(R"({"name": "value"})");
  const JsonValue value = first.root().find("name");
  const Json second = std::move(first);
  std::string_view text;
  CHECK(value.as_string(&text));
  CHECK(text == "value");
  CHECK(second.root().find("name").is_string());
}

TEST_CASE("integers at the edges of their types") {
  const Json json = parsed(R"([18446744073709551615, 9223372036854775807, -9223372036854775808, 2.0, 1e3, -4.0, 2e16,
                               0.5, 18446744073709551616, 9223372036854775808])");
  const JsonValue root = json.root();
  uint64_t natural = 0;
  int64_t integer = 0;
  CHECK((root.at(0).as_u64(&natural) && natural == UINT64_MAX));
  CHECK_FALSE(root.at(0).as_i64(&integer));
  CHECK((root.at(1).as_i64(&integer) && integer == INT64_MAX));
  CHECK((root.at(2).as_i64(&integer) && integer == INT64_MIN));
  CHECK((root.at(3).as_u64(&natural) && natural == 2));
  CHECK((root.at(4).as_i64(&integer) && integer == 1000));
  CHECK((root.at(5).as_i64(&integer) && integer == -4));
  CHECK_FALSE(root.at(5).as_u64(&natural));
  CHECK_FALSE(root.at(6).as_u64(&natural));
  CHECK_FALSE(root.at(7).as_u64(&natural));
  CHECK_FALSE(root.at(8).as_u64(&natural));
  CHECK_FALSE(root.at(9).as_i64(&integer));
}

TEST_CASE("messages name the file and the place") {
  const Json json = parsed(R"({"added_tokens": [{}, {}, {"content": 3}], "text_config": {"hidden_size": -1}})");
  std::string_view text;
  uint32_t number = 5;
  const JsonValue token = json.root().find("added_tokens").at(2);
  CHECK(std::string(get_string(token, "content", &text).message()) ==
        "test.json: added_tokens[2].content must be a string");
  const Status range = get_u32(json.root(), "text_config.hidden_size", 1, 64, &number);
  CHECK(std::string(range.message()) == "test.json: text_config.hidden_size must be a whole number from 1 to 64");
  CHECK(range.code() == Code::corrupt_file);
  CHECK(number == 5);
  const Status missing = get_u32(json.root(), "text_config.vocab_size", 1, 64, &number);
  CHECK(std::string(missing.message()) == "test.json: text_config.vocab_size is missing");
  CHECK(missing.code() == Code::not_found);
  CHECK(std::string(json.root().error(Code::unsupported, "is odd").message()) == "test.json: the document is odd");
}

TEST_CASE("getters: bounds on both sides, defaults for absent and null") {
  const Json json = parsed(R"({"n": 10, "z": null, "d": 0.5, "i": -3, "b": false, "s": "text", "big": 4294967296,
                               "a": [1, 2, 3], "w": [1, "2"], "r": [0.5, 1]})");
  const JsonValue root = json.root();
  uint32_t n = 0;
  CHECK(get_u32(root, "n", 10, 10, &n));
  CHECK(n == 10);
  CHECK_FALSE(get_u32(root, "n", 11, 20, &n));
  CHECK_FALSE(get_u32(root, "n", 0, 9, &n));
  CHECK_FALSE(get_u32(root, "big", 0, UINT32_MAX, &n));
  CHECK_FALSE(get_u32(root, "s", 0, UINT32_MAX, &n));
  CHECK(get_u32(root, "z", 0, 9, &n).code() == Code::not_found);
  CHECK(get_u32_or(root, "z", 0, 9, 4, &n));
  CHECK(n == 4);
  CHECK(get_u32_or(root, "absent", 0, 9, 6, &n));
  CHECK(n == 6);
  CHECK_FALSE(get_u32_or(root, "n", 0, 9, 6, &n));
  int32_t i = 0;
  CHECK(get_i32(root, "i", -3, 0, &i));
  CHECK(i == -3);
  CHECK_FALSE(get_i32(root, "i", -2, 0, &i));
  double d = 0;
  CHECK(get_double(root, "d", 0.5, 0.5, &d));
  CHECK(d == 0.5);
  CHECK(get_double(root, "n", 0, 100, &d));
  CHECK(d == 10);
  CHECK_FALSE(get_double(root, "d", 0.6, 1, &d));
  CHECK_FALSE(get_double(root, "s", 0, 1, &d));
  CHECK(get_double_or(root, "absent", 0, 1, 0.25, &d));
  CHECK(d == 0.25);
  bool b = true;
  CHECK(get_bool(root, "b", &b));
  CHECK_FALSE(b);
  CHECK(get_bool_or(root, "absent", true, &b));
  CHECK(b);
  CHECK_FALSE(get_bool(root, "n", &b));
  std::string_view s;
  CHECK(get_string_or(root, "s", "other", &s));
  CHECK(s == "text");
  CHECK(get_string_or(root, "z", "other", &s));
  CHECK(s == "other");
  JsonValue value;
  CHECK(get_array(root, "a", 3, 3, &value));
  CHECK_FALSE(get_array(root, "a", 4, 9, &value));
  CHECK_FALSE(get_array(root, "a", 0, 2, &value));
  CHECK_FALSE(get_object(root, "a", &value));
  CHECK(get_object(root, "", &value));
  std::vector<uint32_t> numbers;
  CHECK(get_u32_array(root, "a", 1, 3, 1, 3, &numbers));
  CHECK(numbers == std::vector<uint32_t>{1, 2, 3});
  const Status element = get_u32_array(root, "w", 1, 3, 1, 3, &numbers);
  CHECK(std::string(element.message()) == "test.json: w[1] must be a whole number from 1 to 3");
  std::vector<double> reals;
  CHECK(get_double_array(root, "r", 2, 2, 0, 1, &reals));
  CHECK(reals == std::vector<double>{0.5, 1});
}

TEST_CASE("what is not JSON is refused with its place") {
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\":1,}", "nul", "\"\xff\"", "\"\\ud800\"", "Nan", "[infinity]",
                           "-NaN", "[+Infinity]", "[Infinity2]", "[1Infinity]", "[NaNs]", "--Infinity",
                           "1e999", "[1] 2", "{\"a\" 1}", "'a'", "01", "\"a\nb\"", "[1e]", "{1:2}", "]"}) {
    Json json;
    const Status status = parse(text, &json);
    CHECK_MESSAGE(status.code() == Code::corrupt_file, text);
    CHECK(std::string(status.message()).rfind("test.json: not valid JSON at byte ", 0) == 0);
    CHECK(std::string(status.message()).find("json.exception") == std::string::npos);
    CHECK(json.root().is_absent());
  }
}

TEST_CASE("what Python's json writes beyond JSON is read: NaN, Infinity, and a byte order mark") {
  const Json json = parsed("\xEF\xBB\xBF{\"a\": NaN, \"b\": [-Infinity, Infinity, 1e1, 1e000001], "
                           "\"c\": \"NaN \\\" Infinity\"}");
  double number = 0;
  CHECK(json.root().find("a").as_double(&number));
  CHECK(std::isnan(number));
  const double expected[] = {-HUGE_VAL, HUGE_VAL, 10, 10};
  for (size_t i = 0; i < 4; ++i) {
    CHECK(json.root().find("b").at(i).as_double(&number));
    CHECK(number == expected[i]);
  }
  std::string_view text;
  CHECK(json.root().find("c").as_string(&text));
  CHECK(text == "NaN \" Infinity");
  // No bounds let them through, and they are no whole numbers.
  uint32_t whole = 0;
  CHECK(get_double(json.root(), "a", -1e300, 1e300, &number).code() == Code::corrupt_file);
  CHECK(get_u32(json.root().find("b").at(1), {}, 0, UINT32_MAX, &whole).code() == Code::corrupt_file);
}

TEST_CASE("a fault in JSON is told with its line and column, an early end and UTF-16 as what they are") {
  Json json;
  CHECK(said(parse("{\"a\": 1,\n \"b\" 2}", &json)).find("at line 2, column 6") != std::string::npos);
  CHECK(said(parse("{\"x\": Infinity,\n \"b\" 2}", &json)).find("at line 2, column 6") != std::string::npos);
  CHECK(said(parse("{\"a\": [1, 2", &json)).find("it ends early; a file that was fetched, fetch it again") != std::string::npos);
  CHECK(said(parse(std::string("\xFF\xFE{\0", 4), &json)).find("is UTF-16") != std::string::npos);
}

TEST_CASE("equal keys: the last one counts, or none where the format forbids them") {
  const Json json = parsed(R"({"a": 1, "b": 2, "a": 3})");
  uint64_t number = 0;
  CHECK((json.root().find("a").as_u64(&number) && number == 3));
  Json strict;
  CHECK(parse(R"({"a": 1, "b": {"a": 3}})", &strict, true));
  const Status status = parse(R"({"x": {"a": 1, "b": 2, "\u0061": 3}})", &strict, true);
  CHECK(status.code() == Code::corrupt_file);
  CHECK(std::string(status.message()) == "test.json: the key \"a\" stands twice in one object");
}

TEST_CASE("limits: depth, values, size") {
  Json json;
  CHECK(parse(nested(limits::kJsonDepthMax), &json));
  CHECK(parse(nested(limits::kJsonDepthMax + 1), &json).code() == Code::limit_exceeded);
  // A million levels must cost no stack.
  CHECK(parse(std::string(1000000, '['), &json).code() == Code::limit_exceeded);
  CHECK(parse(std::string(1000000, '{'), &json).code() == Code::corrupt_file);

  std::string many = "[";
  for (size_t i = 1; i < limits::kJsonValuesMax; ++i) many += i == 1 ? "1" : ",1";  // and the array itself
  CHECK(parse(many + "]", &json));
  CHECK(parse(many + ",1]", &json).code() == Code::limit_exceeded);

  std::string large(limits::kJsonBytesMax, ' ');
  large[0] = '1';
  CHECK(parse(large, &json));
  CHECK(parse(large + " ", &json).code() == Code::limit_exceeded);
}
