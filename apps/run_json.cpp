// mica run -o json, see run_json.hpp.
#include "run_json.hpp"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "answer_record.hpp"
#include "conversation.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

Json describe_tokens(const AnswerRecord& answer) {
  Json list = Json::array();
  for (const AnswerRecord::Token& token : answer.tokens)
    list.push_back({{"id", token.id}, {"text", token.text}, {"probability", token.probability}});
  return list;
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
  AnswerRecord answer(model, session);
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
                   {"tokens", describe_tokens(answer)},
                   {"stop", stop},
                   {"sampling", describe_sampling(question.sampling)},
                   {"timings", describe_work(session, question.load_seconds)}};
  // A path may be any bytes; JSON is UTF-8.
  std::puts(document.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  return stop != "cancelled";
}

}  // namespace app
