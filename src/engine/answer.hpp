// Answer: what comes of the tokens of one answer: its text, and why it ends. Not computing and not sampling: it is given
// each token that was chosen (session.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limits.hpp"
#include "model.hpp"
#include "sampler.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

namespace mica {

enum class Stop : uint8_t {
  none,     // it goes on
  end,      // the model ended it
  tokens,   // as many as were wanted
  context,  // a further token has no room
  text,     // one of the stop texts
};

struct AnswerOptions {
  Sampling sampling;
  uint32_t tokens_max = 0;  // 0: no bound
  bool ignore_end = false;  // goes on behind the token that ends an answer
};

// What a step gave.
struct AnswerStep {
  int32_t token = -1;     // -1: none; the answer was over
  std::string_view text;  // whole characters that are sure to belong to the answer; valid until the next step
  Stop stop = Stop::none;
};

// Whether these may end an answer. Errors: invalid_argument for an empty one and for what is not UTF-8, limit_exceeded.
Status check_stops(std::span<const std::string_view> texts);

class Answer {
 public:
  // Its stop texts are first those that the model's files ask for.
  explicit Answer(const Model& model) : stops_(model.stop_texts) {}

  // Texts that end an answer, themselves not shown; for all answers until others are set. Errors: those of
  // check_stops; then those of before stay.
  Status set_stops(std::span<const std::string_view> texts);

  // Errors: invalid_argument for the sampling; then nothing has begun.
  Status begin(const AnswerOptions& options);
  // As before begin().
  void forget() { state_ = {}; }
  bool has_begun() const { return state_.has_begun; }
  bool is_over() const { return state_.stop != Stop::none; }
  const AnswerOptions& options() const { return options_; }

  // The next token that was chosen, and whether there is room for it. One that comes out belongs to the answer; where
  // none does, the answer is over and `token` was not wanted.
  AnswerStep take(const Model& model, int32_t token, bool has_room);
  // It ends here by itself, where it is not over already.
  void end() {
    if (!is_over()) state_.stop = Stop::end;
  }
  // The text that was held back, where the answer is over already or the caller ends it.
  AnswerStep finish();

 private:
  struct State {
    bool has_begun = false;
    bool has_text = false;
    Stop stop = Stop::none;
    uint32_t tokens = 0;
    CharacterStream stream;
    size_t bytes = 0;  // of text_
    size_t shown = 0;  // of these, by the step before
  };

  void drop_shown();
  void append(const Model& model, int32_t token);
  bool cut_at_stop();
  size_t held_bytes() const;
  AnswerStep show(int32_t token, size_t bytes);

  AnswerOptions options_;
  std::vector<std::string> stops_;
  State state_;
  // What is held back is shorter than a stop text; then come a token and what a cut character becomes.
  char text_[limits::kStopTextBytesMax + CharacterStream::bytes_max(limits::kTokenBytesMax) +
             CharacterStream::bytes_max(0)];
};

}  // namespace mica
