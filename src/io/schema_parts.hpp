// SchemaParts: the schemas of a JSON schema that one value must all keep, by $ref and allOf, and what they say together.
// Every keyword that stands in them is known here, or refused. Not what texts they allow: json_schema.cpp.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "status.hpp"

namespace mica {

// Kinds of values; a number that is no integer is a kind of its own.
enum SchemaTypes : uint32_t {
  kObjectType = 1,
  kArrayType = 2,
  kStringType = 4,
  kIntegerType = 8,
  kFractionType = 16,
  kBooleanType = 32,
  kNullType = 64,
  kNumberTypes = kIntegerType | kFractionType,
  kAllTypes = 127,
};

struct SchemaPart {
  JsonValue schema;  // an object, or a boolean
  bool any_of_is_taken = false, one_of_is_taken = false;  // one of its branches is among the parts
};
using SchemaParts = std::vector<SchemaPart>;

class SchemaDocument {
 public:
  explicit SchemaDocument(JsonValue root) : root_(root) {}

  // Appends `schema`, and what it refers to or has in allOf, to what a value must keep.
  Status add(JsonValue schema, SchemaParts* parts);

 private:
  Status check_keywords(JsonValue schema);
  Status find_reference(JsonValue reference, JsonValue* target) const;

  JsonValue root_;
  std::set<uint32_t> checked_;
  size_t work_ = 0;  // schemas that were added to others
};

// No value keeps them: one is false.
bool keep_nothing(const SchemaParts& parts);
// The kinds that all of them allow. Without `declared_only`: where none names a type, those that keywords are about.
Status types_of(const SchemaParts& parts, bool declared_only, uint32_t* types);
uint32_t type_of(JsonValue value);
// A value as JSON, the same for equal values: without spaces, members in the order of their keys.
std::string text_of(JsonValue value);
// The values that enum and const leave, where anything is said of them.
struct SchemaValue {
  JsonValue value;
  std::string text;
};
Status values_of(const SchemaParts& parts, bool* are_listed, std::vector<SchemaValue>* values);
// The largest of the parts' least counts and the smallest of their greatest, by the names of two keywords.
Status counts_of(const SchemaParts& parts, std::string_view least, std::string_view most, uint32_t* min, uint32_t* max);
// The pattern of a format of strings; null where it is not kept.
const char* format_pattern(std::string_view format);

// What the parts say of the member of an object.
struct SchemaMember {
  SchemaParts parts;
  bool is_named = false;      // under properties
  bool is_forbidden = false;  // by additionalProperties
};
// `properties`, absent where there are none.
Status properties_of(const SchemaPart& part, JsonValue* out);
Status member_of(SchemaDocument* document, const SchemaParts& parts, std::string_view key, SchemaMember* out);
// What additionalProperties say of a member that none names.
Status other_member_of(SchemaDocument* document, const SchemaParts& parts, SchemaMember* out);
// Keys of required. Errors: invalid_argument for what are no strings.
Status required_of(const SchemaParts& parts, std::vector<std::string_view>* keys);

// Whether that no value keeps both is plain to see: by kinds, by values, or by members that one of them requires.
Status are_apart(SchemaDocument* document, const SchemaParts& a, const SchemaParts& b, size_t depth, bool* apart);

}  // namespace mica
