// Requests of OpenAI's protocol as questions: /v1/chat/completions and /v1/completions.
#pragma once

#include <mutex>

#include "question.hpp"
#include "request_json.hpp"

namespace app::serve {

// What a question is made with, beside its request.
struct Asking {
  mica_sampling sampling;  // where the request says nothing
  bool has_seed = false;   // of the sampling; else each question is given one by chance
  std::mutex* decoding;    // pictures are decoded one at a time: their memory is large
};

// Throw Refusal. `held`: what the request holds already.
Question read_chat(const Json& json, const Asking& asking, Held&& held);
Question read_completion(const Json& json, const Asking& asking, Held&& held);

}  // namespace app::serve
