// Bodies as JSON, see request_json.hpp.
#include "request_json.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "limits.hpp"

namespace app::serve {
namespace {

// Who reads a request before the server, as a proxy that checks it, may take the first of two members of one name where
// the parser here takes the last.
void add_member(const std::string& name, std::set<std::string>* members) {
  const std::string shown = name.substr(0, 64);
  if (!members->insert(name).second)
    throw Refusal(400, "the body has \"" + shown + "\" twice in one object: leave one out", shown);
  if (members->size() > kJsonMembersMax)
    throw Refusal(400, "an object of the body has more than " + std::to_string(kJsonMembersMax) + " members");
}

}  // namespace

Json parse_request(const std::string& body) {
  size_t values = 0;
  std::vector<std::set<std::string>> members;  // of the objects that are open
  const auto count = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) members.emplace_back();
    if (event == Json::parse_event_t::object_end) members.pop_back();
    if (event == Json::parse_event_t::key) add_member(parsed.get_ref<const std::string&>(), &members.back());
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
