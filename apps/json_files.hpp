// JSON documents that the commands read. Apart from files.hpp because nlohmann's header is large.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "handles.hpp"

namespace app {

// The document in a file; throws Failure with the file's name and the place of the fault.
nlohmann::json read_json(const std::string& path);
// The same for text at hand; `source` is what the message names.
nlohmann::json parse_json(const std::string& text, const std::string& source);

// A field of a document; throws Failure with `source` and the field's name.
template <typename T>
T json_field(const nlohmann::json& object, const char* name, const std::string& source) {
  try {
    return object.at(name).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Failure(source + ": field \"" + name + "\" is missing or of another type", MICA_CORRUPT_FILE);
  }
}

}  // namespace app
