// Session: made-up rows behind which a measurement begins. Not computing: session.cpp.
#include <cmath>
#include <vector>

#include "session.hpp"

namespace mica {
namespace {

// Values of a prime number of noise rows' worth, repeated: filling gigabytes takes little time.
constexpr size_t kNoiseValues = 8191;

// Uniform, of mean 0 and variance 1.
std::vector<float> noise() {
  std::vector<float> values(kNoiseValues);
  uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
    value = static_cast<float>(static_cast<int32_t>(state)) * (0x1p-31f * std::sqrt(3.0f));
  }
  return values;
}

}  // namespace

Status Session::fill(uint32_t text, uint32_t pictures, uint32_t picture_tokens) {
  const SessionOptions& o = options();
  const Sequence::Mark& mark = sequence_.mark();
  if (sequence_.pending() > 0)
    return Status::error(Code::invalid_argument, "tokens wait to be computed; prefill before filling");
  const uint64_t visual = uint64_t{pictures} * picture_tokens;
  if (pictures > 0 && (!model_.spec.has_vision || picture_tokens == 0 || picture_tokens > o.batch))
    return Status::error(Code::invalid_argument,
                         "pictures of %u tokens: this session takes pictures of 1 to %u at once", picture_tokens,
                         model_.spec.has_vision ? o.batch : 0);
  const bool as_text = o.kv.packs_visual() && picture_tokens < KvCache::kSpanTokensMin;
  if (o.context - mark.end < text + visual || o.context_text - mark.text < text + (as_text ? visual : 0))
    return Status::error(Code::context_full, "%u text and %llu visual tokens do not fit a context of %u (text: %u)",
                         text, static_cast<unsigned long long>(visual), o.context, o.context_text);
  const std::vector<uint32_t> spans(pictures, picture_tokens);
  const KvCache::Appended all{
      .count = text + visual, .visual = visual, .spans = spans.data(), .span_count = spans.size()};
  if (!sequence_.cache().has_room(all))
    return Status::error(Code::context_full,
                         "%u pictures of %u tokens: a context of %u has room for so many tokens in pictures of %u and more",
                         pictures, picture_tokens, o.context, o.span_tokens_min);
  for (uint32_t i = 0; i < pictures; ++i) fill_span(picture_tokens, true);
  for (uint32_t done = 0; done < text; done += o.batch) fill_span(std::min(o.batch, text - done), false);
  return Status::ok();
}

void Session::fill_span(size_t count, bool visual) {
  static const std::vector<float> kNoise = noise();
  const auto tokens = static_cast<uint32_t>(count);
  const bool as_text = options().kv.packs_visual() && count < KvCache::kSpanTokensMin;
  const KvCache::Appended chunk{
      .count = count, .visual = visual ? count : 0, .spans = &tokens, .span_count = visual ? size_t{1} : 0};
  WorkBuffers& buffers = workspace_->buffers();
  const DecoderSpec& d = model_.spec.decoder;
  for (uint32_t layer = 0; layer < d.layers; ++layer) {
    const LayerSpec spec = d.layer(layer);
    if (spec.kind != LayerKind::attention || spec.borrows_keys) continue;
    const KvRows rows = buffers.decoder.key_value_room(d, spec, count);
    const size_t width = size_t{spec.kv_heads} * spec.head_dim;
    for (size_t i = 0; i < count * width; ++i) {
      rows.keys[i / width * rows.stride + i % width] = kNoise[(i + layer) % kNoiseValues];
      rows.values[i / width * rows.stride + i % width] = kNoise[(i * 3 + layer) % kNoiseValues];
    }
    sequence_.cache().append(buffers.compute, layer, rows, chunk);
  }
  sequence_.cache().advance(chunk);
  sequence_.push_filled(count, visual, as_text);
}

}  // namespace mica
