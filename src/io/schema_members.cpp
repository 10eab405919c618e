// SchemaParts: what schemas say together of the members of an object, and whether two can both hold.
#include <algorithm>

#include "limits.hpp"
#include "schema_parts.hpp"

namespace mica {

namespace {

constexpr size_t kApartDepthMax = 3;  // of objects in objects whose members tell schemas apart; usually the first does

Status add_member(SchemaDocument* document, JsonValue schema, SchemaMember* out) {
  if (schema.is_absent()) return Status::ok();
  MICA_TRY(document->add(schema, &out->parts));
  out->is_forbidden = keep_nothing(out->parts);
  return Status::ok();
}

bool contains(const std::vector<std::string_view>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// A member that one of the two requires, and which cannot be as both ask.
Status have_members_apart(SchemaDocument* document, const SchemaParts& a, const SchemaParts& b, size_t depth,
                          bool* apart) {
  std::vector<std::string_view> keys;
  MICA_TRY(required_of(a, &keys));
  MICA_TRY(required_of(b, &keys));
  for (const std::string_view key : keys) {
    SchemaMember of_a, of_b;
    MICA_TRY(member_of(document, a, key, &of_a));
    MICA_TRY(member_of(document, b, key, &of_b));
    if (of_a.is_forbidden || of_b.is_forbidden) *apart = true;
    else MICA_TRY(are_apart(document, of_a.parts, of_b.parts, depth + 1, apart));
    if (*apart) return Status::ok();
  }
  return Status::ok();
}

}  // namespace

Status properties_of(const SchemaPart& part, JsonValue* out) {
  const JsonValue properties = part.schema.find("properties");
  if (!properties.is_absent() && !properties.is_object())
    return properties.error(Code::invalid_argument, "must be an object of schemas");
  if (properties.size() > limits::kSchemaPropertiesMax)
    return properties.error(Code::limit_exceeded, "are more than 1024");
  *out = properties;
  return Status::ok();
}

Status member_of(SchemaDocument* document, const SchemaParts& parts, std::string_view key, SchemaMember* out) {
  for (const SchemaPart& part : parts) {
    JsonValue properties;
    MICA_TRY(properties_of(part, &properties));
    const JsonValue named = properties.find(key);
    out->is_named = out->is_named || !named.is_absent();
    MICA_TRY(add_member(document, named.is_absent() ? part.schema.find("additionalProperties") : named, out));
  }
  return Status::ok();
}

Status other_member_of(SchemaDocument* document, const SchemaParts& parts, SchemaMember* out) {
  for (const SchemaPart& part : parts)
    MICA_TRY(add_member(document, part.schema.find("additionalProperties"), out));
  return Status::ok();
}

Status required_of(const SchemaParts& parts, std::vector<std::string_view>* keys) {
  for (const SchemaPart& part : parts) {
    const JsonValue required = part.schema.find("required");
    if (!required.is_absent() && !required.is_array())
      return required.error(Code::invalid_argument, "must be a list of names");
    for (JsonValue name : required) {
      std::string_view key;
      if (!name.as_string(&key)) return name.error(Code::invalid_argument, "must be a name");
      if (!contains(*keys, key)) keys->push_back(key);
    }
  }
  return Status::ok();
}

Status are_apart(SchemaDocument* document, const SchemaParts& a, const SchemaParts& b, size_t depth, bool* apart) {
  *apart = true;
  if (keep_nothing(a) || keep_nothing(b)) return Status::ok();
  uint32_t types_a = 0, types_b = 0;
  MICA_TRY(types_of(a, true, &types_a));
  MICA_TRY(types_of(b, true, &types_b));
  if ((types_a & types_b) == 0) return Status::ok();
  bool is_list_a = false, is_list_b = false;
  std::vector<SchemaValue> values_a, values_b;
  MICA_TRY(values_of(a, &is_list_a, &values_a));
  MICA_TRY(values_of(b, &is_list_b, &values_b));
  const auto fits = [&](const SchemaValue& value) { return (type_of(value.value) & types_a & types_b) != 0; };
  const auto is_in_b = [&](const SchemaValue& value) {
    return std::any_of(values_b.begin(), values_b.end(),
                       [&](const SchemaValue& each) { return each.text == value.text; });
  };
  if (is_list_a && is_list_b) *apart = std::none_of(values_a.begin(), values_a.end(), is_in_b);
  else if (is_list_a || is_list_b)
    *apart = std::none_of(values_a.begin(), values_a.end(), fits) && std::none_of(values_b.begin(), values_b.end(), fits);
  else *apart = false;
  const bool are_objects = (types_a & types_b) == kObjectType && depth < kApartDepthMax;
  return *apart || !are_objects ? Status::ok() : have_members_apart(document, a, b, depth, apart);
}

}  // namespace mica
