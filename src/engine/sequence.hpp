// Sequence: the tokens of one conversation, computed or waiting, their positions and kinds, their keys and values, and
// the newest logits. Small, and there may be many. Not computing: batch.hpp; it says what waits, and is told what was
// done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arena.hpp"
#include "guard.hpp"
#include "kv_cache.hpp"
#include "layer_states.hpp"
#include "model.hpp"
#include "picture.hpp"
#include "picture_prompt.hpp"
#include "pixels.hpp"
#include "sampler.hpp"
#include "session_options.hpp"
#include "shot.hpp"
#include "status.hpp"
#include "templated_chat.hpp"

namespace mica {

class TurnWriter;

struct MessagePart {
  std::string_view text;             // when picture is null
  const Picture* picture = nullptr;  // borrowed until it is computed
  bool is_frame = false;             // of a video, as are those that follow it at once
};

// Errors: unsupported, with why, where the model takes no pictures, or no videos.
Status check_sight(const ModelSpec& spec, Shown shown);

class Sequence {
 public:
  // What the tokens so far, computed and pending, amount to; a failed addition or prefill goes back to an earlier one.
  struct Mark {
    size_t end = 0;
    size_t text = 0;  // of these, tokens that are kept as text
    uint32_t next_position = 0;
    uint32_t prompt_position = 0;  // next_position behind the newest prompt
    ShownCount shown;           // that was added
    bool conversation = false;  // add_message was used
    bool answer_open = false;   // the assistant's turn is open
    bool system_open = false;   // a system turn stands there that the user's turn goes on (ChatFormat::system_in_user)
    // Where a template is run: turns that there are; of these, up to the newest answer; and where the text since then
    // begins and ends in what was rendered.
    uint32_t turns = 0, turns_answered = 0;
    size_t rendered_from = 0, rendered_end = 0;
    size_t answer_first = 0;    // place of the first token of the answer that is open
  };
  struct PendingPicture {
    Shot shot;
    PictureRule rule;  // the shot's own, or rule_within since that gives more tokens than there is room for
    PixelPlan plan;    // and as what it is shown
    size_t first;      // place of its first token
    size_t end;        // behind its last; text may stand between, so that it has several runs
    size_t tokens;
    size_t tokens_whole;  // by the model's own rule
    size_t tokens_as_text = 0;  // of `tokens`, the last, computed as text is (ModelSpec::picture_ends_as_text)
  };

  // Takes its memory from the arena. `pictures`: what those that are added may take while they are encoded.
  void plan(const Model& model, const SessionOptions& options, const PixelRoom& pictures, Arena* arena);
  // All that a smaller one holds, pending pictures too. Errors: internal when it does not fit; then this one is of no
  // use.
  Status take_over(const Sequence& smaller);
  void clear();

  // ---- adding: all of it waits then, or nothing was added
  Status add_message(Role role, std::span<const MessagePart> parts);
  Status add_text(std::string_view text, bool parse_special);
  Status add_picture(const Picture& picture);
  // The frames of a video, in order.
  Status add_video(std::span<const Picture* const> frames);
  // Each run of a picture's placeholders is the next of `pictures`, each of a video's as many of them as fill it.
  Status add_tokens(std::span<const int32_t> ids, std::span<const Picture* const> pictures);
  // Opens the assistant's turn if a conversation waits for one. The next message closes it, so that a message that
  // cannot be computed leaves the answer before it as it was.
  Status open_turn();
  // Adds a token of an answer. Nothing else may wait.
  Status push_answer(int32_t token);
  // Tokens of a picture that waits to be computed; of another, those that it would take if it were added now.
  Status picture_tokens(const Picture& picture, size_t* tokens) const;
  // A picture that is not added, as it would be now, if it can be encoded. Errors: limit_exceeded.
  Status plan_picture(const Picture& picture, PendingPicture* planned) const;
  // What the last addition would have taken, all before it included, with its pictures as large as the rules ask and
  // room for an answer: more than the context where it was refused or pictures were made smaller.
  size_t tokens_wanted() const { return tokens_wanted_; }
  // True when one more text token can be added.
  bool has_room_for_text() const { return mark_.end < options_.context && mark_.text < options_.context_text; }

  // ---- what it holds
  const Model& model() const { return *model_; }
  const SessionOptions& options() const { return options_; }
  size_t done() const { return done_; }  // tokens that were computed
  size_t visual_done() const { return visual_done_; }
  size_t pending() const { return mark_.end - done_; }
  const Mark& mark() const { return mark_; }
  const Mark& computed() const { return computed_; }
  int32_t id(size_t place) const { return ids_[place]; }
  const int32_t* ids() const { return ids_; }
  const uint32_t* position(size_t place) const { return positions_ + place * 3; }  // [3]
  bool is_visual(size_t place) const { return visual_[place] == kVisual || visual_[place] == kVisualKeptAsText; }
  // Its row comes from a picture: visual, or of one that waits and to be computed as text is.
  bool is_of_picture(size_t place) const { return visual_[place] != 0; }
  // Of the places from `first` to `end`, whose keys and values are kept as those of text are.
  size_t kept_as_text(size_t first, size_t end) const;
  const PendingPicture& picture(size_t index) const { return pictures_[index]; }
  size_t picture_count() const { return picture_count_; }
  // Of the pending picture whose token stands at `place`.
  size_t picture_at(size_t place) const;
  // Which of that picture's tokens it is.
  size_t picture_token_at(size_t place) const;
  // The first place of the run of that picture's tokens, and behind its last.
  struct Run {
    size_t first, end;
  };
  Run picture_run_at(size_t place) const;
  KvCache& cache() { return cache_; }
  const KvCache& cache() const { return cache_; }
  LayerStates& states() { return states_; }
  Random random;

  // The first token that is pending is an answer's: it was shown, is a chunk of its own, and nothing takes it back.
  bool token_waits() const { return token_waits_; }
  Mark behind_waiting_token() const;

  // ---- computing
  // Rows of logits, the newest last, `options().logit_rows` at most; a row from the end is null when there are not so
  // many.
  float* logit_row(size_t index) { return logits_ + index * model_->spec.decoder.vocabulary; }
  const float* logits(uint32_t from_end) const;
  size_t logit_count() const { return logit_count_; }
  void set_logit_count(size_t count) { logit_count_ = count; }
  // The next `count` tokens, of which `visual` are visual, are in the cache.
  void advance(size_t count, size_t visual);
  // Nothing before `until` can be taken back any more.
  void settle(const Mark& until);
  // Forgets what waits, and what was computed since settle(); `cached` was the cache's mark then.
  void take_back(const KvCache::Mark& cached);
  // As if `count` tokens of a kind had been added and computed; their rows are in the cache.
  void push_filled(size_t count, bool visual, bool as_text);

 private:
  friend class SequenceFile;

  static constexpr uint32_t kAnswerRoom = 256;  // what pictures of a message leave to its answer, if they can
  // A run of tokens, and what is shown behind it, if anything.
  struct Piece {
    std::vector<int32_t> ids;
    Shot shot = {};
    bool shows() const { return shot.count != 0; }
  };
  // The placeholders of a video's shots among ids.
  struct VideoRuns {
    std::vector<PendingPicture> shots;
    std::vector<PicturePrompt> prompts;
    size_t length = 0;  // of the ids that they are
  };
  size_t count_visual(size_t first, size_t end) const;
  Status push_token(int32_t id);
  Status push_ids(std::span<const int32_t> ids);
  Status plan_within(const Shot& shot, size_t tokens_max, PendingPicture* out) const;
  Status plan_smaller(size_t tokens_max, PendingPicture* planned) const;
  Status plan_for(std::span<const int32_t> ids, const Shot& shot, size_t room, PendingPicture* planned,
                  PicturePrompt* prompt, size_t* length) const;
  Status push_run(std::span<const int32_t> ids, std::span<const Picture* const>* pictures, size_t* length);
  Status push_video(std::span<const int32_t> ids, std::span<const Picture* const>* pictures, size_t* length);
  Status find_video(std::span<const int32_t> ids, std::span<const Picture* const> frames, VideoRuns* out) const;
  size_t count_runs(std::span<const int32_t> ids) const;
  bool is_placeholder(int32_t id) const;
  size_t count_placeholders(std::span<const int32_t> ids, Shown shown) const;
  // What a family has around a picture or a video.
  static Status write_marks(std::span<const PicturePiece> marks, const PictureFacts& facts, TurnWriter* writer);
  Status write_message(Role role, std::span<const MessagePart> parts, std::vector<Piece>* pieces);
  // The same by a template that is run (sequence_turns.cpp).
  Status add_templated(Role role, std::span<const MessagePart> parts);
  Status open_templated();
  void sync_turns();
  Status close_answer();
  Status write_rendering(bool opens, std::span<const MessagePart> parts);
  Status pictures_at(std::span<const MessagePart> parts, size_t first, std::vector<Piece>* pictures) const;
  Status split_at_pictures(std::span<const int32_t> ids, std::span<const MessagePart> parts,
                           std::vector<Piece>* pieces);
  Turn::Part part_of_turn(const MessagePart& part, std::span<const Piece> shown, ShownCount* before) const;
  Status push_pieces(std::span<const Piece> pieces);
  Status share_room(std::span<const Piece> pieces, size_t* tokens_max);
  void want(size_t tokens, size_t largest);
  size_t tokens_missing() const;
  size_t picture_room() const;
  Status add_pieces(std::span<const Piece> pictures);
  // `tokens_max` bounds its tokens, beside the options.
  Status push_picture(const Shot& shot, size_t tokens_max);
  bool begins_picture(std::span<const int32_t> ids, size_t at) const;
  Status push_planned(PendingPicture planned, const PicturePrompt& prompt);
  Status plan_alone(const Picture& picture, PendingPicture* planned) const;
  Status check_pixel_room(const PendingPicture& planned) const;
  Status check_room(const PendingPicture& planned, const PicturePrompt& prompt) const;
  void place_run(const PendingPicture& planned, size_t tokens, uint8_t kind);
  // Runs `add`; if it fails, what it had pushed is taken back.
  template <class Add>
  Status all_or_nothing(const Add& add) {
    Rollback before([this, mark = mark_, pictures = picture_count_] {
      mark_ = mark;
      picture_count_ = pictures;
    });
    const Status status = add();
    if (status) before.keep();
    if (status) mark_.prompt_position = mark_.next_position;
    return status;
  }
  // A control token, text, or nothing: what the next text would follow.
  TextBefore before_end() const;
  std::vector<const char*> controls() const;

  const Model* model_ = nullptr;
  SessionOptions options_;
  PixelRoom picture_limits_;
  KvCache cache_;
  LayerStates states_;

  // Every token, computed or pending.
  int32_t* ids_ = nullptr;         // [context]
  uint32_t* positions_ = nullptr;  // [context][3]
  // What tokens are: 0 is text, and kPictureAsText until it is computed. Visual ones of runs that are too short to be
  // packed are told apart.
  static constexpr uint8_t kVisual = 1, kPictureAsText = 2, kVisualKeptAsText = 3;
  uint8_t* visual_ = nullptr;      // [context]
  size_t done_ = 0;                // computed
  size_t visual_done_ = 0;
  Mark mark_;
  Mark computed_;  // when nothing was pending
  bool token_waits_ = false;
  PendingPicture* pictures_ = nullptr;
  size_t picture_capacity_ = 0;
  size_t picture_count_ = 0;
  size_t tokens_wanted_ = 0;
  float* logits_ = nullptr;  // [logit_rows][vocabulary]
  size_t logit_count_ = 0;
  std::vector<Turn> turns_;  // of a conversation whose template is run
  std::string rendered_;     // what was written of it
};

}  // namespace mica
