// SessionOptions: what a conversation and the memory that computes it are made for, resolved from what the caller wants.
// Not the memory itself: sequence.hpp and workspace.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kv_cache.hpp"
#include "kv_settings.hpp"
#include "model.hpp"
#include "picture_rule.hpp"
#include "status.hpp"

namespace mica {

struct SessionSizes {
  uint32_t context = 0;         // tokens; 0: the model's, at most kContextDefault
  uint32_t batch = 0;           // rows a chunk; 0: 512
  uint32_t threads = 0;         // 0: fitting_threads()
  uint32_t threads_batch = 0;   // for chunks of several rows, and pictures; 0: as threads, or both fitting
  uint32_t logit_rows = 0;      // 0: 1
  uint32_t picture_tokens = 0;  // the most of one picture; 0: what the rules give. Text keeps text_room()
  uint32_t picture_tokens_min = 0;  // pictures of fewer are made larger where the rules can; 0: as the rules have it
  uint32_t context_text = 0;    // of the context, how many may be text; 0: all
};

struct SessionOptions : SessionSizes {
  KvOptions kv_wanted;
  KvSettings kv;                // what resolve() made of it
  SessionSizes wanted;          // and what it made the sizes of: a session that grows asks again
  uint32_t sequences = 1;       // of a workspace: as many may have rows in one batch
  // Of a session that grew: pictures and spans that were made for the smaller one must fit on.
  uint32_t span_tokens_min = UINT32_MAX;  // no packed span is shorter
  size_t pixel_scratch_bytes = 0;
  // Guard bytes behind each piece of the session's memory (arena_guards.hpp): for builds that check themselves.
#if defined(NDEBUG)
  bool guarded = false;
#else
  bool guarded = true;
#endif
};

// The options with zeros replaced, or why they cannot be.
Status resolve_options(const Model& model, const SessionOptions& wanted, SessionOptions* out);
// The same for sizes alone: those of *options become what `wanted` asks for.
Status resolve_sizes(const Model& model, const SessionSizes& wanted, SessionOptions* options);

// Of a sequence that is computed in a workspace of the options `room`, which are resolved: batch, threads and the bounds
// of a picture are the room's. Errors: invalid_argument when context or logit_rows are more than the room's, or visual
// rows are to be packed and its batch is too small for that.
Status resolve_within(const Model& model, const SessionOptions& room, const SessionOptions& wanted,
                      SessionOptions* out);
Status resolve_sizes_within(const Model& model, const SessionOptions& room, SessionSizes wanted,
                            SessionOptions* options);

// The model's picture rules with the options' least number of tokens, reduced so that any picture stays within `tokens`
// where the rules can be reduced so far.
PictureRule rule_within(const Model& model, const SessionOptions& options, size_t tokens);
// The same of a rule that is not the pictures': a video's.
PictureRule rule_within(const Model& model, PictureRule rule, const SessionOptions& options, size_t tokens);
inline constexpr size_t kNoBound = SIZE_MAX;
// Rows that a picture or a frame may have behind the projector, with those of its taps.
size_t picture_rows_max(const ModelSpec& spec, const SessionOptions& options);

// What pictures take at least and at most with resolved options, as far as the rules say; 0 where there are none. Very
// long pictures may take more, since sides are rounded one by one.
struct PictureBounds {
  uint32_t least = 0, most = 0;  // tokens
};
PictureBounds picture_bounds(const Model& model, const SessionOptions& options);

// A warning to the log when the model was not trained for so many tokens.
void warn_beyond_training(const Model& model, uint32_t context);

inline constexpr uint32_t kTextRoom = 512;
// Of a context, what pictures leave to text: a quarter, but not more than a question and a short answer need.
inline uint32_t text_room(uint32_t context) { return std::min(context / 4, kTextRoom); }

KvCache::Room kv_room(const SessionOptions& options);

// What pictures may take while they are encoded.
struct PixelRoom {
  size_t patches = 0;        // of one tile
  size_t values = 0;         // of a whole picture
  size_t scratch_bytes = 0;  // while it is resampled
};
// All zeros for a model that reads text only.
PixelRoom pixel_room(const Model& model, const SessionOptions& options);

}  // namespace mica
