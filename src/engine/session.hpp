// Session: one conversation with all that it needs: a Sequence, a Workspace to compute it in, which may be its own or
// one that others share, and an Answer. Not their work: each has a file of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "answer.hpp"
#include "batch.hpp"
#include "schema_guide.hpp"
#include "sequence.hpp"
#include "session_options.hpp"
#include "status.hpp"
#include "work.hpp"
#include "workspace.hpp"

namespace mica {

// Return true to cancel.
using ProgressFunction = bool (*)(void* user, const char* stage, double done);

class Session {
 public:
  // The options with zeros replaced, or why they cannot be.
  static Status resolve(const Model& model, const SessionOptions& wanted, SessionOptions* out) {
    return resolve_options(model, wanted, out);
  }
  // The bytes that a session with a workspace of its own needs, with resolved options.
  static Status size(const Model& model, const SessionOptions& options, size_t* bytes);
  // In `buffer` (64-byte aligned, kept by the caller), with resolved options.
  static Status create(const Model& model, const SessionOptions& options, void* buffer, size_t bytes,
                       std::unique_ptr<Session>* out);
  // The same of a session in a workspace that others share, which outlives it: for options of resolve_within. Sessions
  // of a workspace are used by one thread at a time.
  static Status size_within(const Workspace& workspace, const SessionOptions& options, size_t* bytes);
  static Status create_within(Workspace* workspace, const SessionOptions& options, void* buffer, size_t bytes,
                              std::unique_ptr<Session>* out);

  // The options of this session with a context of `context` tokens, more than now; text gets as many more as the whole.
  Status resolve_larger(uint32_t context, SessionOptions* out) const;
  // The bytes that a session of its kind, with a workspace of its own or not, needs for them.
  Status size_for(const SessionOptions& options, size_t* bytes) const;
  // Moves into `buffer`, as for create(), with resolve_larger's options; all that is held and pending stays. On failure
  // the session stays where it is. The buffer of before is free after success.
  Status grow(const SessionOptions& options, void* buffer, size_t bytes);

  void clear();
  void cancel() { work_.cancel(); }
  // To a file and back: sequence_file.hpp. Restoring ends the answer.
  Status save(const char* path) const;
  Status restore(const char* path);

  // ---- adding: sequence.hpp; a message ends the answer
  Status add_message(Role role, std::span<const MessagePart> parts);
  Status add_text(std::string_view text, bool parse_special) { return sequence_.add_text(text, parse_special); }
  Status add_picture(const Picture& picture) { return sequence_.add_picture(picture); }
  Status add_video(std::span<const Picture* const> frames) { return sequence_.add_video(frames); }
  Status add_tokens(std::span<const int32_t> ids, std::span<const Picture* const> pictures) {
    return sequence_.add_tokens(ids, pictures);
  }
  Status open_turn() { return sequence_.open_turn(); }
  Status push_answer(int32_t token) { return sequence_.push_answer(token); }
  Status picture_tokens(const Picture& picture, size_t* tokens) const {
    return sequence_.picture_tokens(picture, tokens);
  }
  size_t tokens_wanted() const { return sequence_.tokens_wanted(); }
  // Pictures, and shots of videos, that wait to be computed.
  size_t pictures_pending() const { return sequence_.picture_count(); }
  const Sequence::PendingPicture& picture(size_t index) const { return sequence_.picture(index); }

  // ---- computing
  // Encoded pictures are looked for there and kept there, while it is not null; borrowed. Its model is this one's.
  void use_pictures(Pictures* pictures) {
    pictures_ = pictures;
    reading_.reset();
  }
  // Computes what was added; on failure forgets it, and of the logits before keeps the newest row.
  Status prefill(ProgressFunction progress, void* user);
  // A piece of the same, so that others of the workspace have their steps in between: a layer of a picture's tower, or a
  // layer of the decoder (where layers keep a state: a chunk). Nothing where nothing waits. Errors: those of prefill.
  Status prefill_piece();
  // What waits cannot be computed along with the steps of others.
  bool waits_apart();
  // For measuring: adds what stands for `pictures` pictures of `picture_tokens` tokens, then `text` tokens, as if they
  // had been computed; keys and values are noise of unit variance. Errors: context_full; nothing may be pending.
  Status fill(uint32_t text, uint32_t pictures, uint32_t picture_tokens);
  // Encodes a picture that stands by itself, as large as picture_tokens says: a row of the decoder's width for each of
  // `tokens`. The view lives until the workspace's next use. Errors: those of adding it and of encoding it.
  Status embed_picture(const Picture& picture, const float** rows, size_t* tokens);
  // For calibration: Batch::prepare.
  Status prepare(Chunk* chunk, const float** rows);
  // Row from the end of the logits of the last prefill or decode step; null when there are not so many.
  const float* logits(uint32_t from_end) const { return sequence_.logits(from_end); }

  // ---- answering
  // Begins an answer: opens its turn and seeds the sampler; the one before is over. Nothing is computed yet.
  Status begin_answer(const AnswerOptions& options);
  // Answers that begin from now on keep this JSON schema, as SchemaGuide::read gave it; null: none. An answer that has
  // begun is over.
  void set_schema(const SchemaProgram* schema);
  // Computes what is pending and chooses the next token of the answer, which is then pending itself: the logits are those
  // that it was chosen from, until the next step. After the answer's end it gives no token. Errors: invalid_argument
  // when no answer has begun; those of prefill, after which no answer has begun where what it continues was forgotten.
  Status step(AnswerStep* step);
  // A step of each of several different sessions of one workspace, not more than its `sequences`: weights are read once
  // for all of them, pictures and what does not join (Batch::can_join) aside. What came of it is each one's outcome().
  static void step_together(std::span<Session* const> sessions);
  struct Outcome {
    Status status;
    AnswerStep step;  // where that is good
  };
  const Outcome& outcome() const { return outcome_; }
  // The answer's token that waits is computed, so that the session holds what was shown; what was held back of the text.
  // No answer has begun then.
  Status end_answer(AnswerStep* rest);
  Answer& answer() { return answer_; }
  // Chooses the next token from the newest logits: by `guide` among those that it allows, if it is not null.
  Status sample(const Sampling& sampling, SchemaGuide* guide, int32_t* token);

  const Model& model() const { return model_; }
  const SessionOptions& options() const { return sequence_.options(); }
  uint32_t tokens() const { return static_cast<uint32_t>(sequence_.done()); }
  uint32_t tokens_visual() const { return static_cast<uint32_t>(sequence_.visual_done()); }
  uint32_t tokens_pending() const { return static_cast<uint32_t>(sequence_.pending()); }
  size_t bytes() const { return bytes_; }
  const Workspace& workspace() const { return *workspace_; }
  const KvCache& cache() const { return sequence_.cache(); }
  WorkStats& stats() { return work_.stats; }
  const WorkStats& stats() const { return work_.stats; }
  // internal, with the place where the piece was taken, when something was written behind a piece of the session's
  // memory; always good without SessionOptions::guarded.
  Status check_guards() const;

 private:
  explicit Session(const Model& model) : model_(model), answer_(model) {}
  // Takes the pieces of both from one arena.
  static void plan(const Model& model, const SessionOptions& options, Arena* arena, Sequence* sequence,
                   WorkBuffers* buffers);

  void begin_reading();
  void settle(const Sequence::Mark& until);
  void take_back();
  bool is_under_way() const { return sequence_.done() != sequence_.computed().end; }
  size_t logits_from() const;
  bool can_join(const Batch::Share& share) const;
  Status compute_waiting();
  Status compute_prompt();
  Status choose(AnswerStep* step);
  bool next_share(Batch::Share* share);
  void count_share(const Batch::Share& share, double seconds);
  static void compute_together(std::span<Session* const> sessions);
  void fill_span(size_t count, bool visual);

  const Model& model_;
  size_t bytes_ = 0;
  ArenaGuards guards_;
  std::unique_ptr<Workspace> own_workspace_;
  Workspace* workspace_ = nullptr;  // the own one, or one that is shared
  Pictures* pictures_ = nullptr;
  Sequence sequence_;
  // Of a prompt that is computed in pieces: what is known of its pictures, and where the cache was when it began.
  std::optional<Batch> reading_;
  KvCache::Mark read_from_;
  Answer answer_;
  std::unique_ptr<SchemaGuide> guide_;  // null: answers are free
  Work work_;
  Outcome outcome_;
};

}  // namespace mica
