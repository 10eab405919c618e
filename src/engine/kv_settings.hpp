// KvSettings: how a session's keys and values are kept, from options in words. Not the cache: kv_cache.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "packed_span.hpp"
#include "status.hpp"

namespace mica {

struct Model;

struct KvSettings {
  uint32_t text_bits = 16;           // or 32, 8, or 4
  KvLevelRule levels;
  std::vector<uint8_t> visual_bits;  // of each layer: 1, 2, 4, or what rows that are not packed have, 16 or 32
  bool values_are_rotated = false;   // by the model itself (static_format.hpp: head_rotation)

  static bool is_packed(uint32_t bits) { return bits < 16; }
  bool packs_text() const { return is_packed(text_bits); }
  bool packs_visual() const;
  bool packs() const { return packs_text() || packs_visual(); }
  // Of a value of the rows that are not packed: of either kind, which lie together.
  uint32_t float_bits() const { return text_bits == 32 ? 32 : 16; }
};

// As a caller says them; zero and null stand for the default.
struct KvOptions {
  uint32_t visual_bits = 0;             // of every layer; 0: what the model's file prefers, else kVisualBitsDefault
  uint32_t text_bits = 0;               // 0: as visual_bits where these are 32, else 16
  const char* levels = nullptr;         // "token", "centroid", "quantile=ALPHA", "calibquant"
  const char* visual_layers = nullptr;  // exceptions, layers counted from 0: "0-3=4,27=2"
};

// Errors: invalid_argument by the option's name; heads that cannot be packed are refused when bits are asked for, and
// kept in float16 when nothing is said.
Status resolve_kv(const Model& model, const KvOptions& wanted, KvSettings* out);

// The words again: "token", "quantile=0.2".
const char* rule_name(KvRule rule);

}  // namespace mica
