// UnlikeSamples: noise, one colour, and shapes as drawings and writing have them. Not files: calibration_pictures.hpp.
#include "unlike_samples.hpp"

#include <algorithm>
#include <array>

namespace mica {
namespace {

constexpr PaintedOver kKinds[] = {PaintedOver::noise, PaintedOver::colour, PaintedOver::shapes};
// Letters of several alphabets, figures and signs, so that tokens of many kinds are seen; and a prompt after which rows
// attend to little but the picture.
constexpr const char* kLongPrompt =
    "Zwölf Boxkämpfer jagen Viktor quer über den Deich; 0123456789 {\"size\": [3.5, -7]} <td>Été</td> "
    "Съешь ещё булок? x^2 + y_1 = \\sqrt{z} # if (a != b) return 'No!';";
constexpr const char* kShortPrompt = "Why 7?";

// Numerical Recipes' generator; the upper bits are the better ones.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : state_(seed) {}
  uint32_t below(uint32_t bound) {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<uint32_t>(uint64_t{state_} * bound >> 32);
  }

 private:
  uint32_t state_;
};

using Colour = std::array<uint8_t, 3>;

Colour colour_of(Numbers* numbers) {
  Colour colour;
  for (uint8_t& value : colour) value = static_cast<uint8_t>(numbers->below(256));
  return colour;
}

void fill(const Colour& colour, uint32_t left, uint32_t top, uint32_t width, uint32_t height, Picture* picture) {
  for (uint32_t y = top; y < std::min(picture->height, top + height); ++y)
    for (uint32_t x = left; x < std::min(picture->width, left + width); ++x)
      std::copy(colour.begin(), colour.end(), picture->rgb.get() + (size_t{y} * picture->width + x) * 3);
}

}  // namespace

void paint(PaintedOver kind, uint32_t index, Picture* picture) {
  constexpr uint32_t kShapes = 48;
  constexpr Colour kWhite = {255, 255, 255};
  if (kind == PaintedOver::nothing) return;
  picture->alpha.reset();
  Numbers numbers(index + 1);
  if (kind == PaintedOver::noise) {
    const size_t bytes = size_t{picture->width} * picture->height * 3;
    for (size_t i = 0; i < bytes; ++i) picture->rgb[i] = static_cast<uint8_t>(numbers.below(256));
    return;
  }
  const bool has_shapes = kind == PaintedOver::shapes;
  fill(has_shapes ? kWhite : colour_of(&numbers), 0, 0, picture->width, picture->height, picture);
  for (uint32_t i = 0; has_shapes && i < kShapes; ++i) {
    // Every other one thin, as strokes are.
    const uint32_t wide = 1 + numbers.below(picture->width / 4 + 1), high = 1 + numbers.below(picture->height / 4 + 1);
    const uint32_t left = numbers.below(picture->width), top = numbers.below(picture->height);
    fill(colour_of(&numbers), left, top, i % 4 == 0 ? 1 + wide / 16 : wide, i % 4 == 2 ? 1 + high / 16 : high, picture);
  }
}

std::vector<CalibrationSample> unlike_samples(const std::vector<CalibrationSample>& samples) {
  std::vector<CalibrationSample> out;
  const size_t kinds = std::size(kKinds);
  for (size_t i = 0; i < kinds && !samples.empty(); ++i) {
    CalibrationSample sample = samples[i * samples.size() / kinds];
    if (sample.pictures.empty() && i > 0) continue;
    sample.painted = kKinds[i];
    sample.answer.clear();
    sample.prompt = kLongPrompt;
    out.push_back(sample);
    sample.prompt = kShortPrompt;
    if (sample.tokens.empty()) out.push_back(std::move(sample));
  }
  return out;
}

}  // namespace mica
