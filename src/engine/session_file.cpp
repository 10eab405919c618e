// SessionFile: which parts of a session are its state. The file format: safetensors.hpp.
#include "session_file.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <string>

#include "mapped_file.hpp"
#include "safetensors.hpp"

namespace mica {
namespace {

constexpr const char* kFormat = "mica.session.2";

// What must agree between the session that was saved and the one that takes it up.
std::string fingerprint(const Session& session) {
  const Model& model = session.model();
  const SessionOptions& options = session.options();
  char text[256];
  snprintf(text, sizeof text,
           "%s parameters %" PRIu64 " bytes %" PRIu64 " layers %u context %u (text %u) kv text %u %s %g visual ",
           model.spec.family->name, model.weights.parameters, model.weights.bytes, model.spec.decoder.layers,
           options.context, options.context_text, options.kv.text_bits, rule_name(options.kv.levels.rule),
           options.kv.levels.alpha);
  std::string all = text;
  for (uint8_t bits : options.kv.visual_bits) all += "0123456789abcdefg"[bits];
  return all;
}

Bytes bytes_of(const void* data, size_t bytes) { return {static_cast<const uint8_t*>(data), bytes}; }

Status take(const Safetensors& file, const char* path, const std::string& name, void* target, size_t bytes) {
  for (const TensorView& tensor : file.tensors) {
    if (tensor.name != name) continue;
    if (tensor.bytes.size() != bytes) break;
    std::memcpy(target, tensor.bytes.data(), bytes);
    return Status::ok();
  }
  return Status::error(Code::corrupt_file, "%s: \"%s\" of %zu bytes is missing from the saved session", path,
                       name.c_str(), bytes);
}

std::string region_name(const KvCache::Region& region, size_t layer) {
  return std::string(region.name) + "." + std::to_string(layer);
}

struct Scalars {
  uint64_t done, end, text, visual, next_position;
  uint64_t kv_text, kv_visual, kv_spans;
  uint64_t conversation, answer_open;
  uint64_t random[Sampler::kStateWords];
};

// The spans that were packed, so that the cache knows where each begins.
Status restore_spans(const Safetensors& file, const char* path, const KvCache::Mark& mark, uint64_t rows,
                     KvCache* cache) {
  std::vector<uint32_t> tokens;
  if (mark.spans <= limits::kContextMax) tokens.resize(mark.spans);
  if (mark.spans > 0) MICA_TRY(take(file, path, "spans", tokens.data(), tokens.size() * sizeof(uint32_t)));
  if (mark.text > rows || mark.text + mark.visual != rows || tokens.size() != mark.spans ||
      !cache->restore_spans(mark, tokens.data())) {
    cache->rewind({});
    return Status::error(Code::corrupt_file, "%s: its counts of cached tokens are out of range", path);
  }
  return Status::ok();
}

}  // namespace

Status SessionFile::save(const Session& s, const char* path) {
  if (s.picture_count_ > 0)
    return Status::error(Code::invalid_argument, "%s: a picture waits to be computed; prefill before saving", path);
  const size_t rows = s.mark_.end;
  const KvCache::Mark& cached = s.cache_.mark();
  Scalars scalars{.done = s.done_,
                  .end = rows,
                  .text = s.mark_.text,
                  .visual = s.visual_done_,
                  .next_position = s.mark_.next_position,
                  .kv_text = cached.text,
                  .kv_visual = cached.visual,
                  .kv_spans = cached.spans,
                  .conversation = s.mark_.conversation,
                  .answer_open = s.mark_.answer_open,
                  .random = {}};
  std::memcpy(scalars.random, s.sampler_.state(), sizeof scalars.random);
  std::vector<TensorDeclaration> tensors = {{"scalars", DType::u8, {sizeof scalars}}};
  if (rows > 0) {
    tensors.push_back({"tokens", DType::i32, {rows}});
    tensors.push_back({"positions", DType::i32, {rows, 3}});
    if (cached.spans > 0) tensors.push_back({"spans", DType::i32, {cached.spans}});
    for (size_t layer = 0; layer < s.model_.spec.decoder.layers; ++layer)
      for (const KvCache::Region& region : s.cache_.regions(layer))
        tensors.push_back({region_name(region, layer), DType::u8, {region.bytes}});
    tensors.push_back({"visual", DType::u8, {rows}});
    if (s.logits(0)) tensors.push_back({"logits", DType::f32, {s.model_.spec.decoder.vocabulary}});
  }
  SafetensorsWriter writer;
  MICA_TRY(writer.create(path, tensors, {{"format", kFormat}, {"session", fingerprint(s)}}));
  MICA_TRY(writer.append("scalars", bytes_of(&scalars, sizeof scalars)));
  if (rows > 0) {
    MICA_TRY(writer.append("tokens", bytes_of(s.ids_, rows * sizeof(int32_t))));
    MICA_TRY(writer.append("positions", bytes_of(s.positions_, rows * 3 * sizeof(uint32_t))));
    if (cached.spans > 0)
      MICA_TRY(writer.append("spans", bytes_of(s.cache_.span_tokens(), cached.spans * sizeof(uint32_t))));
    for (size_t layer = 0; layer < s.model_.spec.decoder.layers; ++layer)
      for (const KvCache::Region& region : s.cache_.regions(layer))
        MICA_TRY(writer.append(region_name(region, layer), bytes_of(region.memory, region.bytes)));
    MICA_TRY(writer.append("visual", bytes_of(s.visual_, rows)));
    if (s.logits(0))
      MICA_TRY(writer.append("logits", bytes_of(s.logits(0), s.model_.spec.decoder.vocabulary * sizeof(float))));
  }
  return writer.finish();
}

Status SessionFile::take_all(const Safetensors& file, const char* path, const void* saved, Session* s) {
  const Scalars& scalars = *static_cast<const Scalars*>(saved);
  MICA_TRY(restore_spans(file, path, {scalars.kv_text, scalars.kv_visual, scalars.kv_spans}, scalars.done, &s->cache_));
  const size_t rows = scalars.end;
  if (rows > 0) {
    MICA_TRY(take(file, path, "tokens", s->ids_, rows * sizeof(int32_t)));
    MICA_TRY(take(file, path, "positions", s->positions_, rows * 3 * sizeof(uint32_t)));
    MICA_TRY(take(file, path, "visual", s->visual_, rows));
    for (size_t i = 0; i < rows; ++i)
      if (s->ids_[i] < 0 || static_cast<uint32_t>(s->ids_[i]) >= s->model_.spec.decoder.vocabulary || s->visual_[i] > 1)
        return Status::error(Code::corrupt_file, "%s: token %zu is out of range", path, i);
    for (size_t layer = 0; layer < s->model_.spec.decoder.layers; ++layer)
      for (const KvCache::Region& region : s->cache_.regions(layer))
        MICA_TRY(take(file, path, region_name(region, layer), region.memory, region.bytes));
    if (take(file, path, "logits", s->logits_, s->model_.spec.decoder.vocabulary * sizeof(float))) s->logit_count_ = 1;
  }
  s->done_ = scalars.done;
  s->visual_done_ = static_cast<uint32_t>(scalars.visual);
  std::memcpy(s->sampler_.state(), scalars.random, sizeof scalars.random);
  s->mark_ = {.end = rows, .text = scalars.text, .next_position = static_cast<uint32_t>(scalars.next_position),
              .conversation = scalars.conversation != 0, .answer_open = scalars.answer_open != 0};
  s->computed_ = s->mark_;
  // What waits is text, which advances the position by one a token.
  s->computed_.end = scalars.done;
  s->computed_.text -= std::min<size_t>(s->computed_.text, rows - scalars.done);
  s->computed_.next_position -= static_cast<uint32_t>(rows - scalars.done);
  return Status::ok();
}

Status SessionFile::restore(Session* s, const char* path) {
  MappedFile mapped;
  Safetensors file;
  MICA_TRY(MappedFile::map(path, SIZE_MAX, &mapped));
  MICA_TRY(read_safetensors(mapped.bytes(), path, &file));
  std::string_view format, session;
  (void)file.metadata.find("format").as_string(&format);
  (void)file.metadata.find("session").as_string(&session);
  if (format != kFormat)
    return Status::error(Code::unsupported, "%s is not a session that this version of mica saved", path);
  if (session != fingerprint(*s))
    return Status::error(Code::invalid_argument, "%s was saved from another model or with other options (%.*s)", path,
                         static_cast<int>(session.size()), session.data());
  Scalars scalars{};
  MICA_TRY(take(file, path, "scalars", &scalars, sizeof scalars));
  if (scalars.end > s->options_.context || scalars.done > scalars.end || scalars.visual > scalars.done ||
      scalars.text > scalars.end || scalars.next_position > limits::kContextMax ||
      scalars.next_position < scalars.end - scalars.done)
    return Status::error(Code::corrupt_file, "%s: its counts are out of range", path);
  s->clear();
  const Status status = take_all(file, path, &scalars, s);
  if (!status) s->clear();
  return status;
}

}  // namespace mica
