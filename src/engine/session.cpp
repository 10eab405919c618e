// Session: tokens in, logits out. Its memory: session_plan.cpp.
#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "checked.hpp"
#include "limits.hpp"

namespace mica {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

// ---- adding ---------------------------------------------------------------------------------------------------------

template <class Add>
Status Session::all_or_nothing(const Add& add) {
  const Mark before = mark_;
  const size_t pictures = picture_count_;
  const Status status = add();
  if (!status) {
    mark_ = before;
    picture_count_ = pictures;
  }
  return status;
}

Status Session::push_token(int32_t id) {
  if (id < 0 || static_cast<uint32_t>(id) >= model_.spec.decoder.vocabulary)
    return Status::error(Code::invalid_argument, "token %d is not in the vocabulary of %u", id,
                         model_.spec.decoder.vocabulary);
  if (mark_.end >= options_.context)
    return Status::error(Code::context_full,
                         "the context of %u tokens is full; clear the conversation or open one with a larger context",
                         options_.context);
  if (mark_.text >= options_.context_text)
    return Status::error(Code::context_full,
                         "the session's room for %u text tokens is full; clear the conversation or open one with more",
                         options_.context_text);
  ids_[mark_.end] = id;
  visual_[mark_.end] = 0;
  for (size_t axis = 0; axis < 3; ++axis) positions_[mark_.end * 3 + axis] = mark_.next_position;
  ++mark_.next_position;
  ++mark_.text;
  ++mark_.end;
  return Status::ok();
}

Status Session::push_ids(std::span<const int32_t> ids) {
  for (int32_t id : ids) MICA_TRY(push_token(id));
  return Status::ok();
}

// Positions of a picture's tokens. M-RoPE (Qwen2-VL, arXiv 2409.12191, section 2.1): time stands still, height and
// width count from the picture's start, and text goes on behind the largest of them. Other families count on.
void Session::place_picture(const PixelPlan& plan, size_t tokens) {
  const bool multimodal = model_.spec.decoder.rope.multimodal();
  const uint32_t merge = model_.spec.vision.merge;
  const uint32_t columns = std::max(1u, plan.grid_width / merge);
  const uint32_t start = mark_.next_position;
  for (size_t i = 0; i < tokens; ++i) {
    const auto index = static_cast<uint32_t>(i);
    uint32_t* position = positions_ + (mark_.end + i) * 3;
    position[0] = multimodal ? start : start + index;
    position[1] = multimodal ? start + index / columns : start + index;
    position[2] = multimodal ? start + index % columns : start + index;
    ids_[mark_.end + i] = model_.spec.picture_token;
    visual_[mark_.end + i] = 1;
  }
  mark_.next_position =
      start + (multimodal ? std::max(plan.grid_width, plan.grid_height) / merge : static_cast<uint32_t>(tokens));
  mark_.end += tokens;
}

Status Session::push_picture(const Picture& picture) {
  if (!model_.spec.has_vision)
    return Status::error(Code::unsupported, "this model (%s) reads text only; pictures need a vision-language model",
                         model_.spec.family->name);
  PixelPlan plan;
  MICA_TRY(plan_pixels(rule(false), picture.width, picture.height, &plan));
  const bool reduced = Vision::tokens_of(model_.spec, plan) > options_.picture_tokens;
  if (reduced) MICA_TRY(plan_pixels(rule(true), picture.width, picture.height, &plan));
  const size_t tokens = Vision::tokens_of(model_.spec, plan);
  const size_t scratch = pixels_scratch_bytes(rule(reduced), plan, picture.width);
  if (plan.values > pixel_capacity_ || scratch > pixel_scratch_bytes_ || tokens > options_.picture_tokens)
    return Status::error(Code::limit_exceeded,
                         "a picture of %u x %u takes %zu tokens; this session was made for pictures of at most %u",
                         picture.width, picture.height, tokens, options_.picture_tokens);
  if (picture_count_ == picture_capacity_)
    return Status::error(Code::limit_exceeded,
                         "more than %zu pictures at once; compute some of them before adding more", picture_capacity_);
  if (options_.context - mark_.end < tokens)
    return Status::error(Code::context_full,
                         "a picture of %zu tokens does not fit: %zu of %u tokens of the context are left", tokens,
                         options_.context - mark_.end, options_.context);
  const bool as_text = options_.kv.packs_visual() && tokens < KvCache::kSpanTokensMin;
  if (as_text && options_.context_text - mark_.text < tokens)
    return Status::error(Code::context_full,
                         "a picture of %zu tokens is kept as text is, and there is room for %zu more text tokens",
                         tokens, options_.context_text - mark_.text);
  if (as_text) mark_.text += tokens;
  pictures_[picture_count_++] = {&picture, reduced, plan, mark_.end, tokens};
  place_picture(plan, tokens);
  return Status::ok();
}

TextBefore Session::before_end() const {
  if (mark_.end == 0) return TextBefore::nothing;
  return model_.tokenizer->is_special(ids_[mark_.end - 1]) ? TextBefore::control_token : TextBefore::text;
}

std::vector<const char*> Session::controls() const {
  std::vector<const char*> all;
  if (model_.chat.format) all.assign(model_.chat.format->controls.begin(), model_.chat.format->controls.end());
  for (const char* text : {model_.spec.family->picture.before, model_.spec.family->picture.after})
    if (text && *text) all.push_back(text);
  return all;
}

Status Session::add_message(Role role, std::span<const MessagePart> parts) {
  if (!model_.chat.format)
    return Status::error(Code::unsupported,
                         "this model has no chat format: its tokenizer is missing or lacks the control tokens");
  return all_or_nothing([&]() -> Status {
    const ChatFormat& format = *model_.chat.format;
    const PicturePrompt& around = model_.spec.family->picture;
    const std::vector<const char*> marks = controls();
    std::vector<int32_t> ids;
    TurnWriter writer(*model_.tokenizer, marks, before_end(), &ids);
    const auto turn = static_cast<size_t>(role);
    if (mark_.answer_open) {
      MICA_TRY(writer.template_text(format.after[static_cast<size_t>(Role::assistant)]));
      mark_.answer_open = false;
    }
    if (mark_.end == 0) {
      MICA_TRY(writer.template_text(format.begin));
      if (role != Role::system && model_.chat.default_system) {
        MICA_TRY(writer.template_text(format.before[0]));
        MICA_TRY(writer.plain_text(format.default_system));
        MICA_TRY(writer.template_text(format.after[0]));
      }
    }
    MICA_TRY(writer.template_text(format.before[turn]));
    for (const MessagePart& part : parts) {
      if (part.picture == nullptr) {
        MICA_TRY(writer.plain_text(part.text));
        continue;
      }
      MICA_TRY(writer.template_text(around.before));
      MICA_TRY(writer.flush());
      MICA_TRY(push_ids(ids));
      ids.clear();
      MICA_TRY(push_picture(*part.picture));
      writer.follow_control();
      MICA_TRY(writer.template_text(around.after));
      MICA_TRY(writer.template_text(around.separator));
    }
    MICA_TRY(writer.template_text(format.after[turn]));
    MICA_TRY(writer.flush());
    MICA_TRY(push_ids(ids));
    mark_.conversation = true;
    return Status::ok();
  });
}

Status Session::add_text(std::string_view text, bool parse_special) {
  if (!model_.tokenizer) return Status::error(Code::unsupported, "this model has no tokenizer");
  return all_or_nothing([&]() -> Status {
    std::vector<int32_t> ids;
    MICA_TRY(model_.tokenizer->encode(text, parse_special, before_end(), &ids));
    return push_ids(ids);
  });
}

Status Session::add_picture(const Picture& picture) {
  return all_or_nothing([&]() -> Status {
    const PicturePrompt& around = model_.spec.family->picture;
    const auto push_mark = [&](const char* text) -> Status {
      if (!model_.tokenizer || text == nullptr || *text == '\0') return Status::ok();
      return push_token(model_.tokenizer->id_of(text));
    };
    MICA_TRY(push_mark(around.before));
    MICA_TRY(push_picture(picture));
    return push_mark(around.after);
  });
}

Status Session::add_tokens(std::span<const int32_t> ids, std::span<const Picture* const> pictures) {
  return all_or_nothing([&]() -> Status {
    size_t next_picture = 0;
    for (size_t i = 0; i < ids.size();) {
      if (!model_.spec.has_vision || ids[i] != model_.spec.picture_token || next_picture == pictures.size()) {
        MICA_TRY(push_token(ids[i++]));
        continue;
      }
      MICA_TRY(push_picture(*pictures[next_picture++]));
      const size_t tokens = pictures_[picture_count_ - 1].tokens;
      for (size_t j = 0; j < tokens; ++j)
        if (i + j >= ids.size() || ids[i + j] != model_.spec.picture_token)
          return Status::error(Code::invalid_argument, "picture %zu takes %zu placeholders, but only %zu stand there",
                               next_picture, tokens, j);
      i += tokens;
    }
    if (next_picture != pictures.size())
      return Status::error(Code::invalid_argument, "%zu pictures were given, but placeholders for %zu", pictures.size(),
                           next_picture);
    return Status::ok();
  });
}

// ---- computing ------------------------------------------------------------------------------------------------------

Status Session::check_cancelled() {
  if (cancelled_.exchange(false, std::memory_order_relaxed))
    return Status::error(Code::cancelled, "stopped on request");
  return Status::ok();
}

// Visual rows first, each row with the number of rows of both kinds that stand before it in the text or are itself.
void Session::order_chunk(size_t count) {
  size_t visual = 0;
  for (size_t i = 0; i < count; ++i) visual += visual_[done_ + i];
  size_t next_visual = 0;
  size_t next_text = visual;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = visual_[done_ + i] ? next_visual++ : next_text++;
    order_[row] = static_cast<uint32_t>(i);
    allowed_visual_[row] = static_cast<uint32_t>(next_visual);
    allowed_text_[row] = static_cast<uint32_t>(next_text - visual);
    std::memcpy(chunk_positions_ + row * 3, positions_ + (done_ + i) * 3, 3 * sizeof(uint32_t));
  }
}

Status Session::encode_picture(const PendingPicture& picture) {
  const double start = now();
  MICA_TRY(make_pixels(rule(picture.reduced), picture.plan, *picture.picture, pixels_, pixel_scratch_,
                       pixel_scratch_bytes_));
  vision_.run(compute_, model_, picture.plan, pixels_, picture_rows_);
  stats.picture_seconds += now() - start;
  ++stats.pictures;
  stats.picture_tokens += static_cast<uint32_t>(picture.tokens);
  return Status::ok();
}

// The embeddings of the chunk's rows; a picture is encoded when its first row is reached.
Status Session::fill_rows(size_t count) {
  const size_t hidden = model_.spec.decoder.hidden;
  const Matrix& embedding = model_.weights.decoder.embedding;
  for (size_t row = 0; row < count; ++row) {
    const size_t place = done_ + order_[row];
    float* target = decoder_.x() + row * hidden;
    if (!visual_[place]) {
      widen_matrix_row(*compute_.kernels->f32, embedding, static_cast<size_t>(ids_[place]), target);
      const StreamTransform& stream = model_.weights.decoder.stream;
      if (stream.vocabulary_rotation)
        rotate_rows(compute_, stream.residual_plan, stream.signs.data(), target, hidden, 1, true);
      if (const float* columns = model_.weights.decoder.embedding_columns)
        for (size_t i = 0; i < hidden; ++i) target[i] *= columns[i];
      continue;
    }
    size_t index = picture_encoded_ == SIZE_MAX ? 0 : picture_encoded_;
    while (place >= pictures_[index].first + pictures_[index].tokens) ++index;
    if (index != picture_encoded_) {
      MICA_TRY(check_cancelled());
      MICA_TRY(encode_picture(pictures_[index]));
      picture_encoded_ = index;
    }
    std::memcpy(target, picture_rows_ + (place - pictures_[index].first) * hidden, hidden * sizeof(float));
  }
  return Status::ok();
}

// Logits of the rows of this chunk that are among the last logit_rows of all that is pending.
void Session::keep_logits(size_t first, size_t count) {
  const size_t keep_from = mark_.end - std::min<size_t>(options_.logit_rows, mark_.end - computed_.end);
  size_t wanted = 0;
  for (size_t place = std::max(first, keep_from); place < first + count; ++place, ++wanted)
    for (size_t row = 0; row < count; ++row)
      if (order_[row] == place - first) wanted_[wanted] = static_cast<uint32_t>(row);
  if (wanted == 0) return;
  const size_t slot = std::max(first, keep_from) - keep_from;
  decoder_.logits(compute_, model_, wanted_, wanted, logits_ + slot * model_.spec.decoder.vocabulary);
  logit_count_ = slot + wanted;
}

// Tokens of the picture at `place` that make one span: all that are left of it, or one of equal parts where it is
// larger than a batch.
size_t Session::span_at(size_t place) const {
  size_t index = 0;
  while (place >= pictures_[index].first + pictures_[index].tokens) ++index;
  const PendingPicture& picture = pictures_[index];
  const size_t parts = ceil_div(picture.tokens, options_.batch);
  const size_t done = place - picture.first;
  size_t part = 1;
  while (part * picture.tokens / parts <= done) ++part;
  return part * picture.tokens / parts - done;
}

// Chunks end where a span would not fit whole, and inside of a picture that is larger than a batch: rows of one span
// are in one chunk, so that each layer packs them as soon as it has attended to them.
size_t Session::packed_chunk_length() {
  const size_t most = std::min<size_t>(options_.batch, mark_.end - done_);
  size_t count = 0;
  while (count < most) {
    const size_t place = done_ + count;
    if (!model_.weights.aifs && count > 0 && visual_[place] != visual_[place - 1]) break;
    if (!visual_[place]) {
      ++count;
      continue;
    }
    const size_t span = span_at(place);
    if (count + span > most) break;
    spans_[span_count_++] = static_cast<uint32_t>(span);
    count += span;
  }
  return count;
}

// As many rows as a batch holds; without AIFS only as far as the modality stays the same.
size_t Session::chunk_length() {
  span_count_ = 0;
  if (options_.kv.packs_visual()) return packed_chunk_length();
  const size_t most = std::min<size_t>(options_.batch, mark_.end - done_);
  if (model_.weights.aifs) return most;
  size_t count = 1;
  while (count < most && visual_[done_ + count] == visual_[done_]) ++count;
  return count;
}

Status Session::fill_chunk(size_t count, Chunk* chunk) {
  order_chunk(count);
  MICA_TRY(fill_rows(count));
  size_t visual = 0;
  for (size_t i = 0; i < count; ++i) visual += visual_[done_ + i];
  *chunk = {.count = count,
            .visual = visual,
            .positions = chunk_positions_,
            .allowed_visual = allowed_visual_,
            .allowed_text = allowed_text_,
            .spans = spans_,
            .span_count = span_count_};
  return Status::ok();
}

Status Session::run_chunk(size_t count) {
  Chunk chunk;
  MICA_TRY(fill_chunk(count, &chunk));
  decoder_.run(compute_, model_, chunk, &cache_);
  keep_logits(done_, count);
  done_ += count;
  visual_done_ += static_cast<uint32_t>(chunk.visual);
  return Status::ok();
}

Status Session::prepare(Chunk* chunk, const float** rows) {
  const size_t count = mark_.end - done_;
  if (count > options_.batch)
    return Status::error(Code::invalid_argument, "%zu tokens are pending, but a chunk holds %u", count, options_.batch);
  picture_encoded_ = SIZE_MAX;
  span_count_ = 0;
  MICA_TRY(fill_chunk(count, chunk));
  *rows = decoder_.x();
  return Status::ok();
}

Status Session::prefill(ProgressFunction progress, void* user) {
  const size_t start = done_;
  const uint32_t visual_start = visual_done_;
  const KvCache::Mark cached = cache_.mark();
  const double start_time = now();
  const double picture_start = stats.picture_seconds;
  picture_encoded_ = SIZE_MAX;
  Status status = Status::ok();
  while (status && done_ < mark_.end) {
    if (progress &&
        progress(user, "prefill", static_cast<double>(done_ - start) / static_cast<double>(mark_.end - start)))
      status = Status::error(Code::cancelled, "stopped on request");
    if (status) status = check_cancelled();
    if (status) status = run_chunk(chunk_length());
  }
  picture_count_ = 0;
  if (!status) {
    done_ = start;
    visual_done_ = visual_start;
    cache_.rewind(cached);
    mark_ = computed_;
    return status;
  }
  if (progress && done_ > start) progress(user, "prefill", 1.0);
  computed_ = mark_;
  stats.prefill_tokens += static_cast<uint32_t>(done_ - start);
  stats.prefill_seconds += now() - start_time - (stats.picture_seconds - picture_start);
  return Status::ok();
}

const float* Session::logits(uint32_t from_end) const {
  if (from_end >= logit_count_) return nullptr;
  return logits_ + (logit_count_ - 1 - from_end) * model_.spec.decoder.vocabulary;
}

Status Session::begin_answer() {
  if (!mark_.conversation || mark_.answer_open || !model_.chat.format) return Status::ok();
  return all_or_nothing([&]() -> Status {
    const std::vector<const char*> marks = controls();
    std::vector<int32_t> ids;
    TurnWriter writer(*model_.tokenizer, marks, before_end(), &ids);
    MICA_TRY(writer.template_text(model_.chat.format->before[static_cast<size_t>(Role::assistant)]));
    MICA_TRY(writer.flush());
    MICA_TRY(push_ids(ids));
    mark_.answer_open = true;
    return Status::ok();
  });
}

Status Session::sample(const Sampling& sampling, int32_t* token) {
  const float* row = logits(0);
  if (row == nullptr)
    return Status::error(Code::invalid_argument, "there is nothing to continue: add text or a picture first");
  const size_t recent = std::min<size_t>(sampling.repeat_last, done_);
  return sampler_.choose(sampling, row, ids_ + done_ - recent, recent, token);
}

Status Session::decode(int32_t token) {
  const double start = now();
  MICA_TRY(check_cancelled());
  MICA_TRY(push_token(token));
  span_count_ = 0;
  const Status status = run_chunk(1);
  if (!status) {
    mark_ = computed_;
    return status;
  }
  computed_ = mark_;
  ++stats.decode_tokens;
  stats.decode_seconds += now() - start;
  return Status::ok();
}

void Session::clear() {
  done_ = 0;
  visual_done_ = 0;
  mark_ = {};
  computed_ = {};
  picture_count_ = 0;
  logit_count_ = 0;
  cache_.rewind({});
  cancelled_.store(false, std::memory_order_relaxed);
}

}  // namespace mica
