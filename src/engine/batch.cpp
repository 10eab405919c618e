// Batch: chunks of a sequence, and rows of several.
#include "batch.hpp"

#include <algorithm>
#include <cstring>

#include "checked.hpp"
#include "clock.hpp"
#include "enter.hpp"

namespace mica {
namespace {

// Floats of all that a picture becomes.
size_t rows_of(const Model& model, const Sequence::PendingPicture& picture) {
  return picture.tokens * model.spec.vision.token_rows() * model.spec.decoder.hidden;
}

}  // namespace

// ---- chunks of one sequence -----------------------------------------------------------------------------------------

// Tokens of the picture at `place` that make one span: all that are left of their run, or one of equal parts where it
// is larger than a batch.
size_t Batch::span_at(const Sequence& sequence, size_t place) const {
  const Sequence::Run run = sequence.picture_run_at(place);
  const size_t tokens = run.end - run.first, done = place - run.first;
  const size_t parts = ceil_div(tokens, workspace_.options().batch);
  size_t part = 1;
  while (part * tokens / parts <= done) ++part;
  return part * tokens / parts - done;
}

// Chunks end where a span would not fit whole, and inside of a picture that is larger than a batch: rows of one span
// are in one chunk, so that each layer packs them as soon as it has attended to them.
size_t Batch::packed_chunk_length(const Sequence& sequence, size_t most) {
  size_t count = 0;
  while (count < most) {
    const size_t place = sequence.done() + count;
    if (!model_.weights.aifs && count > 0 && sequence.is_visual(place) != sequence.is_visual(place - 1)) break;
    if (!sequence.is_visual(place)) {
      ++count;
      continue;
    }
    const size_t span = span_at(sequence, place);
    if (count + span > most) break;
    buffers_.spans[span_count_++] = static_cast<uint32_t>(span);
    count += span;
  }
  return count;
}

// Behind the last token that the one at `place` sees as part of its block, and behind itself where it is of none.
size_t Batch::block_end(const Sequence& sequence, const Sequence::Mark& until, size_t place) const {
  switch (model_.spec.decoder.block) {
    case SeenBlock::none: break;
    case SeenBlock::picture: return sequence.is_visual(place) ? sequence.picture_run_at(place).end : place + 1;
    case SeenBlock::prompt: return until.end;
  }
  return place + 1;
}

// Of the next `most` tokens, those of whole blocks: rows of one see each other, and so are in one chunk.
size_t Batch::whole_blocks(const Sequence& sequence, const Sequence::Mark& until, size_t most) const {
  const size_t end = sequence.done() + most;
  if (model_.spec.decoder.block == SeenBlock::none) return most;
  size_t place = sequence.done();
  while (place < end) {
    const size_t next = block_end(sequence, until, place);
    if (next > end) break;
    place = next;
  }
  return place - sequence.done();
}

// Tokens of the next chunk; leaves its spans in spans. As many rows as a batch holds; without AIFS only as far as the
// modality stays the same. None where a picture, or a prompt that is one block, does not fit.
size_t Batch::chunk_length(const Sequence& sequence, const Sequence::Mark& until) {
  span_count_ = 0;
  const size_t room = std::min<size_t>(workspace_.options().batch, until.end - sequence.done());
  const size_t most = whole_blocks(sequence, until, room);
  if (sequence.options().kv.packs_visual()) return packed_chunk_length(sequence, most);
  if (model_.weights.aifs || model_.spec.decoder.block == SeenBlock::prompt) return most;
  size_t count = std::min<size_t>(most, 1);
  while (count < most && sequence.is_visual(sequence.done() + count) == sequence.is_visual(sequence.done())) ++count;
  return count;
}

// Visual rows first, each row with the number of rows of both kinds that stand before it in the text or are itself. Returns
// how many are visual.
size_t Batch::order_chunk(const Sequence& sequence, size_t count) {
  const size_t first = sequence.done();
  size_t visual = 0;
  for (size_t i = 0; i < count; ++i) visual += sequence.is_visual(first + i);
  size_t next_visual = 0;
  size_t next_text = visual;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = sequence.is_visual(first + i) ? next_visual++ : next_text++;
    buffers_.order[row] = static_cast<uint32_t>(i);
    buffers_.in_order[i] = static_cast<uint32_t>(row);
    buffers_.sight.allowed.visual[row] = static_cast<uint32_t>(next_visual);
    buffers_.sight.allowed.text[row] = static_cast<uint32_t>(next_text - visual);
    std::memcpy(buffers_.positions + row * 3, sequence.position(first + i), 3 * sizeof(uint32_t));
  }
  return visual;
}

// Rows of a block see as much as its last one does.
void Batch::allow_blocks(const Sequence& sequence, const Sequence::Mark& until, ShareRows rows) {
  if (model_.spec.decoder.block == SeenBlock::none) return;
  const RowCounts &allowed = buffers_.sight.allowed, &in_blocks = buffers_.sight.allowed_in_blocks;
  for (size_t i = 0; i < rows.count;) {
    const size_t end = std::min(rows.count, block_end(sequence, until, sequence.done() + i) - sequence.done());
    const size_t last = row_at(rows, end - 1);
    for (; i < end; ++i) {
      in_blocks.visual[row_at(rows, i)] = allowed.visual[last];
      in_blocks.text[row_at(rows, i)] = allowed.text[last];
    }
  }
}

// What lies before the window of each row: of the cached tokens, then of the rows here.
void Batch::count_unseen(const Sequence& sequence, ShareRows rows) {
  const size_t window = model_.spec.decoder.window, first = sequence.done();
  if (window == 0) return;
  const auto start_of = [&](size_t i) {
    const size_t start = first + i + 1 > window ? first + i + 1 - window : 0;
    if (model_.spec.decoder.block == SeenBlock::prompt) return std::min(start, first);  // where the prompt's rows begin
    const bool whole = model_.spec.decoder.block_beats_window && sequence.is_visual(first + i);
    return whole ? std::min(start, sequence.picture_run_at(first + i).first) : start;
  };
  const CachedUnseen& cached = buffers_.sight.unseen_cached;
  size_t counted = std::min(start_of(0), first);
  size_t text = sequence.kept_as_text(0, counted);
  for (size_t i = 0; i < rows.count; ++i) {
    const size_t row = row_at(rows, i), start = start_of(i), before = std::min(start, first);
    text += sequence.kept_as_text(counted, before);
    counted = before;
    cached.all[row] = static_cast<uint32_t>(before);
    cached.text[row] = static_cast<uint32_t>(text);
    cached.visual[row] = static_cast<uint32_t>(before - text);
    const size_t here = start - before;
    buffers_.sight.unseen.visual[row] = here == 0 ? 0 : buffers_.sight.allowed.visual[row_at(rows, here - 1)];
    buffers_.sight.unseen.text[row] = here == 0 ? 0 : buffers_.sight.allowed.text[row_at(rows, here - 1)];
  }
}

RowSight Batch::sight_of(const Sequence& sequence, const Sequence::Mark& until, ShareRows rows) {
  allow_blocks(sequence, until, rows);
  count_unseen(sequence, rows);
  const RowSight& all = buffers_.sight;
  const auto from = [&](const RowCounts& counts) {
    return RowCounts{counts.visual + rows.first, counts.text + rows.first};
  };
  const CachedUnseen& cached = all.unseen_cached;
  return {from(all.allowed), from(all.allowed_in_blocks), from(all.unseen),
          {cached.all + rows.first, cached.text + rows.first, cached.visual + rows.first}};
}

void Batch::embed(int32_t id, float* row) const {
  const size_t hidden = model_.spec.decoder.hidden;
  const StreamTransform& stream = model_.weights.decoder.stream;
  widen_table_row(*buffers_.compute.kernels, model_.weights.decoder.embedding, static_cast<size_t>(id), hidden, row);
  if (stream.vocabulary_rotation)
    rotate_rows(buffers_.compute, stream.residual_plan, stream.signs.data(), row, hidden, 1, true);
  if (const float* columns = model_.weights.decoder.embedding_columns)
    for (size_t i = 0; i < hidden; ++i) row[i] *= columns[i];
  const float multiplier = model_.spec.decoder.multipliers.embedding;
  if (multiplier != 1)
    for (size_t i = 0; i < hidden; ++i) row[i] *= multiplier;
}

// Its rows into picture_rows, if they are kept.
bool Batch::find_kept(const Sequence::PendingPicture& picture) {
  if (pictures_ == nullptr) return false;
  hash_ = pictures_->hash_of(picture.shot.pictures(), picture.plan);
  return pictures_->find(hash_, rows_of(model_, picture), buffers_.picture_rows);
}

// The same of those that are made now; a layer of the way, where that is asked for: encodes_ stays while there are more.
Status Batch::encode(const Sequence::PendingPicture& picture, bool by_pieces, Work* work) {
  const double start = now_seconds();
  if (!encodes_) {
    MICA_TRY(make_pixels(picture.rule, picture.plan, picture.shot.pictures(), buffers_.pixels, buffers_.pixel_scratch,
                         buffers_.pixel_room.scratch_bytes));
    progress_ = {};
    encodes_ = true;
  }
  do {
    MICA_TRY(work->check_cancelled());
    encodes_ = !buffers_.vision.run_next(buffers_.compute, model_, picture.plan, buffers_.pixels, buffers_.picture_rows,
                                         &progress_);
  } while (encodes_ && !by_pieces);
  work->stats.picture_seconds += now_seconds() - start;
  if (encodes_) return Status::ok();
  ++work->stats.pictures;
  work->stats.pictures_reduced += picture.tokens < picture.tokens_whole;
  work->stats.picture_tokens += static_cast<uint32_t>(picture.tokens);
  if (pictures_ != nullptr) pictures_->keep(hash_, rows_of(model_, picture), buffers_.picture_rows);
  return Status::ok();
}

// Nothing of what was gathered or begun is there any more.
void Batch::begin_turn() {
  turn_ = workspace_.take_turn();
  gathered_ = layers_run_ = 0;
  picture_encoded_ = SIZE_MAX;
  encodes_ = false;
}

Status Batch::bring_picture(const Sequence::PendingPicture& picture, Work* work) {
  begin_turn();
  return find_kept(picture) ? Status::ok() : encode(picture, false, work);
}

// Rows of pictures among the next `count` tokens; a picture is encoded when its first row is reached.
Status Batch::gather(const Sequence& sequence, size_t count, bool by_pieces, Work* work, bool* are_there) {
  const size_t hidden = model_.spec.decoder.hidden, taps = model_.spec.vision.taps.count;
  size_t visual = 0, token = 0, newest = SIZE_MAX;
  *are_there = false;
  for (size_t i = 0; i < count; ++i) {
    const size_t place = sequence.done() + i;
    if (!sequence.is_of_picture(place)) continue;
    if (!workspace_.has_turn(turn_)) begin_turn();
    const size_t row = visual;
    visual += sequence.is_visual(place);
    if (i < gathered_) continue;
    const size_t index = sequence.picture_at(place);
    const Sequence::PendingPicture& picture = sequence.picture(index);
    if (index != picture_encoded_) {
      MICA_TRY(work->check_cancelled());
      const bool is_kept = !encodes_ && find_kept(picture);
      if (!is_kept) MICA_TRY(encode(picture, by_pieces, work));
      if (!encodes_) picture_encoded_ = index;
      if (by_pieces && !is_kept) return Status::ok();
    }
    token = index != newest ? sequence.picture_token_at(place) : token + 1;
    newest = index;
    const bool is_last = !sequence.is_visual(place);  // it stands among text
    for (size_t k = 0; k <= (is_last ? 0 : taps); ++k) {
      const size_t source = k * picture.tokens + (is_last ? picture.tokens - 1 : token);
      float* target = k == 0 ? buffers_.chunk_rows + i * hidden : buffers_.tap_rows + (row * taps + k - 1) * hidden;
      std::memcpy(target, buffers_.picture_rows + source * hidden, hidden * sizeof(float));
    }
    gathered_ = i + 1;
  }
  *are_there = true;
  return Status::ok();
}

// The embeddings of the chunk's rows, of which those of pictures have been gathered.
void Batch::fill_rows(const Sequence& sequence, size_t count) {
  const size_t hidden = model_.spec.decoder.hidden;
  for (size_t row = 0; row < count; ++row) {
    const size_t place = sequence.done() + buffers_.order[row];
    float* target = buffers_.decoder.x() + row * hidden;
    const bool is_of_picture = sequence.is_of_picture(place);
    buffers_.tokens[row] = is_of_picture ? model_.spec.decoder.padding_token : sequence.id(place);
    if (is_of_picture) std::memcpy(target, buffers_.chunk_rows + buffers_.order[row] * hidden, hidden * sizeof(float));
    else embed(sequence.id(place), target);
  }
}

// By how many positions frequencies are scaled: an answer's tokens keep what its prompt had, where they are said to.
uint32_t Batch::length_for_rope(const Sequence::Mark& until) const {
  const bool by_prompt = model_.spec.decoder.rope.scaling == RopeScaling::dynamic_by_prompt;
  return by_prompt ? until.prompt_position : until.next_position;
}

Chunk Batch::place_chunk(const Sequence& sequence, size_t count, const Sequence::Mark& until) {
  const size_t visual = order_chunk(sequence, count);
  return {.count = count,
          .visual = visual,
          .tokens = buffers_.tokens,
          .positions = buffers_.positions,
          .positions_end = length_for_rope(until),
          .in_order = visual > 0 ? buffers_.in_order : nullptr,
          .spans = buffers_.spans,
          .span_count = span_count_,
          .sight = sight_of(sequence, until, {.first = 0, .count = count, .in_order = buffers_.in_order}),
          .taps = model_.spec.vision.taps.count != 0 ? buffers_.tap_rows : nullptr};
}

void Batch::keep_logits(const Share& share, size_t count) {
  Sequence& sequence = *share.sequence;
  const size_t first = sequence.done(), settled = sequence.computed().end;
  const size_t keep_from =
      share.until.end - std::min<size_t>(sequence.options().logit_rows, share.until.end - settled);
  size_t wanted = 0;
  for (size_t place = std::max(first, keep_from); place < first + count; ++place, ++wanted)
    for (size_t row = 0; row < count; ++row)
      if (buffers_.order[row] == place - first) buffers_.rows_wanted[wanted] = static_cast<uint32_t>(row);
  if (wanted == 0) return;
  const size_t slot = std::max(first, keep_from) - keep_from;
  buffers_.decoder.logits(buffers_.compute, model_, buffers_.rows_wanted, wanted, sequence.logit_row(slot));
  sequence.set_logit_count(slot + wanted);
}

// Of what has to be computed at once.
Status Batch::does_not_fit(const Sequence& sequence, const Sequence::Mark& until) const {
  if (model_.spec.decoder.block != SeenBlock::prompt)
    return Status::error(Code::internal, "a picture of which a part fits no chunk");
  return Status::error(Code::limit_exceeded,
                       "%zu tokens wait, a batch holds %u, and prompts of this model are computed at once, since each "
                       "token sees all: shorten the prompt or open a session with a larger batch",
                       until.end - sequence.done(), workspace_.options().batch);
}

// Whether what layers hand to each other is the stream alone, and a chunk that is begun again finds all as it was.
bool Batch::has_layer_pieces() const {
  const DecoderSpec& d = model_.spec.decoder;
  for (uint32_t i = 0; i < d.layers; ++i)
    if (d.layer(i).kind != LayerKind::attention || d.layer(i).borrows_keys) return false;
  return model_.weights.decoder.layer_input_projection.rows == 0;
}

// The next layers of a chunk whose pictures are there, and behind the last what becomes of it.
Status Batch::run_layers(Sequence* sequence, const Sequence::Mark& until, size_t count, size_t layers) {
  const size_t hidden = model_.spec.decoder.hidden;
  const std::vector<LayerWeights>& all = model_.weights.decoder.layers;
  DecoderPart part{
      .chunk = place_chunk(*sequence, count, until), .cache = &sequence->cache(), .states = &sequence->states()};
  if (!part.cache->has_room(part.chunk.appended()))
    return Status::error(
        Code::context_full,
        "the session's room for pictures is full: it was restored from one that packed them in smaller "
        "parts; clear the conversation or open one with a larger context");
  if (layers_run_ == 0) {
    fill_rows(*sequence, count);
    buffers_.decoder.begin(buffers_.compute, model_, {&part, 1});
  } else {
    std::copy_n(buffers_.chunk_rows, count * hidden, buffers_.decoder.x());
    buffers_.decoder.place(buffers_.compute, model_, {&part, 1});
  }
  for (; layers > 0 && layers_run_ < all.size(); --layers, ++layers_run_)
    buffers_.decoder.run_layer(buffers_.compute, model_, all[layers_run_], layers_run_, {&part, 1});
  rows_run_ = count;
  if (layers_run_ < all.size()) {
    std::copy_n(buffers_.decoder.x(), count * hidden, buffers_.chunk_rows);
    return Status::ok();
  }
  gathered_ = layers_run_ = 0;
  part.cache->advance(part.chunk.appended());
  part.states->advance();
  keep_logits({sequence, until}, count);
  sequence->advance(count, part.chunk.visual);
  return Status::ok();
}

Status Batch::run_next(Sequence* sequence, const Sequence::Mark& until, Work* work) {
  const size_t count = chunk_length(*sequence, until);
  if (count == 0) return does_not_fit(*sequence, until);
  if (layers_run_ > 0 && (rows_run_ != count || !workspace_.has_turn(turn_))) begin_turn();
  bool are_there = false;
  workspace_.use_threads(count == 1);
  if (layers_run_ == 0) MICA_TRY(gather(*sequence, count, false, work, &are_there));
  return run_layers(sequence, until, count, SIZE_MAX);
}

Status Batch::run_piece(Sequence* sequence, const Sequence::Mark& until, Work* work) {
  const size_t count = chunk_length(*sequence, until);
  if (count == 0) return does_not_fit(*sequence, until);
  if (!workspace_.has_turn(turn_) || (layers_run_ > 0 && rows_run_ != count)) begin_turn();
  bool are_there = layers_run_ > 0;
  workspace_.use_threads(false);
  if (!are_there) MICA_TRY(gather(*sequence, count, true, work, &are_there));
  if (!are_there) return Status::ok();
  return run_layers(sequence, until, count, has_layer_pieces() ? 1 : SIZE_MAX);
}

// ---- rows of several sequences --------------------------------------------------------------------------------------

bool Batch::can_join(const Share& share) const {
  const size_t first = share.sequence->done(), count = share.count();
  if (count > workspace_.options().batch || (count > 1 && !buffers_.weights_are_packed)) return false;
  for (size_t place = first; place < first + count; ++place)
    if (share.sequence->is_of_picture(place)) return false;
  return true;
}

// Shares stand behind each other, each with its text in order: that is the order of a chunk of text, too.
void Batch::fill_share(const Share& share, size_t first_row, DecoderPart* part) {
  Sequence& sequence = *share.sequence;
  for (size_t i = 0; i < share.count(); ++i) {
    const size_t row = first_row + i, place = sequence.done() + i;
    std::memcpy(buffers_.positions + row * 3, sequence.position(place), 3 * sizeof(uint32_t));
    buffers_.sight.allowed.visual[row] = 0;
    buffers_.sight.allowed.text[row] = static_cast<uint32_t>(i + 1);
    buffers_.tokens[row] = sequence.id(place);
    embed(sequence.id(place), buffers_.decoder.x() + row * model_.spec.decoder.hidden);
  }
  *part = {.chunk = {.count = share.count(),
                     .visual = 0,
                     .tokens = buffers_.tokens + first_row,
                     .positions = buffers_.positions + first_row * 3,
                     .positions_end = length_for_rope(share.until),
                     .sight = sight_of(sequence, share.until,
                                       {.first = first_row, .count = share.count(), .in_order = nullptr})},
           .cache = &sequence.cache(),
           .states = &sequence.states()};
}

Status Batch::run_together(std::span<const Share> shares) {
  size_t rows = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    fill_share(shares[i], rows, &buffers_.parts[i]);
    if (!buffers_.parts[i].cache->has_room(buffers_.parts[i].chunk.appended()))
      return Status::error(Code::internal, "a session has no room for text that was added to it");
    rows += shares[i].count();
  }
  workspace_.use_threads(rows == shares.size());
  Compute apart = buffers_.compute;
  apart.rows_apart = true;
  buffers_.decoder.run(apart, model_, {buffers_.parts, shares.size()});
  keep_logits_of(shares, apart);
  for (const Share& share : shares) share.sequence->advance(share.count(), 0);
  return Status::ok();
}

// The last rows of each share: at once where each keeps one, since the head is the largest of all matrices.
void Batch::keep_logits_of(std::span<const Share> shares, const Compute& apart) {
  const size_t vocabulary = model_.spec.decoder.vocabulary;
  const auto rows_kept = [](const Share& share) {
    return std::min<size_t>(share.sequence->options().logit_rows, share.count());
  };
  const bool at_once =
      shares.size() > 1 &&
      std::all_of(shares.begin(), shares.end(), [&](const Share& share) { return rows_kept(share) == 1; });
  size_t end = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const size_t kept = rows_kept(shares[i]);
    uint32_t* wanted = buffers_.rows_wanted + (at_once ? i : 0);
    end += shares[i].count();
    for (size_t k = 0; k < kept; ++k) wanted[k] = static_cast<uint32_t>(end - kept + k);
    if (!at_once) buffers_.decoder.logits(buffers_.compute, model_, wanted, kept, shares[i].sequence->logit_row(0));
    shares[i].sequence->set_logit_count(kept);
  }
  if (!at_once) return;
  buffers_.decoder.logits(apart, model_, buffers_.rows_wanted, shares.size(), buffers_.logits);
  for (size_t i = 0; i < shares.size(); ++i)
    std::copy_n(buffers_.logits + i * vocabulary, vocabulary, shares[i].sequence->logit_row(0));
}

Status Batch::prepare(const Sequence& sequence, Work* work, Chunk* chunk, const float** rows) {
  const size_t count = sequence.pending(), batch = workspace_.options().batch;
  if (count > batch)
    return Status::error(Code::invalid_argument, "%zu tokens are pending, but a chunk holds %zu", count, batch);
  span_count_ = 0;
  bool are_there = false;
  MICA_TRY(gather(sequence, count, false, work, &are_there));
  *chunk = place_chunk(sequence, count, sequence.mark());
  fill_rows(sequence, count);
  gathered_ = 0;
  *rows = buffers_.decoder.x();
  return Status::ok();
}

}  // namespace mica
