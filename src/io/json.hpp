// Json: a parsed JSON document, read-only, with getters that check type and range and name the field on failure. Not a
// writer and not a schema: what a field means is known where it is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "span.hpp"
#include "status.hpp"

namespace mica {

struct JsonDocument;

// One value of a document, or `absent`: a handle that is copied freely and lives as long as its Json.
class JsonValue {
 public:
  enum class Kind : uint8_t { absent, null, boolean, number, string, array, object };

  // Walks the children of an array or object in the order of the file: `for (JsonValue child : value)`.
  class Iterator {
   public:
    Iterator(const JsonDocument* document, uint32_t index) : document_(document), index_(index) {}
    JsonValue operator*() const { return JsonValue(document_, index_); }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const JsonDocument* document_;
    uint32_t index_;
  };

  JsonValue() = default;  // absent
  JsonValue(const JsonDocument* document, uint32_t index) : document_(document), index_(index) {}

  Kind kind() const;
  bool is_absent() const { return kind() == Kind::absent; }
  bool is_null() const { return kind() == Kind::null; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_number() const { return kind() == Kind::number; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }
  // The same place of the same document.
  bool same(JsonValue other) const { return document_ == other.document_ && index_ == other.index_; }
  // Its number among the values of its document.
  uint32_t index() const { return index_; }
  // Neither absent nor null: Hugging Face writes null for fields that are not set.
  bool is_set() const { return kind() > Kind::null; }

  // The key under which an object holds this value; empty for others.
  std::string_view key() const;
  // Number of children; 0 unless array or object.
  size_t size() const;
  Iterator begin() const;
  Iterator end() const;
  // The i-th child, found by walking: for short arrays. Absent when there are not so many.
  JsonValue at(size_t index) const;
  // The member of an object; of equal keys the last, as in Python. Absent when there is none or this is no object.
  JsonValue find(std::string_view key) const;
  // The same through nested objects: "text_config.rope_parameters.rope_type". Keys with dots need find().
  JsonValue find_path(std::string_view path) const;

  // False, and *out unchanged, when the value is of another kind or does not fit. Strings are UTF-8, may hold NUL, and
  // live as long as the Json. Integers may be written as 2 or 2.0.
  bool as_bool(bool* out) const;
  bool as_string(std::string_view* out) const;
  bool as_double(double* out) const;
  bool as_u64(uint64_t* out) const;
  bool as_i64(int64_t* out) const;
  // The digits, with a minus, of a number that is written as an integer, of whatever size; empty for 2.0 and 2e0.
  std::string integer_text() const;

  // A failure with the file's name and this value's place in it: error(code, "must not be empty") says
  // "tokenizer.json: added_tokens[3].content must not be empty". `member`: a path below this value that is meant.
  Status error(Code code, const char* what, std::string_view member = {}) const;

 private:
  const JsonDocument* document_ = nullptr;
  uint32_t index_ = 0;
};

// Owns a parsed document. Moving it keeps its values valid.
class Json {
 public:
  Json();
  Json(Json&&) noexcept;
  Json& operator=(Json&&) noexcept;
  ~Json();

  // Absent before parse_json succeeded.
  JsonValue root() const;

 private:
  friend Status parse_json(Bytes text, const char* name, bool unique_keys, Json* out);
  std::unique_ptr<JsonDocument> document_;
};

// Parses `text` (borrowed during the call only) by RFC 8259. `name` is for messages and copied. Bounds: kJsonBytesMax,
// kJsonDepthMax, kJsonValuesMax. Beyond the RFC, as Python's json: a byte order mark at the start is passed over, and
// NaN, Infinity and -Infinity are numbers (that no getter's bounds let through). Errors: corrupt_file with line and
// column, limit_exceeded. Numbers beyond a double are refused. With unique_keys, so is an object that has a key twice.
// On failure *out is unchanged.
Status parse_json(Bytes text, const char* name, bool unique_keys, Json* out);
inline Status parse_json(Bytes text, const char* name, Json* out) { return parse_json(text, name, false, out); }

// --- typed getters: `path` as in find_path, below `from`
// --------------------------------------------------------------- Absent or null: not_found. Another kind, or outside
// [min, max]: corrupt_file with the bounds. The *_or forms take `fallback` when the field is absent or null. On failure
// *out is unchanged.
Status get_u32(JsonValue from, std::string_view path, uint32_t min, uint32_t max, uint32_t* out);
Status get_u32_or(JsonValue from, std::string_view path, uint32_t min, uint32_t max, uint32_t fallback, uint32_t* out);
Status get_u64(JsonValue from, std::string_view path, uint64_t min, uint64_t max, uint64_t* out);
Status get_i32(JsonValue from, std::string_view path, int32_t min, int32_t max, int32_t* out);
Status get_i32_or(JsonValue from, std::string_view path, int32_t min, int32_t max, int32_t fallback, int32_t* out);
Status get_double(JsonValue from, std::string_view path, double min, double max, double* out);
Status get_double_or(JsonValue from, std::string_view path, double min, double max, double fallback, double* out);
Status get_bool(JsonValue from, std::string_view path, bool* out);
Status get_bool_or(JsonValue from, std::string_view path, bool fallback, bool* out);
Status get_string(JsonValue from, std::string_view path, std::string_view* out);
Status get_string_or(JsonValue from, std::string_view path, std::string_view fallback, std::string_view* out);
Status get_object(JsonValue from, std::string_view path, JsonValue* out);
// An array with size_min to size_max elements.
Status get_array(JsonValue from, std::string_view path, size_t size_min, size_t size_max, JsonValue* out);
// The same with every element a number in [min, max].
Status get_u32_array(JsonValue from, std::string_view path, size_t size_min, size_t size_max, uint32_t min,
                     uint32_t max, std::vector<uint32_t>* out);
Status get_double_array(JsonValue from, std::string_view path, size_t size_min, size_t size_max, double min,
                        double max, std::vector<double>* out);

}  // namespace mica
