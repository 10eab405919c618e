// The table of routes, see routes.hpp.
#include "routes.hpp"

namespace app::serve {
namespace {

void answer_chat(Call& call) {
  answer_question(call, read_chat(call.body, call.service.asking(), std::move(call.held)), openai_chat);
}

void answer_completion(Call& call) {
  answer_question(call, read_completion(call.body, call.service.asking(), std::move(call.held)), openai_completion);
}

void answer_input_tokens(Call& call) {
  answer_token_count(call, read_chat(call.body, call.service.asking(), std::move(call.held)));
}

// People are shown the page; Ollama's clients look here whether there is a server.
void answer_root(Call& call) {
  if (call.request.get_header_value("Accept").find("text/html") != std::string::npos) return answer_page(call);
  call.response.set_content("Ollama is running", "text/plain");
}

constexpr Route kRoutes[] = {
    {"GET", "/", answer_root, true},
    {"GET", "/health", answer_health, true},
    {"GET", "/v1/health", answer_health, true},
    {"GET", "/v1/models", answer_models},
    {"GET", "/v1/models/", answer_model},
    {"GET", "/models", answer_models},
    {"GET", "/props", answer_props},
    {"GET", "/slots", answer_slots},
    {"GET", "/metrics", answer_metrics},
    {"POST", "/v1/chat/completions", answer_chat},
    {"POST", "/chat/completions", answer_chat},
    {"POST", "/v1/chat/completions/input_tokens", answer_input_tokens},
    {"POST", "/v1/completions", answer_completion},
    {"POST", "/completions", answer_completion},
    {"POST", "/tokenize", answer_tokenize},
    {"POST", "/detokenize", answer_detokenize},
    {"GET", "/api/version", answer_ollama_version},
    {"GET", "/api/tags", answer_ollama_tags},
    {"GET", "/api/ps", answer_ollama_running},
    {"POST", "/api/show", answer_ollama_show},
    {"POST", "/api/chat", answer_ollama_chat},
    {"POST", "/api/generate", answer_ollama_generate},
    // What other servers have: their clients are told, rather than left to guess.
    {"POST", "/completion", nullptr},
    {"POST", "/v1/embeddings", nullptr},
    {"POST", "/embeddings", nullptr},
    {"POST", "/embedding", nullptr},
    {"POST", "/v1/rerank", nullptr},
    {"POST", "/rerank", nullptr},
    {"POST", "/v1/responses", nullptr},
    {"POST", "/v1/messages", nullptr},
    {"POST", "/infill", nullptr},
    {"POST", "/apply-template", nullptr},
    {"POST", "/props", nullptr},
    {"POST", "/models/load", nullptr},
    {"POST", "/models/unload", nullptr},
    {"GET", "/models/sse", nullptr},
    {"GET", "/lora-adapters", nullptr},
    {"POST", "/lora-adapters", nullptr},
    {"POST", "/v1/audio/transcriptions", nullptr},
    {"POST", "/v1/audio/speech", nullptr},
    {"POST", "/v1/images/generations", nullptr},
    {"POST", "/v1/audio/translations", nullptr},
    {"POST", "/v1/images/edits", nullptr},
    {"POST", "/v1/images/variations", nullptr},
    {"POST", "/v1/moderations", nullptr},
    {"GET", "/v1/files", nullptr},
    {"POST", "/v1/files", nullptr},
    {"GET", "/v1/files/", nullptr},
    {"DELETE", "/v1/files/", nullptr},
    {"GET", "/v1/batches", nullptr},
    {"POST", "/v1/batches", nullptr},
    {"GET", "/v1/batches/", nullptr},
    {"POST", "/v1/batches/", nullptr},
    {"POST", "/api/embed", nullptr},
    {"POST", "/api/embeddings", nullptr},
    {"POST", "/api/pull", nullptr},
    {"POST", "/api/push", nullptr},
    {"POST", "/api/create", nullptr},
    {"POST", "/api/copy", nullptr},
    {"DELETE", "/api/delete", nullptr},
    {"GET", "/api/blobs/", nullptr},  // and so HEAD, by which Ollama's clients ask
    {"POST", "/api/blobs/", nullptr},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace app::serve
