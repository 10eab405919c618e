// SessionOptions: what zeros stand for, and how far pictures go. See session_options.hpp.
#include "session_options.hpp"

#include <algorithm>

#include "fitting_threads.hpp"
#include "limits.hpp"
#include "log.hpp"
#include "picture_cuts.hpp"
#include "pixels.hpp"
#include "steps.hpp"

namespace mica {
namespace {

// What peers take where nothing is said: enough for a conversation, small enough for a board.
constexpr uint32_t kContextDefault = 4096;
constexpr uint32_t kBatchDefault = 512;
constexpr uint32_t kBatchMax = 8192;

Status outside(const char* name, uint32_t value, uint32_t low, uint32_t high) {
  return Status::error(Code::invalid_argument, "%s is %u; it must be between %u and %u", name, value, low, high);
}

uint64_t tile_tokens(const ModelSpec& spec) {
  const VisionSpec& v = spec.vision;
  return tokens_of_grid(spec, v.image_height / v.patch, v.image_width / v.patch);
}

// Scratch of resampling for the largest pictures of several shapes, and for small ones, which rules enlarge: it grows
// with both widths, which the rules bound. None of the first has more pixels than mica reads: they are planned.
size_t resampling_room(const PictureRule& rule) {
  constexpr uint32_t kSide = limits::kPictureSideMax, kPixels = limits::kPicturePixelsMax, kSquare = 10000;
  static_assert(uint64_t{kSquare} * kSquare == kPixels);
  constexpr uint32_t kShapes[][2] = {{kSquare, kSquare}, {2 * kSquare, kSquare / 2}, {kSide, kPixels / kSide},
                                     {kSide, kSide / 199}, {kSquare / 2, 2 * kSquare}, {kSide / 199, kSide},
                                     {64, 64}, {200, 1}, {1, 200}};
  size_t bytes = 0;
  for (const auto& shape : kShapes) {
    PixelPlan plan;
    if (plan_pixels(rule, shape[0], shape[1], &plan)) bytes = std::max(bytes, pixels_scratch_bytes(rule, plan, kSide));
  }
  return bytes;
}

// Pictures of one size are whole spans, or equal parts that are at least half a batch.
uint32_t span_tokens_min(const ModelSpec& spec, uint32_t batch) {
  constexpr uint32_t kLeast = KvCache::kSpanTokensMin;
  if (!spec.has_vision || row_of(spec.pictures.cut).any_size) return kLeast;
  uint64_t tokens = std::min<uint64_t>(tile_tokens(spec), batch / 2);
  if (spec.video_token >= 0) tokens = std::min<uint64_t>(tokens, frame_tokens(spec, Shown::frame));
  return std::max(kLeast, static_cast<uint32_t>(tokens));
}

}  // namespace

Status resolve_options(const Model& model, const SessionOptions& wanted, SessionOptions* out) {
  SessionOptions options = wanted;
  MICA_TRY(resolve_kv(model, options.kv_wanted, &options.kv));
  options.kv_wanted = {};  // its texts are the caller's
  MICA_TRY(resolve_sizes(model, wanted, &options));
  *out = options;
  return Status::ok();
}

namespace {

// How many tokens one picture may take, and must.
Status resolve_pictures(const ModelSpec& spec, const SessionSizes& wanted, SessionOptions* o) {
  if (!spec.has_vision) {
    o->picture_tokens = o->picture_tokens_min = 0;
    return Status::ok();
  }
  const bool any_size = row_of(spec.pictures.cut).any_size;
  const auto least = static_cast<uint32_t>(any_size ? 1 : tile_tokens(spec));
  if (!any_size && wanted.picture_tokens != 0 && wanted.picture_tokens < least)
    return Status::error(Code::invalid_argument, "picture_tokens is %u; a picture of this model takes at least %u",
                         wanted.picture_tokens, least);
  if (wanted.picture_tokens != 0 && wanted.picture_tokens_min > wanted.picture_tokens)
    return Status::error(Code::invalid_argument, "picture_tokens_min is %u, more than picture_tokens, %u",
                         wanted.picture_tokens_min, wanted.picture_tokens);
  const uint32_t room = wanted.picture_tokens != 0
                            ? o->context
                            : std::max(o->context - text_room(o->context), std::min(least, o->context));
  const auto most = static_cast<uint32_t>(
      std::min<uint64_t>(row_of(spec.pictures.cut).tokens_max(spec.pictures, tile_tokens(spec)), room));
  if (o->picture_tokens == 0 || o->picture_tokens > most) o->picture_tokens = most;
  o->picture_tokens_min = std::min(o->picture_tokens_min, o->picture_tokens);
  return Status::ok();
}

// Rows that see each other (SeenBlock) are computed at once, so that a batch holds them: a picture's, or those of a
// prompt with a picture.
Status hold_blocks(const ModelSpec& spec, SessionOptions* o) {
  uint32_t tokens = 0;
  switch (spec.decoder.block) {
    case SeenBlock::none: break;
    case SeenBlock::picture: tokens = o->picture_tokens; break;
    case SeenBlock::prompt: tokens = std::min(o->context, o->picture_tokens + kTextRoom); break;
  }
  if (tokens > kBatchMax)
    return Status::error(Code::limit_exceeded,
                         "the %u tokens of a picture of this model see each other and are computed at once, and mica "
                         "computes %u at most: choose less picture_tokens", o->picture_tokens, kBatchMax);
  o->batch = std::max(o->batch, tokens);
  return Status::ok();
}

}  // namespace

Status resolve_sizes(const Model& model, const SessionSizes& wanted, SessionOptions* out) {
  const ModelSpec& spec = model.spec;
  SessionOptions o = *out;
  static_cast<SessionSizes&>(o) = o.wanted = wanted;
  if (o.context == 0) o.context = std::min(spec.decoder.context, kContextDefault);
  if (o.context < 2 || o.context > limits::kContextMax) return outside("context", o.context, 2, limits::kContextMax);
  if (o.batch == 0) o.batch = kBatchDefault;
  if (o.batch > kBatchMax) return outside("batch", o.batch, 1, kBatchMax);
  o.batch = std::min(o.batch, o.context);
  if (o.threads == 0) {
    const ThreadCounts fitting = fitting_threads();
    o.threads = fitting.answers;
    if (o.threads_batch == 0) o.threads_batch = fitting.prompts;
  }
  if (o.threads > limits::kThreadsMax) return outside("threads", o.threads, 1, limits::kThreadsMax);
  if (o.threads_batch == 0) o.threads_batch = o.threads;
  if (o.threads_batch > limits::kThreadsMax)
    return outside("threads_batch", o.threads_batch, 1, limits::kThreadsMax);
  if (o.kv.packs_visual()) o.batch = std::min(o.context, std::max<uint32_t>(o.batch, KvCache::kBatchMin));
  if (o.context_text == 0 || !o.kv.packs_visual()) o.context_text = o.context;
  if (o.context_text > o.context) return outside("context_text", o.context_text, 1, o.context);
  if (o.logit_rows == 0) o.logit_rows = 1;
  if (o.logit_rows > o.context) return outside("logit_rows", o.logit_rows, 1, o.context);
  if (o.sequences == 0 || o.sequences > std::min(o.batch, limits::kSessionsTogetherMax))
    return outside("sessions_max", o.sequences, 1, std::min(o.batch, limits::kSessionsTogetherMax));
  MICA_TRY(resolve_pictures(spec, wanted, &o));
  MICA_TRY(hold_blocks(spec, &o));
  o.span_tokens_min = std::min(o.span_tokens_min, span_tokens_min(spec, o.batch));
  *out = o;
  return Status::ok();
}

Status resolve_within(const Model& model, const SessionOptions& room, const SessionOptions& wanted,
                      SessionOptions* out) {
  SessionOptions options = wanted;
  MICA_TRY(resolve_kv(model, options.kv_wanted, &options.kv));
  options.kv_wanted = {};
  options.sequences = 1;
  MICA_TRY(resolve_sizes_within(model, room, wanted, &options));
  *out = options;
  return Status::ok();
}

Status resolve_sizes_within(const Model& model, const SessionOptions& room, SessionSizes wanted,
                            SessionOptions* options) {
  if (wanted.context == 0) wanted.context = std::min({model.spec.decoder.context, kContextDefault, room.context});
  if (wanted.context > room.context)
    return outside("context of a session in this workspace", wanted.context, 2, room.context);
  if (wanted.logit_rows > room.logit_rows)
    return outside("logit_rows of a session in this workspace", wanted.logit_rows, 1, room.logit_rows);
  wanted.batch = room.batch;
  wanted.threads = room.threads;
  wanted.threads_batch = room.threads_batch;
  wanted.picture_tokens = room.wanted.picture_tokens;
  wanted.picture_tokens_min = room.wanted.picture_tokens_min;
  SessionOptions o = *options;
  MICA_TRY(resolve_sizes(model, wanted, &o));
  if (o.batch > room.batch)
    return Status::error(Code::invalid_argument,
                         "the workspace's batch is %u; a session that packs visual keys and values needs one of %u",
                         room.batch, o.batch);
  o.batch = room.batch;
  o.picture_tokens = std::min(o.picture_tokens, room.picture_tokens);
  o.picture_tokens_min = std::min(o.picture_tokens_min, o.picture_tokens);
  *options = o;
  return Status::ok();
}

PictureRule rule_within(const Model& model, const SessionOptions& options, size_t tokens) {
  return rule_within(model, model.spec.pictures, options, tokens);
}

PictureRule rule_within(const Model& model, PictureRule rule, const SessionOptions& options, size_t tokens) {
  row_of(rule.cut).keep_within({options.picture_tokens_min, tokens}, tile_tokens(model.spec), &rule);
  return rule;
}

size_t picture_rows_max(const ModelSpec& spec, const SessionOptions& options) {
  return std::max({size_t{options.picture_tokens}, frame_tokens(spec, Shown::frame),
                   frame_tokens(spec, Shown::last_frame)}) * spec.vision.token_rows();
}

PictureBounds picture_bounds(const Model& model, const SessionOptions& options) {
  const ModelSpec& spec = model.spec;
  if (!spec.has_vision) return {};
  const PictureRule rule = rule_within(model, options, options.picture_tokens);
  const TokenRange tokens = row_of(rule.cut).tokens(rule, tile_tokens(spec));
  return {static_cast<uint32_t>(tokens.least), static_cast<uint32_t>(tokens.most)};
}

void warn_beyond_training(const Model& model, uint32_t context) {
  const uint32_t trained = model.spec.decoder.context;
  if (context > trained)
    log_message(LogLevel::warning,
                "a context of %u tokens is asked for; this model was trained for %u (max_position_embeddings of its "
                "config): beyond that its answers get worse, often to nonsense",
                context, trained);
}

KvCache::Room kv_room(const SessionOptions& options) {
  return {.tokens = options.context,
          .text = options.context_text,
          .span_tokens_min = options.span_tokens_min,
          .span_tokens_max = options.batch};
}

namespace {

// Of pictures, or frames, that take `tokens` at most, in a tower that takes what the plan gives.
PixelRoom any_size_room(const VisionSpec& v, const PictureRule& rule, uint32_t tokens) {
  PixelRoom room;
  room.patches = static_cast<size_t>(row_of(rule.cut).patches_max(rule, tokens));
  room.values = room.patches * v.patch_values();
  if (rule.layout == PictureLayout::sequences) {
    const size_t token_pixels = size_t{v.patch} * v.token_side() * v.patch * v.token_side();
    const size_t tile_tokens = std::max<size_t>(1, size_t{rule.width} * rule.height / token_pixels);
    const size_t tiles = std::min<size_t>(row_of(rule.cut).tiles_max(rule), tokens / tile_tokens + 1);
    room.values = tiles * rule.patches_room * v.patch_values();
  }
  if (const auto tile_tokens_max = row_of(rule.cut).tile_tokens_max)
    room.patches = std::min(room.patches, size_t{v.token_side()} * v.token_side() * tile_tokens_max(rule));
  return room;
}

}  // namespace

PixelRoom pixel_room(const Model& model, const SessionOptions& options) {
  const VisionSpec& v = model.spec.vision;
  if (!model.spec.has_vision) return {};
  PixelRoom room;
  if (row_of(model.spec.pictures.cut).any_size) {
    room = any_size_room(v, model.spec.pictures, options.picture_tokens);
    if (model.spec.video_token >= 0) {
      const PixelRoom frame = any_size_room(v, model.spec.frames, options.picture_tokens);
      room.patches = std::max(room.patches, frame.patches);
      room.values = std::max(room.values, frame.values);
    }
  } else {
    room.patches = static_cast<size_t>(v.image_width / v.patch) * (v.image_height / v.patch);
    // Tokens of a grid may be fewer than those of its tiles.
    const size_t tiles = rejoins_tiles(model.spec)
                             ? row_of(model.spec.pictures.cut).tiles_max(model.spec.pictures)
                             : std::max<size_t>(1, options.picture_tokens / static_cast<size_t>(tile_tokens(model.spec)));
    room.values = tiles * 3 * v.image_width * v.image_height;
  }
  if (model.spec.video_token >= 0) room.scratch_bytes = resampling_room(model.spec.frames);
  room.scratch_bytes = std::max({room.scratch_bytes, resampling_room(rule_within(model, options, kNoBound)),
                                 resampling_room(rule_within(model, options, options.picture_tokens)),
                                 options.pixel_scratch_bytes});
  return room;
}

}  // namespace mica
