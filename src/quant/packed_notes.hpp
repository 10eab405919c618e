// PackedNotes: what a packed file says about its model beside weights and documents. Not its reading: engine/model.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packed_documents.hpp"
#include "static_format.hpp"

namespace mica {

struct PackedNotes {
  std::vector<uint8_t> kv_visual_bits;  // of each decoder layer, what the file prefers (1, 2, 4 or 16); empty: nothing
  std::string description;              // what the model is for; empty: nothing is said
};

inline void add_notes(const PackedNotes& notes, MetadataList* documents) {
  if (!notes.description.empty()) documents->emplace_back(static_format::kDescriptionKey, notes.description);
  if (notes.kv_visual_bits.empty()) return;
  std::string text = "[";
  for (const uint8_t value : notes.kv_visual_bits) text += (text.size() > 1 ? ", " : "") + std::to_string(value);
  documents->emplace_back(static_format::kKvVisualKey, text + "]");
}

}  // namespace mica
