// Names of tensors in GGUF files and in Hugging Face's. Not a check that a model has them all.
#include <algorithm>

#include "gguf_import.hpp"

namespace mica {

namespace {

constexpr std::string_view kLayer = "{}";

// Whether `name` follows the pattern; *layer becomes what stands in the place of "{}".
bool follows(std::string_view name, std::string_view pattern, std::string_view* layer) {
  const size_t place = pattern.find(kLayer);
  if (place == std::string_view::npos) return name == pattern;
  const std::string_view before = pattern.substr(0, place), after = pattern.substr(place + kLayer.size());
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) return false;
  *layer = name.substr(before.size(), name.size() - before.size() - after.size());
  return std::all_of(layer->begin(), layer->end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string huggingface_tensor_name(std::string_view gguf_name, const GgufFamily& family) {
  const size_t last_dot = gguf_name.rfind('.');
  if (last_dot == std::string_view::npos) return std::string(gguf_name);
  // Without its suffix, or, where it has none, whole.
  for (const size_t stem : {last_dot, gguf_name.size()})
    for (const GgufTensorName& name : family.names) {
      std::string_view layer;
      if (!follows(gguf_name.substr(0, stem), name.gguf, &layer)) continue;
      std::string text = name.huggingface;
      const size_t place = text.find(kLayer);
      if (place != std::string::npos) text.replace(place, kLayer.size(), layer);
      return text.append(gguf_name.substr(stem));
    }
  return std::string(gguf_name);
}

}  // namespace mica
