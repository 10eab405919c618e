// Asking about frames, see asker.hpp.
#include "asker.hpp"

#include <cmath>
#include <ctime>

#include <nlohmann/json.hpp>

#include "answer_record.hpp"
#include "context.hpp"
#include "conversation.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"
#include "videos.hpp"

namespace app::watch {
namespace {

using Json = nlohmann::ordered_json;

// "2026-11-30T17:02:03.456Z"
std::string utc(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto milliseconds = duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  char date[32] = "", text[48];
  if (gmtime_r(&seconds, &parts) != nullptr) std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(milliseconds % 1000));
  return text;
}

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

// What keeps a schema is a value; one that was cut is the text that there is of it.
Json value_of(const std::string& text, bool keeps_schema) {
  if (!keeps_schema) return text;
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

}  // namespace

Asker::Asker(const Options& options, const std::string& question)
    : options_(options),
      question_(question),
      schema_(read_schema(options)),
      memory_(mica_memory_available()),
      model_(open_model(options)),
      pictures_(open_pictures(options.images)),
      settings_(session_options(options)),
      sampling_(sampling_options(options, model_.get())) {
  if (mica_model_has_vision(model_.get()) == 0)
    throw Failure(std::string("this model (") + mica_model_family(model_.get()) + ") sees no pictures",
                  MICA_UNSUPPORTED);
  add_videos(model_, options, &pictures_);
}

Asker::~Asker() { Interrupt::answer_in(nullptr); }

// The first frame says how much room pictures want; larger ones that come later are made smaller.
void Asker::create() {
  choose_context(model_, pictures_, options_.system + question_, sampling_.tokens_max, &settings_);
  fit_memory(model_, memory_, options_.context != 0, &settings_);
  session_ = create_session(model_, settings_);
  if (pictures_.size() > 1) encoded_ = keep_pictures(model_, session_);
  naming("--stop", [&] { set_stops(session_, options_.stops); });
  naming(options_.schema_file, [&] { set_schema(session_, schema_); });
  Interrupt::answer_in(session_.get());
}

std::string Asker::ask(const Frame& frame, Picture picture) {
  const Stopwatch watch;
  pictures_.push_back({"frame " + std::to_string(frame.number), std::move(picture)});
  struct Forget {
    std::vector<NamedPicture>* pictures;
    ~Forget() { pictures->pop_back(); }
  } const forget{&pictures_};
  if (session_ == nullptr) create();
  mica_session_clear(session_.get());
  if (!options_.system.empty()) add_system(model_, session_, options_.system);
  add_fitting_question(model_, session_, settings_, options_.image_max_tokens, pictures_, question_);
  AnswerRecord answer(model_, session_);
  const mica_generation generation =
      generate(session_, sampling_, [&](std::string_view piece, int32_t token) { answer.add(piece, token); });
  double probability = 1;
  for (const AnswerRecord::Token& token : answer.tokens) probability *= token.probability;
  Json line = {{"time", utc(frame.time)},
               {"frame", frame.number},
               {"answer", value_of(answer.text, !schema_.empty())},
               {"probability", rounded(probability)},
               {"seconds", rounded(watch.seconds())}};
  if (generation.stop != MICA_STOP_END) line["stop"] = stop_name(generation.stop);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace app::watch
