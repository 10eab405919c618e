// Turns of a request: what the protocols' messages have in common.
#pragma once

#include <string>

#include "chat_request.hpp"
#include "request_fields.hpp"

namespace app::serve {

// A question of these fields, with nothing asked yet.
Question new_question(const Asking& asking, Held&& held);

// Builds the turns of a conversation, and bounds them.
class TurnReader {
 public:
  TurnReader(const Asking& asking, Question* question) : asking_(asking), question_(*question) {}

  // A turn of the role that the message names. Throws Refusal, as all of these.
  void begin(const Json& message);
  void add_text(const Json& text);
  void add_picture(const Json& source);  // a text
  // The last turn is the user's.
  void finish() const;

 private:
  const Asking& asking_;
  Question& question_;
  size_t pictures_ = 0;
};

}  // namespace app::serve
