// Config tables: one row of a family's tables over the JSON of a checkpoint, and what no row names. Not which tables
// apply to which object: config.cpp.
#pragma once

#include <span>
#include <string_view>

#include "family.hpp"
#include "json.hpp"
#include "model_spec.hpp"
#include "status.hpp"

namespace mica {

using FieldTables = std::span<const std::span<const ConfigField>>;

// Reads one field of `object`; what is absent leaves the target as it is. Errors name the file and the field.
// `known`: fields that another table reads there, which `field` then does not refuse.
Status read_field(JsonValue object, const ConfigField& field, FieldTables known, ModelSpec* spec);
Status read_fields(JsonValue object, std::span<const ConfigField> fields, FieldTables known, ModelSpec* spec);

// True for a member of this name, or for nested members of it ("size" of "size.width").
bool names_member(const ConfigField& field, std::string_view member);
// True if one of the patterns is this name; "*" at an end of a pattern is any text.
bool matches_any(std::span<const char* const> patterns, std::string_view name);

// A warning to the log for each member that is set and that neither a row nor a pattern names.
void warn_of_unknown_fields(JsonValue object, FieldTables tables, std::span<const char* const> without_effect);

}  // namespace mica
