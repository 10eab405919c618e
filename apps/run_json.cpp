// mica run -o json, see run_json.hpp.
#include "run_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "conversation.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

// How likely the model found a token: the softmax of its logits, before temperature and filters.
double probability(const Session& session, uint32_t vocabulary, int32_t token) {
  const float* logits = nullptr;
  if (mica_session_logits(session.get(), 0, &logits, nullptr) != MICA_OK) return std::nan("");
  const float most = *std::max_element(logits, logits + vocabulary);
  double total = 0;
  for (uint32_t i = 0; i < vocabulary; i++) total += std::exp(static_cast<double>(logits[i]) - most);
  return std::exp(static_cast<double>(logits[token]) - most) / total;
}

class Answer {
 public:
  Answer(const Model& model, const Session& session)
      : session_(session), vocabulary_(mica_model_vocabulary(model.get())) {}

  // For each piece of text, with the token that completed it; a long token has several pieces.
  void add(std::string_view piece, int32_t token) {
    text.append(piece);
    mica_stats stats{};
    mica_session_stats(session_.get(), &stats);
    if (token >= 0 && (tokens.empty() || stats.tokens != session_tokens_)) {
      tokens.push_back({{"id", token}, {"text", ""}, {"probability", probability(session_, vocabulary_, token)}});
      session_tokens_ = stats.tokens;
    }
    if (!tokens.empty()) tokens.back()["text"].get_ref<std::string&>().append(piece);
  }

  std::string text;
  Json tokens = Json::array();

 private:
  const Session& session_;
  uint32_t vocabulary_;
  uint32_t session_tokens_ = 0;  // as of the last piece: it grows when a token is computed
};

const char* stop_name(mica_stop stop) {
  switch (stop) {
    case MICA_STOP_END: return "end";
    case MICA_STOP_TOKENS: return "tokens";
    case MICA_STOP_CALLBACK: return "callback";
    case MICA_STOP_CONTEXT: return "context";
    case MICA_STOP_TEXT: return "text";
    case MICA_STOP_NONE: break;
  }
  return "";
}

Json describe_pictures(const Session& session, const std::vector<NamedPicture>& pictures) {
  Json list = Json::array();
  for (const NamedPicture& picture : pictures) {
    list.push_back({{"path", picture.path},
                    {"width", mica_picture_width(picture.picture.get())},
                    {"height", mica_picture_height(picture.picture.get())},
                    {"tokens", session_tokens(session, picture)}});
    if (picture.is_frame) list.back()["frame"] = true;
  }
  return list;
}

Json describe_sampling(const mica_sampling& sampling) {
  if (sampling.temperature == 0) return {{"temperature", 0}, {"repeat_penalty", sampling.repeat_penalty}};
  return {{"temperature", sampling.temperature}, {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},             {"min_p", sampling.min_p},
          {"repeat_penalty", sampling.repeat_penalty}, {"seed", sampling.seed}};
}

Json describe_work(const Session& session, double load_seconds) {
  mica_stats stats{};
  mica_session_stats(session.get(), &stats);
  return {{"load_seconds", load_seconds},
          {"picture_seconds", stats.picture_seconds},
          {"prefill_tokens", stats.prefill_tokens},
          {"prefill_seconds", stats.prefill_seconds},
          {"decode_tokens", stats.decode_tokens},
          {"decode_seconds", stats.decode_seconds},
          {"kv_visual_bytes", stats.kv_visual_bytes},
          {"kv_text_bytes", stats.kv_text_bytes},
          {"memory_peak_bytes", memory_peak()}};
}

}  // namespace

bool print_json_answer(const Model& model, const Session& session, const JsonQuestion& question) {
  Json pictures = describe_pictures(session, question.pictures);  // before they are computed
  const Interrupt interrupt(session.get());
  Answer answer(model, session);
  std::string stop;
  try {
    prefill(session);
    stop = stop_name(generate(session, question.sampling, [&](std::string_view piece, int32_t token) {
                       answer.add(piece, token);
                     }).stop);
  } catch (const Failure& failure) {
    if (failure.status() != MICA_CANCELLED) throw;
    stop = "cancelled";
  }
  Json document = {{"version", mica_version()},
                   {"model",
                    {{"path", question.model.empty() ? Json() : Json(question.model)},
                     {"family", mica_model_family(model.get())},
                     {"parameters", mica_model_parameters(model.get())}}},
                   {"pictures", std::move(pictures)},
                   {"system", question.system},
                   {"question", question.prompt},
                   {"text", std::move(answer.text)},
                   {"tokens", std::move(answer.tokens)},
                   {"stop", stop},
                   {"sampling", describe_sampling(question.sampling)},
                   {"timings", describe_work(session, question.load_seconds)}};
  // A path may be any bytes; JSON is UTF-8.
  std::puts(document.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  return stop != "cancelled";
}

}  // namespace app
