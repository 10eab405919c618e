// Reading of processor files: a class of the family, its fields, and the rule that follows from them.
#include "picture_config.hpp"

#include <cmath>
#include <string>

#include "any_size_rules.hpp"
#include "checked.hpp"
#include "family.hpp"
#include "frame_config.hpp"
#include "grid_list.hpp"
#include "json.hpp"
#include "limits.hpp"
#include "log.hpp"
#include "picture_cuts.hpp"
#include "processor_rule.hpp"
#include "tile_rules.hpp"

namespace mica {
namespace {

template <class T>
T* target_of(ProcessorValues* values, const ProcessorField& field) {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(values) + field.offset);
}

// ---- sizes ----------------------------------------------------------------------------------------------------------

struct SizeMember {
  const char* name;
  uint32_t ProcessorSize::*target;
  double high;
};
constexpr SizeMember kSizeMembers[] = {
    {"height", &ProcessorSize::height, limits::kPictureRuleSideMax},
    {"width", &ProcessorSize::width, limits::kPictureRuleSideMax},
    {"shortest_edge", &ProcessorSize::shortest_edge, limits::kPictureRulePixelsMax},
    {"longest_edge", &ProcessorSize::longest_edge, limits::kPictureRulePixelsMax},
    {"min_pixels", &ProcessorSize::min_pixels, limits::kPictureRulePixelsMax},
    {"max_pixels", &ProcessorSize::max_pixels, limits::kPictureRulePixelsMax},
};

Status read_size_object(JsonValue object, ProcessorSize* out) {
  for (JsonValue child : object) {
    if (!child.is_set()) continue;
    const SizeMember* known = nullptr;
    for (const SizeMember& member : kSizeMembers)
      if (child.key() == member.name) known = &member;
    if (known == nullptr) return child.error(Code::unsupported, "is a kind of size that mica does not run");
    MICA_TRY(get_u32(object, child.key(), 1, static_cast<uint32_t>(known->high), &(out->*known->target)));
  }
  const bool sides = out->height != 0 || out->width != 0, edges = out->shortest_edge != 0 || out->longest_edge != 0,
             pixels = out->min_pixels != 0 || out->max_pixels != 0;
  if (sides + edges + pixels != 1 || (sides && (out->height == 0 || out->width == 0)))
    return object.error(Code::unsupported,
                        "must be height and width, shortest_edge and longest_edge, or min_pixels and max_pixels");
  return Status::ok();
}

Status read_size(JsonValue root, JsonValue value, const char* name, bool to_square, ProcessorSize* out) {
  ProcessorSize size;
  if (value.is_object()) {
    MICA_TRY(read_size_object(value, &size));
  } else if (value.is_array()) {
    std::vector<uint32_t> sides;
    MICA_TRY(get_u32_array(root, name, 2, 2, 1, limits::kPictureRuleSideMax, &sides));
    size.height = sides[0];
    size.width = sides[1];
  } else {
    uint32_t side = 0;
    MICA_TRY(get_u32(root, name, 1, limits::kPictureRuleSideMax, &side));
    if (to_square) {
      size.height = size.width = side;
    } else {
      size.shortest_edge = side;
    }
  }
  *out = size;
  return Status::ok();
}

// ---- fields ---------------------------------------------------------------------------------------------------------

Status read_colors(JsonValue root, JsonValue value, const ProcessorField& field, double* out) {
  std::vector<double> numbers(1);
  if (value.is_array()) {
    MICA_TRY(get_double_array(root, field.name, 3, 3, field.low, field.high, &numbers));
  } else {
    MICA_TRY(get_double(root, field.name, field.low, field.high, &numbers[0]));
  }
  for (size_t i = 0; i < 3; ++i) out[i] = numbers[i < numbers.size() ? i : 0];
  return Status::ok();
}

Status read_expected(JsonValue root, JsonValue value, const ProcessorField& field) {
  bool said = false;
  MICA_TRY(get_bool(root, field.name, &said));
  if (said == (field.low != 0)) return Status::ok();
  return value.error(Code::unsupported, said ? "is true, which mica does not run for this kind of image processor"
                                             : "is false, which mica does not run for this kind of image processor");
}

Status read_times(JsonValue root, JsonValue value, const ProcessorField& field, uint32_t* out) {
  std::string_view word;
  MICA_TRY(get_string(root, field.name, &word));
  for (uint32_t number = clamp_u32(field.low); number <= field.high; ++number) {
    if (word != std::to_string(number) + "x") continue;
    *out = number;
    return Status::ok();
  }
  return value.error(Code::unsupported, "must be a number that mica knows there, with an \"x\" behind it");
}

Status read_null(JsonValue value, const ProcessorField& field, ProcessorValues* values) {
  switch (field.kind) {
    case ProcessorFieldKind::boolean: *target_of<bool>(values, field) = false; return Status::ok();
    // Refused where a size is needed.
    case ProcessorFieldKind::size:
    case ProcessorFieldKind::crop_size: *target_of<ProcessorSize>(values, field) = {}; return Status::ok();
    case ProcessorFieldKind::expected:
      if (field.low == 0) return Status::ok();
      return value.error(Code::unsupported, "is null, which stands for false, and that is not run for this kind of image "
                                            "processor");
    case ProcessorFieldKind::planes:
    case ProcessorFieldKind::no_effect: return Status::ok();
    default: return value.error(Code::unsupported, "must not be null");
  }
}

Status read_field(JsonValue root, const ProcessorField& field, ProcessorValues* values) {
  const JsonValue value = root.find_path(field.name);
  if (value.is_absent() || (value.is_null() && field.null_is_absent)) return Status::ok();
  if (value.is_null()) return read_null(value, field, values);
  const uint32_t low = clamp_u32(field.low), high = clamp_u32(field.high);  // of other kinds they may be anything
  uint32_t number = 0;
  std::string_view word;
  switch (field.kind) {
    case ProcessorFieldKind::boolean: return get_bool(root, field.name, target_of<bool>(values, field));
    case ProcessorFieldKind::number:
      return get_double(root, field.name, field.low, field.high, target_of<double>(values, field));
    case ProcessorFieldKind::colors: return read_colors(root, value, field, target_of<double>(values, field));
    case ProcessorFieldKind::count: return get_u32(root, field.name, low, high, target_of<uint32_t>(values, field));
    case ProcessorFieldKind::filter:
      MICA_TRY(get_u32(root, field.name, 0, static_cast<uint32_t>(PictureFilter::hamming), &number));
      *target_of<PictureFilter>(values, field) = static_cast<PictureFilter>(number);
      return Status::ok();
    case ProcessorFieldKind::size:
      return read_size(root, value, field.name, values->default_to_square, target_of<ProcessorSize>(values, field));
    case ProcessorFieldKind::crop_size:
      return read_size(root, value, field.name, true, target_of<ProcessorSize>(values, field));
    case ProcessorFieldKind::expected: return read_expected(root, value, field);
    case ProcessorFieldKind::planes:
      if (value.as_string(&word) && word == "channels_first") return Status::ok();
      return value.error(Code::unsupported, "must be \"channels_first\"");
    case ProcessorFieldKind::times: return read_times(root, value, field, target_of<uint32_t>(values, field));
    case ProcessorFieldKind::grids: return get_grids(root, field.name, target_of<GridList>(values, field));
    case ProcessorFieldKind::no_effect: return Status::ok();
  }
  return Status::ok();
}

// Fields that say what a file is, not what is done.
constexpr const char* kLabels[] = {"image_processor_type", "feature_extractor_type", "processor_class",
                                   "_valid_processor_keys", "_valid_kwargs_names", "_processor_class"};

void warn_of_unknown_fields(JsonValue root, const PictureProcessor& processor) {
  for (JsonValue child : root) {
    bool known = false;
    for (const char* label : kLabels) known |= child.key() == label;
    for (const auto& table : processor.fields)
      for (const ProcessorField& field : table) known |= child.key() == field.name;
    if (known || !child.is_set()) continue;
    const Status note = child.error(Code::unsupported, "is not a field that mica knows; it is not read");
    log_message(LogLevel::warning, "%s", note.message());
  }
}

// The class that the file names, or the family's first one.
Status find_processor(JsonValue root, const Family& family, const PictureProcessor** out) {
  std::string_view type;
  const char* place = root.find("image_processor_type").is_set() ? "image_processor_type" : "feature_extractor_type";
  MICA_TRY(get_string_or(root, place, "", &type));
  *out = &family.processors[0];
  if (type.empty()) return Status::ok();
  std::string name(type.substr(0, 64));
  for (const char* suffix : {"Fast", "Pil", "ImageProcessor", "FeatureExtractor"})
    if (name.ends_with(suffix)) name.resize(name.size() - std::string_view(suffix).size());
  std::string known;
  for (const PictureProcessor& processor : family.processors) {
    if (name + "ImageProcessor" == processor.name) {
      *out = &processor;
      return Status::ok();
    }
    known += known.empty() ? "" : ", ";
    known += processor.name;
  }
  const std::string text = "is \"" + std::string(type.substr(0, 64)) + "\", which mica does not run for " +
                           family.name + "; it runs " + known;
  return root.error(Code::unsupported, text.c_str(), place);
}

// ---- rules ----------------------------------------------------------------------------------------------------------

// The colour of the ground, as transformers' LlavaImageProcessor rounds it.
Status set_padding(JsonValue root, const ProcessorValues& values, PictureRule* rule) {
  rule->pads_to_square = true;
  for (size_t i = 0; i < 3; ++i) {
    const double color = std::trunc(values.image_mean[i] * 255);
    if (!(color >= 0 && color <= 255)) return refuse(root, "image_mean", "is no colour that do_pad could pad with");
    rule->pad_color[i] = static_cast<uint8_t>(color);
  }
  return Status::ok();
}

Status set_resize(JsonValue root, const ProcessorValues& values, PictureRule* rule) {
  const ProcessorSize& size = values.size;
  if (!values.do_resize) {
    rule->resize = PictureResize::none;
  } else if (size.height != 0) {
    rule->resize = PictureResize::exact;
    rule->resized_width = size.width;
    rule->resized_height = size.height;
  } else if (size.shortest_edge != 0 && size.shortest_edge <= limits::kPictureRuleSideMax) {
    rule->shortest_edge = size.shortest_edge;
    rule->longest_edge = size.longest_edge;
  } else {
    return refuse(root, "size", "must be height and width, or a shortest_edge of at most 16384 pixels");
  }
  return Status::ok();
}

// CLIPImageProcessor and LlavaImageProcessor.
Status set_crop(JsonValue root, const ProcessorValues& values, bool pads, PictureRule* rule) {
  rule->cut = PictureCut::crop;
  if (pads) MICA_TRY(set_padding(root, values, rule));
  MICA_TRY(set_resize(root, values, rule));
  if (values.do_center_crop) {
    if (values.crop_size.height == 0) return refuse(root, "crop_size", "must be a height and a width");
    rule->width = values.crop_size.width;
    rule->height = values.crop_size.height;
  } else if (rule->resize == PictureResize::exact) {
    rule->cut = PictureCut::fixed;
    rule->width = rule->resized_width;
    rule->height = rule->resized_height;
  } else if (rule->resize == PictureResize::shortest_edge && rule->pads_to_square) {
    const bool bounded = rule->longest_edge != 0 && rule->longest_edge < rule->shortest_edge;
    rule->width = rule->height = bounded ? rule->longest_edge : rule->shortest_edge;
  } else {
    return refuse(root, "do_center_crop",
                  "is false, so pictures keep their shape without do_pad, and their size without do_resize; the vision "
                  "tower takes only one: size must be height and width, or do_center_crop true");
  }
  return Status::ok();
}

Status make_rule(JsonValue root, ProcessorSteps steps, const ProcessorValues& values, const ModelSpec& spec,
                 const char* name, PictureRule* out) {
  const VisionSpec& tower = spec.vision;
  PictureRule rule;
  rule.filter = values.resample;
  rule.columns_first = values.columns_first;
  rule.transparency = values.do_convert_rgb ? PictureTransparency::on_white : PictureTransparency::dropped;
  rule.do_rescale = values.do_rescale;
  rule.do_normalize = values.do_normalize;
  rule.rescale = values.rescale_factor;
  for (size_t i = 0; i < 3; ++i) {
    rule.mean[i] = static_cast<float>(values.image_mean[i]);
    rule.std[i] = static_cast<float>(values.image_std[i]);
  }
  switch (steps) {
    case ProcessorSteps::pad_resize_crop: MICA_TRY(set_crop(root, values, values.do_pad, &rule)); break;
    case ProcessorSteps::resize_crop:
      if (values.do_pad && values.pad_size.height != 0) return refuse(root, "pad_size", "is not run by mica");
      MICA_TRY(set_crop(root, values, false, &rule));
      break;
    case ProcessorSteps::smart_resize:
    case ProcessorSteps::smart_resize_frames:
    case ProcessorSteps::smart_resize_video:
    case ProcessorSteps::smart_resize_enlarged:
      MICA_TRY(set_smart_resize(root, steps, values, tower.temporal, &rule));
      break;
    case ProcessorSteps::bounded: MICA_TRY(set_bounded(root, values, 0, &rule)); break;
    case ProcessorSteps::bounded_merged:
      MICA_TRY(set_bounded(root, values, tower.patch * tower.merge, &rule));
      break;
    case ProcessorSteps::tiles: MICA_TRY(set_tiles(root, values, &rule)); break;
    case ProcessorSteps::slices:
      rule.cut = PictureCut::slices;
      rule.slice_side = values.scale_resolution;
      rule.slice_tokens = tower.queries;
      rule.tiles_max = values.do_image_splitting ? values.max_patches : 1;
      break;
    case ProcessorSteps::fixed:
      rule.cut = PictureCut::fixed;
      rule.width = tower.image_width;
      rule.height = tower.image_height;
      break;
    case ProcessorSteps::tiles_of_config: MICA_TRY(set_tiles_of_config(spec, name, &rule)); break;
    case ProcessorSteps::squares: MICA_TRY(set_squares(root, values, tower, &rule)); break;
    case ProcessorSteps::budget:
      MICA_TRY(set_budget(root, values, tower.position_count, &rule));
      rule.patches_room = values.max_image_tokens * tower.merge * tower.merge;
      break;
    case ProcessorSteps::large_tiles: MICA_TRY(set_large_tiles(root, values, &rule)); break;
    case ProcessorSteps::grids: MICA_TRY(set_grids(root, values, tower, &rule)); break;
  }
  rule.patch = tower.patch;
  rule.temporal = tower.temporal;
  rule.merge = tower.token_side();
  *out = rule;
  return Status::ok();
}

// ---- agreement with the tower ---------------------------------------------------------------------------------------

Status check_count(JsonValue root, const char* field, uint32_t said, uint32_t tower, const char* meaning) {
  if (said == tower) return Status::ok();
  const std::string text = "is " + std::to_string(said) + ", but config.json says " + std::to_string(tower) + " (" +
                           meaning + "); the files are not of one model";
  return root.error(Code::corrupt_file, text.c_str(), field);
}

// A tower whose positions are resampled takes tiles of any size; those of a rule are of one.
void take_tile_size(ModelSpec* spec) {
  if (spec->pictures.cut != PictureCut::squares || spec->vision.position_count == 0) return;
  spec->vision.image_width = spec->pictures.width;
  spec->vision.image_height = spec->pictures.height;
}

// In classes whose pictures have any size.
Status check_patches(JsonValue root, const ProcessorValues& values, const VisionSpec& tower) {
  MICA_TRY(check_count(root, "patch_size", values.patch_size, tower.patch, "vision_config.patch_size"));
  MICA_TRY(check_count(root, "temporal_patch_size", values.temporal_patch_size, tower.temporal,
                       "vision_config.temporal_patch_size"));
  return check_count(root, "merge_size", values.merge_size, tower.merge, "vision_config.spatial_merge_size");
}

}  // namespace

Status check_against_tower(JsonValue root, const ProcessorValues& values, const ModelSpec& spec,
                           const PictureRule& rule, const char* what) {
  const VisionSpec& v = spec.vision;
  if (rule.cut == PictureCut::bounded) {
    if (rule.whole % v.patch == 0) return Status::ok();
    return check_count(root, "patch_size", values.patch_sides.height, v.patch, "vision_config.patch_size");
  }
  if (rule.cut == PictureCut::large_tiles) {
    MICA_TRY(check_count(root, "encoder_patch_size", values.patch_size, v.patch, "vision_config.patch_size"));
    return check_count(root, "downsample_factor", values.merge_size, v.merge, "downsample_factor");
  }
  if (rule.cut == PictureCut::budget) {
    const uint32_t joined = v.towerless ? values.merge_size : 1;  // of which the tower's patches are made
    MICA_TRY(check_count(root, "patch_size", values.patch_size * joined, v.patch, "vision_config.patch_size"));
    return check_count(root, "pooling_kernel_size", values.merge_size, v.merge * joined,
                       "vision_config.pooling_kernel_size");
  }
  if (rule.cut == PictureCut::slices) {
    MICA_TRY(row_of(rule.cut).check(rule));
    MICA_TRY(check_count(root, "patch_size", values.patch_size, v.patch, "vision_config.patch_size"));
    MICA_TRY(check_count(root, "image_feature_size", values.image_feature_size, v.queries, "query_num"));
    if (values.downsampling == 0) return Status::ok();
    return check_count(root, "downsample_mode", values.downsampling, v.token_side() * v.token_side(),
                       "downsample_mode");
  }
  if (row_of(rule.cut).any_size) return check_patches(root, values, v);
  if (rule.width == v.image_width && rule.height == v.image_height) return Status::ok();
  const std::string text = std::string("gives ") + what + " of " + std::to_string(rule.width) + " x " +
                           std::to_string(rule.height) + " pixels, but the vision tower takes " +
                           std::to_string(v.image_width) + " x " + std::to_string(v.image_height) +
                           "; mica does not interpolate its positions";
  const bool crops = row_of(rule.cut).crops && values.do_center_crop;
  return refuse(root, crops ? "crop_size" : rule.cut == PictureCut::squares ? "max_image_size" : "size", text.c_str());
}

namespace {

// What processor_config.json says of the number of tokens: the model's own number is used, so both must be one.
Status check_processor(JsonValue root, const ModelSpec& spec) {
  const VisionSpec& v = spec.vision;
  const bool class_token = stem_steps(spec).out().before != 0;
  const uint32_t window = v.patch * v.token_side();
  const uint32_t tile_tokens = window == 0 ? 0 : (v.image_width / window) * (v.image_height / window);
  const struct {
    const char* field;
    bool applies;
    uint32_t tower;
    const char* meaning;
  } counts[] = {
      {"patch_size", true, v.patch, "vision_config.patch_size"},
      {"num_additional_image_tokens", class_token, 1, "its tower has one class token"},
      {"image_seq_length", row_of(spec.pictures.cut).tiled, tile_tokens, "tokens of one tile"},
      {"image_seq_length", v.picture_tokens != 0, v.picture_tokens, "mm_tokens_per_image"},
      {"spatial_merge_size", spec.pictures.cut == PictureCut::bounded, v.merge, "spatial_merge_size of config.json"},
      {"num_image_tokens", spec.pictures.cut == PictureCut::grids, tile_tokens, "tokens of one tile"},
      {"image_seq_len", row_of(spec.pictures.cut).tiled, tile_tokens, "tokens of one tile"},
  };
  for (const auto& count : counts) {
    uint32_t said = count.tower;
    if (!count.applies) continue;
    MICA_TRY(get_u32_or(root, count.field, 0, limits::kPictureRuleSideMax, count.tower, &said));
    MICA_TRY(check_count(root, count.field, said, count.tower, count.meaning));
  }
  const std::string ratio = "anyres_max_" + std::to_string(v.grid_tiles_kept);
  std::string_view said_ratio;
  MICA_TRY(get_string_or(root, "vision_aspect_ratio", ratio, &said_ratio));
  if (said_ratio != ratio && v.grid_tiles_kept != 0)
    return root.error(Code::corrupt_file, "is not config.json's; the files are not of one model", "vision_aspect_ratio");
  const std::string_view strategy = v.keep_class_token ? "full" : "default";
  std::string_view said;
  MICA_TRY(get_string_or(root, "vision_feature_select_strategy", strategy, &said));
  if (said == strategy || !class_token) return Status::ok();
  return root.error(Code::corrupt_file, "is not config.json's; the files are not of one model",
                    "vision_feature_select_strategy");
}

constexpr uint32_t kPublishedSquares = 4;  // tiles a side

// The published values, for towers of any size.
ProcessorValues published_values(const PictureProcessor& published, const VisionSpec& tower) {
  ProcessorValues values = published.defaults;
  values.patch_size = tower.patch;
  values.temporal_patch_size = tower.temporal;
  values.merge_size = tower.merge;
  if (tower.image_width == 0) return values;
  const bool to_square = values.size.height != 0;  // whatever the shape
  values.crop_size = {.height = tower.image_height, .width = tower.image_width};
  values.size = values.crop_size;
  values.max_image_size = {.longest_edge = tower.image_height};
  if (tower.grids.count != 0) values.image_grid_pinpoints = tower.grids;
  if (published.steps == ProcessorSteps::squares)
    values.size = {.longest_edge = kPublishedSquares * tower.image_height};
  else if (published.steps == ProcessorSteps::resize_crop ? !to_square : published.steps != ProcessorSteps::tiles)
    values.size = {.shortest_edge = tower.image_height};
  return values;
}

Status take_published(const char* name, ModelSpec* spec) {
  const PictureProcessor& published = *spec->family->published_processor;
  if (published.steps != ProcessorSteps::fixed)
    log_message(LogLevel::warning,
              "%s: there is no preprocessor_config.json: pictures are prepared as those of the published models of "
              "this family (%s); if this one was trained otherwise, its answers are off", name, spec->family->name);
  ProcessorValues values;
  return read_rule({}, published, *spec, name, &values, &spec->pictures);
}

}  // namespace

Status read_rule(JsonValue root, const PictureProcessor& kind, const ModelSpec& spec, const char* name,
                 ProcessorValues* values, PictureRule* out) {
  *values = root.is_absent() ? published_values(kind, spec.vision) : kind.defaults;
  for (const auto& table : kind.fields)
    for (const ProcessorField& field : table) MICA_TRY(read_field(root, field, values));
  return make_rule(root, kind.steps, *values, spec, name, out);
}

Status read_picture_rule(const PictureDocuments& documents, const char* name, ModelSpec* spec) {
  Json processor, preprocessor;
  if (!documents.processor.empty()) {
    MICA_TRY(parse_json(documents.processor, (std::string(name) + "/processor_config.json").c_str(), &processor));
  }
  if (!documents.preprocessor.empty()) {
    MICA_TRY(
        parse_json(documents.preprocessor, (std::string(name) + "/preprocessor_config.json").c_str(), &preprocessor));
  }
  JsonValue root = processor.root().find("image_processor");
  if (!root.is_set()) root = preprocessor.root();
  if (root.is_absent()) {
    MICA_TRY(take_published(name, spec));
  } else {
    if (!root.is_object()) return root.error(Code::corrupt_file, "must be an object");
    const PictureProcessor* kind = nullptr;
    MICA_TRY(find_processor(root, *spec->family, &kind));
    ProcessorValues values;
    MICA_TRY(read_rule(root, *kind, *spec, name, &values, &spec->pictures));
    take_tile_size(spec);
    MICA_TRY(check_against_tower(root, values, *spec, spec->pictures, "pictures"));
    warn_of_unknown_fields(root, *kind);
  }
  if (processor.root().is_object()) MICA_TRY(check_processor(processor.root(), *spec));
  return read_frame_rule(processor.root().find("video_processor"), documents.frames, root, name, spec);
}

}  // namespace mica
