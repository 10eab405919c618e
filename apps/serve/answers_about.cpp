// What the server tells of itself and of its model, and its tokenizer. Answers to questions: answering.cpp.
#include "limits.hpp"
#include "request_fields.hpp"
#include "routes.hpp"
#include "tokens.hpp"

namespace app::serve {
namespace {

using Ordered = nlohmann::ordered_json;

const mica_tokenizer* tokenizer_of(const Call& call) {
  const mica_tokenizer* tokenizer = mica_model_tokenizer(call.service.model.get());
  if (tokenizer == nullptr) throw Refusal(501, "this model has no tokenizer");
  return tokenizer;
}

Ordered modalities(const Model& model) {
  Ordered names = Ordered::array({"text"});
  if (mica_model_has_vision(model.get()) != 0) names.push_back("image");
  return names;
}

bool flag(const Json& body, const char* name, bool initial) {
  const auto found = body.find(name);
  if (found == body.end() || found->is_null()) return initial;
  return required_field(body, name, Kind::boolean).get<bool>();
}

Ordered model_json(const Service& service) {
  const mica_model* model = service.model.get();
  const uint32_t context = service.scheduler.context();
  return {{"id", service.name},
          {"object", "model"},
          {"created", service.created},
          {"owned_by", "mica"},
          {"aliases", Ordered::array()},
          {"max_model_len", context},
          {"description", mica_model_description(model)},
          {"architecture",
           {{"input_modalities", modalities(service.model)}, {"output_modalities", Ordered::array({"text"})}}},
          {"status", {{"value", "loaded"}, {"args", Ordered::array()}}},
          {"meta",
           {{"n_ctx", context},
            {"n_ctx_train", mica_model_context_max(model)},
            {"n_vocab", mica_model_vocabulary(model)},
            {"n_params", mica_model_parameters(model)},
            {"size", mica_model_bytes(model)},
            {"family", mica_model_family(model)}}}};
}

// What may be many times as large as the request: it counts as held until it is written.
void answer_held(Call& call, const Ordered& json) {
  struct Answer {
    std::string text;
    Held held;
  };
  const auto answer = std::make_shared<Answer>(Answer{dump(json), std::move(call.held)});
  if (!answer->held.add(answer->text.size()))
    throw Refusal(503, "the server holds as much of answers as it may: ask again later");
  const auto write = [answer](size_t offset, size_t length, httplib::DataSink& sink) {
    return sink.write(answer->text.data() + offset, length);
  };
  call.response.set_content_provider(answer->text.size(), "application/json", write);
}

// A line of Prometheus' text form, with what it says before it.
struct Metric {
  const char* name;
  const char* type;
  const char* help;
  double value;
};

}  // namespace

void answer_json(Call& call, const Ordered& json) { call.response.set_content(dump(json), "application/json"); }

void answer_health(Call& call) {
  if (call.service.scheduler.view().is_draining) throw Refusal(503, "the server is ending");
  answer_json(call, {{"status", "ok"}});
}

void answer_models(Call& call) {
  answer_json(call, {{"object", "list"}, {"data", Ordered::array({model_json(call.service)})}});
}

void answer_model(Call& call) {
  const std::string& path = call.request.path;
  if (!path.ends_with('/' + call.service.name))
    throw Refusal(404, "there is one model here: " + call.service.name, "model");
  answer_json(call, model_json(call.service));
}

void answer_props(Call& call) {
  const Service& service = call.service;
  const mica_sampling& sampling = service.sampling;
  answer_json(call, {{"default_generation_settings",
                      {{"n_ctx", service.scheduler.context()},
                       {"params",
                        {{"temperature", sampling.temperature},
                         {"top_k", sampling.top_k},
                         {"top_p", sampling.top_p},
                         {"min_p", sampling.min_p},
                         {"repeat_penalty", sampling.repeat_penalty},
                         {"repeat_last_n", sampling.repeat_last},
                         {"n_predict", sampling.tokens_max == 0 ? -1 : static_cast<int64_t>(sampling.tokens_max)}}}}},
                     {"total_slots", service.scheduler.view().slots.size()},
                     {"model_alias", service.name},
                     {"model_path", service.name},
                     {"modalities", {{"vision", mica_model_has_vision(service.model.get()) != 0}, {"audio", false}}},
                     {"chat_template", ""},
                     {"media_marker", ""},  // pictures have places of their own in a request
                     {"chat_template_caps", {{"supports_tools", false}}},
                     {"build_info", std::string("mica ") + mica_version()}});
}

void answer_slots(Call& call) {
  const Scheduler::View view = call.service.scheduler.view();
  Ordered slots = Ordered::array();
  for (size_t i = 0; i < view.slots.size(); ++i) {
    const Counts& counts = view.slots[i].counts;
    slots.push_back({{"id", i},
                     {"n_ctx", call.service.scheduler.context()},
                     {"is_processing", view.slots[i].is_busy},
                     {"n_prompt_tokens", counts.prompt_tokens},
                     {"n_prompt_tokens_cache", counts.cached_tokens},
                     {"n_decoded", counts.answer_tokens}});
  }
  answer_json(call, slots);
}

void answer_metrics(Call& call) {
  const Scheduler::View view = call.service.scheduler.view();
  const Scheduler::Totals& totals = view.totals;
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  uint64_t busy = 0;
  for (const Scheduler::SlotView& slot : view.slots) busy += slot.is_busy;
  const Metric metrics[] = {
      {"prompt_tokens_total", "counter", "Tokens of prompts that were computed.", number(totals.counts.prompt_tokens)},
      {"prompt_tokens_cached_total", "counter", "Tokens of prompts that were there already.",
       number(totals.counts.cached_tokens)},
      {"prompt_seconds_total", "counter", "Time spent on prompts, pictures aside.", totals.counts.prompt_seconds},
      {"tokens_predicted_total", "counter", "Tokens of answers.", number(totals.counts.answer_tokens)},
      {"tokens_predicted_seconds_total", "counter", "Time spent on answers.", totals.counts.answer_seconds},
      {"images_total", "counter", "Pictures that were encoded.", number(totals.counts.pictures)},
      {"images_seconds_total", "counter", "Time spent on pictures.", totals.counts.picture_seconds},
      {"images_found_total", "counter", "Pictures that were encoded before.", number(view.pictures.found)},
      {"images_kept_bytes", "gauge", "Bytes of encoded pictures that are kept.", number(view.pictures.bytes)},
      {"answers_total", "counter", "Answers that came to their end.", number(totals.answers)},
      {"failures_total", "counter", "Requests that failed.", number(totals.failures)},
      {"abandoned_total", "counter", "Requests whose client left.", number(totals.abandoned)},
      {"n_decode_total", "counter", "Steps of all running answers together.", number(totals.steps)},
      {"n_busy_slots_per_decode", "gauge", "Answers in a step, on average.",
       totals.steps == 0 ? 0 : number(totals.steps_answers) / number(totals.steps)},
      {"requests_processing", "gauge", "Requests that are being answered.", number(busy)},
      {"requests_deferred", "gauge", "Requests that wait.", number(view.waiting)},
  };
  std::string text;
  for (const Metric& metric : metrics) {
    char value[32];
    std::snprintf(value, sizeof value, "%.15g", metric.value);
    const std::string name = std::string("mica:") + metric.name;
    text += "# HELP " + name + ' ' + metric.help + "\n# TYPE " + name + ' ' + metric.type + '\n' + name + ' ' + value +
            '\n';
  }
  call.response.set_content(text, "text/plain; version=0.0.4");
}

void answer_tokenize(Call& call) {
  const mica_tokenizer* tokenizer = tokenizer_of(call);
  const auto& text = required_field(call.body, "content", Kind::text).get_ref<const std::string&>();
  if (text.size() > kTokenizeBytesMax)
    throw Refusal(413, "\"content\" has more than " + std::to_string(kTokenizeBytesMax) + " bytes", "content");
  int flags = flag(call.body, "parse_special", true) ? MICA_TOKENIZE_SPECIAL : MICA_TOKENIZE_PLAIN;
  if (flag(call.body, "add_special", false)) flags |= MICA_TOKENIZE_BEGIN | MICA_TOKENIZE_END;
  if (flag(call.body, "with_pieces", false))
    throw Refusal(400, "\"with_pieces\" is not done: /detokenize", "with_pieces");
  const OneAtATime::Turn turn = call.service.tokenizing.enter();
  answer_held(call, {{"tokens", tokenize(tokenizer, text, flags)}});
}

void answer_detokenize(Call& call) {
  std::vector<int32_t> ids;
  for (const Json& token : required_field(call.body, "tokens", Kind::list)) {
    if (!token.is_number_integer() || token < 0 || token > INT32_MAX)
      throw Refusal(400, "\"tokens\" wants a list of tokens", "tokens");
    ids.push_back(token.get<int32_t>());
  }
  const OneAtATime::Turn turn = call.service.tokenizing.enter();
  answer_held(call, {{"content", detokenize(tokenizer_of(call), ids, false)}});
}

}  // namespace app::serve
