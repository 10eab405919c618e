// GridList from JSON, where config.json and processor files have it alike.
#pragma once

#include <string_view>

#include "json.hpp"
#include "picture_rule.hpp"
#include "status.hpp"

namespace mica {

// A list of [height, width].
Status get_grids(JsonValue object, std::string_view path, GridList* out);

}  // namespace mica
