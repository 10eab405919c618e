// Sequence: tokens in, and what was computed of them. Messages and pictures: sequence_prompt.cpp.
#include "sequence.hpp"

#include <algorithm>
#include <cstring>

#include "limits.hpp"

namespace mica {
namespace {

constexpr uint32_t kPicturesPending = 256;

}  // namespace

void Sequence::plan(const Model& model, const SessionOptions& options, const PixelRoom& pictures, Arena* arena) {
  const ModelSpec& spec = model.spec;
  model_ = &model;
  options_ = options;
  picture_limits_ = pictures;
  ids_ = arena->take<int32_t>(options.context);
  positions_ = arena->take<uint32_t>(size_t{options.context} * 3);
  visual_ = arena->take<uint8_t>(options.context);
  picture_capacity_ = spec.has_vision ? std::min<size_t>(options.context, kPicturesPending) : 0;
  pictures_ = arena->take<PendingPicture>(picture_capacity_);
  logits_ = arena->take<float>(size_t{options.logit_rows} * spec.decoder.vocabulary);
  cache_.plan(spec.decoder, options.kv, kv_room(options), arena);
  states_.plan(spec.decoder, arena);
}

Status Sequence::take_over(const Sequence& smaller) {
  const KvCache::Contents contents = smaller.cache_.contents();
  if (!cache_.can_hold(contents))
    return Status::error(Code::internal, "a session of %u tokens does not hold what one of %u held", options_.context,
                         smaller.options_.context);
  smaller.cache_.clear_unused();
  for (size_t layer = 0; layer < model_->spec.decoder.layers; ++layer) {
    const std::vector<KvCache::Region> from = smaller.cache_.regions(layer, contents);
    const std::vector<KvCache::Region> to = cache_.regions(layer, contents);
    for (size_t i = 0; i < from.size(); ++i) std::memcpy(to[i].memory, from[i].memory, from[i].bytes);
  }
  states_.take_over(smaller.states_);
  cache_.restore(contents);
  std::copy_n(smaller.ids_, smaller.mark_.end, ids_);
  std::copy_n(smaller.positions_, smaller.mark_.end * 3, positions_);
  std::copy_n(smaller.visual_, smaller.mark_.end, visual_);
  std::copy_n(smaller.pictures_, smaller.picture_count_, pictures_);
  random = smaller.random;
  picture_count_ = smaller.picture_count_;
  tokens_wanted_ = smaller.tokens_wanted_;
  done_ = smaller.done_;
  visual_done_ = smaller.visual_done_;
  mark_ = smaller.mark_;
  computed_ = smaller.computed_;
  token_waits_ = smaller.token_waits_;
  turns_ = smaller.turns_;
  rendered_ = smaller.rendered_;
  logit_count_ = std::min<size_t>(smaller.logit_count_, options_.logit_rows);
  for (size_t i = 0; i < logit_count_; ++i)
    std::copy_n(smaller.logits(static_cast<uint32_t>(logit_count_ - 1 - i)), model_->spec.decoder.vocabulary,
                logit_row(i));
  return Status::ok();
}

void Sequence::clear() {
  done_ = 0;
  visual_done_ = 0;
  mark_ = {};
  computed_ = {};
  token_waits_ = false;
  picture_count_ = 0;
  logit_count_ = 0;
  cache_.rewind({});
  states_.clear();
}

Status Sequence::push_token(int32_t id) {
  if (id < 0 || static_cast<uint32_t>(id) >= model_->spec.decoder.vocabulary)
    return Status::error(Code::invalid_argument, "token %d is not in the vocabulary of %u", id,
                         model_->spec.decoder.vocabulary);
  if (mark_.end >= options_.context) {
    const size_t needed = std::max<size_t>(tokens_wanted_, options_.context + 1);
    return Status::error(Code::context_full,
                         "the context of %u tokens is full, and %zu are needed; clear the conversation%s",
                         options_.context, needed,
                         needed <= limits::kContextMax ? " or open one with a larger context" : "");
  }
  if (mark_.text >= options_.context_text)
    return Status::error(
        Code::context_full,
        "the session's room for %u text tokens (context_text) is full; clear the conversation or open one "
        "with more",
        options_.context_text);
  ids_[mark_.end] = id;
  visual_[mark_.end] = 0;
  for (size_t axis = 0; axis < 3; ++axis) positions_[mark_.end * 3 + axis] = mark_.next_position;
  ++mark_.next_position;
  ++mark_.text;
  ++mark_.end;
  return Status::ok();
}

Status Sequence::push_ids(std::span<const int32_t> ids) {
  if (const size_t room = options_.context - mark_.end; ids.size() > room) {
    const size_t needed = std::max<size_t>(tokens_wanted_, mark_.end + ids.size());
    return Status::error(
        Code::context_full,
        "the text has %zu tokens, %zu of the context's %u are left, and %zu are needed in all; shorten "
        "it%s",
        ids.size(), room, options_.context, needed,
        needed <= limits::kContextMax ? ", or open a session with a larger context" : "");
  }
  for (int32_t id : ids) MICA_TRY(push_token(id));
  return Status::ok();
}

TextBefore Sequence::before_end() const {
  if (mark_.end == 0) return TextBefore::nothing;
  return model_->tokenizer->is_special(ids_[mark_.end - 1]) ? TextBefore::control_token : TextBefore::text;
}

Status Sequence::add_text(std::string_view text, bool parse_special) {
  if (!model_->tokenizer) return no_tokenizer(model_->files.get());
  return all_or_nothing([&]() -> Status {
    std::vector<int32_t> ids;
    const bool first = mark_.end == 0;
    MICA_TRY(model_->tokenizer->encode(text, parse_special, before_end(), &ids));
    const std::vector<int32_t>& begin = model_->tokenizer->around_text().before;
    // A text with control tokens in it may begin with them itself.
    const bool there = ids.size() >= begin.size() && std::equal(begin.begin(), begin.end(), ids.begin());
    if (first && !there) ids.insert(ids.begin(), begin.begin(), begin.end());
    want(ids.size(), 0);
    return push_ids(ids);
  });
}

Status Sequence::push_answer(int32_t token) {
  if (mark_.end != done_)
    return Status::error(Code::invalid_argument, "tokens wait to be computed; prefill before generating");
  MICA_TRY(push_token(token));
  token_waits_ = true;
  return Status::ok();
}

Sequence::Mark Sequence::behind_waiting_token() const {
  Mark until = computed_;
  ++until.end;
  ++until.text;
  ++until.next_position;
  return until;
}

size_t Sequence::picture_at(size_t place) const {
  size_t index = 0;
  while (place >= pictures_[index].end) ++index;
  return index;
}

size_t Sequence::picture_token_at(size_t place) const {
  const PendingPicture& picture = pictures_[picture_at(place)];
  return count_visual(picture.first, place);
}

size_t Sequence::count_visual(size_t first, size_t end) const {
  size_t count = 0;
  for (size_t place = first; place < end; ++place) count += is_visual(place);
  return count;
}

size_t Sequence::kept_as_text(size_t first, size_t end) const {
  return end - first - static_cast<size_t>(std::count(visual_ + first, visual_ + end, kVisual));
}

Sequence::Run Sequence::picture_run_at(size_t place) const {
  const PendingPicture& picture = pictures_[picture_at(place)];
  Run run = {place, place + 1};
  while (run.first > picture.first && is_visual(run.first - 1)) --run.first;
  while (run.end < picture.end && is_visual(run.end)) ++run.end;
  return run;
}

const float* Sequence::logits(uint32_t from_end) const {
  if (from_end >= logit_count_) return nullptr;
  return logits_ + (logit_count_ - 1 - from_end) * model_->spec.decoder.vocabulary;
}

void Sequence::advance(size_t count, size_t visual) {
  if (model_->spec.picture_ends_as_text)
    std::replace(visual_ + done_, visual_ + done_ + count, kPictureAsText, uint8_t{0});
  done_ += count;
  visual_done_ += visual;
}

void Sequence::settle(const Mark& until) {
  computed_ = until;
  states_.settle();
  token_waits_ = false;
  if (done_ == mark_.end) picture_count_ = 0;
}

void Sequence::take_back(const KvCache::Mark& cached) {
  done_ = computed_.end;
  visual_done_ = count_visual(0, done_);
  cache_.rewind(cached);
  states_.take_back();
  mark_ = computed_;
  picture_count_ = 0;
}

void Sequence::push_filled(size_t count, bool visual, bool as_text) {
  for (size_t i = 0; i < count; ++i, ++mark_.end, ++mark_.next_position) {
    ids_[mark_.end] = visual ? model_->spec.picture_token : 0;
    visual_[mark_.end] = !visual ? uint8_t{0} : as_text ? kVisualKeptAsText : kVisual;
    for (size_t axis = 0; axis < 3; ++axis) positions_[mark_.end * 3 + axis] = mark_.next_position;
  }
  mark_.text += visual && !as_text ? 0 : count;
  mark_.prompt_position = mark_.next_position;
  advance(count, visual ? count : 0);
  settle(mark_);
}

}  // namespace mica
