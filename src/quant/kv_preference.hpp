// KvPreference: what a packed file says about the bits of visual keys and values. Not its reading: engine/model.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packed_documents.hpp"
#include "static_format.hpp"

namespace mica {

// `bits` of each decoder layer (1, 2, 4 or 16); empty: the file says nothing.
inline void add_kv_preference(const std::vector<uint8_t>& bits, MetadataList* documents) {
  if (bits.empty()) return;
  std::string text = "[";
  for (const uint8_t value : bits) text += (text.size() > 1 ? ", " : "") + std::to_string(value);
  documents->emplace_back(static_format::kKvVisualKey, text + "]");
}

}  // namespace mica
