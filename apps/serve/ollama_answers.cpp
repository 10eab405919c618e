// What Ollama's clients ask before they ask a question, and their questions. See routes.hpp.
#include "digest.hpp"
#include "ollama_protocol.hpp"
#include "ollama_request.hpp"
#include "routes.hpp"
#include "terminal.hpp"

namespace app::serve {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered details_of(const mica_model* model) {
  const Json shape = Json::parse(describe(mica_model_describe, model));
  std::string parameters = format_count(mica_model_parameters(model));  // "4.68 M"
  std::erase(parameters, ' ');
  return {{"parent_model", ""},
          {"format", shape.value("container", "")},
          {"family", mica_model_family(model)},
          {"families", Ordered::array({mica_model_family(model)})},
          {"parameter_size", parameters},
          {"quantization_level", ""}};
}

Ordered capabilities_of(const mica_model* model) {
  Ordered names = Ordered::array({"completion"});
  if (mica_model_has_vision(model) != 0) names.push_back("vision");
  return names;
}

// Stands for the model's bytes, which would take long to read.
std::string digest_of(const mica_model* model) {
  const std::string shape = describe(mica_model_describe, model);
  hub::Digest digest(std::string(64, '0'), shape.size());
  digest.add(shape.data(), shape.size());
  return digest.finish();
}

Ordered model_of(const Service& service) {
  const mica_model* model = service.model.get();
  return {{"name", service.name},
          {"model", service.name},
          {"size", mica_model_bytes(model)},
          {"digest", digest_of(model)},
          {"details", details_of(model)}};
}

// Whoever asks nothing wants the model to be there, which it is.
void answer_ollama(Call& call, Question&& question, decltype(&ollama_chat) protocol) {
  if (!asks_nothing(question)) return answer_question(call, std::move(question), protocol);
  Ordered json = {{"model", call.service.name}, {"created_at", ollama_time(std::time(nullptr))}};
  if (protocol == &ollama_chat) json["message"] = {{"role", "assistant"}, {"content", ""}};
  else json["response"] = "";
  json["done"] = true;
  json["done_reason"] = "load";
  answer_json(call, json);
}

}  // namespace

void answer_ollama_version(Call& call) { answer_json(call, {{"version", mica_version()}}); }

void answer_ollama_tags(Call& call) {
  Ordered model = model_of(call.service);
  model["modified_at"] = ollama_time(call.service.created);
  model["capabilities"] = capabilities_of(call.service.model.get());
  answer_json(call, {{"models", Ordered::array({model})}});
}

void answer_ollama_running(Call& call) {
  Ordered model = model_of(call.service);
  model["expires_at"] = "9999-12-31T23:59:59Z";  // it stays
  model["size_vram"] = 0;
  model["context_length"] = call.service.scheduler.context();
  answer_json(call, {{"models", Ordered::array({model})}});
}

void answer_ollama_show(Call& call) {
  const mica_model* model = call.service.model.get();
  const std::string family = mica_model_family(model);
  answer_json(call, {{"license", ""},
                     {"modelfile", ""},
                     {"parameters", ""},
                     {"template", ""},
                     {"details", details_of(model)},
                     {"model_info",
                      {{"general.architecture", family},
                       {"general.parameter_count", mica_model_parameters(model)},
                       {family + ".context_length", mica_model_context_max(model)}}},
                     {"capabilities", capabilities_of(model)},
                     {"modified_at", ollama_time(call.service.created)}});
}

void answer_ollama_chat(Call& call) {
  answer_ollama(call, read_ollama_chat(call.body, call.service.asking(), std::move(call.held)), ollama_chat);
}

void answer_ollama_generate(Call& call) {
  answer_ollama(call, read_ollama_generate(call.body, call.service.asking(), std::move(call.held)), ollama_generate);
}

}  // namespace app::serve
