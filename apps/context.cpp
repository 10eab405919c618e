// The context of a session, see context.hpp.
#include "context.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "conversation.hpp"
#include "terminal.hpp"

namespace app {
namespace {

constexpr uint32_t kAnswerTokens = 1024;   // of usual length
constexpr uint32_t kTurnTokens = 64;       // marks of a turn and of pictures, and a system turn that a family adds
constexpr uint32_t kContextDefault = 4096;  // of the library, as mica.h says
constexpr uint32_t kContextStep = 256;
// What a session keeps pictures from taking, as mica.h says: of a message's, and of any context.
constexpr uint32_t kLeastAnswer = 256, kLeastText = 512;

uint32_t count_tokens(const Model& model, const std::string& text) {
  const mica_tokenizer* tokenizer = mica_model_tokenizer(model.get());
  size_t count = 0;
  mica_error error{};
  if (tokenizer != nullptr) mica_tokenize(tokenizer, text.data(), text.size(), 0, nullptr, 0, &count, &error);
  return static_cast<uint32_t>(count);
}

// As large as the rules and the settings ask. Pictures that are made larger end a little above the bound.
uint32_t whole_tokens(const Model& model, const mica_session_options& settings, const NamedPicture& picture) {
  if (picture.is_frame) return picture_tokens(model, picture);
  const uint32_t least = settings.picture_tokens_min;
  const uint32_t tokens = std::max(picture_tokens(model, picture), least + least / 4);
  return settings.picture_tokens == 0 ? tokens : std::min(tokens, settings.picture_tokens);
}

// Bounds pictures so that text without turns, which is added after them, has room in the context: all of the answer that
// is asked for, or, where that is too much, half of what text and marks leave.
void share_context(const Model& model, const std::vector<NamedPicture>& pictures, const std::string& text, uint32_t answer,
                   mica_session_options* settings) {
  constexpr uint32_t kMarks = 4;  // of a picture, and the token that begins a text
  const auto is_picture = [](const NamedPicture& picture) { return !picture.is_frame; };
  const auto count = static_cast<uint32_t>(std::count_if(pictures.begin(), pictures.end(), is_picture));
  const uint32_t context = settings->context != 0 ? settings->context : default_context(model);
  const uint32_t fixed = count_tokens(model, text) + kMarks * (count + 1);
  if (count == 0 || fixed >= context) return;
  const uint32_t left = context - fixed;
  const uint32_t wanted = answer == 0 ? kLeastAnswer : answer;
  const uint32_t room = std::max(left > wanted ? left - wanted : 0, left / 2);
  mica_session_options bounded = *settings;
  bounded.picture_tokens = std::min(settings->picture_tokens, room / count);
  bounded.picture_tokens_min = std::min(settings->picture_tokens_min, bounded.picture_tokens);
  size_t bytes = 0;
  mica_error error{};
  // Pictures of one size are refused a smaller one; then the session says what is missing.
  if (bounded.picture_tokens != 0 && mica_session_size(model.get(), &bounded, &bytes, &error) == MICA_OK)
    *settings = bounded;
}

}  // namespace

mica_session_options unbounded_options(const Model& model) {
  mica_session_options settings = mica_session_options_default();
  settings.context = mica_model_context_max(model.get());
  return settings;
}

PictureBounds picture_bounds(const Model& model, const mica_session_options& settings) {
  const auto session = nlohmann::json::parse(
      describe(mica_session_describe, static_cast<const mica_model*>(model.get()), &settings));
  return {session["picture_tokens_least"].get<uint32_t>(), session["picture_tokens_most"].get<uint32_t>()};
}

uint32_t tokens_needed(const Model& model, const mica_session_options& settings,
                       const std::vector<NamedPicture>& pictures, const std::string& text, uint32_t answer) {
  const uint32_t answered = answer == 0 ? kAnswerTokens : std::max(answer, kLeastAnswer);
  uint64_t tokens = count_tokens(model, text) + kTurnTokens + answered;
  if (!pictures.empty()) tokens = std::max<uint64_t>(tokens, kLeastText);
  for (const NamedPicture& picture : pictures) tokens += whole_tokens(model, settings, picture);
  return static_cast<uint32_t>(std::min<uint64_t>(tokens, UINT32_MAX / 2));
}

uint32_t default_context(const Model& model) { return std::min(kContextDefault, mica_model_context_max(model.get())); }

uint32_t fitting_context(const Model& model, const mica_session_options& settings, uint32_t tokens) {
  const uint32_t least = default_context(model);
  const uint32_t wanted =
      std::min((tokens + kContextStep - 1) / kContextStep * kContextStep, mica_model_context_max(model.get()));
  uint32_t context = 0;
  mica_error error{};
  if (wanted <= least) return least;
  const mica_status status = mica_session_context_within_memory(model.get(), &settings, wanted, &context, &error);
  return status == MICA_OK ? std::max(context, least) : least;
}

void choose_context(const Model& model, const std::vector<NamedPicture>& pictures, const std::string& text,
                    uint32_t answer, mica_session_options* settings) {
  uint32_t largest = 0;
  for (const NamedPicture& picture : pictures)
    if (!picture.is_frame) largest = std::max(largest, whole_tokens(model, *settings, picture));
  const uint32_t needed = tokens_needed(model, *settings, pictures, text, answer);
  settings->picture_tokens = largest;
  if (settings->context == 0 && needed > default_context(model))
    settings->context = fitting_context(model, *settings, needed);
  // In a conversation's turn the session itself sees to it that pictures leave room.
  if (mica_model_has_chat(model.get()) == 0) share_context(model, pictures, text, answer, settings);
}

void fit_memory(const Model& model, uint64_t available, bool asked, mica_session_options* settings) {
  size_t bytes = 0;
  mica_error error{};
  if (mica_session_size(model.get(), settings, &bytes, &error) != MICA_OK) return;  // creating it says why
  if (bytes > available) {
    const uint32_t wanted = settings->context != 0 ? settings->context : default_context(model);
    uint32_t context = 0;
    const bool fits = mica_session_context_within_memory(model.get(), settings, wanted, &context, &error) == MICA_OK;
    const std::string fault = "a session of " + std::to_string(wanted) + " tokens takes " + format_bytes(bytes) +
                              " beside the weights, and this machine has " + format_bytes(available) + " left";
    if (!fits)
      throw Failure(fault + ": not even the smallest fits; -b 64 or a smaller model takes less", MICA_OUT_OF_MEMORY);
    if (asked) throw Failure(fault + "; -c " + std::to_string(context) + " fits", MICA_OUT_OF_MEMORY);
    print_note("warning: " + fault + "; this one has " + std::to_string(context));
    settings->context = context;
    if (mica_session_size(model.get(), settings, &bytes, &error) != MICA_OK) return;
  }
  const uint64_t weights = mica_model_bytes(model.get());
  if (weights <= available - bytes) return;
  print_note("warning: the weights take " + format_bytes(weights) + ", the session " + format_bytes(bytes) +
             ", and this machine has " + format_bytes(available) +
             " left: weights will be read from the disk again for every token; a smaller model, mica quantize or a "
             "smaller -c fits");
}

namespace {

// `asked`: the user bounded pictures, and is told only where answers suffer.
void note_reduced(const Model& model, const Session& session, const mica_session_options& settings, bool asked,
                  const std::vector<NamedPicture>& pictures) {
  bool reduced = false;
  for (const NamedPicture& picture : pictures) {
    const uint32_t used = session_tokens(session, picture), whole = picture_tokens(model, picture);
    if (picture.is_frame || used >= whole) continue;
    const uint32_t least = picture_bounds(model, unbounded_options(model)).least;
    const bool too_small = used < std::min(whole, least);
    if (asked && !too_small) continue;
    reduced = true;
    print_note(picture.path + " was made smaller: it takes " + std::to_string(used) + " tokens of " +
               std::to_string(whole) +
               (too_small ? ", and " + std::to_string(least) + " are this model's least: answers get worse" : ""));
  }
  if (reduced && asked) print_note("without --image-max-tokens pictures keep their size");
  if (reduced && !asked) print_note("the context is full: " + larger_context(model, session, settings));
}

}  // namespace

std::string larger_context(const Model& model, const Session& session, const mica_session_options& settings) {
  mica_stats stats{};
  mica_session_stats(session.get(), &stats);
  const std::string tokens = std::to_string(stats.tokens_wanted);
  const uint32_t most = mica_model_context_max(model.get());
  const uint32_t now = settings.context != 0 ? settings.context : default_context(model);
  mica_session_options larger = settings;
  larger.context = std::max(now, stats.tokens_wanted);
  larger.picture_tokens = 0;
  std::string flags = larger.context > now ? "-c " + tokens : "";
  if (settings.context_text != 0) {
    larger.context_text = std::max(settings.context_text, stats.tokens_wanted);
    flags += (flags.empty() ? "--ctx-text " : " --ctx-text ") + std::to_string(larger.context_text);
  }
  if (flags.empty()) flags = "-c " + tokens;
  size_t bytes = 0;
  mica_error error{};
  if (mica_session_size(model.get(), &larger, &bytes, &error) != MICA_OK)
    return "it would take " + tokens + " tokens, which this model cannot hold: " + error.message;
  std::string note = flags + " has room for all of it and takes " + format_bytes(bytes);
  if (stats.tokens_wanted > most) note += ", but the model was trained for " + std::to_string(most) + " tokens";
  return note;
}

void add_fitting_question(const Model& model, const Session& session, const mica_session_options& settings,
                          uint32_t image_max_tokens, const std::vector<NamedPicture>& pictures,
                          const std::string& text) {
  try {
    add_question(model, session, pictures, text);
  } catch (const Failure& failure) {
    if (failure.status() != MICA_CONTEXT_FULL) throw;
    throw Failure(failure.what() + (" (" + larger_context(model, session, settings) + ")"), failure.status());
  }
  note_reduced(model, session, settings, image_max_tokens != 0, pictures);
}

std::string more_room(const Model& model, const mica_session_options& settings, uint32_t context) {
  if (settings.context_text != 0) return "a larger --ctx-text, and -c, has room for more";
  mica_session_options larger = settings;
  larger.context = context + 1;
  size_t bytes = 0;
  mica_error error{};
  if (mica_session_size(model.get(), &larger, &bytes, &error) == MICA_OK) return "a larger -c has room for more";
  return std::string("it cannot be larger: ") + error.message;
}

}  // namespace app
