// What the protocols' messages have in common, see request_turns.hpp.
#include "request_turns.hpp"

#include <random>

#include "limits.hpp"
#include "picture_source.hpp"

namespace app::serve {
namespace {

struct RoleName {
  const char* name;
  mica_role role;
};
constexpr RoleName kRoles[] = {{"system", MICA_ROLE_SYSTEM},
                               {"developer", MICA_ROLE_SYSTEM},
                               {"user", MICA_ROLE_USER},
                               {"assistant", MICA_ROLE_ASSISTANT}};

// Of a message, beside its role and what it says. Pictures: of the protocols.
const Field kMessage[] = {
    {.name = "tool_calls", .kind = Kind::list, .only = "[]"},
    {.name = "function_call", .kind = Kind::any, .only = "null"},
    {.name = "audio", .kind = Kind::any, .only = "null"},
};

mica_role role_of(const Json& message) {
  const std::string name = required_field(message, "role", Kind::text).get<std::string>();
  for (const RoleName& role : kRoles)
    if (name == role.name) return role.role;
  throw Refusal(400, "there is no role \"" + name.substr(0, 32) + "\" here: system, user or assistant", "messages");
}

}  // namespace

Question new_question(const Asking& asking, Held&& held) {
  Question question;
  question.sampling = asking.sampling;
  if (!asking.has_seed) question.sampling.seed = std::random_device{}();
  question.held = std::move(held);
  return question;
}

void TurnReader::begin(const Json& message) {
  if (!message.is_object()) throw Refusal(400, "a message is not an object", "messages");
  if (question_.turns.size() == kTurnsMax)
    throw Refusal(400, "more than " + std::to_string(kTurnsMax) + " messages", "messages");
  read_fields(message, kMessage, &question_);
  question_.turns.push_back({role_of(message), {}});
}

void TurnReader::add_text(const Json& text) {
  if (!text.is_string()) throw Refusal(400, "the text of a message is not a text", "messages");
  Part part;
  part.text = text.get<std::string>();
  question_.turns.back().parts.push_back(std::move(part));
}

void TurnReader::add_picture(const Json& source) {
  if (!source.is_string()) throw Refusal(400, "a picture is not a text", "messages");
  if (++pictures_ > kPicturesMax)
    throw Refusal(400, "more than " + std::to_string(kPicturesMax) + " pictures", "messages");
  const auto& text = source.get_ref<const std::string&>();
  question_.turns.back().parts.push_back(read_picture(text, asking_.decoding, &question_.held));
}

void TurnReader::finish() const {
  if (question_.turns.empty()) throw Refusal(400, "\"messages\" is empty", "messages");
  if (question_.turns.back().role != MICA_ROLE_USER)
    throw Refusal(400, "the last message is not the user's, so there is nothing to answer", "messages");
}

}  // namespace app::serve
