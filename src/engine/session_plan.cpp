// Session: its options and its memory plan. What it does with the memory: session.cpp.
#include <algorithm>

#include "checked.hpp"
#include "limits.hpp"
#include "session.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace mica {
namespace {

// What peers take where nothing is said: enough for a conversation, small enough for a board.
constexpr uint32_t kContextDefault = 4096;
constexpr uint32_t kBatchDefault = 512;
constexpr uint32_t kBatchMax = 8192;
constexpr uint32_t kPicturesPending = 256;

Status outside(const char* name, uint32_t value, uint32_t low, uint32_t high) {
  return Status::error(Code::invalid_argument, "%s is %u; it must be between %u and %u", name, value, low, high);
}

uint32_t window(const ModelSpec& spec) { return spec.vision.patch * spec.vision.merge; }

uint64_t tile_tokens(const ModelSpec& spec) {
  const VisionSpec& v = spec.vision;
  return static_cast<uint64_t>(v.image_width / v.patch) * (v.image_height / v.patch) / (v.merge * v.merge) +
         v.keep_class_token;
}

// The most tokens that a picture takes by the model's own rules.
uint64_t tokens_by_rule(const ModelSpec& spec) {
  const PictureRule& rule = spec.pictures;
  switch (rule.cut) {
    case PictureCut::none: return 0;
    case PictureCut::smart_resize: return rule.pixels_max / (static_cast<uint64_t>(window(spec)) * window(spec));
    case PictureCut::tiles: return tile_tokens(spec) * (rule.tiles_max + (rule.thumbnail && rule.tiles_max > 1));
    default: return tile_tokens(spec);
  }
}

struct PixelRoom {
  size_t patches;  // of one tile
  size_t values;   // of a whole picture
};

PixelRoom pixel_room(const ModelSpec& spec, size_t picture_tokens) {
  const VisionSpec& v = spec.vision;
  if (spec.pictures.cut == PictureCut::smart_resize) {
    const size_t patches = picture_tokens * v.merge * v.merge;
    return {patches, patches * v.patch_values()};
  }
  const size_t patches = static_cast<size_t>(v.image_width / v.patch) * (v.image_height / v.patch);
  const size_t tiles = std::max<size_t>(1, picture_tokens / static_cast<size_t>(tile_tokens(spec)));
  return {patches, tiles * 3 * v.image_width * v.image_height};
}

// Scratch of resampling for the widest pictures of several shapes: it grows with both widths, which the rules bound.
size_t pixel_scratch_room(const PictureRule& rule) {
  constexpr uint32_t kSide = limits::kPictureSideMax;
  constexpr uint32_t kShapes[][2] = {{kSide, kSide}, {kSide, kSide / 4}, {kSide, kSide / 13}, {kSide, kSide / 199},
                                     {kSide / 4, kSide}, {kSide / 199, kSide}, {64, 64}};
  size_t bytes = 0;
  for (const auto& shape : kShapes) {
    PixelPlan plan;
    if (plan_pixels(rule, shape[0], shape[1], &plan)) bytes = std::max(bytes, pixels_scratch_bytes(rule, plan, kSide));
  }
  return bytes;
}

}  // namespace

uint32_t default_threads() {
#if defined(_OPENMP)
  return std::min(static_cast<uint32_t>(std::max(1, omp_get_num_procs())), limits::kThreadsMax);
#else
  return 1;
#endif
}

Status Session::resolve(const Model& model, const SessionOptions& wanted, SessionOptions* out) {
  const ModelSpec& spec = model.spec;
  SessionOptions o = wanted;
  if (o.context == 0) o.context = std::min(spec.decoder.context, kContextDefault);
  if (o.context < 2 || o.context > limits::kContextMax) return outside("context", o.context, 2, limits::kContextMax);
  if (o.batch == 0) o.batch = kBatchDefault;
  if (o.batch > kBatchMax) return outside("batch", o.batch, 1, kBatchMax);
  o.batch = std::min(o.batch, o.context);
  if (o.threads == 0) o.threads = default_threads();
  if (o.threads > limits::kThreadsMax) return outside("threads", o.threads, 1, limits::kThreadsMax);
  MICA_TRY(resolve_kv(model, o.kv_wanted, &o.kv));
  o.kv_wanted = {};  // its texts are the caller's
  if (o.kv.packs_visual()) o.batch = std::min(o.context, std::max<uint32_t>(o.batch, KvCache::kBatchMin));
  if (o.context_text == 0 || !o.kv.packs_visual()) o.context_text = o.context;
  if (o.context_text > o.context) return outside("context_text", o.context_text, 1, o.context);
  if (o.logit_rows == 0) o.logit_rows = 1;
  if (o.logit_rows > o.context) return outside("logit_rows", o.logit_rows, 1, o.context);
  if (spec.has_vision) {
    const auto most = static_cast<uint32_t>(std::min<uint64_t>(tokens_by_rule(spec), o.context));
    if (o.picture_tokens == 0 || o.picture_tokens > most) o.picture_tokens = most;
    if (spec.pictures.cut != PictureCut::smart_resize && o.picture_tokens < tile_tokens(spec) &&
        wanted.picture_tokens != 0)
      return Status::error(Code::invalid_argument, "picture_tokens is %u; a picture of this model takes at least %u",
                           o.picture_tokens, static_cast<uint32_t>(tile_tokens(spec)));
  } else {
    o.picture_tokens = 0;
  }
  *out = o;
  return Status::ok();
}

PictureRule Session::reduced_rule(const Model& model, const SessionOptions& options) {
  PictureRule rule = model.spec.pictures;
  if (rule.cut == PictureCut::smart_resize) {
    const uint64_t pixels = static_cast<uint64_t>(options.picture_tokens) * window(model.spec) * window(model.spec);
    rule.pixels_max = static_cast<uint32_t>(std::min<uint64_t>(rule.pixels_max, pixels));
    rule.pixels_min = std::min(rule.pixels_min, rule.pixels_max);
  } else if (rule.cut == PictureCut::tiles) {
    const uint64_t tiles = options.picture_tokens / std::max<uint64_t>(1, tile_tokens(model.spec));
    const uint64_t with_thumbnail = tiles > rule.thumbnail ? tiles - rule.thumbnail : 1;
    rule.tiles_max = static_cast<uint32_t>(std::min<uint64_t>(rule.tiles_max, with_thumbnail));
    rule.tiles_min = std::min(rule.tiles_min, rule.tiles_max);
  }
  return rule;
}

KvCache::Room Session::kv_room() const {
  KvCache::Room room{.tokens = options_.context,
                     .text = options_.context_text,
                     .span_tokens_min = KvCache::kSpanTokensMin,
                     .span_tokens_max = options_.batch};
  // Pictures of one size are whole spans, or equal parts that are at least half a batch.
  if (model_.spec.has_vision && model_.spec.pictures.cut != PictureCut::smart_resize)
    room.span_tokens_min =
        std::max<size_t>(room.span_tokens_min, std::min<size_t>(tile_tokens(model_.spec), options_.batch / 2));
  return room;
}

void Session::plan(Arena* arena) {
  const ModelSpec& spec = model_.spec;
  const size_t batch = options_.batch;
  ids_ = arena->take<int32_t>(options_.context);
  positions_ = arena->take<uint32_t>(size_t{options_.context} * 3);
  visual_ = arena->take<uint8_t>(options_.context);
  picture_capacity_ = spec.has_vision ? std::min<size_t>(options_.context, kPicturesPending) : 0;
  pictures_ = arena->take<PendingPicture>(picture_capacity_);
  order_ = arena->take<uint32_t>(batch);
  chunk_positions_ = arena->take<uint32_t>(batch * 3);
  allowed_visual_ = arena->take<uint32_t>(batch);
  allowed_text_ = arena->take<uint32_t>(batch);
  spans_ = arena->take<uint32_t>(batch);
  wanted_ = arena->take<uint32_t>(batch);
  logits_ = arena->take<float>(size_t{options_.logit_rows} * spec.decoder.vocabulary);
  sampler_.plan(spec.decoder.vocabulary, arena);
  cache_.plan(spec.decoder, options_.kv, kv_room(), arena);
  decoder_.plan(model_, batch, arena, options_.context);
  size_t scratch = std::max(Decoder::scratch_bytes(model_), KvCache::scratch_bytes(spec.decoder, kv_room()));
  if (spec.has_vision) {
    const PixelRoom room = pixel_room(spec, options_.picture_tokens);
    pixel_capacity_ = room.values;
    pixels_ = arena->take<float>(room.values);
    pixel_scratch_bytes_ = std::max(pixel_scratch_room(rule(false)), pixel_scratch_room(rule(true)));
    pixel_scratch_ = arena->take<uint8_t>(pixel_scratch_bytes_);
    picture_rows_ = arena->take<float>(size_t{options_.picture_tokens} * spec.decoder.hidden);
    vision_.plan(model_, room.patches, arena);
    scratch = std::max(scratch, Vision::scratch_bytes(model_));
  }
  compute_ = {.kernels = model_.kernels,
              .threads = static_cast<int>(options_.threads),
              .scratch = nullptr,
              .scratch_bytes = scratch};
  compute_.scratch = arena->take<uint8_t>(scratch * options_.threads);
}

Status Session::size(const Model& model, const SessionOptions& options, size_t* bytes) {
  Session measure(model, options);
  Arena arena;
  measure.plan(&arena);
  if (arena.failed())
    return Status::error(Code::limit_exceeded, "a session of these options does not fit an address space");
  *bytes = arena.used();
  return Status::ok();
}

Status Session::create(const Model& model, const SessionOptions& options, void* buffer, size_t bytes,
                       std::unique_ptr<Session>* out) {
  size_t needed = 0;
  MICA_TRY(size(model, options, &needed));
  if (bytes < needed)
    return Status::error(Code::invalid_argument, "the session's buffer has %zu bytes and needs %zu", bytes, needed);
  if (reinterpret_cast<uintptr_t>(buffer) % Arena::kAlignment != 0)
    return Status::error(Code::invalid_argument, "the session's buffer must be aligned to %zu bytes",
                         Arena::kAlignment);
  std::unique_ptr<Session> session(new (std::nothrow) Session(model, options));
  if (!session) return Status::error(Code::out_of_memory, "no memory for a session");
  Arena arena(buffer, bytes);
  session->plan(&arena);
  session->bytes_ = needed;
  session->sampler_.seed(0);
  *out = std::move(session);
  return Status::ok();
}

}  // namespace mica
