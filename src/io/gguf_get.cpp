// Typed getters over the keys of a GGUF file: type and range are checked here, whatever the file says. Not the reader.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "gguf.hpp"

namespace mica {

namespace {

// Elements of an array of scalars: they stand unaligned in the file.
template <class T>
std::vector<T> copied(const GgufValue& array) {
  std::vector<T> values(array.elements.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), array.elements.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace

Status GgufFile::error(Code code, std::string_view key, const char* what) const {
  return Status::error(code, "%s: %.*s %s", name_.c_str(), static_cast<int>(key.size()), key.data(), what);
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto place = std::lower_bound(keys_.begin(), keys_.end(), key,
                                      [](const GgufKey& a, std::string_view wanted) { return a.name < wanted; });
  return place != keys_.end() && place->name == key ? &place->value : nullptr;
}

Status GgufFile::require(std::string_view key, const GgufValue** out) const {
  *out = find(key);
  return *out != nullptr ? Status::ok() : error(Code::not_found, key, "is missing");
}

Status GgufFile::get_u32(std::string_view key, uint32_t min, uint32_t max, uint32_t* out) const {
  const GgufValue* value = nullptr;
  MICA_TRY(require(key, &value));
  uint64_t number = 0;
  bool whole = true;
  switch (value->type) {
    case GgufType::u8:
    case GgufType::u16:
    case GgufType::u32:
    case GgufType::u64: number = value->natural; break;
    case GgufType::i8:
    case GgufType::i16:
    case GgufType::i32:
    case GgufType::i64:
      whole = value->integer >= 0;
      number = static_cast<uint64_t>(value->integer);
      break;
    default: whole = false;
  }
  if (!whole || number < min || number > max) {
    char what[96];
    snprintf(what, sizeof what, "must be a whole number from %u to %u", min, max);
    return error(Code::corrupt_file, key, what);
  }
  *out = static_cast<uint32_t>(number);
  return Status::ok();
}

Status GgufFile::get_double(std::string_view key, double min, double max, double* out) const {
  const GgufValue* value = nullptr;
  MICA_TRY(require(key, &value));
  const bool real = value->type == GgufType::f32 || value->type == GgufType::f64;
  // Written so that NaN fails.
  if (!real || !(value->real >= min && value->real <= max)) {
    char what[96];
    snprintf(what, sizeof what, "must be a number from %g to %g", min, max);
    return error(Code::corrupt_file, key, what);
  }
  *out = value->real;
  return Status::ok();
}

Status GgufFile::get_bool(std::string_view key, bool* out) const {
  const GgufValue* value = nullptr;
  MICA_TRY(require(key, &value));
  if (value->type != GgufType::boolean) return error(Code::corrupt_file, key, "must be true or false");
  *out = value->natural != 0;
  return Status::ok();
}

Status GgufFile::get_string(std::string_view key, std::string_view* out) const {
  const GgufValue* value = nullptr;
  MICA_TRY(require(key, &value));
  if (value->type != GgufType::string) return error(Code::corrupt_file, key, "must be a string");
  *out = value->text;
  return Status::ok();
}

Status GgufFile::require_array(std::string_view key, GgufType element, size_t count_max, const GgufValue** out) const {
  MICA_TRY(require(key, out));
  if ((*out)->type != GgufType::array || (*out)->element != element) {
    return error(Code::corrupt_file, key, "is not an array of the type that it must be");
  }
  if ((*out)->count > count_max) {
    char what[96];
    snprintf(what, sizeof what, "has %llu elements, more than %zu", static_cast<unsigned long long>((*out)->count),
             count_max);
    return error(Code::limit_exceeded, key, what);
  }
  return Status::ok();
}

Status GgufFile::get_strings(std::string_view key, size_t count_max, std::vector<std::string_view>* out) const {
  const GgufValue* array = nullptr;
  MICA_TRY(require_array(key, GgufType::string, count_max, &array));
  std::vector<std::string_view> strings;
  strings.reserve(static_cast<size_t>(array->count));
  ByteReader reader(array->elements);
  for (uint64_t i = 0; i < array->count; ++i) {
    uint64_t length = 0;
    Bytes bytes;
    if (!reader.read(&length) || !reader.read_bytes(static_cast<size_t>(length), &bytes)) {
      return error(Code::corrupt_file, key, "ends early");
    }
    strings.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  *out = std::move(strings);
  return Status::ok();
}

Status GgufFile::get_floats(std::string_view key, size_t count_max, std::vector<float>* out) const {
  const GgufValue* array = nullptr;
  MICA_TRY(require_array(key, GgufType::f32, count_max, &array));
  *out = copied<float>(*array);
  return Status::ok();
}

Status GgufFile::get_i32s(std::string_view key, size_t count_max, std::vector<int32_t>* out) const {
  const GgufValue* array = nullptr;
  MICA_TRY(require_array(key, GgufType::i32, count_max, &array));
  *out = copied<int32_t>(*array);
  return Status::ok();
}

Status GgufFile::get_u32s(std::string_view key, size_t count_max, std::vector<uint32_t>* out) const {
  const GgufValue* array = nullptr;
  MICA_TRY(require(key, &array));
  const GgufType element = array->type == GgufType::array ? array->element : array->type;
  const bool whole = element == GgufType::u32 || element == GgufType::i32 || element == GgufType::boolean;
  MICA_TRY(require_array(key, whole ? element : GgufType::u32, count_max, &array));
  if (element == GgufType::boolean) out->assign(array->elements.begin(), array->elements.end());
  else *out = copied<uint32_t>(*array);
  const uint32_t most = element == GgufType::u32 ? UINT32_MAX : INT32_MAX;
  if (std::any_of(out->begin(), out->end(), [most](uint32_t number) { return number > most; }))
    return error(Code::corrupt_file, key, "has a number below 0");
  return Status::ok();
}

}  // namespace mica
