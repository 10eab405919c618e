// JSON documents, see json_files.hpp.
#include "json_files.hpp"

#include "files.hpp"

namespace app {

nlohmann::json parse_json(const std::string& text, const std::string& source) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& fault) {
    const std::string what = fault.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const size_t bracket = what.find("] ");
    throw Failure(source + ": " + (bracket == std::string::npos ? what : what.substr(bracket + 2)), MICA_CORRUPT_FILE);
  }
}

nlohmann::json read_json(const std::string& path) { return parse_json(read_file(path), path); }

}  // namespace app
