// Ollama's protocol: an object a line, the last of which says done. See protocol.hpp.
#pragma once

#include "protocol.hpp"

namespace app::serve {

std::unique_ptr<Protocol> ollama_chat(const AnswerLabel& label, const Question& question);
std::unique_ptr<Protocol> ollama_generate(const AnswerLabel& label, const Question& question);

// {"error": "..."}
std::string ollama_error(const Refusal& refusal);
// A moment as RFC 3339 writes it.
std::string ollama_time(int64_t seconds);

}  // namespace app::serve
