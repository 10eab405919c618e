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

// The row of a name, and how much of that it stands for; null: none.
const GgufTensorName* find_row(std::string_view name, const GgufFamily& family, size_t* stem, std::string_view* layer) {
  // Whole, as some are listed, or without its suffix.
  for (const size_t length : {name.size(), name.rfind('.')})
    for (const GgufTensorName& row : family.names) {
      *stem = length;
      if (length != std::string_view::npos && follows(name.substr(0, length), row.gguf, layer)) return &row;
    }
  return nullptr;
}

}  // namespace

std::string huggingface_tensor_name(std::string_view gguf_name, const GgufFamily& family) {
  size_t stem = 0;
  std::string_view layer;
  const GgufTensorName* row = find_row(gguf_name, family, &stem, &layer);
  if (row == nullptr) return std::string(gguf_name);
  std::string text = row->huggingface;
  const size_t place = text.find(kLayer);
  if (place != std::string::npos) text.replace(place, kLayer.size(), layer);
  return text.append(gguf_name.substr(stem));
}

GgufOrder gguf_tensor_order(std::string_view gguf_name, const GgufFamily& family) {
  size_t stem = 0;
  std::string_view layer;
  const GgufTensorName* row = find_row(gguf_name, family, &stem, &layer);
  return row != nullptr ? row->order : GgufOrder::same;
}

}  // namespace mica
