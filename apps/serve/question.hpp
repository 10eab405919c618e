// Question: what a request asks of the model, whatever protocol it came by. Reading requests: chat_request.hpp;
// answering them: scheduler.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "byte_budget.hpp"
#include "handles.hpp"

namespace app::serve {

struct Part {
  std::string text;
  Picture picture;     // null: text
  std::string digest;  // of the picture's bytes: what a conversation is known by
};

struct Turn {
  mica_role role = MICA_ROLE_USER;
  std::vector<Part> parts;
};

enum class Work { answer, count_tokens };

struct Question {
  Work work = Work::answer;
  std::vector<Turn> turns;      // of a conversation
  std::string text;             // without one: text that is gone on with
  std::vector<int32_t> tokens;  // or tokens
  mica_sampling sampling{};
  std::vector<std::string> stops;
  bool has_stops = false;                          // else those of the model
  std::string schema;                              // that the answer keeps (mica_schema.h); empty: none
  std::shared_ptr<const mica_schema> schema_read;  // by who asks it: it may take long
  bool streams = false;
  bool includes_usage = false;  // of a stream
  bool reuses_conversation = true;
  bool wants_probabilities = false;
  uint32_t likeliest = 0;  // tokens that are told beside each, with their probabilities
  Held held;               // of the server's memory

  size_t text_bytes() const {
    size_t bytes = text.size();
    for (const Turn& turn : turns)
      for (const Part& part : turn.parts) bytes += part.text.size();
    return bytes;
  }
};

}  // namespace app::serve
