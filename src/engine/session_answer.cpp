// Session: one answer, step by step: what waits is computed, a token chosen. What comes of it: answer.hpp.
#include <algorithm>

#include "guard.hpp"
#include "session.hpp"

namespace mica {

void Session::set_schema(const SchemaProgram* schema) {
  guide_ = schema == nullptr ? nullptr : std::make_unique<SchemaGuide>(*schema, model_);
  answer_.forget();
}

Status Session::sample(const Sampling& sampling, SchemaGuide* guide, int32_t* token) {
  MICA_TRY(work_.check_cancelled());
  const float* row = logits(0);
  if (row == nullptr)
    return Status::error(Code::invalid_argument, "there is nothing to continue: add text or a picture first");
  const uint64_t* allowed = nullptr;
  if (guide != nullptr) MICA_TRY(guide->allowed(&allowed));
  const size_t recent = std::min<size_t>(sampling.repeat_last, sequence_.done());
  const Status status = workspace_->buffers().sampler.choose(
      sampling, row, sequence_.ids() + sequence_.done() - recent, recent, allowed, &sequence_.random, token);
  if (status.code() != Code::internal || model_.files == nullptr) return status;
  return Status::error(
      Code::internal,
      "%s: %s: its weights are damaged or overflow; check a .mica file with `mica verify`, fetch others "
      "again",
      model_.files->path(), status.message());
}

Status Session::begin_answer(const AnswerOptions& options) {
  MICA_TRY(answer_.begin(options));
  Rollback before([this] { answer_.forget(); });
  MICA_TRY(open_turn());
  sequence_.random.seed(options.sampling.seed);
  if (guide_) guide_->begin();
  before.keep();
  return Status::ok();
}

// What an answer goes on behind; where it is taken back, the answer is over.
Status Session::compute_prompt() {
  if (answer_.is_over()) return Status::ok();
  const bool waits = sequence_.pending() > 0;
  const Status status = prefill(nullptr, nullptr);
  if (!status && waits) answer_.forget();
  return status;
}

// All that waited is computed.
Status Session::choose(AnswerStep* step) {
  if (guide_ && guide_->is_over()) answer_.end();
  if (answer_.is_over()) {
    *step = answer_.finish();
    return Status::ok();
  }
  int32_t token = 0;
  MICA_TRY(sample(answer_.options().sampling, guide_.get(), &token));
  const bool ends = guide_ && model_.ends(token);
  if (ends) answer_.end();
  *step = ends ? answer_.finish() : answer_.take(model_, token, sequence_.has_room_for_text());
  if (step->token < 0) return Status::ok();
  MICA_TRY(push_answer(token));
  return guide_ ? guide_->take(token) : Status::ok();
}

Status Session::step(AnswerStep* step) {
  if (!answer_.has_begun()) return Status::error(Code::invalid_argument, "no answer has begun");
  MICA_TRY(compute_waiting());
  MICA_TRY(compute_prompt());
  return choose(step);
}

Status Session::end_answer(AnswerStep* rest) {
  *rest = answer_.finish();
  answer_.forget();
  return compute_waiting();
}

}  // namespace mica
