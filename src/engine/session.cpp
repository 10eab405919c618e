// Session: its memory, and the computing of what waits. Answers: session_answer.cpp.
#include "session.hpp"

#include <algorithm>
#include <new>

#include "clock.hpp"
#include "sequence_file.hpp"

namespace mica {

// ---- memory ---------------------------------------------------------------------------------------------------------

void Session::plan(const Model& model, const SessionOptions& options, Arena* arena, Sequence* sequence,
                   WorkBuffers* buffers) {
  Workspace::plan(model, options, arena, buffers);
  sequence->plan(model, options, buffers->pixel_room, arena);
}

Status Session::size(const Model& model, const SessionOptions& options, size_t* bytes) {
  Sequence sequence;
  WorkBuffers buffers;
  const auto take = [&](Arena* arena) { plan(model, options, arena, &sequence, &buffers); };
  return measure_plan("session", options, take, bytes);
}

Status Session::create(const Model& model, const SessionOptions& options, void* buffer, size_t bytes,
                       std::unique_ptr<Session>* out) {
  size_t needed = 0;
  MICA_TRY(model.weights.check_present());
  MICA_TRY(size(model, options, &needed));
  MICA_TRY(check_buffer("session", buffer, bytes, needed));
  std::unique_ptr<Session> session(new Session(model));
  session->own_workspace_ = std::make_unique<Workspace>(model);
  session->workspace_ = session->own_workspace_.get();
  Arena arena(buffer, bytes);
  if (options.guarded) arena.guard_with(&session->guards_);
  WorkBuffers buffers;
  plan(model, options, &arena, &session->sequence_, &buffers);
  session->workspace_->adopt(SessionOptions(options), buffers);
  session->bytes_ = needed;
  session->sequence_.random.seed(0);
  session->workspace_->make_threads();
  warn_beyond_training(model, options.context);
  *out = std::move(session);
  return Status::ok();
}

Status Session::size_within(const Workspace& workspace, const SessionOptions& options, size_t* bytes) {
  Sequence sequence;
  const auto take = [&](Arena* arena) {
    sequence.plan(workspace.model(), options, workspace.buffers().pixel_room, arena);
  };
  return measure_plan("session", options, take, bytes);
}

Status Session::create_within(Workspace* workspace, const SessionOptions& options, void* buffer, size_t bytes,
                              std::unique_ptr<Session>* out) {
  size_t needed = 0;
  MICA_TRY(size_within(*workspace, options, &needed));
  MICA_TRY(check_buffer("session", buffer, bytes, needed));
  std::unique_ptr<Session> session(new Session(workspace->model()));
  session->workspace_ = workspace;
  Arena arena(buffer, bytes);
  if (options.guarded) arena.guard_with(&session->guards_);
  session->sequence_.plan(workspace->model(), options, workspace->buffers().pixel_room, &arena);
  session->bytes_ = needed;
  session->sequence_.random.seed(0);
  warn_beyond_training(workspace->model(), options.context);
  *out = std::move(session);
  return Status::ok();
}

Status Session::size_for(const SessionOptions& options, size_t* bytes) const {
  return own_workspace_ ? size(model_, options, bytes) : size_within(*workspace_, options, bytes);
}

Status Session::resolve_larger(uint32_t context, SessionOptions* out) const {
  const SessionOptions& now = options();
  if (context <= now.context)
    return Status::error(Code::invalid_argument, "context is %u; this session has room for %u tokens already", context,
                         now.context);
  SessionSizes wanted = now.wanted;
  wanted.context = context;
  if (wanted.context_text != 0) wanted.context_text += context - now.context;
  SessionOptions larger = now;
  if (own_workspace_) {
    larger.pixel_scratch_bytes = workspace_->buffers().pixel_room.scratch_bytes;
    MICA_TRY(resolve_sizes(model_, wanted, &larger));
  } else {
    MICA_TRY(resolve_sizes_within(model_, workspace_->options(), wanted, &larger));
  }
  *out = larger;
  return Status::ok();
}

Status Session::grow(const SessionOptions& options, void* buffer, size_t bytes) {
  size_t needed = 0;
  MICA_TRY(size_for(options, &needed));
  MICA_TRY(check_buffer("session", buffer, bytes, needed));
  ArenaGuards guards;
  Sequence larger;
  WorkBuffers buffers;
  SessionOptions kept = options;
  Arena arena(buffer, bytes);
  if (options.guarded) arena.guard_with(&guards);
  if (own_workspace_) plan(model_, options, &arena, &larger, &buffers);
  else larger.plan(model_, options, workspace_->buffers().pixel_room, &arena);
  MICA_TRY(larger.take_over(sequence_));
  // Nothing fails from here on.
  sequence_ = std::move(larger);
  reading_.reset();
  if (own_workspace_) own_workspace_->adopt(std::move(kept), buffers);
  guards_ = std::move(guards);
  bytes_ = needed;
  warn_beyond_training(model_, options.context);
  return Status::ok();
}

Status Session::check_guards() const {
  MICA_TRY(workspace_->check_guards());
  return mica::check_guards(guards_);
}

void Session::clear() {
  sequence_.clear();
  reading_.reset();
  answer_.forget();
  work_.forget_cancel();
}

Status Session::save(const char* path) const {
  if (is_under_way() || (reading_ && reading_->is_within_chunk()))
    return Status::error(Code::invalid_argument, "%s: a prompt is only computed in part; prefill before saving", path);
  return SequenceFile::save(sequence_, path);
}

Status Session::restore(const char* path) {
  MICA_TRY(SequenceFile::restore(&sequence_, path));
  reading_.reset();
  answer_.forget();
  return Status::ok();
}

// ---- computing ------------------------------------------------------------------------------------------------------

Status Session::add_message(Role role, std::span<const MessagePart> parts) {
  MICA_TRY(sequence_.add_message(role, parts));
  answer_.forget();
  return Status::ok();
}

// It was shown, so that no cancelling takes it back. What was added behind it does not change its bits.
Status Session::compute_waiting() {
  if (!sequence_.token_waits()) return Status::ok();
  const double start = now_seconds();
  const Sequence::Mark until = sequence_.behind_waiting_token();
  MICA_TRY(Batch(workspace_).run_next(&sequence_, until, &work_));
  sequence_.settle(until);
  ++stats().decode_tokens;
  stats().decode_seconds += now_seconds() - start;
  return Status::ok();
}

// What was begun goes on.
void Session::begin_reading() {
  if (!is_under_way()) read_from_ = sequence_.cache().mark();
  if (!reading_) reading_.emplace(workspace_, pictures_);
}

void Session::settle(const Sequence::Mark& until) {
  sequence_.settle(until);
  reading_.reset();
}

void Session::take_back() {
  sequence_.take_back(is_under_way() ? read_from_ : sequence_.cache().mark());
  reading_.reset();
}

// The first token whose logits are kept.
size_t Session::logits_from() const {
  const size_t end = sequence_.mark().end;
  return end - std::min<size_t>(options().logit_rows, end - sequence_.computed().end);
}

// Of what is computed in part, the rest may be less than what logits are kept of.
bool Session::can_join(const Batch::Share& share) const {
  return Batch(workspace_).can_join(share) && (!is_under_way() || sequence_.done() <= logits_from());
}

bool Session::waits_apart() { return sequence_.pending() > 0 && !can_join({&sequence_, sequence_.mark()}); }

Status Session::prefill(ProgressFunction progress, void* user) {
  MICA_TRY(compute_waiting());
  begin_reading();
  const size_t start = sequence_.computed().end, end = sequence_.mark().end;
  const double start_time = now_seconds();
  const double picture_start = stats().picture_seconds;
  const size_t newest = std::min<size_t>(sequence_.logit_count(), 1);
  const size_t row_floats = newest * model_.spec.decoder.vocabulary;
  float* logits_before = workspace_->buffers().logits_before;
  std::copy_n(sequence_.logits(0), row_floats, logits_before);
  Status status = Status::ok();
  while (status && sequence_.done() < end) {
    if (progress &&
        progress(user, "prefill", static_cast<double>(sequence_.done() - start) / static_cast<double>(end - start)))
      status = Status::error(Code::cancelled, "stopped on request");
    if (status) status = work_.check_cancelled();
    if (status) status = reading_->run_next(&sequence_, sequence_.mark(), &work_);
  }
  if (!status) {
    take_back();
    std::copy_n(logits_before, row_floats, sequence_.logit_row(0));
    sequence_.set_logit_count(newest);
    return status;
  }
  if (progress && sequence_.done() > start) progress(user, "prefill", 1.0);
  stats().prefill_tokens += static_cast<uint32_t>(sequence_.done() - start);
  stats().prefill_seconds += now_seconds() - start_time - (stats().picture_seconds - picture_start);
  settle(sequence_.mark());
  return Status::ok();
}

Status Session::embed_picture(const Picture& picture, const float** rows, size_t* tokens) {
  Sequence::PendingPicture planned;
  MICA_TRY(sequence_.plan_picture(picture, &planned));
  MICA_TRY(work_.check_cancelled());
  MICA_TRY(Batch(workspace_, pictures_).bring_picture(planned, &work_));
  *rows = workspace_->buffers().picture_rows;
  *tokens = planned.tokens;
  return Status::ok();
}

// Before the first chunk that leaves logits nothing of them has changed: where others follow it, all is computed at once.
Status Session::prefill_piece() {
  MICA_TRY(compute_waiting());
  if (sequence_.pending() == 0) return Status::ok();
  begin_reading();
  const Sequence::Mark until = sequence_.mark();
  const double start_time = now_seconds(), picture_start = stats().picture_seconds;
  const size_t chunk_end = reading_->chunk_end(sequence_, until), start = sequence_.computed().end;
  Status status = Status::ok();
  if (chunk_end > logits_from() && chunk_end < until.end) {
    status = prefill(nullptr, nullptr);
  } else {
    status = work_.check_cancelled();
    if (status) status = reading_->run_piece(&sequence_, until, &work_);
    stats().prefill_seconds += now_seconds() - start_time - (stats().picture_seconds - picture_start);
    if (!status) take_back();
    if (status && sequence_.done() == until.end) {
      stats().prefill_tokens += static_cast<uint32_t>(until.end - start);
      settle(until);
    }
  }
  if (!status) answer_.forget();
  return status;
}

Status Session::prepare(Chunk* chunk, const float** rows) {
  return Batch(workspace_, pictures_).prepare(sequence_, &work_, chunk, rows);
}

}  // namespace mica
