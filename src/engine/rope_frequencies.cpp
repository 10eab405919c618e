// RoPE's frequencies, in float as transformers computes them (modeling_rope_utils.py).
#include "rope_frequencies.hpp"

#include <algorithm>
#include <cmath>

namespace mica {
namespace {

float power_frequency(float theta, size_t i, size_t dims) {
  return 1.0f / std::pow(theta, static_cast<float>(2 * i) / static_cast<float>(dims));
}

// Before any scaling; GGUF files divide by a tensor of their own.
float plain_frequency(const DecoderSpec& d, float theta, size_t i) {
  const float frequency = power_frequency(theta, i, d.rope.rotated_dims);
  return d.rope.divisors.count ? frequency / d.rope.divisors.values[i] : frequency;
}

// Llama 3.1 (_compute_llama3_parameters): long wavelengths are slowed by `factor`, short ones kept.
float llama3_frequency(const RopeSpec& rope, float frequency) {
  const float wavelength = 2.0f * static_cast<float>(M_PI) / frequency;
  const float context = static_cast<float>(rope.original_context);
  if (wavelength < context / rope.high_frequency_factor) return frequency;
  if (wavelength > context / rope.low_frequency_factor) return frequency / rope.factor;
  const float smooth = (context / wavelength - rope.low_frequency_factor) /
                       (rope.high_frequency_factor - rope.low_frequency_factor);
  return (1.0f - smooth) * frequency / rope.factor + smooth * frequency;
}

// Between which pairs YaRN goes over from the frequencies as they are to those divided by `factor`
// (_compute_yarn_parameters): those that turn beta_fast and beta_slow times within the trained context.
struct YarnRamp {
  float low = 0, high = 1;

  YarnRamp() = default;
  explicit YarnRamp(const DecoderSpec& d) {
    const auto pair_of = [&](float turns) {
      return d.rope.rotated_dims * std::log(d.rope.original_context / (static_cast<double>(turns) * 2.0 * M_PI)) /
             (2.0 * std::log(static_cast<double>(d.rope.theta)));
    };
    double first = pair_of(d.rope.beta_fast), last = pair_of(d.rope.beta_slow);
    if (d.rope.truncate) {
      first = std::floor(first);
      last = std::ceil(last);
    }
    low = static_cast<float>(std::max(first, 0.0));
    high = static_cast<float>(std::min(last, d.rope.rotated_dims - 1.0));
    if (low == high) high += 0.001f;  // no division by zero
  }
  float share(size_t i) const { return std::clamp((static_cast<float>(i) - low) / (high - low), 0.0f, 1.0f); }
};

float yarn_frequency(const RopeSpec& rope, const YarnRamp& ramp, float frequency, size_t i) {
  const float kept = 1.0f - ramp.share(i);
  return frequency / rope.factor * (1.0f - kept) + frequency * kept;
}

// Which position each frequency follows: time (0), height or width.
std::vector<uint8_t> axes_of(const RopeSpec& rope) {
  std::vector<uint8_t> axes;
  if (!rope.sections_interleaved) {
    for (uint8_t axis = 0; axis < 3; ++axis) axes.insert(axes.end(), rope.sections[axis], axis);
    return axes;
  }
  for (size_t i = 0; i < rope.rotated_dims / 2; ++i) {
    const auto turn = static_cast<uint8_t>(i % 3);
    axes.push_back(i < 3 * size_t{rope.sections[turn]} ? turn : 0);
  }
  return axes;
}

// LongRoPE (_compute_longrope_parameters): each frequency has a divisor of its own.
float divided_frequency(const DecoderSpec& d, const FloatList& divisors, size_t i) {
  const float power = std::pow(d.rope.theta, static_cast<float>(2 * i) / static_cast<float>(d.rope.rotated_dims));
  return 1.0f / (divisors.values[i] * power);
}

}  // namespace

RopeFrequencies decoder_frequencies(const DecoderSpec& d) {
  const size_t half = d.rope.rotated_dims / 2;
  RopeFrequencies out{std::vector<float>(half), std::vector<uint8_t>(half, 0)};
  const bool yarn = d.rope.scaling == RopeScaling::yarn;
  const YarnRamp ramp = yarn ? YarnRamp(d) : YarnRamp();
  for (size_t i = 0; i < half; ++i) {
    const float frequency = plain_frequency(d, d.rope.theta, i);
    switch (d.rope.scaling) {
      case RopeScaling::none:
      case RopeScaling::dynamic:
      case RopeScaling::dynamic_by_prompt: out.frequency[i] = frequency; break;
      case RopeScaling::linear: out.frequency[i] = frequency / d.rope.factor; break;
      case RopeScaling::yarn: out.frequency[i] = yarn_frequency(d.rope, ramp, frequency, i); break;
      case RopeScaling::longrope: out.frequency[i] = divided_frequency(d, d.rope.short_divisors, i); break;
      case RopeScaling::llama3: out.frequency[i] = llama3_frequency(d.rope, frequency); break;
    }
  }
  if (yarn || d.rope.scaling == RopeScaling::longrope) out.scale = d.rope.attention_factor;
  if (d.rope.multimodal()) out.axis_of = axes_of(d.rope);
  return out;
}

// The first half of the pairs follows the patch's row, the second its column: each with the frequencies of a head of
// half the size, or with every second one of the head's own.
RopeFrequencies vision_frequencies(const VisionSpec& v) {
  const size_t half = v.head_dim() / 2, axis_pairs = half / 2;
  RopeFrequencies out{std::vector<float>(half), std::vector<uint8_t>(half)};
  for (size_t i = 0; i < half; ++i) {
    const uint8_t axis = i < axis_pairs ? 0 : 1;
    out.frequency[i] = v.rope_alternates ? power_frequency(v.rope_theta, 2 * (i % axis_pairs) + axis, v.head_dim())
                                         : power_frequency(v.rope_theta, i % axis_pairs, half);
    out.axis_of[i] = axis;
  }
  return out;
}

bool may_grow(const DecoderSpec& d) {
  const RopeScaling scaling = d.rope.scaling;
  return scaling == RopeScaling::dynamic || scaling == RopeScaling::dynamic_by_prompt ||
         scaling == RopeScaling::longrope;
}

bool grows_at(const DecoderSpec& d, uint32_t length) {
  return may_grow(d) && length > (d.rope.scaling == RopeScaling::dynamic ? d.context : d.rope.original_context);
}

namespace {

// _compute_dynamic_ntk_parameters: theta grows so that the longest wavelength covers what it covered before.
double growth_of(const DecoderSpec& d, uint32_t length) {
  const double factor = static_cast<double>(d.rope.factor);
  if (d.rope.scaling == RopeScaling::dynamic) return factor * length / d.context - (factor - 1.0);
  // get_ntk_alpha of Qwen: for up to twice the trained length, four times, and so on.
  const double doublings = std::ceil(std::log2(static_cast<double>(length) / d.rope.original_context) + 1.0);
  return std::exp2(doublings) - 1.0;
}

}  // namespace

void grown_frequencies(const DecoderSpec& d, uint32_t length, float* frequency) {
  const size_t pairs = d.rope.rotated_dims / 2;
  if (d.rope.scaling == RopeScaling::longrope) {
    for (size_t i = 0; i < pairs; ++i) frequency[i] = divided_frequency(d, d.rope.long_divisors, i);
    return;
  }
  const double dims = d.rope.rotated_dims, growth = growth_of(d, length);
  const auto theta = static_cast<float>(static_cast<double>(d.rope.theta) * std::pow(growth, dims / (dims - 2.0)));
  for (size_t i = 0; i < pairs; ++i) frequency[i] = plain_frequency(d, theta, i);
}

}  // namespace mica
