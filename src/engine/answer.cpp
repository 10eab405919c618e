// Answer: tokens to text, and its ends. Not which token: sampler.hpp.
#include "answer.hpp"

#include <algorithm>
#include <cstring>

#include "utf8.hpp"

namespace mica {

Status check_stops(std::span<const std::string_view> texts) {
  if (texts.size() > limits::kStopTextsMax)
    return Status::error(Code::limit_exceeded, "%zu stop texts; there may be %zu", texts.size(), limits::kStopTextsMax);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) return Status::error(Code::invalid_argument, "stop text %zu is empty", i);
    if (texts[i].size() > limits::kStopTextBytesMax)
      return Status::error(Code::limit_exceeded, "stop text %zu has %zu bytes; it may have %zu", i, texts[i].size(),
                           limits::kStopTextBytesMax);
    MICA_TRY(check_utf8(texts[i]));
  }
  return Status::ok();
}

Status Answer::set_stops(std::span<const std::string_view> texts) {
  MICA_TRY(check_stops(texts));
  stops_ = std::vector<std::string>(texts.begin(), texts.end());
  return Status::ok();
}

Status Answer::begin(const AnswerOptions& options) {
  forget();
  MICA_TRY(check_sampling(options.sampling));
  options_ = options;
  state_.has_begun = true;
  return Status::ok();
}

void Answer::drop_shown() {
  state_.bytes -= state_.shown;
  std::memmove(text_, text_ + state_.shown, state_.bytes);
  state_.shown = 0;
}

void Answer::append(const Model& model, int32_t token) {
  std::string_view bytes = model.tokenizer ? model.tokenizer->token_bytes(token) : std::string_view();
  // Templates end before a blank that the model then writes itself; nobody wants to see it.
  if (!state_.has_text && model.chat.writes_turns() && !bytes.empty() && bytes[0] == ' ') bytes.remove_prefix(1);
  if (!bytes.empty()) state_.has_text = true;
  state_.bytes += state_.stream.push(bytes.substr(0, limits::kTokenBytesMax), text_ + state_.bytes);
}

// The text ends before the first stop text in it.
bool Answer::cut_at_stop() {
  const std::string_view text(text_, state_.bytes);
  size_t first = std::string_view::npos;
  for (const std::string& stop : stops_) first = std::min(first, text.find(stop));
  if (first == std::string_view::npos) return false;
  state_.bytes = first;
  state_.stream = {};
  state_.stop = Stop::text;
  return true;
}

// Bytes at the end of the text that may be the beginning of a stop text.
size_t Answer::held_bytes() const {
  size_t held = 0;
  for (const std::string& stop : stops_)
    for (size_t count = std::min(stop.size() - 1, state_.bytes); count > held; --count)
      if (std::memcmp(text_ + state_.bytes - count, stop.data(), count) == 0) held = count;
  return held;
}

AnswerStep Answer::show(int32_t token, size_t bytes) {
  state_.shown = bytes;
  return {token, {text_, bytes}, state_.stop};
}

AnswerStep Answer::take(const Model& model, int32_t token, bool has_room) {
  if (model.ends(token) && !options_.ignore_end) state_.stop = Stop::end;
  else if (!has_room) state_.stop = Stop::context;
  if (is_over()) return finish();
  drop_shown();
  append(model, token);
  ++state_.tokens;
  if (cut_at_stop()) return show(token, state_.bytes);
  if (state_.tokens != options_.tokens_max) return show(token, state_.bytes - held_bytes());
  state_.stop = Stop::tokens;
  state_.bytes += state_.stream.finish(text_ + state_.bytes);
  return show(token, state_.bytes);
}

AnswerStep Answer::finish() {
  drop_shown();
  state_.bytes += state_.stream.finish(text_ + state_.bytes);
  return show(-1, state_.bytes);
}

}  // namespace mica
