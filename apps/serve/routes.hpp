// The routes of the server: a table of paths, and what answers each. Who may ask: http_server.hpp.
#pragma once

#include <span>
#include <string>

#include <httplib.h>

#include "protocol.hpp"
#include "service.hpp"

namespace app::serve {

// A request that may be answered.
struct Call {
  Service& service;
  const httplib::Request& request;
  httplib::Response& response;
  Json body;  // of a POST
  Held held;
};

struct Route {
  const char* method;  // GET, which HEAD is too, or POST
  const char* path;
  void (*answer)(Call& call);  // null: known elsewhere, and not done here
  bool is_open = false;        // also without a key
};

std::span<const Route> routes();
// Answers by the question of the call, whole or as a stream. Throws Refusal.
void answer_question(Call& call, Question&& question,
                     std::unique_ptr<Protocol> (*protocol)(const AnswerLabel&, const Question&));
// By the number of tokens that the question takes; nothing is computed.
void answer_token_count(Call& call, Question&& question);
void answer_json(Call& call, const nlohmann::ordered_json& json);

// ---- what routes answer: answers_about.cpp, page.cpp, ollama_answers.cpp
void answer_health(Call& call);
void answer_models(Call& call);
void answer_model(Call& call);  // whose name the path ends with
void answer_props(Call& call);
void answer_slots(Call& call);
void answer_metrics(Call& call);
void answer_tokenize(Call& call);
void answer_detokenize(Call& call);
void answer_page(Call& call);
void answer_ollama_version(Call& call);
void answer_ollama_tags(Call& call);
void answer_ollama_running(Call& call);
void answer_ollama_show(Call& call);
void answer_ollama_chat(Call& call);
void answer_ollama_generate(Call& call);

}  // namespace app::serve
