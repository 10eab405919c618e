// A request's body as JSON, within bounds of depth and number. What its fields mean: request_fields.hpp.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "refusal.hpp"

namespace app::serve {

// Members stay in their order, which a schema's answers have too.
using Json = nlohmann::ordered_json;

// Throws Refusal: 400 for what is no JSON object, or has more values, members or levels than limits.hpp allows.
Json parse_request(const std::string& body);

// As the answers of the server are written: what is no UTF-8 is replaced.
template <typename AnyJson>
std::string dump(const AnyJson& json) {
  return json.dump(-1, ' ', false, AnyJson::error_handler_t::replace);
}

}  // namespace app::serve
