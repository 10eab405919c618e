// Requests of Ollama's protocol as questions: /api/chat and /api/generate.
#pragma once

#include "chat_request.hpp"

namespace app::serve {

// Throw Refusal. A request without messages, or without a prompt, asks that the model be loaded: nothing is asked then.
Question read_ollama_chat(const Json& json, const Asking& asking, Held&& held);
Question read_ollama_generate(const Json& json, const Asking& asking, Held&& held);
bool asks_nothing(const Question& question);

}  // namespace app::serve
