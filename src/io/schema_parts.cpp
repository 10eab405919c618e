// SchemaParts: keywords, references, and what schemas say together; see schema_parts.hpp.
#include "schema_parts.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "json_text.hpp"
#include "limits.hpp"
#include "regular.hpp"

namespace mica {

namespace {

enum class Use : uint8_t { kept, said, refused_unless_false };
struct Keyword {
  const char* name;
  uint32_t types = 0;  // of values that it is about; 0: any
  Use use = Use::kept;
};

constexpr Keyword kKeywords[] = {
    {"type"}, {"enum"}, {"const"}, {"nullable"}, {"$ref"}, {"allOf"}, {"anyOf"}, {"oneOf"}, {"$defs"}, {"definitions"},
    {"properties", kObjectType}, {"required", kObjectType}, {"additionalProperties", kObjectType},
    {"items", kArrayType}, {"prefixItems", kArrayType}, {"minItems", kArrayType}, {"maxItems", kArrayType},
    {"minLength", kStringType}, {"maxLength", kStringType}, {"pattern", kStringType}, {"format", kStringType},
    {"minimum", kNumberTypes}, {"maximum", kNumberTypes}, {"exclusiveMinimum", kNumberTypes},
    {"exclusiveMaximum", kNumberTypes}, {"multipleOf", kNumberTypes},
    {"uniqueItems", 0, Use::refused_unless_false},
    {"title", 0, Use::said}, {"description", 0, Use::said}, {"default", 0, Use::said}, {"examples", 0, Use::said},
    {"example", 0, Use::said}, {"deprecated", 0, Use::said}, {"readOnly", 0, Use::said}, {"writeOnly", 0, Use::said},
    {"$schema", 0, Use::said}, {"$id", 0, Use::said}, {"$comment", 0, Use::said}, {"discriminator", 0, Use::said},
};

const Keyword* find_keyword(std::string_view name) {
  const auto* found = std::find_if(std::begin(kKeywords), std::end(kKeywords),
                                   [&](const Keyword& keyword) { return name == keyword.name; });
  return found == std::end(kKeywords) ? nullptr : found;
}

struct TypeName {
  const char* name;
  uint32_t types;
};
constexpr TypeName kTypeNames[] = {{"object", kObjectType},   {"array", kArrayType},   {"string", kStringType},
                                   {"integer", kIntegerType}, {"number", kNumberTypes}, {"boolean", kBooleanType},
                                   {"null", kNullType}};

Status add_type(JsonValue name, uint32_t* types) {
  std::string_view text;
  for (const TypeName& known : kTypeNames)
    if (name.as_string(&text) && text == known.name) {
      *types |= known.types;
      return Status::ok();
    }
  return name.error(Code::invalid_argument,
                    "must be object, array, string, integer, number, boolean or null, or a list of these");
}

Status read_types(JsonValue schema, uint32_t* types) {
  const JsonValue type = schema.find("type");
  if (!type.is_array()) MICA_TRY(add_type(type, types));
  for (JsonValue name : type)
    if (type.is_array()) MICA_TRY(add_type(name, types));
  bool nullable = false;
  if (const JsonValue value = schema.find("nullable"); !value.is_absent() && !value.as_bool(&nullable))
    return value.error(Code::invalid_argument, "must be true or false");
  if (nullable) *types |= kNullType;
  return Status::ok();
}

}  // namespace

std::string text_of(JsonValue value) {
  std::string text;
  std::string_view string;
  bool truth = false;
  double number = 0;
  switch (value.kind()) {
    case JsonValue::Kind::absent:
    case JsonValue::Kind::null: return "null";
    case JsonValue::Kind::boolean: value.as_bool(&truth); return truth ? "true" : "false";
    case JsonValue::Kind::string:
      value.as_string(&string);
      append_json_string(string, &text);
      return text;
    case JsonValue::Kind::number: {
      text = value.integer_text();
      if (!text.empty() || !value.as_double(&number)) return text;
      char digits[32];
      return {digits, std::to_chars(digits, digits + sizeof(digits), number).ptr};
    }
    case JsonValue::Kind::array:
      for (JsonValue item : value) text += (text.empty() ? "[" : ",") + text_of(item);
      return text.empty() ? "[]" : text + "]";
    case JsonValue::Kind::object: break;
  }
  std::set<std::string> members;
  for (JsonValue member : value) {
    std::string key;
    append_json_string(member.key(), &key);
    members.insert(key + ":" + text_of(member));
  }
  for (const std::string& member : members) text += (text.empty() ? "{" : ",") + member;
  return text.empty() ? "{}" : text + "}";
}

const char* format_pattern(std::string_view format) {
#define MICA_YEAR "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
#define MICA_DATE                                                                                              \
  "(" MICA_YEAR "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"               \
  "02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|"                                       \
  "(0[48]|[2468][048]|[13579][26])00)-02-29)"
#define MICA_TIME "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])"
#define MICA_BYTE "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define MICA_LABEL "[A-Za-z0-9]([-A-Za-z0-9]{0,30}[A-Za-z0-9])?"
  struct Format {
    const char* name;
    const char* pattern;
  };
  constexpr Format kFormats[] = {
      {"date", "^" MICA_DATE "$"},
      {"time", "^" MICA_TIME "$"},
      {"date-time", "^" MICA_DATE "T" MICA_TIME "$"},
      {"uuid", "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
      {"ipv4", "^" MICA_BYTE "(\\." MICA_BYTE "){3}$"},
      {"hostname", "^" MICA_LABEL "(\\." MICA_LABEL "){0,5}$"},
      {"email", "^[A-Za-z0-9]([-._+]?[A-Za-z0-9])*@" MICA_LABEL "(\\." MICA_LABEL "){1,4}$"},
  };
#undef MICA_YEAR
#undef MICA_DATE
#undef MICA_TIME
#undef MICA_BYTE
#undef MICA_LABEL
  for (const Format& known : kFormats)
    if (format == known.name) return known.pattern;
  return nullptr;
}

Status SchemaDocument::check_keywords(JsonValue schema) {
  if (!checked_.insert(schema.index()).second) return Status::ok();
  for (JsonValue value : schema) {
    const Keyword* keyword = find_keyword(value.key());
    bool is_true = true;
    const bool is_kept = keyword != nullptr && (keyword->use != Use::refused_unless_false ||
                                                (value.as_bool(&is_true) && !is_true));
    if (!is_kept)
      return value.error(Code::unsupported, "is a keyword that mica does not keep: leave it out, or say it by others");
  }
  return Status::ok();
}

// "#", or "#/$defs/name": a JSON pointer in this document.
Status SchemaDocument::find_reference(JsonValue reference, JsonValue* target) const {
  std::string_view text;
  if (!reference.as_string(&text) || !text.starts_with('#') || (text.size() > 1 && text[1] != '/'))
    return reference.error(Code::unsupported, "must be # or begin with #/: other documents are not read");
  JsonValue found = root_;
  text.remove_prefix(1);
  while (!text.empty()) {
    text.remove_prefix(1);
    const size_t end = std::min(text.find('/'), text.size());
    std::string name(text.substr(0, end));
    text.remove_prefix(end);
    for (size_t at = 0; (at = name.find('~', at)) != std::string::npos; ++at)
      if (const std::string_view rest = std::string_view(name).substr(at + 1); !rest.empty())
        name.replace(at, 2, rest[0] == '0' ? "~" : "/");
    size_t index = 0;
    const bool is_index = std::from_chars(name.data(), name.data() + name.size(), index).ptr == name.data() + name.size();
    found = found.is_array() && is_index ? found.at(index) : found.find(name);
  }
  if (found.is_absent()) return reference.error(Code::not_found, "leads to nothing in this schema");
  *target = found;
  return Status::ok();
}

Status SchemaDocument::add(JsonValue schema, SchemaParts* parts) {
  std::vector<JsonValue> open{schema};
  while (!open.empty()) {
    const JsonValue next = open.back();
    open.pop_back();
    bool truth = false;
    if (!next.is_object() && !next.as_bool(&truth))
      return next.error(Code::invalid_argument, "must be a schema: an object, or true or false");
    const auto same = std::find_if(parts->begin(), parts->end(),
                                   [&](const SchemaPart& part) { return part.schema.same(next); });
    if (same != parts->end()) {
      if (!same->any_of_is_taken && !same->one_of_is_taken) continue;
      return next.error(Code::invalid_argument, "is a branch of itself with no value in between");
    }
    parts->push_back({next});
    if (parts->size() > limits::kSchemaChoicesMax || ++work_ > limits::kSchemaWorkMax)
      return next.error(Code::limit_exceeded, "is one of too many schemas that are joined");
    MICA_TRY(check_keywords(next));
    if (const JsonValue reference = next.find("$ref"); !reference.is_absent())
      MICA_TRY(find_reference(reference, &open.emplace_back()));
    if (const JsonValue all = next.find("allOf"); !all.is_absent()) {
      if (!all.is_array() || all.size() == 0) return all.error(Code::invalid_argument, "must be a list of schemas");
      const size_t first = open.size();
      for (JsonValue each : all) open.push_back(each);
      std::reverse(open.begin() + static_cast<ptrdiff_t>(first), open.end());
    }
  }
  return Status::ok();
}

bool keep_nothing(const SchemaParts& parts) {
  return std::any_of(parts.begin(), parts.end(), [](const SchemaPart& part) {
    bool truth = true;
    return part.schema.as_bool(&truth) && !truth;
  });
}

Status types_of(const SchemaParts& parts, bool declared_only, uint32_t* types) {
  uint32_t allowed = kAllTypes, about = 0;
  bool is_declared = false;
  for (const SchemaPart& part : parts) {
    if (!part.schema.find("type").is_absent()) {
      uint32_t declared = 0;
      MICA_TRY(read_types(part.schema, &declared));
      allowed &= declared;
      is_declared = true;
    }
    for (JsonValue value : part.schema)
      if (const Keyword* keyword = find_keyword(value.key())) about |= keyword->types;
  }
  *types = is_declared || declared_only || about == 0 ? allowed : about;
  return Status::ok();
}

uint32_t type_of(JsonValue value) {
  double number = 0;
  switch (value.kind()) {
    case JsonValue::Kind::absent:
    case JsonValue::Kind::null: return kNullType;
    case JsonValue::Kind::boolean: return kBooleanType;
    case JsonValue::Kind::string: return kStringType;
    case JsonValue::Kind::array: return kArrayType;
    case JsonValue::Kind::object: return kObjectType;
    case JsonValue::Kind::number: break;
  }
  value.as_double(&number);
  const bool is_whole = !value.integer_text().empty() || number == std::floor(number);
  return is_whole ? kIntegerType : kFractionType;
}

Status values_of(const SchemaParts& parts, bool* are_listed, std::vector<SchemaValue>* values) {
  *are_listed = false;
  const auto keep = [&](std::vector<SchemaValue>&& list) {
    const auto is_missing = [&](const SchemaValue& value) {
      return std::none_of(list.begin(), list.end(), [&](const SchemaValue& each) { return each.text == value.text; });
    };
    if (*are_listed) std::erase_if(*values, is_missing);
    else *values = std::move(list);
    *are_listed = true;
  };
  for (const SchemaPart& part : parts) {
    std::vector<SchemaValue> list;
    const JsonValue all = part.schema.find("enum"), one = part.schema.find("const");
    if (!one.is_absent()) keep({{one, text_of(one)}});
    if (all.is_absent()) continue;
    if (!all.is_array() || all.size() == 0) return all.error(Code::invalid_argument, "must be a list of values");
    if (all.size() > limits::kRegularStatesMax)
      return all.error(Code::limit_exceeded, "lists more values than are told apart (4096)");
    for (JsonValue value : all) list.push_back({value, text_of(value)});
    keep(std::move(list));
  }
  return Status::ok();
}

Status counts_of(const SchemaParts& parts, std::string_view least, std::string_view most, uint32_t* min, uint32_t* max) {
  *min = 0;
  *max = kUnbounded;
  for (const SchemaPart& part : parts)
    for (const std::string_view name : {least, most}) {
      const JsonValue value = part.schema.find(name);
      uint64_t count = 0;
      if (value.is_absent()) continue;
      if (!value.as_u64(&count)) return value.error(Code::invalid_argument, "must be a whole number, 0 or more");
      if (count > limits::kSchemaItemsMax) {
        if (name == most) continue;  // no answer is so long
        return value.error(Code::limit_exceeded, "is more than an answer has room for");
      }
      if (name == least) *min = std::max(*min, static_cast<uint32_t>(count));
      else *max = std::min(*max, static_cast<uint32_t>(count));
    }
  return Status::ok();
}

}  // namespace mica
