// Asking a session, see conversation.hpp.
#include "conversation.hpp"

#include <algorithm>

#include "mica_schema.h"
#include "mica_video.h"
#include "terminal.hpp"

namespace app {
namespace {

using Print = std::function<void(std::string_view, int32_t)>;

int pass_piece(void* print, const char* text, size_t bytes, int32_t token) {
  (**static_cast<const Print**>(print))(std::string_view(text, bytes), token);
  return 0;
}

mica_part text_part(const std::string& text) { return {MICA_PART_TEXT, text.data(), text.size(), nullptr}; }

void add_message(const Session& session, mica_role role, const std::vector<mica_part>& parts) {
  mica_error error{};
  require(mica_session_add_message(session.get(), role, parts.data(), parts.size(), &error), error);
}

}  // namespace

uint32_t picture_tokens(const Model& model, const NamedPicture& picture) {
  uint32_t tokens = 0;
  mica_error error{};
  const mica_picture* handle = picture.picture.get();
  const mica_status status = picture.is_frame ? mica_video_tokens(model.get(), &handle, 1, &tokens, &error)
                                              : mica_picture_tokens(model.get(), handle, &tokens, &error);
  if (status != MICA_OK) throw Failure(picture.path + ": " + error.message, status);
  return tokens;
}

uint32_t session_tokens(const Session& session, const NamedPicture& picture) {
  uint32_t tokens = 0;
  mica_error error{};
  require(mica_session_picture_tokens(session.get(), picture.picture.get(), &tokens, &error), error);
  return tokens;
}

uint32_t largest_picture(const Model& model, const std::vector<NamedPicture>& pictures) {
  uint32_t largest = 0;
  for (const bool frames : {false, true})  // these bound nothing where no picture does
    for (const NamedPicture& picture : pictures)
      if (picture.is_frame == frames && (!frames || largest != 0))
        largest = std::max(largest, picture_tokens(model, picture));
  return largest;
}

Session create_session(const Model& model, const mica_session_options& options) {
  return open_handle<Session>(mica_session_create, model.get(), &options, nullptr, size_t{0});
}

Pictures keep_pictures(const Model& model, const Session& session) {
  // About twenty pictures of 1,024 tokens of a model of 7 billion weights.
  constexpr size_t kBytesMax = size_t{256} << 20;
  Pictures pictures =
      open_handle<Pictures>(mica_pictures_create, static_cast<const mica_model*>(model.get()), kBytesMax);
  mica_error error{};
  require(mica_session_set_pictures(session.get(), pictures.get(), &error), error);
  return pictures;
}

void set_stops(const Session& session, const std::vector<std::string>& stops) {
  if (stops.empty()) return;  // those of the model stay
  std::vector<mica_text> texts;
  for (const std::string& stop : stops) texts.push_back({stop.data(), stop.size()});
  mica_error error{};
  require(mica_session_set_stops(session.get(), texts.data(), texts.size(), &error), error);
}

void set_schema(const Session& session, const std::string& schema) {
  if (schema.empty()) return;
  mica_error error{};
  require(mica_session_set_schema(session.get(), schema.data(), schema.size(), &error), error);
}

void add_system(const Model& model, const Session& session, const std::string& text) {
  if (mica_model_has_chat(model.get()) == 0) {
    throw Failure("this model has no chat format, so a system turn has no place", MICA_UNSUPPORTED);
  }
  add_message(session, MICA_ROLE_SYSTEM, {text_part(text)});
}

void add_question(const Model& model, const Session& session, const std::vector<NamedPicture>& pictures,
                  const std::string& text) {
  if (mica_model_has_chat(model.get()) != 0) {
    std::vector<mica_part> parts;
    for (const NamedPicture& picture : pictures) {
      parts.push_back({picture.is_frame ? MICA_PART_FRAME : MICA_PART_PICTURE, nullptr, 0, picture.picture.get()});
    }
    parts.push_back(text_part(text));
    add_message(session, MICA_ROLE_USER, parts);
    return;
  }
  mica_error error{};
  for (size_t i = 0; i < pictures.size(); ++i) {
    const std::vector<const mica_picture*> frames = video_at(pictures, i);
    if (!frames.empty()) require(mica_session_add_video(session.get(), frames.data(), frames.size(), &error), error);
    else if (!pictures[i].is_frame)
      require(mica_session_add_picture(session.get(), pictures[i].picture.get(), &error), error);
  }
  require(mica_session_add_text(session.get(), text.data(), text.size(), 0, &error), error);
}

void add_answer(const Model& model, const Session& session, const std::string& text) {
  if (mica_model_has_chat(model.get()) != 0) {
    add_message(session, MICA_ROLE_ASSISTANT, {text_part(text)});
    return;
  }
  mica_error error{};
  require(mica_session_add_text(session.get(), text.data(), text.size(), 0, &error), error);
}

void prefill(const Session& session) {
  Progress progress("reading");
  mica_error error{};
  require(mica_session_prefill(session.get(), Progress::callback, &progress, &error), error);
}

mica_generation generate(const Session& session, const mica_sampling& sampling, const Print& print) {
  mica_generation generation{};
  mica_error error{};
  const Print* callback = &print;
  require(mica_session_generate(session.get(), &sampling, pass_piece, &callback, &generation, &error), error);
  return generation;
}

void print_piece(std::string_view text, int32_t) {
  const std::string shown = text_for(stdout, text);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

std::string timings(const Session& session) {
  mica_stats stats{};
  mica_session_stats(session.get(), &stats);
  std::string line;
  if (stats.pictures != 0) {
    line += std::string(stats.pictures == 1 ? "image " : "images ") + format_seconds(stats.picture_seconds) + " | ";
  }
  line += "prefill " + format_rate(stats.prefill_tokens, stats.prefill_seconds) + " tokens/s | decode " +
          format_rate(stats.decode_tokens, stats.decode_seconds) + " tokens/s | peak memory " +
          format_bytes(memory_peak()) + " | KV ";
  if (stats.kv_visual_bytes != 0) line += "visual " + format_bytes(stats.kv_visual_bytes) + ", ";
  return line + "text " + format_bytes(stats.kv_text_bytes);
}

}  // namespace app
