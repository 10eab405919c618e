// gguf_projector: keys clip.* and tensors v.* and mm.* as llama.cpp's converters write them.
#include "gguf_projector.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "gguf_import.hpp"
#include "limits.hpp"
#include "log.hpp"

namespace mica {
namespace {

// Without effect where a family's documents do not read them: what its kind says anyway, or says wrongly.
constexpr std::string_view kWithoutEffect[] = {
    "clip.has_text_encoder", "clip.has_vision_encoder", "clip.has_llava_projector", "clip.has_qwen2vl_merger",
    "clip.has_audio_encoder", "clip.projector_type", "clip.vision.projector_type", "clip.use_gelu", "clip.use_silu",
    "clip.vision.projection_dim", "clip.vision.feed_forward_length", "clip.vision.image_size",
    "clip.vision.attention.layer_norm_epsilon", "clip.vision.n_wa_pattern", "clip.has_minicpmv_projector",
    "clip.minicpmv_query_num", "clip.vision.block_count", "clip.vision.attention.head_count",
};
// Of other families' pictures, whose files have the same clip.projector_type.
constexpr std::string_view kRefused[] = {"clip.vision.mm_patch_merge_type", "clip.vision.image_grid_pinpoints",
                                         "clip.vision.feature_layer"};

const TensorView* tensor_of(const GgufFile& file, std::string_view name) {
  const auto found = std::find_if(file.tensors().begin(), file.tensors().end(),
                                  [name](const TensorView& tensor) { return tensor.name == name; });
  return found == file.tensors().end() ? nullptr : &*found;
}

Status projector_type(const GgufFile& projector, std::string_view* out) {
  constexpr std::string_view kOwn = "clip.vision.projector_type";
  return projector.get_string(projector.has(kOwn) ? kOwn : "clip.projector_type", out);
}

// Whether any matrix of the projector gives rows as wide as the text's.
Status check_width(const GgufFile& text, std::string_view architecture, const GgufFile& projector) {
  uint32_t width = 0;
  MICA_TRY(text.get_u32(std::string(architecture) + ".embedding_length", 1, limits::kHiddenMax, &width));
  for (const TensorView& tensor : projector.tensors())
    if (!tensor.name.starts_with("v.") && tensor.rank == 2 && (tensor.shape[0] == width || tensor.shape[1] == width))
      return Status::ok();
  return Status::error(Code::unsupported, "%s gives rows for another model than %s, which is %u wide",
                       projector.name().c_str(), text.name().c_str(), width);
}

// Older converters called the first matrix of a tower's feed-forward ffn_down and the second ffn_up: seen by the first
// layer's shape, and where that says nothing by a key that they did not write either.
bool has_exchanged_names(const GgufFile& projector) {
  const TensorView* down = tensor_of(projector, "v.blk.0.ffn_down.weight");
  uint32_t width = 0;
  if (down == nullptr || down->rank != 2) return false;
  if (!projector.get_u32("clip.vision.embedding_length", 1, limits::kHiddenMax, &width)) return false;
  if (down->shape[0] == down->shape[1]) return !projector.has("general.type");
  return down->shape[1] == width;
}

// What is tapped from a tower's layers has their numbers here, and is counted in Hugging Face's names.
void count_taps(const GgufFile& projector, std::string* name) {
  constexpr std::string_view kTap = "v.deepstack.";
  if (!name->starts_with(kTap)) return;
  const std::string_view own = std::string_view(*name).substr(kTap.size());
  const auto number_of = [](std::string_view digits) {
    uint32_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
  };
  std::set<uint32_t> before;
  for (const TensorView& tensor : projector.tensors())
    if (tensor.name.starts_with(kTap) && number_of(tensor.name.substr(kTap.size())) < number_of(own))
      before.insert(number_of(tensor.name.substr(kTap.size())));
  const size_t digits = std::min(own.find('.'), own.size());
  name->replace(kTap.size(), digits, std::to_string(before.size()));
}

std::string true_name(std::string_view name, bool exchanged) {
  std::string text(name);
  if (!exchanged) return text;
  constexpr std::string_view kDown = ".ffn_down.", kUp = ".ffn_up.";
  if (const size_t at = text.find(kDown); at != std::string::npos) text.replace(at, kDown.size(), kUp);
  else if (const size_t other = text.find(kUp); other != std::string::npos) text.replace(other, kUp.size(), kDown);
  return text;
}

Status cannot_join(const GgufFile& projector, std::string_view name) {
  return projector.error(Code::corrupt_file, name, "cannot be joined with its neighbours: another shape or type");
}

// Rows of several tensors behind each other.
Status join_rows(const GgufFile& projector, std::span<const TensorView* const> parts, OwnedTensors* owned,
                 TensorView* out) {
  *out = *parts[0];
  std::vector<uint8_t>& bytes = owned->bytes.emplace_back();
  out->shape[0] = 0;
  for (const TensorView* part : parts) {
    const bool alike = part->dtype == parts[0]->dtype && part->rank == parts[0]->rank && part->dtype != DType::other &&
                       std::equal(part->shape + 1, part->shape + part->rank, parts[0]->shape + 1);
    if (!alike) return cannot_join(projector, part->name);
    out->shape[0] += part->shape[0];
    bytes.insert(bytes.end(), part->bytes.begin(), part->bytes.end());
  }
  out->bytes = {bytes.data(), bytes.size()};
  return Status::ok();
}

// A convolution over two pictures, stored as two: [rows, colors, patch, patch] each.
Status join_times(const GgufFile& projector, const TensorView& first, const TensorView& second, OwnedTensors* owned,
                  TensorView* out) {
  if (first.rank != 4 || second.rank != 4 || first.dtype != second.dtype || first.dtype == DType::other ||
      first.bytes.empty() || !std::equal(first.shape, first.shape + 4, second.shape))
    return cannot_join(projector, second.name);
  const size_t planes = first.shape[0] * first.shape[1], plane_bytes = first.bytes.size() / planes;
  std::vector<uint8_t>& bytes = owned->bytes.emplace_back(2 * first.bytes.size());
  for (size_t plane = 0; plane < planes; ++plane) {
    std::memcpy(bytes.data() + 2 * plane * plane_bytes, first.bytes.data() + plane * plane_bytes, plane_bytes);
    std::memcpy(bytes.data() + (2 * plane + 1) * plane_bytes, second.bytes.data() + plane * plane_bytes, plane_bytes);
  }
  *out = first;
  out->rank = 5;
  out->shape[4] = first.shape[3];
  out->shape[3] = first.shape[2];
  out->shape[2] = 2;
  out->bytes = {bytes.data(), bytes.size()};
  return Status::ok();
}

// "v.blk.{}.attn_q" with a layer's number and a suffix, which has no dot behind a name that ends with "_".
std::string with_layer(std::string_view pattern, std::string_view layer, std::string_view suffix) {
  std::string text(pattern);
  if (const size_t place = text.find("{}"); place != std::string::npos) text.replace(place, 2, layer);
  return text.append(suffix.substr(pattern.ends_with('_') && suffix.starts_with('.')));
}

// What stands for "{}" in a name of the pattern, and the suffix behind it.
bool parse_name(std::string_view name, std::string_view pattern, std::string_view* layer, std::string_view* suffix) {
  const size_t place = pattern.find("{}");
  if (!name.starts_with(pattern.substr(0, place))) return false;
  if (place == std::string_view::npos) {
    *suffix = name.substr(pattern.size());
    return suffix->starts_with(".");
  }
  const std::string_view after = pattern.substr(place + 2), rest = name.substr(place);
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  *layer = rest.substr(0, digits);
  *suffix = rest.substr(std::min(digits + after.size(), rest.size()));
  return digits != 0 && rest.substr(digits).starts_with(after) && suffix->starts_with(".");
}

// Adds what a family has as one tensor and the file as several; their names go to `taken`.
Status add_joined(const GgufFile& projector, const GgufTensorName& name, OwnedTensors* owned,
                  std::vector<TensorView>* out, std::vector<std::string_view>* taken) {
  std::vector<std::string_view> patterns;
  for (std::string_view rest = name.gguf;;) {
    const size_t bar = rest.find('|');
    patterns.push_back(rest.substr(0, bar));
    if (bar == std::string_view::npos) break;
    rest = rest.substr(bar + 1);
  }
  for (const TensorView& tensor : projector.tensors()) {
    std::string_view layer, suffix;
    if (!parse_name(tensor.name, patterns[0], &layer, &suffix)) continue;
    std::vector<const TensorView*> parts;
    for (const std::string_view pattern : patterns) {
      parts.push_back(tensor_of(projector, with_layer(pattern, layer, suffix)));
      if (parts.back() == nullptr) return cannot_join(projector, tensor.name);
      taken->push_back(parts.back()->name);
    }
    MICA_TRY(join_rows(projector, parts, owned, &out->emplace_back()));
    out->back().name = owned->names.emplace_back(with_layer(name.huggingface, layer, suffix));
  }
  return Status::ok();
}

}  // namespace

bool is_gguf_projector(const GgufFile& file) {
  const GgufValue *architecture = file.find("general.architecture"), *type = file.find("general.type");
  return (architecture != nullptr && architecture->text == "clip") || (type != nullptr && type->text == "mmproj");
}

Status find_gguf_projector(const GgufFile& text, const GgufFile& projector, std::span<const GgufFamily> families,
                           const GgufFamily** out) {
  std::string_view type, architecture;
  MICA_TRY(projector_type(projector, &type));
  MICA_TRY(text.get_string("general.architecture", &architecture));
  std::string known;
  for (const GgufFamily& family : families) {
    if (family.projector.empty()) continue;
    const bool told = family.told_by.empty() || tensor_of(projector, family.told_by) != nullptr;
    const bool texts = family.architecture.empty() || family.architecture == architecture;
    if (family.projector == type && texts && told) {
      *out = &family;
      const Status width = check_width(text, architecture, projector);
      if (!width) *out = nullptr;
      return width;
    }
    const std::string name(family.projector);
    if ((", " + known + ",").find(", " + name + ",") == std::string::npos) known += (known.empty() ? "" : ", ") + name;
  }
  return Status::error(Code::unsupported,
                       "%s: its projector \"%s\" with a text of \"%s\" is none that mica reads; it does %s",
                       projector.name().c_str(), std::string(type.substr(0, 64)).c_str(),
                       std::string(architecture.substr(0, 64)).c_str(), known.c_str());
}

Status check_projector_keys(const GgufFile& projector, const GgufFamily& family) {
  for (const GgufKey& key : projector.keys()) {
    const auto reads = [&](std::string_view document) { return document.find(key.name) != std::string_view::npos; };
    if (!key.name.starts_with("clip.") || key.name.starts_with("clip.audio.") || reads(family.config) ||
        reads(family.processor))
      continue;
    for (const std::string_view refused : kRefused)
      if (key.name == refused)
        return projector.error(Code::unsupported, key.name, "is of pictures that mica does not read from GGUF files");
    const bool known = std::any_of(std::begin(kWithoutEffect), std::end(kWithoutEffect),
                                   [&](std::string_view name) { return key.name == name; });
    if (!known)
      log_message(LogLevel::warning, "%s: %.*s is not a key that mica knows; it has no effect here",
                  projector.name().c_str(), static_cast<int>(key.name.size()), key.name.data());
  }
  return Status::ok();
}

Status read_projector_tensors(const GgufFile& projector, const GgufFamily& family, OwnedTensors* owned,
                              std::vector<TensorView>* out) {
  constexpr std::string_view kSecond = ".weight.1";
  const bool exchanged = has_exchanged_names(projector);
  std::vector<std::string_view> taken;
  for (const GgufTensorName& name : family.names)
    if (!name.gguf.starts_with("blk.") && name.gguf.find('|') != std::string_view::npos)
      MICA_TRY(add_joined(projector, name, owned, out, &taken));
  for (const TensorView& tensor : projector.tensors()) {
    if (tensor.name.ends_with(kSecond) || std::find(taken.begin(), taken.end(), tensor.name) != taken.end()) continue;
    TensorView view = tensor;
    if (const TensorView* second = tensor_of(projector, std::string(tensor.name) + ".1"))
      MICA_TRY(join_times(projector, tensor, *second, owned, &view));
    MICA_TRY(reorder_gguf_tensor(projector, gguf_tensor_order(tensor.name, family), owned, &view));
    std::string name = true_name(tensor.name, exchanged);
    count_taps(projector, &name);
    view.name = owned->names.emplace_back(huggingface_tensor_name(name, family));
    out->push_back(view);
  }
  return Status::ok();
}

}  // namespace mica
