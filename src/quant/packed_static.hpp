// The static parts of a packed file as they are written: scales of the points, signs, and what the streams do online.
// Their meaning: static_format.hpp; their reading: engine/static_weights.cpp.
#pragma once

#include "own_bytes.hpp"
#include "packed_tensors.hpp"
#include "status.hpp"
#include "weights.hpp"

namespace mica {

struct StaticChoice {
  bool aifs;    // visual rows of a chunk first
  bool vision;  // towers have integer weights
};

struct PackedTarget {
  OwnedBytes* memory;  // of what is added
  PackedTensors* tensors;
  MetadataList* documents;
};

Status add_static_parts(const ModelSpec& spec, const StaticChoice& choice, Weights* weights, const PackedTarget& out);

}  // namespace mica
