// Fuzz target: a chat template, then a zero byte, then the JSON of a conversation (without it: one turn and a tool).
// Whatever both are, text comes out that is UTF-8, or a status.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jinja_template.hpp"
#include "json.hpp"
#include "utf8.hpp"

using namespace mica;

namespace {

constexpr std::string_view kConversation =
    R"({"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "hi <é>"}]},
                     {"role": "assistant", "content": null,
                      "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1.5}}}]}],
        "tools": [{"name": "f", "n": 12345678901234567890, "x": [true, null]}], "add_generation_prompt": true})";

void require(bool promise) {
  if (!promise) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const std::string_view json = zero == std::string_view::npos ? kConversation : input.substr(zero + 1);
  std::unique_ptr<Template> made;
  Json conversation;
  if (!Template::read(input.substr(0, zero), "fuzz", &made)) return 0;
  if (!parse_json({reinterpret_cast<const uint8_t*>(json.data()), json.size()}, "fuzz", &conversation)) return 0;
  std::vector<Template::Variable> variables;
  for (JsonValue value : conversation.root()) variables.push_back({value.key(), value, value.key() == "messages"});
  std::tm day{};
  day.tm_mday = 1;
  std::string out;
  const Status status = made->render(variables, day, &out);
  require(status.is_ok() ? utf8_invalid_at(out) == out.size() : out.empty());
  return 0;
}
