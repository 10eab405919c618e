// Config: walks the tables of a family over the JSON of a checkpoint. Which field means what is in models/.
#include "config.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "family.hpp"
#include "json.hpp"
#include "limits.hpp"

namespace mica {
namespace {

// The first of the "|"-separated paths that is set, and which one it was.
JsonValue find_first(JsonValue root, std::string_view paths, std::string_view* path) {
  while (!paths.empty()) {
    const size_t bar = paths.find('|');
    *path = paths.substr(0, bar);
    const JsonValue value = root.find_path(*path);
    if (value.is_set()) return value;
    if (bar == std::string_view::npos) break;
    paths.remove_prefix(bar + 1);
  }
  return {};
}

template <class T>
T* target_of(ModelSpec* spec, uint16_t offset) {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(spec) + offset);
}

Status read_choice(JsonValue value, const ConfigField& field, ModelSpec* spec) {
  char number[24];
  std::string_view word;
  double numeric = 0;
  bool boolean = false;
  if (value.as_double(&numeric)) {
    snprintf(number, sizeof number, "%.0f", numeric);
    word = number;
  } else if (value.as_bool(&boolean)) {
    word = boolean ? "true" : "false";
  } else if (!value.as_string(&word)) {
    return value.error(Code::corrupt_file, "must be a word or a number");
  }
  std::string known;
  for (const Choice& choice : field.choices) {
    if (word == choice.word) {
      *target_of<uint8_t>(spec, field.offset) = choice.value;
      return Status::ok();
    }
    known += known.empty() ? "" : ", ";
    known += choice.word;
  }
  const std::string text = "is \"" + std::string(word.substr(0, 64)) + "\", which mica does not run; it runs " + known;
  return value.error(Code::unsupported, text.c_str());
}

// A number, or the index-th of a list of one or two.
Status read_listed_u32(JsonValue root, JsonValue value, std::string_view path, const ConfigField& field, size_t index,
                       uint32_t* target) {
  const auto low = static_cast<uint32_t>(field.low);
  const auto high = static_cast<uint32_t>(field.high);
  if (!value.is_array()) return get_u32(root, path, low, high, target);
  std::vector<uint32_t> numbers;
  MICA_TRY(get_u32_array(root, path, 1, 2, low, high, &numbers));
  *target = numbers[index < numbers.size() ? index : 0];
  return Status::ok();
}

Status read_inverse(JsonValue value, const ConfigField& field, uint32_t* target) {
  double number = 0;
  if (!value.as_double(&number) || !(number > 0)) return value.error(Code::corrupt_file, "must be a positive number");
  const double inverse = 1.0 / number;
  if (std::abs(inverse - std::round(inverse)) > 1e-6 || inverse < field.low || inverse > field.high)
    return value.error(Code::unsupported, "must be one over a small whole number");
  *target = static_cast<uint32_t>(std::lround(inverse));
  return Status::ok();
}

Status read_field(JsonValue root, const ConfigField& field, ModelSpec* spec) {
  std::string_view path;
  const JsonValue value = find_first(root, field.paths, &path);
  if (!value.is_set()) {
    if (!field.required) return Status::ok();
    return root.error(Code::not_found, "is missing",
                      std::string_view(field.paths).substr(0, std::string_view(field.paths).find('|')));
  }
  const auto low = field.low;
  const auto high = field.high;
  double number = 0;
  switch (field.kind) {
    case FieldKind::u32:
      return get_u32(root, path, static_cast<uint32_t>(low), static_cast<uint32_t>(high),
                     target_of<uint32_t>(spec, field.offset));
    case FieldKind::i32:
      return get_i32(root, path, static_cast<int32_t>(low), static_cast<int32_t>(high),
                     target_of<int32_t>(spec, field.offset));
    case FieldKind::f32:
      MICA_TRY(get_double(root, path, low, high, &number));
      *target_of<float>(spec, field.offset) = static_cast<float>(number);
      return Status::ok();
    case FieldKind::f64: return get_double(root, path, low, high, target_of<double>(spec, field.offset));
    case FieldKind::boolean: return get_bool(root, path, target_of<bool>(spec, field.offset));
    case FieldKind::f32x3: {
      std::vector<double> numbers;
      MICA_TRY(get_double_array(root, path, 3, 3, low, high, &numbers));
      for (size_t i = 0; i < 3; ++i) target_of<float>(spec, field.offset)[i] = static_cast<float>(numbers[i]);
      return Status::ok();
    }
    case FieldKind::u32x3: {
      std::vector<uint32_t> numbers;
      MICA_TRY(get_u32_array(root, path, 3, 3, static_cast<uint32_t>(low), static_cast<uint32_t>(high), &numbers));
      for (size_t i = 0; i < 3; ++i) target_of<uint32_t>(spec, field.offset)[i] = numbers[i];
      return Status::ok();
    }
    case FieldKind::first_u32:
      return read_listed_u32(root, value, path, field, 0, target_of<uint32_t>(spec, field.offset));
    case FieldKind::second_u32:
      return read_listed_u32(root, value, path, field, 1, target_of<uint32_t>(spec, field.offset));
    case FieldKind::inverse_u32: return read_inverse(value, field, target_of<uint32_t>(spec, field.offset));
    case FieldKind::choice: return read_choice(value, field, spec);
  }
  return Status::ok();
}

uint64_t factor(ModelSpec* spec, uint16_t offset) {
  return offset == DerivedField::kOne ? 1 : *target_of<uint32_t>(spec, offset);
}

void derive(const DerivedField& field, ModelSpec* spec) {
  uint32_t* target = target_of<uint32_t>(spec, field.target);
  const uint64_t divisor = factor(spec, field.c);
  if (*target != 0 || divisor == 0) return;
  const uint64_t value = factor(spec, field.a) * factor(spec, field.b) / divisor;
  *target = value > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(value);
}

// Ids that end an answer: a number or a list under eos_token_id.
Status read_end_tokens(JsonValue root, ModelSpec* spec) {
  std::string_view path;
  const JsonValue value = find_first(root, "text_config.eos_token_id|eos_token_id", &path);
  if (!value.is_set()) return Status::ok();
  std::vector<uint32_t> ids(1);
  constexpr size_t kMost = sizeof spec->end_tokens / sizeof spec->end_tokens[0];
  if (value.is_array()) MICA_TRY(get_u32_array(root, path, 0, kMost, 0, limits::kVocabularyMax, &ids));
  else MICA_TRY(get_u32(root, path, 0, limits::kVocabularyMax, &ids[0]));
  for (uint32_t id : ids)
    if (spec->end_token_count < kMost) spec->end_tokens[spec->end_token_count++] = static_cast<int32_t>(id);
  return Status::ok();
}

Status bad(const char* name, const char* what) { return Status::error(Code::corrupt_file, "%s: %s", name, what); }

Status check_decoder(const DecoderSpec& d, const char* name) {
  if (d.layers == 0 || d.hidden == 0 || d.heads == 0 || d.feed_forward == 0 || d.vocabulary == 0)
    return Status::error(
        Code::not_found,
        "%s: one of num_hidden_layers, hidden_size, num_attention_heads, intermediate_size and vocab_size is missing",
        name);
  if (d.head_dim == 0 || d.head_dim % 2 != 0 || d.head_dim > limits::kHeadDimMax)
    return bad(name, "head_dim must be even and not zero");
  if (d.kv_heads > d.heads || d.heads % d.kv_heads != 0)
    return bad(name, "num_attention_heads must be a multiple of num_key_value_heads");
  if (d.context == 0) return bad(name, "max_position_embeddings must not be zero");
  const RopeSpec& rope = d.rope;
  if (rope.multimodal() && rope.sections[0] + rope.sections[1] + rope.sections[2] != d.head_dim / 2)
    return bad(name, "mrope_section must sum to half of head_dim");
  if (rope.scaling == RopeScaling::llama3 && !(rope.high_frequency_factor > rope.low_frequency_factor))
    return bad(name, "rope high_freq_factor must be larger than low_freq_factor");
  return Status::ok();
}

Status check_vision(const ModelSpec& spec, const char* name) {
  const VisionSpec& v = spec.vision;
  const PictureRule& rule = spec.pictures;
  if (v.hidden == 0 || v.layers == 0 || v.heads == 0 || v.feed_forward == 0 || v.hidden % v.heads != 0)
    return bad(name, "the vision tower's hidden size must be a multiple of its heads");
  if (v.head_dim() > limits::kHeadDimMax || (v.positions == VisionPositions::rope_2d && v.head_dim() % 4 != 0))
    return bad(name, "the vision tower's head size is out of range");
  if (v.layers_used == 0 || v.layers_used > v.layers) return bad(name, "vision_feature_layer is out of range");
  if (rule.cut == PictureCut::smart_resize) {
    if (rule.pixels_min > rule.pixels_max) return bad(name, "a picture's min_pixels is larger than its max_pixels");
    return Status::ok();
  }
  if (v.image_width % v.patch != 0 || v.image_height % v.patch != 0)
    return bad(name, "image_size must be a multiple of patch_size");
  if (v.image_width / v.patch % v.merge != 0 || v.image_height / v.patch % v.merge != 0)
    return bad(name, "the patches of an image must be a multiple of the merge");
  if (rule.width != v.image_width || rule.height != v.image_height)
    return Status::error(Code::unsupported,
                         "%s: pictures of %u x %u for a tower of %u x %u: mica does not interpolate positions", name,
                         rule.width, rule.height, v.image_width, v.image_height);
  if (rule.tiles_min > rule.tiles_max) return bad(name, "min_patches is larger than max_patches");
  if (v.keep_class_token && v.merge != 1) return bad(name, "class tokens cannot be kept where patches are merged");
  return Status::ok();
}

Status finish_vision(ModelSpec* spec, const char* name) {
  VisionSpec& v = spec->vision;
  // transformers counts hidden states: 0 is before the first layer, -1 after the last.
  const int32_t states = static_cast<int32_t>(v.layers) + 1;
  const int32_t used = v.feature_layer < 0 ? states + v.feature_layer : v.feature_layer;
  v.layers_used = used < 0 ? 0 : static_cast<uint32_t>(used);
  if (v.projector == Projector::patch_merger) v.projector_hidden *= v.merge;  // hidden * merge, times merge again
  spec->pictures.patch = v.patch;
  spec->pictures.temporal = v.temporal;
  spec->pictures.merge = v.merge;
  return check_vision(*spec, name);
}

Status find_family(JsonValue root, const Family** out) {
  std::string_view type;
  MICA_TRY(get_string(root, "model_type", &type));
  std::string known;
  for (const Family* family : kFamilies) {
    for (const char* name : family->model_types) {
      if (type == name) {
        *out = family;
        return Status::ok();
      }
      known += known.empty() ? "" : ", ";
      known += name;
    }
  }
  const std::string text =
      "\"" + std::string(type.substr(0, 64)) + "\" is not a family that mica runs; it runs " + known;
  return root.error(Code::unsupported, text.c_str(), "model_type");
}

Status read_tables(JsonValue root, std::span<const std::span<const ConfigField>> tables, ModelSpec* spec) {
  for (const auto& table : tables)
    for (const ConfigField& field : table) MICA_TRY(read_field(root, field, spec));
  return Status::ok();
}

}  // namespace

Status read_model_spec(Bytes config, Bytes preprocessor, const char* name, ModelSpec* out) {
  Json json;
  const std::string config_name = std::string(name) + "/config.json";
  MICA_TRY(parse_json(config, config_name.c_str(), &json));
  const Family* family = nullptr;
  MICA_TRY(find_family(json.root(), &family));
  ModelSpec spec = family->defaults;
  spec.family = family;
  MICA_TRY(read_tables(json.root(), family->config, &spec));
  MICA_TRY(read_end_tokens(json.root(), &spec));
  if (spec.has_vision && !preprocessor.empty()) {
    Json rules;
    const std::string rules_name = std::string(name) + "/preprocessor_config.json";
    MICA_TRY(parse_json(preprocessor, rules_name.c_str(), &rules));
    // processor_config.json of transformers 5 has the same fields one level down.
    const JsonValue nested = rules.root().find("image_processor");
    MICA_TRY(read_tables(nested.is_object() ? nested : rules.root(), family->preprocessor, &spec));
  }
  for (const auto& table : family->derived)
    for (const DerivedField& field : table) derive(field, &spec);
  MICA_TRY(check_decoder(spec.decoder, config_name.c_str()));
  if (spec.has_vision) MICA_TRY(finish_vision(&spec, config_name.c_str()));
  *out = spec;
  return Status::ok();
}

Status read_model_spec(const ModelFiles& files, ModelSpec* out) {
  Bytes preprocessor = files.document("preprocessor_config.json");
  if (preprocessor.empty()) preprocessor = files.document("processor_config.json");
  return read_model_spec(files.document("config.json"), preprocessor, files.path(), out);
}

}  // namespace mica
