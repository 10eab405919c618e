// Workspace: its memory plan and its threads.
#include "workspace.hpp"

#include <algorithm>
#include <new>

#include "checked.hpp"
#include "log.hpp"

namespace mica {
namespace {

bool decoder_is_packed(const DecoderWeights& weights) {
  if (weights.layer_input_projection.rows != 0 && !weights.layer_input_projection.is_packed()) return false;
  for (const LayerWeights& layer : weights.layers)
    for (const Matrix& matrix : layer.matrices)
      if (matrix.rows != 0 && !matrix.is_packed()) return false;
  return true;
}

}  // namespace

void Workspace::plan(const Model& model, const SessionOptions& options, Arena* arena, WorkBuffers* out) {
  const ModelSpec& spec = model.spec;
  const size_t batch = options.batch;
  WorkBuffers b;
  b.order = arena->take<uint32_t>(batch);
  b.tokens = arena->take<int32_t>(batch);
  b.positions = arena->take<uint32_t>(batch * 3);
  b.in_order = arena->take<uint32_t>(batch);
  const size_t in_blocks = spec.decoder.block != SeenBlock::none ? batch : 0;
  const size_t windowed = spec.decoder.window != 0 ? batch : 0;
  b.sight.allowed = {arena->take<uint32_t>(batch), arena->take<uint32_t>(batch)};
  b.sight.allowed_in_blocks = {arena->take<uint32_t>(in_blocks), arena->take<uint32_t>(in_blocks)};
  b.sight.unseen = {arena->take<uint32_t>(windowed), arena->take<uint32_t>(windowed)};
  b.sight.unseen_cached = {arena->take<uint32_t>(windowed), arena->take<uint32_t>(windowed),
                           arena->take<uint32_t>(windowed)};
  b.spans = arena->take<uint32_t>(batch);
  b.rows_wanted = arena->take<uint32_t>(batch);
  b.parts = arena->take<DecoderPart>(options.sequences);
  b.chunk_rows = arena->take<float>(batch * spec.decoder.hidden);
  b.logits_before = arena->take<float>(spec.decoder.vocabulary);
  if (options.sequences > 1) b.logits = arena->take<float>(size_t{options.sequences} * spec.decoder.vocabulary);
  b.sampler.plan(spec.decoder.vocabulary, arena);
  const size_t logit_rows = std::max(options.logit_rows, options.sequences);
  b.decoder.plan(model, {.rows = batch, .cached = options.context, .logit_rows = std::min(batch, logit_rows)}, arena);
  b.weights_are_packed = decoder_is_packed(model.weights.decoder);
  size_t scratch = std::max(Decoder::scratch_bytes(model), KvCache::scratch_bytes(spec.decoder, kv_room(options)));
  if (spec.has_vision) {
    b.pixel_room = pixel_room(model, options);
    b.pixels = arena->take<float>(b.pixel_room.values);
    b.pixel_scratch = arena->take<uint8_t>(b.pixel_room.scratch_bytes);
    b.picture_rows = arena->take<float>(picture_rows_max(spec, options) * spec.decoder.hidden);
    b.tap_rows = arena->take<float>(batch * spec.vision.taps.count * spec.decoder.hidden);
    b.vision.plan(model, b.pixel_room.patches, arena);
    scratch = std::max(scratch, Vision::scratch_bytes(model));
  }
  b.compute = {.kernels = model.kernels, .scratch = nullptr, .scratch_bytes = scratch};
  b.compute.scratch = arena->take_each<uint8_t>(scratch, std::max(options.threads, options.threads_batch),
                                                &b.compute.scratch_bytes);
  *out = b;
}

void Workspace::adopt(SessionOptions&& options, const WorkBuffers& buffers) {
  options_ = std::move(options);
  buffers_ = buffers;
  buffers_.compute.pool = &pool_;
  take_turn();  // nobody's pictures are in these
}

void Workspace::make_threads() {
  const uint32_t threads = std::max(options_.threads, options_.threads_batch);
  if (!pool_.resize(threads))
    log_message(LogLevel::warning, "the system gives this process %u threads of the %u that the session was to have",
                pool_.size(), threads);
}

Status Workspace::size(const Model& model, const SessionOptions& options, size_t* bytes) {
  WorkBuffers measured;
  return measure_plan("workspace", options, [&](Arena* arena) { plan(model, options, arena, &measured); }, bytes);
}

Status Workspace::create(const Model& model, const SessionOptions& options, void* buffer, size_t bytes,
                         std::unique_ptr<Workspace>* out) {
  size_t needed = 0;
  MICA_TRY(model.weights.check_present());
  MICA_TRY(size(model, options, &needed));
  MICA_TRY(check_buffer("workspace", buffer, bytes, needed));
  auto workspace = std::make_unique<Workspace>(model);
  Arena arena(buffer, bytes);
  if (options.guarded) arena.guard_with(&workspace->guards_);
  WorkBuffers buffers;
  plan(model, options, &arena, &buffers);
  workspace->adopt(SessionOptions(options), buffers);
  workspace->bytes_ = needed;
  workspace->make_threads();
  *out = std::move(workspace);
  return Status::ok();
}

Status Workspace::check_guards() const { return mica::check_guards(guards_); }

Status check_guards(const ArenaGuards& guards) {
  const ArenaGuards::Guard* broken = guards.first_broken();
  if (broken == nullptr) return Status::ok();
  return Status::error(Code::internal, "something was written behind the piece of memory that %s:%d plans",
                       broken->file, broken->line);
}

Status check_buffer(const char* what, const void* buffer, size_t bytes, size_t needed) {
  if (bytes < needed)
    return Status::error(Code::invalid_argument, "the %s's buffer has %zu bytes and needs %zu", what, bytes, needed);
  if (reinterpret_cast<uintptr_t>(buffer) % Arena::kAlignment != 0)
    return Status::error(Code::invalid_argument, "the %s's buffer must be aligned to %zu bytes", what,
                         Arena::kAlignment);
  return Status::ok();
}

}  // namespace mica
