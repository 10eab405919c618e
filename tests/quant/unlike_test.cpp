// Samples that are unlike those of calibration: what is painted, and that a file is judged by them too.
#include "unlike_samples.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

#include "closeness.hpp"
#include "golden_model.hpp"

using namespace mica;
using namespace mica::test;

namespace {

Picture picture_of(uint32_t width, uint32_t height) {
  Picture picture;
  picture.width = width;
  picture.height = height;
  picture.rgb = std::make_unique<uint8_t[]>(size_t{width} * height * 3);
  picture.alpha = std::make_unique<uint8_t[]>(size_t{width} * height);
  picture.time = {2.5, 24};
  return picture;
}

std::set<uint32_t> colours_of(const Picture& picture) {
  std::set<uint32_t> colours;
  for (size_t i = 0; i < size_t{picture.width} * picture.height; ++i)
    colours.insert(picture.rgb[3 * i] << 16u | picture.rgb[3 * i + 1] << 8u | picture.rgb[3 * i + 2]);
  return colours;
}

CalibrationSample sample_of(const std::vector<std::string>& pictures, const char* prompt) {
  CalibrationSample sample;
  sample.pictures = pictures;
  sample.prompt = prompt;
  return sample;
}

std::vector<CalibrationSample> photographs() {
  std::vector<CalibrationSample> samples;
  for (const char* name : {"a_cat.jpg", "b_coffee.jpg", "c_panel.jpg"})
    for (const char* prompt : {"Describe this picture in detail.", "What is the most important thing here?"})
      samples.push_back(sample_of({std::string(MICA_TEST_DATA) + "/images/" + name}, prompt));
  return samples;
}

// Of the last rows behind a picture that neither calibration nor judgement saw.
double least_cosine(const Model& checkpoint, const Model& packed, PaintedOver kind) {
  Prompt prompt = std::move(prompts_of("idefics3").at(1));
  for (Picture& picture : prompt.pictures) paint(kind, 77, &picture);
  const std::vector<float> expected = logits_of(checkpoint, prompt), given = logits_of(packed, prompt);
  const size_t width = checkpoint.spec.decoder.vocabulary;
  double least = 1;
  for (size_t row = 0; row < expected.size(); row += width)
    least = std::min(least, cosine_of(given.data() + row, expected.data() + row, width));
  return least;
}

}  // namespace

TEST_CASE("what is painted over a picture keeps its size and its time, and is the same again") {
  for (const PaintedOver kind : {PaintedOver::noise, PaintedOver::colour, PaintedOver::shapes})
    for (const uint32_t side : {1u, 40u}) {
      Picture first = picture_of(2 * side, side), again = picture_of(2 * side, side), next = picture_of(2 * side, side);
      paint(kind, 0, &first);
      paint(kind, 0, &again);
      paint(kind, 1, &next);
      CHECK(first.width == 2 * side);
      CHECK(first.height == side);
      CHECK(first.time.seconds == 2.5);
      CHECK(first.alpha == nullptr);
      const size_t bytes = size_t{2} * side * side * 3;
      CHECK(std::memcmp(first.rgb.get(), again.rgb.get(), bytes) == 0);
      CHECK(std::memcmp(first.rgb.get(), next.rgb.get(), bytes) != 0);
      const size_t colours = colours_of(first).size();
      if (kind == PaintedOver::colour) CHECK(colours == 1);
      if (side > 1 && kind == PaintedOver::noise) CHECK(colours > 3000);
      if (side > 1 && kind == PaintedOver::shapes) CHECK((colours > 10 && colours < 50));
    }
  Picture kept = picture_of(3, 3);
  paint(PaintedOver::nothing, 0, &kept);
  CHECK(kept.alpha != nullptr);
}

TEST_CASE("unlike samples have other words and other pictures, those given as ids their ids, texts other words alone") {
  const std::vector<CalibrationSample> unlike = unlike_samples(photographs());
  REQUIRE(unlike.size() == 6);
  std::set<PaintedOver> kinds;
  std::set<std::vector<std::string>> files;
  for (const CalibrationSample& sample : unlike) {
    kinds.insert(sample.painted);
    files.insert(sample.pictures);
    CHECK(sample.prompt.find("picture") == std::string::npos);
  }
  CHECK(kinds == std::set{PaintedOver::noise, PaintedOver::colour, PaintedOver::shapes});
  CHECK(files.size() == 3);
  CalibrationSample ids = sample_of({"a.png"}, "");
  ids.tokens = {1, 2};
  CHECK(unlike_samples({ids}).size() == 3);
  CHECK(unlike_samples({sample_of({}, "one"), sample_of({}, "two")}).size() == 2);
  CHECK(unlike_samples({}).empty());
}

TEST_CASE("a file is near its checkpoint on pictures that are unlike those it was calibrated with") {
  const std::unique_ptr<Model> checkpoint = open_family("idefics3");
  double without = 0;  // by the photographs alone, on which it is near
  for (const double wanted : {0.0, 0.98}) {
    std::unique_ptr<ModelFiles> files;
    REQUIRE(ModelFiles::open(checkpoint->files->path(), &files));
    const std::string path =
        (std::filesystem::temp_directory_path() / ("mica_unlike_" + std::to_string(getpid()) + ".mica")).string();
    QuantizeReport report;
    const Status status =
        quantize(std::move(files), photographs(), {.least_cosine = wanted, .threads = 1}, {}, path.c_str(), &report);
    REQUIRE_MESSAGE(status, std::string(status.message()));
    const std::unique_ptr<Model> packed = open_at(path);
    std::filesystem::remove(path);
    double least = 1;
    for (const PaintedOver kind : {PaintedOver::noise, PaintedOver::colour, PaintedOver::shapes})
      least = std::min(least, least_cosine(*checkpoint, *packed, kind));
    MESSAGE("bound " << wanted << ": " << least);
    CHECK(report.closeness_unlike.samples == (wanted > 0 ? 6 : 0));
    CHECK(report.raises.empty() == (wanted == 0));
    if (wanted > 0) {
      CHECK(report.closeness_before.least > 0.98);
      CHECK(report.closeness_unlike.least > 0.98);
      CHECK(least > 0.98);
      CHECK(1 - least < 0.5 * (1 - without));
    }
    without = least;
  }
}
