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
float plain_frequency(const RopeSpec& rope, float theta, size_t i) {
  const float frequency = power_frequency(theta, i, rope.rotated_dims);
  return rope.divisors.count ? frequency / rope.divisors.values[i] : frequency;
}

// _compute_proportional_rope_parameters: the exponents are those of all pairs.
float proportional_frequency(const RopeSpec& rope, size_t i) {
  const auto turning = static_cast<size_t>(static_cast<double>(rope.rotated_share) * rope.rotated_dims / 2);
  return i < turning ? plain_frequency(rope, rope.theta, i) / (rope.factor != 0 ? rope.factor : 1.0f) : 0.0f;
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
  explicit YarnRamp(const RopeSpec& rope) {
    const auto pair_of = [&](float turns) {
      return rope.rotated_dims * std::log(rope.original_context / (static_cast<double>(turns) * 2.0 * M_PI)) /
             (2.0 * std::log(static_cast<double>(rope.theta)));
    };
    double first = pair_of(rope.beta_fast), last = pair_of(rope.beta_slow);
    if (rope.truncate) {
      first = std::floor(first);
      last = std::ceil(last);
    }
    low = static_cast<float>(std::max(first, 0.0));
    high = static_cast<float>(std::min(last, rope.rotated_dims - 1.0));
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
float divided_frequency(const RopeSpec& rope, const FloatList& divisors, size_t i) {
  const float power = std::pow(rope.theta, static_cast<float>(2 * i) / static_cast<float>(rope.rotated_dims));
  return 1.0f / (divisors.values[i] * power);
}

}  // namespace

RopeFrequencies decoder_frequencies(const RopeSpec& rope) {
  const size_t half = rope.rotated_dims / 2;
  RopeFrequencies out{std::vector<float>(half), std::vector<uint8_t>(half, 0)};
  const bool yarn = rope.scaling == RopeScaling::yarn;
  const YarnRamp ramp = yarn ? YarnRamp(rope) : YarnRamp();
  for (size_t i = 0; i < half; ++i) {
    const float frequency = plain_frequency(rope, rope.theta, i);
    switch (rope.scaling) {
      case RopeScaling::none:
      case RopeScaling::dynamic:
      case RopeScaling::dynamic_by_prompt: out.frequency[i] = frequency; break;
      case RopeScaling::linear: out.frequency[i] = frequency / rope.factor; break;
      case RopeScaling::yarn: out.frequency[i] = yarn_frequency(rope, ramp, frequency, i); break;
      case RopeScaling::proportional: out.frequency[i] = proportional_frequency(rope, i); break;
      case RopeScaling::longrope: out.frequency[i] = divided_frequency(rope, rope.short_divisors, i); break;
      case RopeScaling::llama3: out.frequency[i] = llama3_frequency(rope, frequency); break;
    }
  }
  if (yarn || rope.scaling == RopeScaling::longrope) out.scale = rope.attention_factor;
  if (rope.multimodal()) out.axis_of = axes_of(rope);
  return out;
}

// The first half of the pairs follows the patch's row, the second its column (or the other way round where each has a
// half of the head to itself): each with the frequencies of a head of half the size, or with every second one of the
// head's own.
RopeFrequencies vision_frequencies(const VisionSpec& v) {
  const size_t half = v.head_dim() / 2, axis_pairs = half / 2;
  RopeFrequencies out{std::vector<float>(half), std::vector<uint8_t>(half)};
  for (size_t i = 0; i < half; ++i) {
    const uint8_t axis = i < axis_pairs ? 0 : 1;
    out.frequency[i] = v.rope_alternates ? power_frequency(v.rope_theta, 2 * (i % axis_pairs) + axis, v.head_dim())
                                         : power_frequency(v.rope_theta, i % axis_pairs, half);
    out.axis_of[i] = v.rope_apart ? 1 - axis : axis;
  }
  return out;
}

bool may_grow(const RopeSpec& rope) {
  const RopeScaling scaling = rope.scaling;
  return scaling == RopeScaling::dynamic || scaling == RopeScaling::dynamic_by_prompt ||
         scaling == RopeScaling::longrope;
}

bool grows_at(const RopeSpec& rope, uint32_t context, uint32_t length) {
  return may_grow(rope) && length > (rope.scaling == RopeScaling::dynamic ? context : rope.original_context);
}

namespace {

// _compute_dynamic_ntk_parameters: theta grows so that the longest wavelength covers what it covered before.
double growth_of(const RopeSpec& rope, uint32_t context, uint32_t length) {
  const double factor = static_cast<double>(rope.factor);
  if (rope.scaling == RopeScaling::dynamic) return factor * length / context - (factor - 1.0);
  // get_ntk_alpha of Qwen: for up to twice the trained length, four times, and so on.
  const double doublings = std::ceil(std::log2(static_cast<double>(length) / rope.original_context) + 1.0);
  return std::exp2(doublings) - 1.0;
}

}  // namespace

void grown_frequencies(const RopeSpec& rope, uint32_t context, uint32_t length, float* frequency) {
  const size_t pairs = rope.rotated_dims / 2;
  if (rope.scaling == RopeScaling::longrope) {
    for (size_t i = 0; i < pairs; ++i) frequency[i] = divided_frequency(rope, rope.long_divisors, i);
    return;
  }
  const double dims = rope.rotated_dims, growth = growth_of(rope, context, length);
  const auto theta = static_cast<float>(static_cast<double>(rope.theta) * std::pow(growth, dims / (dims - 2.0)));
  for (size_t i = 0; i < pairs; ++i) frequency[i] = plain_frequency(rope, theta, i);
}

}  // namespace mica
