// Session: made-up rows behind which a measurement begins. Not computing: session.cpp.
#include <cmath>
#include <cstring>

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
  if (mark_.end != done_)
    return Status::error(Code::invalid_argument, "tokens wait to be computed; prefill before filling");
  const uint64_t visual = uint64_t{pictures} * picture_tokens;
  if (pictures > 0 && (!model_.spec.has_vision || picture_tokens == 0 || picture_tokens > options_.batch))
    return Status::error(Code::invalid_argument,
                         "pictures of %u tokens: this session takes pictures of 1 to %u at once", picture_tokens,
                         model_.spec.has_vision ? options_.batch : 0);
  const bool as_text = options_.kv.packs_visual() && picture_tokens < KvCache::kSpanTokensMin;
  if (options_.context - mark_.end < text + visual ||
      options_.context_text - mark_.text < text + (as_text ? visual : 0))
    return Status::error(Code::context_full, "%u text and %llu visual tokens do not fit a context of %u (text: %u)",
                         text, static_cast<unsigned long long>(visual), options_.context, options_.context_text);
  for (uint32_t i = 0; i < pictures; ++i) fill_span(picture_tokens, true);
  for (uint32_t done = 0; done < text; done += options_.batch) fill_span(std::min(options_.batch, text - done), false);
  return Status::ok();
}

void Session::fill_span(size_t count, bool visual) {
  static const std::vector<float> kNoise = noise();
  const auto tokens = static_cast<uint32_t>(count);
  const bool as_text = options_.kv.packs_visual() && count < KvCache::kSpanTokensMin;
  const KvCache::Appended chunk{
      .count = count, .visual = visual ? count : 0, .spans = &tokens, .span_count = visual ? size_t{1} : 0};
  const KvRows rows = decoder_.key_value_rows(count);
  const DecoderSpec& d = model_.spec.decoder;
  const size_t width = size_t{d.kv_heads} * d.head_dim;
  for (size_t layer = 0; layer < d.layers; ++layer) {
    for (size_t i = 0; i < count * width; ++i) {
      rows.keys[i / width * rows.stride + i % width] = kNoise[(i + layer) % kNoiseValues];
      rows.values[i / width * rows.stride + i % width] = kNoise[(i * 3 + layer) % kNoiseValues];
    }
    cache_.append(compute_, layer, rows, chunk);
  }
  cache_.advance(chunk);
  for (size_t i = 0; i < count; ++i, ++mark_.end, ++mark_.next_position) {
    ids_[mark_.end] = visual ? model_.spec.picture_token : 0;
    visual_[mark_.end] = visual;
    for (size_t axis = 0; axis < 3; ++axis) positions_[mark_.end * 3 + axis] = mark_.next_position;
  }
  mark_.text += visual && !as_text ? 0 : count;
  done_ = mark_.end;
  visual_done_ += visual ? tokens : 0;
  computed_ = mark_;
}

}  // namespace mica
