// CalibrationRows: samples through the session, then layer by layer through the loops. Not the loops: engine.
#include "calibration_rows.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "calibration_pictures.hpp"
#include "checked.hpp"
#include "family.hpp"
#include "sample_session.hpp"

namespace mica {
namespace {

// The arrays of a chunk that say what its rows see; nothing is cached here.
std::vector<uint32_t**> sight_of(const DecoderSpec& decoder, Chunk* chunk) {
  std::vector<uint32_t**> all;
  const auto add = [&](RowCounts* counts) {
    all.push_back(&counts->visual);
    all.push_back(&counts->text);
  };
  add(&chunk->sight.allowed);
  if (decoder.block != SeenBlock::none) add(&chunk->sight.allowed_in_blocks);
  if (decoder.window != 0) add(&chunk->sight.unseen);
  return all;
}

}  // namespace

Status CalibrationRows::add_sample(const CalibrationSample& source, Session* session,
                                   std::vector<std::string>* warnings) {
  std::vector<Picture> pictures;
  MICA_TRY(open_pictures(source, sample_frames(model_->spec), &pictures));
  session->clear();
  Status status = add_turns(*model_, source, pictures, session);
  if (status.code() == Code::context_full || (status && session->tokens_pending() == 0)) {
    warnings->push_back("a sample is left out: " +
                        (status ? std::string("it is empty") : std::string(status.message())));
    return Status::ok();
  }
  MICA_TRY(status);
  Sample sample;
  sample.source = &source;
  const float* rows = nullptr;
  MICA_TRY(session->prepare(&sample.chunk, &rows));
  const size_t count = sample.chunk.count;
  sample.embeddings.assign(rows, rows + count * model_->spec.decoder.hidden);
  sample.tokens.assign(sample.chunk.tokens, sample.chunk.tokens + count);
  sample.positions.assign(sample.chunk.positions, sample.chunk.positions + count * 3);
  for (uint32_t** counts : sight_of(model_->spec.decoder, &sample.chunk))
    sample.sight.insert(sample.sight.end(), *counts, *counts + count);
  if (sample.chunk.in_order) sample.in_order.assign(sample.chunk.in_order, sample.chunk.in_order + count);
  const size_t tap_floats = sample.chunk.visual * model_->spec.vision.taps.count * model_->spec.decoder.hidden;
  if (tap_floats != 0) sample.taps[0].assign(sample.chunk.taps, sample.chunk.taps + tap_floats);
  tokens_visual_ += sample.chunk.visual;
  tokens_text_ += count - sample.chunk.visual;
  size_t token = 0;
  for (size_t p = 0; p < session->pictures_pending(); ++p) {
    const Sequence::PendingPicture& pending = session->picture(p);
    const PixelPlan& plan = pending.plan;
    TowerRows& tower = plan.shown != Shown::still && has_frame_tower(model_->spec) ? frame_rows_ : tower_rows_;
    for (uint32_t i = 0; i < plan.tiles; ++i) {
      const PixelTile own = tile_of(plan, i);
      tower.add(tiles_.size());
      tiles_.push_back({.sample = samples_.size(), .first_token = token,
                        .picture = static_cast<size_t>(&pending.shot.first() - pictures.data()),
                        .frames = pending.shot.count, .index = i, .rule = pending.rule, .whole = plan,
                        .first_value = own.first_value, .plan = own.plan, .state = {}, .merged = {}});
    }
    token += Vision::tokens_of(model_->spec, plan) - model_->spec.picture_ends_as_text;
  }
  samples_.push_back(std::move(sample));
  return Status::ok();
}

// A tower for frames has to see some: where no sample has a video, every other one with pictures shows them as one.
void CalibrationRows::show_some_as_videos() {
  const auto is_video = [](const CalibrationSample& sample) { return sample.is_video || !sample.tokens.empty(); };
  if (!has_frame_tower(model_->spec) || std::any_of(sources_.begin(), sources_.end(), is_video)) return;
  bool other = false;
  for (CalibrationSample& sample : sources_)
    if (!sample.pictures.empty()) sample.is_video = std::exchange(other, !other);
}

Status CalibrationRows::create(const Model& model, const std::vector<CalibrationSample>& samples, uint32_t threads,
                               std::vector<std::string>* warnings) {
  model_ = &model;
  options_.threads = threads;
  OwnedBytes memory;
  std::unique_ptr<Session> session;
  sources_ = samples;
  show_some_as_videos();
  MICA_TRY(open_sample_session(model, sources_, &options_, &memory, &session));
  if (!model.tokenizer)
    warnings->push_back("the checkpoint has no tokenizer: bytes of the samples' text stand for tokens");
  samples_.reserve(sources_.size());
  for (const CalibrationSample& sample : sources_) MICA_TRY(add_sample(sample, session.get(), warnings));
  if (samples_.empty()) return Status::error(Code::invalid_argument, "there is no sample to calibrate with");
  for (Sample& sample : samples_) {
    sample.chunk.tokens = sample.tokens.data();
    sample.chunk.positions = sample.positions.data();
    uint32_t* sight = sample.sight.data();
    for (uint32_t** counts : sight_of(model.spec.decoder, &sample.chunk)) {
      *counts = sight;
      sight += sample.chunk.count;
    }
    if (sample.chunk.in_order) sample.chunk.in_order = sample.in_order.data();
  }
  return Status::ok();
}

Status CalibrationRows::check_towers() const {
  if (tower_rows_.items() == 0)
    return Status::error(Code::invalid_argument,
                         "no sample has a picture, and a vision tower is to be quantized: give pictures, or keep the "
                         "tower in 16 bits");
  if (has_frame_tower(model_->spec) && frame_rows_.items() == 0)
    return Status::error(Code::invalid_argument,
                         "no sample has a video, and the model has a tower for videos: give one, or a second picture, "
                         "or keep the towers in 16 bits");
  return Status::ok();
}

double CalibrationRows::work(bool decoder, bool vision) {
  const auto rows_times = [](LayerRows& rows, double parameters) {
    double work = 0;
    for (size_t item = 0; item < rows.items(); ++item) work += static_cast<double>(rows.rows(item)) * parameters;
    return work;
  };
  const DecoderSpec& d = model_->spec.decoder;
  const VisionSpec& v = model_->spec.vision;
  double all = decoder ? rows_times(decoder_rows_, static_cast<double>(d.layers) * d.hidden * d.feed_forward) : 0;
  for (LayerRows* tower : {&tower_rows_, &frame_rows_})
    if (vision) all += rows_times(*tower, static_cast<double>(v.layers_used) * v.hidden * v.feed_forward);
  return all;
}

// Both loops' buffers, for the largest item.
Status CalibrationRows::plan() {
  size_t rows = 0, patches = 0;
  for (const Sample& sample : samples_) rows = std::max(rows, sample.chunk.count);
  for (const Tile& tile : tiles_)
    patches = std::max(patches, static_cast<size_t>(tile.plan.grid_width) * tile.plan.grid_height);
  pool_.resize(options_.threads);  // where there are fewer to be had, those work
  compute_ = {.kernels = model_->kernels, .pool = &pool_};
  compute_.scratch_bytes = Decoder::scratch_bytes(*model_);
  if (!tiles_.empty()) compute_.scratch_bytes = std::max(compute_.scratch_bytes, Vision::scratch_bytes(*model_));
  const auto place = [&](Arena* arena) {
    decoder_.plan(*model_, {.rows = rows, .logit_rows = rows}, arena);
    if (!tiles_.empty()) vision_.plan(*model_, patches, arena);
    compute_.scratch = arena->take<uint8_t>(compute_.scratch_bytes * options_.threads);
  };
  Arena measure;
  place(&measure);
  uint8_t* buffer = own_bytes(measure.used(), &memory_);
  if (buffer == nullptr)
    return Status::error(Code::out_of_memory, "no memory for the buffers of a layer, %zu bytes", measure.used());
  Arena arena(buffer, measure.used());
  place(&arena);
  return Status::ok();
}

// ---- decoder --------------------------------------------------------------------------------------------------------

DecoderPart CalibrationRows::part_of(Sample* sample, Stream stream) {
  std::vector<float>& taps = sample->taps[static_cast<size_t>(stream)];
  DecoderPart part{sample->chunk};
  part.chunk.taps = taps.empty() ? nullptr : taps.data();
  return part;
}

void CalibrationRows::begin_decoder() {
  const size_t hidden = model_->spec.decoder.hidden;
  for (Sample& sample : samples_) {
    std::vector<float> quantized = sample.embeddings;
    // Visual rows stand first; finish_tower left those of the quantized tower here.
    std::copy(sample.state[1].x.begin(), sample.state[1].x.end(), quantized.begin());
    if (sample.taps[1].empty()) sample.taps[1] = sample.taps[0];
    sample.state[0].x = std::move(sample.embeddings);
    sample.state[1].x = std::move(quantized);
    sample.embeddings = {};
    for (size_t stream = 0; stream < std::size(sample.state); ++stream) {
      std::vector<float>& x = sample.state[stream].x;
      std::memcpy(decoder_.x(), x.data(), x.size() * sizeof(float));
      const DecoderPart part = part_of(&sample, static_cast<Stream>(stream));
      decoder_.begin(compute_, *model_, {&part, 1});
      std::memcpy(x.data(), decoder_.x(), sample.chunk.count * hidden * sizeof(float));
      decoder_.take_carried(sample.chunk.count, &sample.state[stream].carried);
    }
  }
}

void CalibrationRows::DecoderRows::run(const Compute& compute, const LayerWeights& layer, size_t index, size_t item,
                                       Stream stream, bool keep) {
  Sample& sample = owner_->samples_[item];
  State& state = sample.state[static_cast<size_t>(stream)];
  Decoder& decoder = owner_->decoder_;
  std::memcpy(decoder.x(), state.x.data(), state.x.size() * sizeof(float));
  decoder.put_carried(state.carried);
  const DecoderPart part = owner_->part_of(&sample, stream);
  decoder.place(compute, *owner_->model_, {&part, 1});
  decoder.run_layer(compute, *owner_->model_, layer, index, {&part, 1});
  if (!keep) return;
  std::memcpy(state.x.data(), decoder.x(), state.x.size() * sizeof(float));
  decoder.take_carried(sample.chunk.count, &state.carried);
}

void CalibrationRows::show_head(size_t item, RowObserver* observer) {
  Compute compute = compute_;
  compute.observer = observer;
  std::vector<uint32_t> rows(samples_[item].chunk.count);
  std::iota(rows.begin(), rows.end(), 0u);
  head(compute, samples_[item].state[static_cast<size_t>(Stream::quantized)].x, rows, nullptr);
}

void CalibrationRows::logits(const std::vector<float>& x, std::span<const uint32_t> rows, float* logits) {
  head(compute_, x, rows, logits);
}

void CalibrationRows::head(const Compute& compute, const std::vector<float>& x, std::span<const uint32_t> rows,
                           float* logits) {
  std::memcpy(decoder_.x(), x.data(), x.size() * sizeof(float));
  decoder_.logits(compute, *model_, rows.data(), rows.size(), logits);
}

// ---- tower ----------------------------------------------------------------------------------------------------------

Status CalibrationRows::pixels_of(const Tile& tile, const float** out) {
  if (tile.sample != pixels_sample_ || tile.picture != pixels_picture_) {
    if (tile.sample != pixels_sample_)
      MICA_TRY(open_pictures(*samples_[tile.sample].source, sample_frames(model_->spec), &pictures_));
    std::vector<const Picture*> shown;
    for (uint32_t i = 0; i < tile.frames; ++i) shown.push_back(&pictures_[tile.picture + i]);
    const size_t scratch_bytes = pixels_scratch_bytes(tile.rule, tile.whole, shown[0]->width);
    OwnedBytes memory;
    uint8_t* scratch = own_bytes(scratch_bytes, &memory);
    if (scratch == nullptr) return Status::error(Code::out_of_memory, "no memory to resize a picture");
    pixels_.resize(tile.whole.values);
    MICA_TRY(make_pixels(tile.rule, tile.whole, shown, pixels_.data(), scratch, scratch_bytes));
    pixels_sample_ = tile.sample;
    pixels_picture_ = tile.picture;
  }
  *out = pixels_.data() + tile.first_value;
  return Status::ok();
}

Status CalibrationRows::begin_tile(Section tower, size_t item, Stream stream) {
  Tile& tile = (tower == Section::frames ? frame_rows_ : tower_rows_).tile(item);
  const float* pixels = nullptr;
  MICA_TRY(pixels_of(tile, &pixels));
  vision_.begin(compute_, *model_, tile.plan, pixels);
  const size_t values = Vision::rows_of(model_->spec, tile.plan) * model_->spec.vision.hidden;
  LayerRows::State& state = tile.state[static_cast<size_t>(stream)];
  state.x.assign(vision_.x(), vision_.x() + values);
  state.carried.resize(Vision::feature_floats(model_->spec, tile.plan));
  vision_.take_features(model_->spec, 0, tile.plan, state.carried.data());
  return Status::ok();
}

Status CalibrationRows::show_patches(Section tower, size_t item, RowObserver* observer) {
  const Tile& tile = (tower == Section::frames ? frame_rows_ : tower_rows_).tile(item);
  Compute compute = compute_;
  compute.observer = observer;
  const float* pixels = nullptr;
  MICA_TRY(pixels_of(tile, &pixels));
  vision_.begin(compute, *model_, tile.plan, pixels);
  return Status::ok();
}

void CalibrationRows::TowerRows::run(const Compute& compute, const LayerWeights& layer, size_t index, size_t item,
                                     Stream stream, bool keep) {
  Tile& tile = this->tile(item);
  Vision& vision = owner_->vision_;
  owner_->load_tile(tile, stream);
  vision.place(compute, *owner_->model_, tile.plan);
  vision.run_layer(compute, *owner_->model_, layer, index, tile.plan);
  if (!keep) return;
  owner_->keep_tile(stream, &tile);
  vision.take_features(owner_->model_->spec, index + 1, tile.plan,
                       tile.state[static_cast<size_t>(stream)].carried.data());
}

void CalibrationRows::SquareRows::run(const Compute& compute, const LayerWeights& layer, size_t, size_t item,
                                      Stream stream, bool keep) {
  Tile& tile = this->tile(item);
  owner_->load_tile(tile, stream);
  owner_->vision_.run_squares(compute, *owner_->model_, layer, tile.plan);
  if (keep) owner_->keep_tile(stream, &tile);
}

void CalibrationRows::load_tile(const Tile& tile, Stream stream) {
  const LayerRows::State& state = tile.state[static_cast<size_t>(stream)];
  std::copy(state.x.begin(), state.x.end(), vision_.x());
  std::copy(state.carried.begin(), state.carried.end(), vision_.features());
}

void CalibrationRows::keep_tile(Stream stream, Tile* tile) {
  std::vector<float>& x = tile->state[static_cast<size_t>(stream)].x;
  std::memcpy(x.data(), vision_.x(), x.size() * sizeof(float));
}

std::vector<float> CalibrationRows::tile_rows(const Tile& tile) const {
  return std::vector<float>(Vision::tokens_of_tile(model_->spec, tile.whole, tile.index) * model_->spec.decoder.hidden);
}

void CalibrationRows::show_projector(size_t item, Stream stream, RowObserver* observer) {
  Compute compute = compute_;
  compute.observer = observer;
  const Tile& tile = tiles_[item];
  load_tile(tile, stream);
  std::vector<float> rows = tile_rows(tile);
  vision_.finish(compute, *model_, tile.plan, rows.data());
}

void CalibrationRows::show_tap(size_t item, size_t tap, Stream stream, RowObserver* observer) {
  Compute compute = compute_;
  compute.observer = observer;
  const Tile& tile = tiles_[item];
  load_tile(tile, stream);
  std::vector<float> rows = tile_rows(tile);
  vision_.tap(compute, *model_, tap, tile.plan, rows.data());
}

// Tiles of a picture stand behind each other, as its tokens do.
void CalibrationRows::finish_tap(size_t tap) {
  const size_t hidden = model_->spec.decoder.hidden, taps = model_->spec.vision.taps.count;
  size_t first = 0;
  for (const Tile& tile : tiles_) {
    Sample& sample = samples_[tile.sample];
    sample.taps[1].resize(sample.taps[0].size());
    load_tile(tile, Stream::quantized);
    std::vector<float> rows = tile_rows(tile);
    vision_.tap(compute_, *model_, tap, tile.plan, rows.data());
    if (tile.index == 0) first = tile.first_token;
    for (size_t token = 0; token < rows.size() / hidden; ++token, ++first)
      std::copy_n(rows.data() + token * hidden, hidden, sample.taps[1].data() + (first * taps + tap) * hidden);
  }
}

void CalibrationRows::enter_squares() {
  square_rows_.follow(tower_rows_);
  for (Tile& tile : tiles_)
    for (const Stream stream : {Stream::reference, Stream::quantized}) {
      load_tile(tile, stream);
      vision_.to_squares(model_->spec, tile.plan);
      keep_tile(stream, &tile);
    }
}

void CalibrationRows::show_squares(size_t item, Stream stream, RowObserver* observer) {
  Compute compute = compute_;
  compute.observer = observer;
  load_tile(tiles_[item], stream);
  vision_.merge_squares(compute, *model_, tiles_[item].plan);
}

void CalibrationRows::merge_squares(Stream stream) {
  for (Tile& tile : tiles_) {
    load_tile(tile, stream);
    vision_.merge_squares(compute_, *model_, tile.plan);
    const PixelPlan behind = Vision::behind_squares(model_->spec, tile.plan);
    const size_t values = Vision::rows_of(model_->spec, behind) * model_->spec.vision.hidden;
    tile.merged[static_cast<size_t>(stream)].assign(vision_.x(), vision_.x() + values);
  }
}

void CalibrationRows::leave_squares() {
  for (Tile& tile : tiles_) {
    for (size_t stream = 0; stream < std::size(tile.state); ++stream)
      tile.state[stream].x = std::move(tile.merged[stream]);
    tile.plan = Vision::behind_squares(model_->spec, tile.plan);
  }
}

void CalibrationRows::finish_tower() {
  const size_t hidden = model_->spec.decoder.hidden;
  for (Sample& sample : samples_) sample.state[1].x.resize(sample.chunk.visual * hidden);
  std::vector<float> picture;  // its rows, of which the last may stand among text
  for (Tile& tile : tiles_) {
    load_tile(tile, Stream::quantized);
    std::vector<float> rows = tile_rows(tile);
    vision_.finish(compute_, *model_, tile.plan, rows.data());
    const size_t tokens = Vision::tokens_of(model_->spec, tile.whole);
    if (tile.index == 0) picture.assign(tokens * hidden, 0);
    Vision::put_tile(*model_, tile.whole, tile.index, rows.data(), picture.data());
    if (tile.index + 1 == tile.whole.tiles)
      std::copy_n(picture.data(), (tokens - model_->spec.picture_ends_as_text) * hidden,
                  samples_[tile.sample].state[1].x.data() + tile.first_token * hidden);
    for (LayerRows::State& state : tile.state) state = {};
  }
}

}  // namespace mica
