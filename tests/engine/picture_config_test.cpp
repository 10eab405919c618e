// Processor files against transformers' own reading of them (tests/data/picture/processors.json): every field, with right
// values, wrong values, null, and removed, gives transformers' pixel values or is refused by its name. Never ignored.
#include "picture_config.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "config.hpp"
#include "family.hpp"
#include "log.hpp"
#include "picture_test.hpp"
#include "pixels.hpp"

using namespace mica;
using Json = nlohmann::json;

namespace {

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string config_of(const std::string& family) {
  const std::vector<uint8_t> text = read_test_data("golden/" + family + "/config.json");
  return {text.begin(), text.end()};
}

struct Read {
  Status status;
  ModelSpec spec;
  std::string log;
};

// The rule of a golden checkpoint with these files; null: no such file.
Read read(const std::string& family, const Json& preprocessor, const Json& processor = nullptr) {
  const std::string config = config_of(family);
  const std::string texts[] = {preprocessor.is_null() ? "" : preprocessor.dump(),
                               processor.is_null() ? "" : processor.dump()};
  Read result;
  set_log([](void* user, int, const char* message) { *static_cast<std::string*>(user) += message; }, &result.log);
  result.status =
      read_model_spec(bytes_of(config), {bytes_of(texts[0]), bytes_of(texts[1])}, "folder", &result.spec);
  set_log(nullptr, nullptr);
  return result;
}

// CRC-32 of the pixel values; 0 where a picture has none.
uint32_t crc32_of_values(const PictureRule& rule, const Picture& picture) {
  PixelPlan plan;
  if (!plan_pixels(rule, picture.width, picture.height, &plan)) return 0;
  const size_t bytes = pixels_scratch_bytes(rule, plan, picture.width);
  const std::unique_ptr<void, void (*)(void*)> scratch(std::aligned_alloc(64, bytes), std::free);
  std::vector<float> values(plan.values);
  REQUIRE(make_pixels(rule, plan, picture, values.data(), scratch.get(), bytes));
  return crc32_of(values.data(), values.size() * sizeof(float));
}

bool names(const Status& status, const std::string& field) {
  return std::string(status.message()).find(field) != std::string::npos;
}

// Of one case: what it changed, and in what.
struct Change {
  std::string family, field;
  Json file;
};

Change change_of(const Json& expected, const std::map<std::string, Json>& bases) {
  const std::string family = expected["family"];
  Json file = bases.at(family + std::to_string(expected["base"].get<int>()));
  if (expected.contains("remove")) {
    file.erase(expected["remove"].get<std::string>());
    return {family, expected["remove"], file};
  }
  if (!expected.contains("set")) return {family, "", file};
  file[expected["set"].get<std::string>()] = expected["value"];
  return {family, expected["set"], file};
}

bool has_values(const Json& sums) {
  for (const Json& sum : sums)
    if (!sum.is_null()) return true;
  return false;
}

// Families whose processors ask for the same, under the name of one.
std::string kin_of(const std::string& family) {
  for (const char* kin : {"qwen2_5_vl", "qwen3_vl", "qwen3_5", "paddleocr_vl", "glm4v", "glm_ocr"})
    if (family == kin) return "qwen2_vl";
  return family == "mistral3" ? "lighton_ocr" : family;
}

// What transformers does and mica refuses: family, field, value. A new entry needs a reason.
const std::set<std::string> kRefused = {
    // Filters of Pillow 13 that no published file asks for.
    "internvl resample 6", "llava resample 6", "qwen2_vl resample 6", "idefics3 resample 6", "llava_next resample 6",
    "llava_onevision resample 6", "gemma3 resample 6", "paligemma resample 6",
    // Squares and grids: pictures of the tower's size, from sizes that say no more than a side.
    "idefics3 do_resize false", "idefics3 do_resize null", "idefics3 size 56", "idefics3 size [56,56]",
    "idefics3 size [60,70]", "idefics3 size {\"height\":56,\"width\":56}",
    "idefics3 size {\"height\":70,\"width\":60}", "idefics3 size {\"longest_edge\":90,\"shortest_edge\":56}",
    "idefics3 size {\"longest_edge\":9000,\"shortest_edge\":900}",
    "llava_next image_grid_pinpoints [[112,112],[56,60]]", "llava_next image_grid_pinpoints [[56,56]]",
    "llava_next image_grid_pinpoints null", "llava_next size [60,70]", "llava_next size null",
    "llava_next size {\"height\":70,\"width\":60}", "llava_next size {\"longest_edge\":90,\"shortest_edge\":56}",
    "llava_next size {\"longest_edge\":9000,\"shortest_edge\":900}", "llava_next size {\"shortest_edge\":60}",
    "llava_onevision image_grid_pinpoints [[112,112],[56,60]]", "llava_onevision image_grid_pinpoints [[56,56]]",
    "llava_onevision image_grid_pinpoints null", "llava_onevision crop_size [60,70]",
    "llava_onevision crop_size {\"height\":70,\"width\":60}",
    "llava_onevision size {\"longest_edge\":90,\"shortest_edge\":56}",
    // More tiles than mica cuts; sizes that nobody means.
    "idefics3 size true", "idefics3 size null", "llava_next size true", "llava_onevision crop_size -56",
    "llava_onevision crop_size 0", "llava_onevision crop_size true", "idefics3 crop_size -56", "idefics3 crop_size 0",
    "idefics3 crop_size true", "idefics3 crop_size {\"max_height\":56,\"max_width\":56}",
    "llava_onevision crop_size {\"max_height\":56,\"max_width\":56}",
    // Of no effect there, and in no published file.
    "internvl do_pad true", "qwen2_vl do_pad true", "gemma3 do_pad true", "paligemma do_pad true",
    // Sizes that nobody means; there they are of no effect, or a picture of one pixel.
    "internvl crop_size -56", "internvl crop_size 0", "internvl crop_size true", "llava crop_size -56",
    "llava crop_size 0", "llava crop_size true", "llava size true", "qwen2_vl crop_size -56", "qwen2_vl crop_size 0",
    "qwen2_vl crop_size true", "gemma3 crop_size -56", "gemma3 crop_size 0", "gemma3 crop_size true",
    "paligemma crop_size -56", "paligemma crop_size 0", "paligemma crop_size true",
    // The largest size within a rectangle: pictures keep their shape, so few of them fit the tower.
    "internvl crop_size {\"max_height\":56,\"max_width\":56}", "llava crop_size {\"max_height\":56,\"max_width\":56}",
    "llava size {\"max_height\":56,\"max_width\":56}", "qwen2_vl crop_size {\"max_height\":56,\"max_width\":56}",
    "gemma3 crop_size {\"max_height\":56,\"max_width\":56}", "paligemma crop_size {\"max_height\":56,\"max_width\":56}",
    "paligemma size 56",
    "paligemma size {\"max_height\":56,\"max_width\":56}", "paligemma size {\"longest_edge\":90,\"shortest_edge\":56}",
    // Only pictures of one shape, or of whole windows, would fit the tower.
    "llava do_center_crop false", "llava do_center_crop null", "llava do_pad false", "llava do_pad null",
    "llava do_resize false", "llava do_resize null", "internvl do_resize false", "internvl do_resize null",
    "qwen2_vl do_resize false", "qwen2_vl do_resize null", "paligemma do_resize false", "paligemma do_resize null",
    // The same of Pixtral: patches are squares, and whole ones of the tower; sizes are one side at most.
    "lighton_ocr crop_size -56", "lighton_ocr crop_size 0", "lighton_ocr crop_size true",
    "lighton_ocr crop_size {\"max_height\":56,\"max_width\":56}", "lighton_ocr do_resize false",
    "lighton_ocr do_resize null", "lighton_ocr patch_size 0", "lighton_ocr patch_size 7", "lighton_ocr patch_size null",
    "lighton_ocr patch_size {\"height\":14,\"width\":28}", "lighton_ocr resample 6", "lighton_ocr size -56",
    "lighton_ocr size true", "lighton_ocr size [60,70]", "lighton_ocr size {\"height\":70,\"width\":60}",
    "lighton_ocr size {\"longest_edge\":90,\"shortest_edge\":56}",
    "lighton_ocr size {\"longest_edge\":9000,\"shortest_edge\":900}",
    // Only pictures of whole tokens would do; another number of tokens than the tower of config.json makes, or a word
    // that stands for its own there.
    "minicpmv4_6 do_resize false", "minicpmv4_6 do_resize null", "minicpmv4_6 do_resize \"no\"",
    "minicpmv4_6 downsample_mode \"4x\"", "minicpmv4_6 downsample_mode \"8x\"", "minicpmv4_6 downsample_mode 16",
    "minicpmv4_6 downsample_mode null", "minicpmv4_6 max_slice_nums 0", "minicpmv4_6 resample null",
    "minicpmv4_6 use_image_id false", "minicpmv4_6 use_image_id null",
    // Of no effect there: sizes that nobody means, and padding.
    "minicpmv4_6 crop_size -56", "minicpmv4_6 crop_size 0", "minicpmv4_6 crop_size true",
    "minicpmv4_6 crop_size {\"max_height\":56,\"max_width\":56}", "minicpmv4_6 do_pad true", "minicpmv4_6 size -56",
    "minicpmv4_6 size 0", "minicpmv4_6 size true", "minicpmv4_6 size {\"max_height\":56,\"max_width\":56}",
    // Bounds that contradict each other or the tower.
    "internvl min_patches 0", "internvl min_patches 7", "internvl max_patches 0", "qwen2_vl max_pixels 2000",
    "qwen2_vl min_pixels 70000", "qwen2_vl merge_size 1"};

// What mica does and transformers 5.24 cannot.
const std::set<std::string> kOnlyHere = {
    "llava image_mean 0.5",  // pads with three numbers only
    "qwen2_vl size {\"max_pixels\":50000,\"min_pixels\":3200}",  // written by transformers 4.4x
    "qwen2_vl size 56",  // beside min_pixels and max_pixels, which count
};

}  // namespace

TEST_CASE("every field of every processor is read as transformers reads it, or refused by its name") {
  const Json reference = read_cases("picture/processors.json");
  REQUIRE(reference["cases"].size() >= 900);
  std::map<std::string, Json> bases;
  std::set<std::string> refused;
  for (const Json& expected : reference["cases"]) {
    if (expected.contains("file"))
      bases[expected["family"].get<std::string>() + std::to_string(expected["base"].get<int>())] = expected["file"];
    const Change change = change_of(expected, bases);
    const Read result = read(change.family, change.file);
    CAPTURE(change.family);
    CAPTURE(change.field);
    CAPTURE(change.file.dump());
    const Json value = expected.value("value", Json());
    const std::string entry = kin_of(change.family) + " " + change.field + " " + value.dump();
    if (!result.status) {
      CHECK_MESSAGE(names(result.status, change.field), result.status.message());
      // A text where there must be none is always refused.
      if (has_values(expected["crc32"]) && !value.is_string()) refused.insert(entry);
      continue;
    }
    if (kOnlyHere.contains(entry) && !has_values(expected["crc32"])) continue;
    if (change.field == "unheard_of" && !expected["value"].is_null())
      CHECK_MESSAGE(result.log.find("unheard_of") != std::string::npos, result.log);
    for (size_t i = 0; i < reference["sizes"].size(); ++i) {
      const Json& size = reference["sizes"][i];
      const Json& sum = expected["crc32"][i];
      CHECK(crc32_of_values(result.spec.pictures, synthetic_picture(size[0], size[1])) ==
            (sum.is_null() ? 0 : sum.get<uint32_t>()));
    }
  }
  for (const std::string& entry : refused) CHECK_MESSAGE(kRefused.contains(entry), entry);
}

// Families whose pictures are prepared by code beside their weights, of which transformers has no class, or by a class
// that has no PIL backend to compare with, or none of whose wrong values were recorded.
const std::set<std::string> kWithoutClass = {"internvl2", "qwen_vl",      "glm4v_9b", "cogvlm2",
                                             "lfm2_vl",   "minicpmv_2_6", "gemma4",   "gemma4_unified"};

TEST_CASE("every field of the tables is in the reference") {
  const Json reference = read_cases("picture/processors.json");
  std::set<std::string> tried;
  for (const Json& expected : reference["cases"])
    if (expected.contains("set")) tried.insert(expected["family"].get<std::string>() + " " + expected["set"].get<std::string>());
  // A family that has the tables of another one needs no cases of its own.
  std::set<std::string> with_cases;
  for (const Json& expected : reference["cases"]) with_cases.insert(expected["family"].get<std::string>());
  std::set<const void*> tables_with_cases;
  for (const Family* family : kFamilies)
    if (with_cases.contains(std::string(family->name)))
      for (const PictureProcessor& processor : family->processors) tables_with_cases.insert(processor.fields.data());
  for (const Family* family : kFamilies) {
    if (kWithoutClass.contains(std::string(family->name))) continue;
    for (const PictureProcessor& processor : family->processors) {
      if (!with_cases.contains(std::string(family->name)) && tables_with_cases.contains(processor.fields.data())) continue;
      for (const auto& table : processor.fields)
        for (const ProcessorField& field : table) {
          const std::string entry = std::string(family->name) + " " + field.name;
          CHECK_MESSAGE(tried.contains(entry), entry);
        }
    }
  }
}

TEST_CASE("without preprocessor_config.json the published rule is taken, and that is said") {
  const Read llava = read("llava", nullptr);
  REQUIRE_MESSAGE(llava.status, llava.status.message());
  CHECK(llava.log.find("no preprocessor_config.json") != std::string::npos);
  CHECK(llava.spec.pictures.cut == PictureCut::crop);
  CHECK(llava.spec.pictures.width == 56);
  CHECK(llava.spec.pictures.shortest_edge == 56);
  CHECK(llava.spec.pictures.mean[0] == 0.48145466f);
  CHECK(llava.spec.pictures.std[2] == 0.27577711f);
  const Read internvl = read("internvl", nullptr);
  REQUIRE_MESSAGE(internvl.status, internvl.status.message());
  CHECK(internvl.spec.pictures.tiles_max == 12);
  CHECK(internvl.spec.pictures.mean[0] == 0.485f);
  const Read qwen = read("qwen2_vl", nullptr);
  REQUIRE_MESSAGE(qwen.status, qwen.status.message());
  CHECK(qwen.spec.pictures.pixels_min == 3136);
  CHECK(qwen.spec.pictures.pixels_max == 12845056);
  CHECK(qwen.spec.pictures.mean[1] == 0.4578275f);
}

TEST_CASE("an image processor of another class is refused by name, its variants are the same") {
  const Json base = read_cases("golden/llava/preprocessor_config.json");
  for (const char* type : {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "LlavaImageProcessorFast"}) {
    Json file = base;
    file["image_processor_type"] = type;
    CHECK_MESSAGE(read("llava", file).status, type);
  }
  Json old = base;
  old.erase("image_processor_type");
  old["feature_extractor_type"] = "CLIPFeatureExtractor";
  CHECK(read("llava", old).status);
  Json file = base;
  file["image_processor_type"] = "SiglipImageProcessor";
  const Status status = read("llava", file).status;
  CHECK(status.code() == Code::unsupported);
  CHECK_MESSAGE(names(status, "SiglipImageProcessor"), status.message());
}

TEST_CASE("Gemma 4's processor has one of five budgets, and the tower's patches") {
  const Json base = read_cases("golden/gemma4/preprocessor_config.json");
  const Read good = read("gemma4", base);
  REQUIRE_MESSAGE(good.status, good.status.message());
  CHECK(good.spec.pictures.cut == PictureCut::budget);
  CHECK(good.spec.pictures.pixels_max == 70 * 18 * 18);
  CHECK(good.spec.pictures.patches_room == 630);
  CHECK(good.spec.pictures.grid_side_max == 96);
  Json more = base;
  more["max_soft_tokens"] = 1120;
  CHECK(read("gemma4", more).spec.pictures.pixels_max == 1120 * 18 * 18);
  const struct {
    const char* field;
    Json value;
  } bad[] = {{"max_soft_tokens", 71},     {"max_soft_tokens", 0},   {"max_soft_tokens", "x"}, {"patch_size", 7},
             {"pooling_kernel_size", 2}, {"do_resize", false},     {"do_pad", true},         {"resample", 9}};
  for (const auto& row : bad) {
    Json wrong = base;
    wrong[row.field] = row.value;
    const Status status = read("gemma4", wrong).status;
    CHECK_FALSE(status);
    CHECK_MESSAGE(names(status, row.field), status.message());
  }
  const Json joined = read_cases("golden/gemma4_unified/preprocessor_config.json");
  CHECK(read("gemma4_unified", joined).spec.pictures.patches_room == 70);
  Json wrong = joined;
  wrong["pooling_kernel_size"] = 2;
  CHECK_FALSE(read("gemma4_unified", wrong).status);
}

TEST_CASE("CLIPImageProcessor pads to a size only if it is told one, and that is refused") {
  Json file = read_cases("golden/llava/preprocessor_config.json");
  file["do_pad"] = true;
  CHECK(read("llava", file).status);
  file["pad_size"] = {{"height", 80}, {"width", 80}};
  CHECK(names(read("llava", file).status, "pad_size"));
}

TEST_CASE("processor_config.json: a nested image processor goes before the other file, and its counts must be the model's") {
  const Json base = read_cases("golden/llava/preprocessor_config.json");
  Json nested = base, other = base;
  other["image_mean"] = {0.1, 0.1, 0.1};
  const Json plain = {{"processor_class", "LlavaProcessor"}, {"patch_size", 14}, {"num_additional_image_tokens", 1},
                      {"vision_feature_select_strategy", "default"}, {"image_token", "<image>"}};
  Json processor = plain;
  processor["image_processor"] = nested;
  CHECK(read("llava", other, processor).spec.pictures.mean[0] == 0.48145466f);
  CHECK(read("llava", nullptr, processor).status);
  CHECK(read("llava", base, plain).status);
  const struct {
    const char* field;
    Json value;
  } bad[] = {{"patch_size", 16}, {"num_additional_image_tokens", 0}, {"vision_feature_select_strategy", "full"},
             {"image_processor", 7}};
  for (const auto& row : bad) {
    Json wrong = plain;
    wrong[row.field] = row.value;
    const Status status = read("llava", base, wrong).status;
    CHECK_FALSE(status);
    CHECK_MESSAGE(names(status, row.field), status.message());
  }
  const Json tiles = read_cases("golden/internvl/preprocessor_config.json");
  CHECK(read("internvl", tiles, {{"image_seq_length", 4}}).status);
  CHECK(names(read("internvl", tiles, {{"image_seq_length", 256}}).status, "image_seq_length"));
}
