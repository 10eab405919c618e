// Typed getters over JsonValue: every number that a document gives passes through one of these, with its bounds. Not
// the parser (json.cpp), and it knows no field by name.
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <utility>

#include "json.hpp"

namespace mica {

namespace {

Status must_be(JsonValue from, std::string_view path, const char* what) {
  return from.error(Code::corrupt_file, what, path);
}

// The value at `path`; not_found when it is absent or null.
Status require(JsonValue from, std::string_view path, JsonValue* out) {
  const JsonValue value = from.find_path(path);
  if (!value.is_set()) return from.error(Code::not_found, "is missing", path);
  *out = value;
  return Status::ok();
}

Status check_u64(JsonValue value, JsonValue from, std::string_view path, uint64_t min, uint64_t max, uint64_t* out) {
  uint64_t number = 0;
  if (!value.as_u64(&number) || number < min || number > max) {
    char what[96];
    snprintf(what, sizeof what, "must be a whole number from %" PRIu64 " to %" PRIu64, min, max);
    return must_be(from, path, what);
  }
  *out = number;
  return Status::ok();
}

Status check_i64(JsonValue value, JsonValue from, std::string_view path, int64_t min, int64_t max, int64_t* out) {
  int64_t number = 0;
  if (!value.as_i64(&number) || number < min || number > max) {
    char what[96];
    snprintf(what, sizeof what, "must be a whole number from %" PRId64 " to %" PRId64, min, max);
    return must_be(from, path, what);
  }
  *out = number;
  return Status::ok();
}

Status check_double(JsonValue value, JsonValue from, std::string_view path, double min, double max, double* out) {
  double number = 0;
  // Written so that NaN fails too, although the parser lets none through.
  if (!value.as_double(&number) || !(number >= min && number <= max)) {
    char what[96];
    snprintf(what, sizeof what, "must be a number from %g to %g", min, max);
    return must_be(from, path, what);
  }
  *out = number;
  return Status::ok();
}

// Runs `get` unless the field is absent or null; then `fallback` is the value.
template <class T, class Get>
Status get_or(JsonValue from, std::string_view path, T fallback, T* out, Get get) {
  if (from.find_path(path).is_set()) return get();
  *out = fallback;
  return Status::ok();
}

}  // namespace

Status get_u64(JsonValue from, std::string_view path, uint64_t min, uint64_t max, uint64_t* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  return check_u64(value, from, path, min, max, out);
}

Status get_u32(JsonValue from, std::string_view path, uint32_t min, uint32_t max, uint32_t* out) {
  uint64_t number = 0;
  MICA_TRY(get_u64(from, path, min, max, &number));
  *out = static_cast<uint32_t>(number);
  return Status::ok();
}

Status get_u32_or(JsonValue from, std::string_view path, uint32_t min, uint32_t max, uint32_t fallback, uint32_t* out) {
  return get_or(from, path, fallback, out, [&] { return get_u32(from, path, min, max, out); });
}

Status get_i32(JsonValue from, std::string_view path, int32_t min, int32_t max, int32_t* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  int64_t number = 0;
  MICA_TRY(check_i64(value, from, path, min, max, &number));
  *out = static_cast<int32_t>(number);
  return Status::ok();
}

Status get_i32_or(JsonValue from, std::string_view path, int32_t min, int32_t max, int32_t fallback, int32_t* out) {
  return get_or(from, path, fallback, out, [&] { return get_i32(from, path, min, max, out); });
}

Status get_double(JsonValue from, std::string_view path, double min, double max, double* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  return check_double(value, from, path, min, max, out);
}

Status get_double_or(JsonValue from, std::string_view path, double min, double max, double fallback, double* out) {
  return get_or(from, path, fallback, out, [&] { return get_double(from, path, min, max, out); });
}

Status get_bool(JsonValue from, std::string_view path, bool* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  return value.as_bool(out) ? Status::ok() : must_be(from, path, "must be true or false");
}

Status get_bool_or(JsonValue from, std::string_view path, bool fallback, bool* out) {
  return get_or(from, path, fallback, out, [&] { return get_bool(from, path, out); });
}

Status get_string(JsonValue from, std::string_view path, std::string_view* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  return value.as_string(out) ? Status::ok() : must_be(from, path, "must be a string");
}

Status get_string_or(JsonValue from, std::string_view path, std::string_view fallback, std::string_view* out) {
  return get_or(from, path, fallback, out, [&] { return get_string(from, path, out); });
}

Status get_object(JsonValue from, std::string_view path, JsonValue* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  if (!value.is_object()) return must_be(from, path, "must be an object");
  *out = value;
  return Status::ok();
}

Status get_array(JsonValue from, std::string_view path, size_t size_min, size_t size_max, JsonValue* out) {
  JsonValue value;
  MICA_TRY(require(from, path, &value));
  if (!value.is_array() || value.size() < size_min || value.size() > size_max) {
    char what[96];
    snprintf(what, sizeof what, "must be an array of %zu to %zu elements", size_min, size_max);
    return must_be(from, path, what);
  }
  *out = value;
  return Status::ok();
}

Status get_u32_array(JsonValue from, std::string_view path, size_t size_min, size_t size_max, uint32_t min,
                     uint32_t max, std::vector<uint32_t>* out) {
  JsonValue array;
  MICA_TRY(get_array(from, path, size_min, size_max, &array));
  std::vector<uint32_t> numbers;
  for (JsonValue element : array) {
    uint64_t number = 0;
    MICA_TRY(check_u64(element, element, {}, min, max, &number));
    numbers.push_back(static_cast<uint32_t>(number));
  }
  *out = std::move(numbers);
  return Status::ok();
}

Status get_double_array(JsonValue from, std::string_view path, size_t size_min, size_t size_max, double min,
                        double max, std::vector<double>* out) {
  JsonValue array;
  MICA_TRY(get_array(from, path, size_min, size_max, &array));
  std::vector<double> numbers;
  for (JsonValue element : array) {
    double number = 0;
    MICA_TRY(check_double(element, element, {}, min, max, &number));
    numbers.push_back(number);
  }
  *out = std::move(numbers);
  return Status::ok();
}

}  // namespace mica
