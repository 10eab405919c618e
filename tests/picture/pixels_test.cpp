// Pixel values against transformers' processors: published checkpoints' outputs (tests/data/golden) and many small
// cases (tests/data/picture/pixels.json); plans, limits and failures. Not of decoding.
#include "pixels.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "limits.hpp"
#include "picture_test.hpp"

using namespace mica;

namespace {

PictureRule base_rule() {
  PictureRule rule;
  rule.patch = 1;
  const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
  const float deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  for (int c = 0; c < 3; ++c) {
    rule.mean[c] = mean[c];
    rule.std[c] = deviation[c];
  }
  return rule;
}

PictureRule sized_rule(PictureCut cut, uint32_t width, uint32_t height) {
  PictureRule rule = base_rule();
  rule.cut = cut;
  rule.width = width;
  rule.height = height;
  rule.shortest_edge = width;
  return rule;
}

PictureRule qwen_rule(uint32_t pixels_min, uint32_t pixels_max) {
  PictureRule rule = base_rule();
  rule.cut = PictureCut::smart_resize;
  rule.layout = PictureLayout::patches;
  rule.patch = 14;
  rule.merge = 2;
  rule.temporal = 2;
  rule.pixels_min = pixels_min;
  rule.pixels_max = pixels_max;
  return rule;
}

PictureRule rule_of(const nlohmann::json& description) {
  PictureRule rule = base_rule();
  const std::string cut = description["cut"];
  if (cut == "fixed") rule.cut = PictureCut::fixed;
  if (cut == "shortest_edge") rule.cut = PictureCut::crop;
  if (cut == "tiles") rule.cut = PictureCut::tiles;
  if (cut == "smart_resize") {
    rule.cut = PictureCut::smart_resize;
    rule.layout = PictureLayout::patches;
  }
  rule.filter = description["filter"] == "bicubic" ? PictureFilter::bicubic : PictureFilter::bilinear;
  rule.width = description.value("width", 0u);
  rule.height = description.value("height", 0u);
  rule.shortest_edge = description.value("shortest_edge", 0u);
  rule.pixels_min = description.value("pixels_min", 0u);
  rule.pixels_max = description.value("pixels_max", 0u);
  rule.tiles_min = description.value("tiles_min", 1u);
  rule.tiles_max = description.value("tiles_max", 1u);
  rule.patch = description.value("patch", 1u);
  rule.merge = description.value("merge", 1u);
  rule.temporal = description.value("temporal", 1u);
  rule.do_rescale = description.value("do_rescale", true);
  rule.do_normalize = description.value("do_normalize", true);
  return rule;
}

// All values, in memory of exactly the planned sizes; empty when the plan or the making fails.
std::vector<float> values_of(const PictureRule& rule, const Picture& picture) {
  PixelPlan plan;
  const Status planned = plan_pixels(rule, picture.width, picture.height, &plan);
  CHECK_MESSAGE(planned.is_ok(), planned.message());
  if (!planned) return {};
  const size_t bytes = pixels_scratch_bytes(rule, plan, picture.width);
  const std::unique_ptr<void, void (*)(void*)> scratch(std::aligned_alloc(64, bytes), std::free);
  std::vector<float> values(plan.values, NAN);
  const Status made = make_pixels(rule, plan, picture, values.data(), scratch.get(), bytes);
  CHECK_MESSAGE(made.is_ok(), made.message());
  return made ? values : std::vector<float>();
}

// The tensor of that name in a safetensors file of float32 values.
std::vector<float> read_tensor(const std::string& path, const char* name) {
  const std::vector<uint8_t> file = read_test_data(path);
  uint64_t header_bytes = 0;
  REQUIRE(file.size() > 8);
  std::memcpy(&header_bytes, file.data(), 8);
  const auto header = nlohmann::json::parse(file.begin() + 8, file.begin() + 8 + static_cast<ptrdiff_t>(header_bytes));
  const auto& offsets = header[name]["data_offsets"];
  std::vector<float> values((size_t{offsets[1]} - size_t{offsets[0]}) / sizeof(float));
  std::memcpy(values.data(), file.data() + 8 + header_bytes + size_t{offsets[0]}, values.size() * sizeof(float));
  return values;
}

void check_golden(const PictureRule& rule, const std::string& family) {
  const char* pictures[] = {"b_coffee.jpg", "c_panel.jpg"};
  for (int i = 0; i < 2; ++i) {
    CAPTURE(pictures[i]);
    Picture picture;
    REQUIRE(decode_picture(read_test_data(std::string("images/") + pictures[i]), pictures[i], &picture));
    const std::vector<float> values = values_of(rule, picture);
    const std::string file = "golden/" + family + "/golden_" + std::to_string(i + 1) + ".safetensors";
    const std::vector<float> expected = read_tensor(file, "pixel_values");
    REQUIRE(values.size() == expected.size());
    float error_max = 0;
    for (size_t k = 0; k < values.size(); ++k) error_max = std::max(error_max, std::fabs(values[k] - expected[k]));
    CHECK(error_max <= 1e-5f);
  }
}

Code plan_code(const PictureRule& rule, uint32_t width, uint32_t height) {
  PixelPlan plan;
  return plan_pixels(rule, width, height, &plan).code();
}

}  // namespace

TEST_CASE("pixel_values of the published families") {
  check_golden(qwen_rule(3136, 60000), "qwen2_vl");
  PictureRule clip = sized_rule(PictureCut::crop, 56, 56);
  clip.patch = 14;
  check_golden(clip, "llava");
  PictureRule tiles = sized_rule(PictureCut::tiles, 56, 56);
  tiles.patch = 14;
  tiles.tiles_max = 6;
  check_golden(tiles, "internvl");
}

TEST_CASE("pixel values of every rule and size are transformers' to the last bit") {
  const nlohmann::json cases = read_cases("picture/pixels.json");
  REQUIRE(cases.size() >= 150);
  for (const nlohmann::json& expected : cases) {
    CAPTURE(expected.dump());
    const Picture picture = synthetic_picture(expected["source"][0], expected["source"][1]);
    const std::vector<float> values = values_of(rule_of(expected["rule"]), picture);
    CHECK(values.size() == expected["values"]);
    CHECK(crc32_of(values.data(), values.size() * sizeof(float)) == expected["crc32"]);
  }
}

TEST_CASE("a plan says what the tower sees") {
  PixelPlan plan;
  REQUIRE(plan_pixels(qwen_rule(3136, 60000), 451, 300, &plan));
  CHECK(plan.width == 280);
  CHECK(plan.height == 196);
  CHECK(plan.grid_width == 20);
  CHECK(plan.grid_height == 14);
  CHECK(plan.patches == 280);
  CHECK(plan.patch_values == 3 * 2 * 14 * 14);
  CHECK(plan.values == plan.patches * plan.patch_values);

  PictureRule tiles = sized_rule(PictureCut::tiles, 56, 56);
  tiles.patch = 14;
  tiles.tiles_max = 6;
  REQUIRE(plan_pixels(tiles, 451, 300, &plan));
  CHECK(plan.tile_columns == 3);
  CHECK(plan.tile_rows == 2);
  CHECK(plan.tiles == 7);  // and the thumbnail
  CHECK(plan.resized_width == 168);
  CHECK(plan.patches == 7 * 16);
  tiles.thumbnail = false;
  REQUIRE(plan_pixels(tiles, 451, 300, &plan));
  CHECK(plan.tiles == 6);

  PictureRule clip = sized_rule(PictureCut::crop, 336, 336);
  clip.patch = 14;
  REQUIRE(plan_pixels(clip, 1000, 667, &plan));
  CHECK(plan.resized_width == 503);  // 503.7, truncated
  CHECK(plan.resized_height == 336);
  CHECK(plan.grid_width == 24);
}

namespace {

// Of a plan: columns and rows of tiles, how many there are, their size, and that of a thumbnail which has its own.
struct Cut {
  uint32_t source_width, source_height, columns, rows, tiles, width, height, overview_width, overview_height;
};

void check_cuts(const PictureRule& rule, std::initializer_list<Cut> cuts) {
  for (const Cut& cut : cuts) {
    CAPTURE(cut.source_width);
    CAPTURE(cut.source_height);
    PixelPlan plan;
    REQUIRE(plan_pixels(rule, cut.source_width, cut.source_height, &plan));
    CHECK(plan.tile_columns == cut.columns);
    CHECK(plan.tile_rows == cut.rows);
    CHECK(plan.tiles == cut.tiles);
    CHECK(plan.width == cut.width);
    CHECK(plan.height == cut.height);
    CHECK(plan.overview_width == cut.overview_width);
    CHECK(plan.overview_height == cut.overview_height);
    size_t values = 0, patches = 0;
    for (uint32_t i = 0; i < plan.tiles; ++i) {
      const PixelTile tile = tile_of(plan, i);
      CHECK(tile.first_value == values);
      values += tile.plan.values;
      patches += tile.plan.patches;
    }
    CHECK(values == plan.values);
    CHECK(patches == plan.patches);
  }
}

}  // namespace

// What Lfm2VlImageProcessor gives with patches of 16, tokens of 2 x 2, 3 to 6 tokens, a tolerance of 1.5.
TEST_CASE("large pictures are cut into tiles, and the whole behind them has a size of its own") {
  PictureRule rule = sized_rule(PictureCut::large_tiles, 64, 64);
  rule.patch = 16;
  rule.merge = 2;
  rule.pixels_min = 3 * 1024;
  rule.pixels_max = 6 * 1024;
  rule.cut_from_pixels = 1.5 * 6 * 1024;
  rule.tiles_min = 2;
  rule.tiles_max = 6;
  check_cuts(rule, {{451, 300, 3, 2, 7, 64, 64, 96, 32},
                    {100, 90, 1, 1, 1, 64, 64, 0, 0},
                    {640, 64, 6, 1, 7, 64, 64, 224, 32},
                    {96, 700, 1, 6, 7, 64, 64, 32, 192},
                    {300, 300, 2, 2, 5, 64, 64, 64, 64},
                    {200, 33, 1, 1, 1, 192, 32, 0, 0}});
}

// What MiniCPMV4_6ImageProcessor gives with slices of 112 pixels, patches of 14, tokens of 4 x 4, 9 slices at most.
TEST_CASE("slices of one size stand behind the whole picture") {
  PictureRule rule = sized_rule(PictureCut::slices, 0, 0);
  rule.patch = 14;
  rule.merge = 4;
  rule.slice_side = 112;
  rule.tiles_max = 9;
  check_cuts(rule, {{451, 300, 4, 2, 9, 112, 112, 112, 112},
                    {100, 90, 1, 1, 1, 112, 112, 0, 0},
                    {113, 112, 2, 1, 3, 56, 168, 112, 112},
                    {300, 300, 3, 3, 10, 112, 112, 112, 112},
                    {1000, 200, 8, 1, 9, 112, 168, 224, 56},
                    {97, 640, 1, 6, 7, 112, 112, 56, 280},
                    {56, 700, 1, 5, 6, 56, 168, 56, 392}});
}

// What Gemma4ImageProcessor gives with patches of 6, tokens of 3 x 3, a budget of 70.
TEST_CASE("pictures of any shape have the area of a budget of tokens") {
  PictureRule rule = sized_rule(PictureCut::budget, 0, 0);
  rule.layout = PictureLayout::sequences;
  rule.patch = 6;
  rule.merge = 3;
  rule.pixels_min = 1;
  rule.pixels_max = 70 * 18 * 18;
  rule.patches_room = 70 * 9;
  const struct {
    uint32_t source_width, source_height, width, height;
  } cases[] = {
      {451, 300, 180, 108},
      {100, 90, 144, 126},
      {200, 133, 180, 108},
      {2000, 10, 1260, 18},
      {10, 2000, 18, 1260},
      {1, 1, 144, 144},
      {224, 112, 198, 90},
      {7100, 100, 1260, 18},
      {3000, 40, 1260, 18}};
  for (const auto& each : cases) {
    PixelPlan plan;
    REQUIRE(plan_pixels(rule, each.source_width, each.source_height, &plan));
    CAPTURE(each.source_width);
    CHECK(plan.width == each.width);
    CHECK(plan.height == each.height);
    CHECK(plan.values == 70 * 9 * 108);
  }
  PixelPlan plan;
  rule.grid_side_max = 96;  // of positions
  CHECK(plan_pixels(rule, 14, 1, &plan));
  CHECK_FALSE(plan_pixels(rule, 40, 1, &plan));
  rule.pixels_max = 18 * 18;
  CHECK(plan_pixels(rule, 300, 200, &plan));
  CHECK(plan.patches == 9);
  --rule.pixels_max;  // less than a token
  CHECK_FALSE(plan_pixels(rule, 300, 200, &plan));
}

TEST_CASE("the longest strip that a picture can be is cropped, not spread out in memory") {
  const PictureRule clip = sized_rule(PictureCut::crop, 336, 336);
  const Picture strip = synthetic_picture(1, 65500);
  PixelPlan plan;
  REQUIRE(plan_pixels(clip, strip.width, strip.height, &plan));
  CHECK(plan.resized_height == 336u * 65500);
  CHECK(pixels_scratch_bytes(clip, plan, strip.width) < 200 * 1000);
  CHECK(values_of(clip, strip).size() == 3 * 336 * 336);
}

TEST_CASE("scratch is enough for any height of the same width") {
  PictureRule tiles = sized_rule(PictureCut::tiles, 28, 28);
  tiles.tiles_max = 6;
  for (const uint32_t width : {1u, 28u, 40u, 500u}) {
    size_t bytes = 0;
    for (const uint32_t height : {1u, 20u, 28u, 41u, 600u, 3000u}) {
      PixelPlan plan;
      REQUIRE(plan_pixels(tiles, width, height, &plan));
      plan.tile_columns = plan.tile_rows = 1;  // the same tiles for all, so that only the height differs
      plan.resized_width = plan.resized_height = 28;
      const size_t wanted = pixels_scratch_bytes(tiles, plan, width);
      CHECK((bytes == 0 || wanted == bytes));
      bytes = wanted;
    }
  }
}

TEST_CASE("an aspect ratio beyond 200 is refused by smart_resize, 200 is not") {
  const PictureRule rule = qwen_rule(3136, 60000);
  CHECK(plan_code(rule, 200, 1) == Code::ok);
  CHECK(plan_code(rule, 201, 1) == Code::invalid_argument);
  CHECK(plan_code(rule, 2, 400) == Code::ok);
  CHECK(plan_code(rule, 2, 401) == Code::invalid_argument);
}

TEST_CASE("rules that cannot be followed are refused, and the limits are where they are said to be") {
  CHECK(plan_code(base_rule(), 10, 10) == Code::invalid_argument);  // text only
  CHECK(plan_code(qwen_rule(0, 100), 10, 10) == Code::invalid_argument);
  CHECK(plan_code(qwen_rule(100, 0), 10, 10) == Code::invalid_argument);
  CHECK(plan_code(sized_rule(PictureCut::fixed, 0, 10), 10, 10) == Code::limit_exceeded);

  PictureRule rule = sized_rule(PictureCut::fixed, limits::kPictureRuleSideMax, 1);
  CHECK(plan_code(rule, 10, 10) == Code::ok);
  rule.width += 1;
  CHECK(plan_code(rule, 10, 10) == Code::limit_exceeded);

  rule = sized_rule(PictureCut::tiles, 1, 1);
  rule.tiles_max = limits::kPictureTilesMax;
  CHECK(plan_code(rule, 10, 10) == Code::ok);
  rule.tiles_max += 1;
  CHECK(plan_code(rule, 10, 10) == Code::limit_exceeded);

  rule = sized_rule(PictureCut::fixed, 1024, 1024);
  rule.patch = limits::kPatchSideMax;
  CHECK(plan_code(rule, 10, 10) == Code::ok);
  rule.patch += 1;
  CHECK(plan_code(rule, 10, 10) == Code::limit_exceeded);
  rule.patch = 0;
  CHECK(plan_code(rule, 10, 10) == Code::limit_exceeded);
  rule.patch = 14;
  rule.merge = limits::kPatchMergeMax + 1;
  CHECK(plan_code(rule, 10, 10) == Code::limit_exceeded);
  rule.merge = limits::kPatchMergeMax;
  CHECK(plan_code(rule, 10, 10) == Code::ok);
  rule.temporal = limits::kPatchTemporalMax + 1;
  CHECK(plan_code(rule, 10, 10) == Code::limit_exceeded);
  rule.temporal = limits::kPatchTemporalMax;
  CHECK(plan_code(rule, 10, 10) == Code::ok);

  rule = sized_rule(PictureCut::fixed, 30, 30);
  rule.layout = PictureLayout::patches;
  rule.patch = 14;
  CHECK(plan_code(rule, 10, 10) == Code::invalid_argument);  // not whole patches
  rule.width = rule.height = 13;
  CHECK(plan_code(rule, 10, 10) == Code::invalid_argument);  // no patch at all
}

TEST_CASE("limits of pictures and values, on both sides") {
  const PictureRule rule = sized_rule(PictureCut::fixed, 14, 14);
  CHECK(plan_code(rule, 0, 10) == Code::invalid_argument);
  CHECK(plan_code(rule, limits::kPictureSideMax, 1) == Code::ok);
  CHECK(plan_code(rule, limits::kPictureSideMax + 1, 1) == Code::limit_exceeded);
  CHECK(plan_code(rule, 10000, limits::kPicturePixelsMax / 10000) == Code::ok);
  CHECK(plan_code(rule, 10000, limits::kPicturePixelsMax / 10000 + 1) == Code::limit_exceeded);

  // 16,384 x 6,510 pixels of three colours are just below the limit of values, 6,511 just above.
  CHECK(plan_code(sized_rule(PictureCut::fixed, 16384, 6510), 10, 10) == Code::ok);
  CHECK(plan_code(sized_rule(PictureCut::fixed, 16384, 6511), 10, 10) == Code::limit_exceeded);
  CHECK(plan_code(qwen_rule(0xFFFFFFFF, 0xFFFFFFFF), 100, 100) == Code::limit_exceeded);
}

TEST_CASE("a plan or scratch of another picture is refused") {
  const PictureRule rule = sized_rule(PictureCut::fixed, 14, 14);
  const Picture picture = synthetic_picture(20, 10);
  PixelPlan plan;
  REQUIRE(plan_pixels(rule, 20, 10, &plan));
  const size_t bytes = pixels_scratch_bytes(rule, plan, 20);
  const std::unique_ptr<void, void (*)(void*)> scratch(std::aligned_alloc(64, bytes), std::free);
  std::vector<float> values(plan.values);
  CHECK(make_pixels(rule, plan, picture, values.data(), scratch.get(), bytes));
  CHECK(make_pixels(rule, plan, picture, values.data(), scratch.get(), bytes - 1).code() == Code::invalid_argument);
  CHECK(make_pixels(rule, plan, synthetic_picture(10, 20), values.data(), scratch.get(), bytes).code() ==
        Code::invalid_argument);
}
