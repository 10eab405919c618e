// SequenceFile: which parts of a session are its state, and what must be true of them. The file format: packed_format.hpp.
#include "sequence_file.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>

#include "limits.hpp"
#include "mapped_file.hpp"
#include "packed_format.hpp"
#include "packed_writer.hpp"

namespace mica {
namespace {

constexpr std::string_view kVersion = "6";
// Documents of the file.
constexpr std::string_view kVersionName = "session", kModelName = "session.model", kCacheName = "session.cache";

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string model_text(const Model& model) {
  char text[64];
  snprintf(text, sizeof text, "%s %016" PRIx64, model.spec.family->name, identity_of(model));
  return text;
}

// How keys and values lie.
std::string cache_text(const KvSettings& kv) {
  char text[64];
  snprintf(text, sizeof text, "text %u, %s %g%s, visual ", kv.text_bits, rule_name(kv.levels.rule),
           static_cast<double>(kv.levels.alpha), kv.values_are_rotated ? " rotated" : "");
  std::string all = text;
  for (uint8_t bits : kv.visual_bits) all += "0123456789abcdefghijklmnopqrstuvw"[bits];
  return all;
}

struct Piece {
  void* memory;
  size_t bytes;
};

Status damaged(const char* path, const char* what) {
  return Status::error(Code::corrupt_file, "%s: the saved session is damaged: %s", path, what);
}

// The bytes of a tensor that has `bytes` and what fills a line.
Status find(const ModelFiles& file, const std::string& name, size_t bytes, Bytes* out) {
  *out = {};
  if (bytes == 0) return Status::ok();
  const TensorView* tensor = file.find(name);
  if (tensor == nullptr || tensor->bytes.size() != round_up(bytes, kPackedAlignment))
    return damaged(file.path(), ("\"" + name + "\" of " + std::to_string(bytes) + " bytes is missing").c_str());
  *out = tensor->bytes.first(bytes);
  return Status::ok();
}

}  // namespace

// All numbers of a session, 64 bits each.
struct SequenceFile::Counts {
  uint64_t done, end, visual, text, next_position, prompt_position, pictures, videos;
  uint64_t computed_text, computed_position;
  uint64_t cached_text, cached_visual, spans;
  uint64_t conversation, answer_open, computed_conversation, computed_answer_open;
  uint64_t system_open, computed_system_open;
  uint64_t logit_rows;
  uint64_t random[Random::kWords];
};

// A tensor of the file and where it lies in a session.
struct SequenceFile::Saved {
  std::string name;
  std::vector<Piece> pieces;
  size_t bytes() const {
    size_t sum = 0;
    for (const Piece& piece : pieces) sum += piece.bytes;
    return sum;
  }
};

SequenceFile::Counts SequenceFile::counts_of(const Sequence& s) {
  const KvCache::Mark& cached = s.cache_.mark();
  Counts counts{.done = s.done_,
                .end = s.mark_.end,
                .visual = s.visual_done_,
                .text = s.mark_.text,
                .next_position = s.mark_.next_position,
                .prompt_position = s.mark_.prompt_position,
                .pictures = s.mark_.shown.pictures,
                .videos = s.mark_.shown.videos,
                .computed_text = s.computed_.text,
                .computed_position = s.computed_.next_position,
                .cached_text = cached.text,
                .cached_visual = cached.visual,
                .spans = cached.spans,
                .conversation = s.mark_.conversation,
                .answer_open = s.mark_.answer_open,
                .computed_conversation = s.computed_.conversation,
                .computed_answer_open = s.computed_.answer_open,
                .system_open = s.mark_.system_open,
                .computed_system_open = s.computed_.system_open,
                .logit_rows = s.logit_count_ > 0,
                .random = {}};
  std::memcpy(counts.random, s.random.words, sizeof counts.random);
  return counts;
}

// The tensors of a file with these counts, at their places in `s` and in what is given; none is empty.
std::vector<SequenceFile::Saved> SequenceFile::tensors_of(const Sequence& s, const Counts& counts,
                                                        const KvCache::Contents& cached, Counts* counts_place,
                                                        float* logits_place) {
  std::vector<Saved> all = {{"counts", {{counts_place, sizeof counts}}}};
  const auto add = [&](std::string name, void* memory, size_t bytes) {
    if (bytes == 0) return;
    if (all.back().name != name) all.push_back({std::move(name), {}});
    all.back().pieces.push_back({memory, bytes});
  };
  add("tokens", s.ids_, counts.end * sizeof(int32_t));
  add("positions", s.positions_, counts.end * 3 * sizeof(uint32_t));
  add("visual", s.visual_, counts.end);
  add("spans", const_cast<uint32_t*>(cached.span_tokens.data()), counts.spans * sizeof(uint32_t));
  for (size_t layer = 0; layer < s.model_->spec.decoder.layers; ++layer)
    for (const KvCache::Region& region : s.cache_.regions(layer, cached))
      add(std::string(region.name) + "." + std::to_string(layer), region.memory, region.bytes);
  for (size_t layer = 0; layer < s.model_->spec.decoder.layers; ++layer) {
    const LayerStates::Region state = s.states_.region(layer);
    add("state." + std::to_string(layer), state.memory, state.floats * sizeof(float));
  }
  add("logits", logits_place, counts.logit_rows * s.model_->spec.decoder.vocabulary * sizeof(float));
  return all;
}

Status SequenceFile::save(const Sequence& s, const char* path) {
  if (s.picture_count_ > 0)
    return Status::error(Code::invalid_argument, "%s: a picture waits to be computed; prefill before saving", path);
  Counts counts = counts_of(s);
  s.cache_.clear_unused();
  float* newest = s.logits_ + (s.logit_count_ - counts.logit_rows) * s.model_->spec.decoder.vocabulary;
  const std::vector<Saved> tensors = tensors_of(s, counts, s.cache_.contents(), &counts, newest);
  std::vector<TensorDeclaration> declared;
  for (const Saved& tensor : tensors)
    declared.push_back({tensor.name, DType::u8, {round_up(tensor.bytes(), kPackedAlignment)}});
  PackedWriter writer;
  MICA_TRY(writer.create(path,
                         {{std::string(kVersionName), std::string(kVersion)},
                          {std::string(kModelName), model_text(*s.model_)},
                          {std::string(kCacheName), cache_text(s.options_.kv)}},
                         std::move(declared)));
  static constexpr uint8_t kZeros[kPackedAlignment] = {};
  for (const Saved& tensor : tensors) {
    for (const Piece& piece : tensor.pieces)
      MICA_TRY(writer.append(tensor.name, {static_cast<const uint8_t*>(piece.memory), piece.bytes}));
    const size_t fill = round_up(tensor.bytes(), kPackedAlignment) - tensor.bytes();
    if (fill > 0) MICA_TRY(writer.append(tensor.name, {kZeros, fill}));
  }
  return writer.finish();
}

// What can be said of the numbers alone. Text that waits is kept as text, one position a token.
Status SequenceFile::check_counts(const Sequence& s, const Counts& c, const char* path) {
  const bool packs = s.options_.kv.packs_visual(), talks = s.model_->chat.writes_turns();
  if (c.end > limits::kContextMax || c.done > c.end || c.visual > c.done || c.text > c.end ||
      c.next_position > c.end || c.prompt_position > c.next_position || c.pictures > c.end ||
      c.videos > c.end || c.spans > c.done || c.cached_text > c.done || c.cached_visual > c.done)
    return damaged(path, "a number is out of range");
  const uint64_t pending = c.end - c.done;
  if (c.cached_text + c.cached_visual != c.done || c.text != c.cached_text + pending ||
      (packs ? c.cached_visual > c.visual : c.cached_visual != c.visual) || c.computed_text != c.cached_text ||
      c.computed_position + pending != c.next_position)
    return damaged(path, "its numbers of tokens contradict each other");
  if (c.conversation > talks || c.answer_open > c.conversation || c.computed_conversation > c.conversation ||
      c.computed_answer_open > c.computed_conversation || c.system_open > c.conversation ||
      c.computed_system_open > c.computed_conversation || c.logit_rows > (c.done > 0) ||
      std::all_of(std::begin(c.random), std::end(c.random), [](uint64_t word) { return word == 0; }))
    return damaged(path, "it is in a state that no session comes to");
  if (c.end > s.options_.context || c.text > s.options_.context_text)
    return Status::error(Code::context_full,
                         "%s: the saved session has %" PRIu64 " tokens (%" PRIu64 " of text), this one has room for %u (%u): "
                         "grow it or open one with a larger context",
                         path, c.end, c.text, s.options_.context, s.options_.context_text);
  return Status::ok();
}

// What computing will believe: ids are rows of the embedding, visual tokens were computed, positions go on.
Status SequenceFile::check_tokens(const Sequence& s, const Counts& c, const ModelFiles& file) {
  Bytes ids, positions, visual;
  MICA_TRY(find(file, "tokens", c.end * sizeof(int32_t), &ids));
  MICA_TRY(find(file, "positions", c.end * 3 * sizeof(uint32_t), &positions));
  MICA_TRY(find(file, "visual", c.end, &visual));
  // A video's time may be beyond where the text behind it stands.
  const bool has_time = s.model_->spec.frame_positions != FramePositions::own;
  uint64_t visual_count = 0, cached_visual = 0;
  for (size_t i = 0; i < c.end; ++i) {
    int32_t id = 0;
    uint32_t place[3];
    std::memcpy(&id, ids.data() + i * sizeof id, sizeof id);
    std::memcpy(place, positions.data() + i * sizeof place, sizeof place);
    if (id < 0 || static_cast<uint32_t>(id) >= s.model_->spec.decoder.vocabulary)
      return damaged(file.path(), "a token is not in the vocabulary");
    const bool is_kept_as_text = visual[i] == Sequence::kVisualKeptAsText;
    const bool is_visual = is_kept_as_text || visual[i] == Sequence::kVisual;
    if (visual[i] != 0 && (!is_visual || i >= c.done || !s.model_->spec.has_vision))
      return damaged(file.path(), "a token is of a picture that is not there");
    visual_count += is_visual;
    cached_visual += is_visual && !is_kept_as_text;
    const uint64_t expected = c.next_position - (i < c.done ? 0 : c.end - i);
    for (uint32_t position : place)
      if (i < c.done ? position >= c.next_position + (has_time && is_visual ? limits::kVideoStepsMax : 0)
                     : position != expected)
        return damaged(file.path(), "the position of a token is out of range");
  }
  const bool counts_right = visual_count == c.visual && cached_visual == c.cached_visual;
  return counts_right ? Status::ok() : damaged(file.path(), "it counts other visual tokens than it has");
}

// Nothing fails from here on.
void SequenceFile::take_up(const Counts& c, const KvCache::Contents& cached, Sequence* s) {
  s->cache_.restore(cached);
  s->states_.settle();
  s->picture_count_ = 0;  // what waited is forgotten
  s->done_ = c.done;
  s->visual_done_ = c.visual;
  const ShownCount shown = {static_cast<uint32_t>(c.pictures), static_cast<uint32_t>(c.videos)};
  s->mark_ = {.end = c.end,
              .text = c.text,
              .next_position = static_cast<uint32_t>(c.next_position),
              .prompt_position = static_cast<uint32_t>(c.prompt_position),
              .shown = shown,
              .conversation = c.conversation != 0,
              .answer_open = c.answer_open != 0,
              .system_open = c.system_open != 0};
  s->computed_ = {.end = c.done,
                  .text = c.computed_text,
                  .next_position = static_cast<uint32_t>(c.computed_position),
                  .prompt_position = static_cast<uint32_t>(std::min(c.prompt_position, c.computed_position)),
                  .shown = shown,
                  .conversation = c.computed_conversation != 0,
                  .answer_open = c.computed_answer_open != 0,
                  .system_open = c.computed_system_open != 0};
  s->token_waits_ = false;
  s->logit_count_ = c.logit_rows;
  std::memcpy(s->random.words, c.random, sizeof c.random);
}

Status SequenceFile::restore(Sequence* s, const char* path) {
  MappedFile mapped;
  MICA_TRY(MappedFile::map(path, SIZE_MAX, &mapped));
  std::unique_ptr<ModelFiles> file;
  if (is_packed(mapped.bytes())) MICA_TRY(ModelFiles::open_memory(mapped.bytes(), path, &file));
  if (!file || text_of(file->document(kVersionName)) != kVersion)
    return Status::error(Code::unsupported, "%s is not a session that this version of mica saved", path);
  MICA_TRY(file->verify({}));
  const std::string_view model = text_of(file->document(kModelName)), cache = text_of(file->document(kCacheName));
  if (model != model_text(*s->model_))
    return Status::error(Code::invalid_argument, "%s was saved from another model (%.64s, not %s): open that model", path,
                         std::string(model).c_str(), model_text(*s->model_).c_str());
  if (cache != cache_text(s->options_.kv))
    return Status::error(Code::invalid_argument,
                         "%s was saved with other settings of keys and values (%.128s): open the session with those", path,
                         std::string(cache).c_str());
  Counts counts;
  Bytes bytes;
  MICA_TRY(find(*file, "counts", sizeof counts, &bytes));
  std::memcpy(&counts, bytes.data(), sizeof counts);
  MICA_TRY(check_counts(*s, counts, path));
  MICA_TRY(check_tokens(*s, counts, *file));
  MICA_TRY(find(*file, "spans", counts.spans * sizeof(uint32_t), &bytes));
  std::vector<uint32_t> span_tokens(counts.spans);
  if (!bytes.empty()) std::memcpy(span_tokens.data(), bytes.data(), bytes.size());
  const KvCache::Contents cached{{counts.cached_text, counts.cached_visual, counts.spans}, span_tokens};
  if (!s->cache_.can_hold(cached)) return damaged(path, "its spans of visual tokens do not fit");
  const std::vector<Saved> tensors = tensors_of(*s, counts, cached, &counts, s->logits_);
  if (file->tensors().size() != tensors.size()) return damaged(path, "it has parts that are not of a session");
  std::vector<Bytes> contents(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i)
    MICA_TRY(find(*file, tensors[i].name, tensors[i].bytes(), &contents[i]));
  for (size_t i = 0; i < tensors.size(); ++i)
    for (const Piece& piece : tensors[i].pieces) {
      std::memcpy(piece.memory, contents[i].data(), piece.bytes);
      contents[i] = contents[i].subspan(piece.bytes);
    }
  take_up(counts, cached, s);
  return Status::ok();
}

}  // namespace mica
