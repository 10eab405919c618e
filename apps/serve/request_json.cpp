// Bodies as JSON, see request_json.hpp.
#include "request_json.hpp"

#include <algorithm>
#include <vector>

#include "limits.hpp"

namespace app::serve {

Json parse_request(const std::string& body) {
  size_t values = 0;
  std::vector<size_t> members;  // of the objects that are open
  const auto count = [&](int depth, Json::parse_event_t event, Json&) {
    if (event == Json::parse_event_t::object_start) members.push_back(0);
    if (event == Json::parse_event_t::object_end) members.pop_back();
    if (event == Json::parse_event_t::key && ++members.back() > kJsonMembersMax)
      throw Refusal(400, "an object of the body has more than " + std::to_string(kJsonMembersMax) + " members");
    if (depth > kJsonDepthMax)
      throw Refusal(400, "the body is nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
    if (++values > kJsonValuesMax)
      throw Refusal(400, "the body has more than " + std::to_string(kJsonValuesMax) + " values");
    return true;
  };
  Json json;
  try {
    json = Json::parse(body, count);
  } catch (const Json::exception& fault) {
    const std::string what = fault.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    // What was read last may be a secret or very long: only the place is told.
    const std::string place = what.substr(0, std::min(what.find(": "), what.find(" parsing '")));
    const size_t bracket = place.find("] ");
    throw Refusal(400, "the body is not JSON: " + (bracket == std::string::npos ? place : place.substr(bracket + 2)));
  }
  if (!json.is_object()) throw Refusal(400, "the body is not a JSON object");
  return json;
}

}  // namespace app::serve
