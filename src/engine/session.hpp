// Session: one conversation: the tokens it holds, their keys and values, and all memory that work on them needs. Not a
// model: that is shared and read-only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "decoder.hpp"
#include "kv_cache.hpp"
#include "model.hpp"
#include "picture.hpp"
#include "pixels.hpp"
#include "sampler.hpp"
#include "status.hpp"
#include "vision.hpp"

namespace mica {

struct SessionOptions {
  uint32_t context = 0;         // tokens; 0: the model's, at most kContextDefault
  uint32_t batch = 0;           // rows a chunk; 0: 512
  uint32_t threads = 0;         // 0: processors
  uint32_t logit_rows = 0;      // 0: 1
  uint32_t picture_tokens = 0;  // 0: what the rules give, within the context
  uint32_t context_text = 0;    // of the context, how many may be text; 0: all
  KvOptions kv_wanted;
  KvSettings kv;                // what resolve() made of it
};

enum class Role : uint8_t { system, user, assistant };

struct MessagePart {
  std::string_view text;             // when picture is null
  const Picture* picture = nullptr;  // borrowed until the next prefill returns
};

struct SessionStats {
  uint32_t pictures = 0, picture_tokens = 0;
  double picture_seconds = 0;
  uint32_t prefill_tokens = 0;
  double prefill_seconds = 0;
  uint32_t decode_tokens = 0;
  double decode_seconds = 0;
};

// The processors of this machine, or one without OpenMP.
uint32_t default_threads();

// Return true to cancel.
using ProgressFunction = bool (*)(void* user, const char* stage, double done);

class Session {
 public:
  // The options with zeros replaced, or why they cannot be.
  static Status resolve(const Model& model, const SessionOptions& wanted, SessionOptions* out);
  // The bytes that a session needs, with resolved options.
  static Status size(const Model& model, const SessionOptions& options, size_t* bytes);
  // The model's picture rules, reduced so that any picture stays within the options' bound of tokens.
  static PictureRule reduced_rule(const Model& model, const SessionOptions& options);
  // In `buffer` (64-byte aligned, kept by the caller), with resolved options.
  static Status create(const Model& model, const SessionOptions& options, void* buffer, size_t bytes,
                       std::unique_ptr<Session>* out);

  void clear();
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  Status add_message(Role role, std::span<const MessagePart> parts);
  Status add_text(std::string_view text, bool parse_special);
  Status add_picture(const Picture& picture);
  Status add_tokens(std::span<const int32_t> ids, std::span<const Picture* const> pictures);

  // Computes what was added; on failure forgets it.
  Status prefill(ProgressFunction progress, void* user);
  // For measuring: adds what stands for `pictures` pictures of `picture_tokens` tokens, then `text` tokens, as if they
  // had been computed; keys and values are noise of unit variance. Errors: context_full; nothing may be pending.
  Status fill(uint32_t text, uint32_t pictures, uint32_t picture_tokens);
  // For calibration: orders all that is pending as one chunk and fills its rows with embeddings and encoded pictures,
  // [count][hidden], but computes no layer. The views live until the next call. Errors: invalid_argument when it is
  // more than a batch.
  Status prepare(Chunk* chunk, const float** rows);
  // Row from the end of the logits of the last prefill or decode step; null when there are not so many.
  const float* logits(uint32_t from_end) const;

  // Opens the assistant's turn if a conversation waits for one. The next message closes it, so that a message that
  // cannot be computed leaves the answer before it as it was.
  Status begin_answer();
  // Chooses the next token from the newest logits.
  Status sample(const Sampling& sampling, int32_t* token);
  // Adds a generated token and computes its logits.
  Status decode(int32_t token);

  Sampler& sampler() { return sampler_; }
  const Model& model() const { return model_; }
  const SessionOptions& options() const { return options_; }
  uint32_t tokens() const { return static_cast<uint32_t>(done_); }
  uint32_t tokens_visual() const { return visual_done_; }
  uint32_t tokens_pending() const { return static_cast<uint32_t>(mark_.end - done_); }
  size_t bytes() const { return bytes_; }
  const KvCache& cache() const { return cache_; }
  SessionStats stats;

 private:
  friend class SessionFile;
  struct PendingPicture {
    const Picture* picture;
    bool reduced;   // by reduced_rule, since the model's own gives more tokens than the session has room for
    PixelPlan plan;
    size_t first;   // place of its first token
    size_t tokens;
  };

  Session(const Model& model, const SessionOptions& options) : model_(model), options_(options) {}
  void plan(Arena* arena);
  KvCache::Room kv_room() const;

  Status push_token(int32_t id);
  Status push_ids(std::span<const int32_t> ids);
  Status push_picture(const Picture& picture);
  void place_picture(const PixelPlan& plan, size_t tokens);
  // Runs `add`; if it fails, what it had pushed is taken back.
  template <class Add>
  Status all_or_nothing(const Add& add);
  // A control token, text, or nothing: what the next text would follow.
  TextBefore before_end() const;
  std::vector<const char*> controls() const;

  // Tokens of the next chunk; leaves its spans in spans_.
  size_t chunk_length();
  size_t packed_chunk_length();
  size_t span_at(size_t place) const;
  void fill_span(size_t count, bool visual);
  Status fill_chunk(size_t count, Chunk* chunk);
  Status run_chunk(size_t count);
  void order_chunk(size_t count);
  Status fill_rows(size_t count);
  Status encode_picture(const PendingPicture& picture);
  PictureRule rule(bool reduced) const { return reduced ? reduced_rule(model_, options_) : model_.spec.pictures; }
  Status check_cancelled();
  void keep_logits(size_t first, size_t count);

  const Model& model_;
  SessionOptions options_;
  size_t bytes_ = 0;
  Compute compute_;
  KvCache cache_;
  Decoder decoder_;
  Vision vision_;
  Sampler sampler_;
  std::atomic<bool> cancelled_{false};

  // Every token of the session, computed or pending.
  int32_t* ids_ = nullptr;         // [context]
  uint32_t* positions_ = nullptr;  // [context][3]
  uint8_t* visual_ = nullptr;      // [context]
  size_t done_ = 0;                // computed
  uint32_t visual_done_ = 0;
  // What the tokens so far, computed and pending, amount to; a failed addition or prefill goes back to an earlier one.
  struct Mark {
    size_t end = 0;
    size_t text = 0;  // of these, tokens that are kept as text
    uint32_t next_position = 0;
    bool conversation = false;  // add_message was used
    bool answer_open = false;   // the assistant's turn is open
  };
  Mark mark_;
  Mark computed_;  // when nothing was pending
  PendingPicture* pictures_ = nullptr;
  size_t picture_capacity_ = 0;
  size_t picture_count_ = 0;
  size_t picture_encoded_ = SIZE_MAX;  // index of the picture whose rows are in picture_rows_

  // The chunk at hand, in order of computation.
  uint32_t* order_ = nullptr;            // [batch]: place of each row, from the chunk's first token
  uint32_t* chunk_positions_ = nullptr;  // [batch][3]
  uint32_t* allowed_visual_ = nullptr;
  uint32_t* allowed_text_ = nullptr;
  uint32_t* spans_ = nullptr;            // [batch]: tokens of each span of its visual rows
  size_t span_count_ = 0;
  uint32_t* wanted_ = nullptr;           // rows whose logits are kept

  float* picture_rows_ = nullptr;  // [picture_tokens][hidden]
  float* pixels_ = nullptr;
  size_t pixel_capacity_ = 0;
  uint8_t* pixel_scratch_ = nullptr;
  size_t pixel_scratch_bytes_ = 0;
  float* logits_ = nullptr;  // [logit_rows][vocabulary], the newest last
  size_t logit_count_ = 0;
};

}  // namespace mica
