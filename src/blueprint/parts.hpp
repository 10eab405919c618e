// Parts: what a model is made of, as rows that the loader, the checks, the memory plan, the transform, the quantizer
// and the descriptions iterate over. Not names in files (family.hpp), not the flow (engine/block.hpp, steps.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "model_spec.hpp"

namespace mica {

// Every place that a tensor can take. Slots of a kind stand together, those that each layer has first (BySlot).
enum class Slot : uint8_t {
  qkv, query, key, value, output, gate, up, down,         // matrices of layers
  // Of layers with experts by modality: what visual rows have in place of those from `query` on, in the same order.
  visual_query, visual_key, visual_value, visual_output, visual_gate, visual_up, visual_down,
  // Of layers whose attention is gated, and of those without attention.
  attention_gate, convolution_in, delta_in, delta_gate, delta_strength, delta_decay, convolution_out, delta_out,
  layer_input_gate, layer_input_out,                      // of layers that are told of the token itself
  // Of a tower. A projector may merge patches by a matrix, then go through another to a norm that no matrix takes over.
  patch_embedding, projector_merge, projector_first, projector_gate, projector_up, projector_down,
  // Of a resampler: what it reads is made by the first, what it gives passes the last.
  resampler_in, resampler_query, resampler_key, resampler_value, resampler_output, resampler_out,
  inner_up, inner_down,                                   // of what merges rows between layers
  embedding, lm_head, layer_input_table, layer_input_projection,  // of a decoder
  // Norms of layers.
  attention_norm, attention_post_norm, mlp_norm, mlp_post_norm, query_norm, key_norm, delta_norm, value_norm,
  layer_input_norm,
  patch_norm, pre_norm, post_norm, projector_norm, projector_inner_norm,  // of a tower
  resampler_norm, resampler_query_norm, resampler_post_norm, inner_norm,
  final_norm, layer_inputs_norm,                          // of a decoder
  attention_scale, mlp_scale,                             // other vectors of layers
  convolution, convolution_bias, delta_convolution, decay_rate, decay_bias, layer_scale,
  class_token, position_embedding, feature_mean, feature_scale, row_end, picture_begin, picture_end,  // of a tower
  resampler_queries, resampler_positions,
  count,
};

// The matrix that visual rows have in place of a slot's, where a layer has experts by modality; count: none.
constexpr Slot visual_slot(Slot slot) {
  if (slot < Slot::query || slot > Slot::down) return Slot::count;
  return static_cast<Slot>(static_cast<uint8_t>(slot) - static_cast<uint8_t>(Slot::query) +
                           static_cast<uint8_t>(Slot::visual_query));
}
static_assert(visual_slot(Slot::down) == Slot::visual_down);

// Sections of a checkpoint: in each of them names have a root of their own (family.hpp).
enum class Section : uint8_t {
  decoder, head, vision, projector, tap,
  frames,  // a second tower, for a video's frames, with the first one's slots
  inner,   // a tower's attention within squares of rows, before they are merged between its layers
  count
};
constexpr bool is_tower(Section section) { return section == Section::vision || section == Section::frames; }

// Where a tensor belongs.
struct Place {
  Section section;
  Slot slot;
  uint32_t layer = 0;  // or tap
};

// A value for each slot from `first` to `last`.
template <class T, Slot first, Slot last>
class BySlot {
 public:
  T& operator[](Slot slot) { return values_[static_cast<size_t>(slot) - static_cast<size_t>(first)]; }
  const T& operator[](Slot slot) const { return values_[static_cast<size_t>(slot) - static_cast<size_t>(first)]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::array<T, static_cast<size_t>(last) - static_cast<size_t>(first) + 1> values_{};
};

// Sizes that parts have, by name.
enum class Width : uint8_t {
  none,              // 0
  hidden,            // of the residual stream
  head,              // of one head
  head_norm,         // of what a norm of queries or keys is over: a head, or all of them
  query, key,        // heads * head_dim, kv_heads * head_dim
  query_key, qkv,    // query and key, query and key and value behind each other
  feed_forward,
  merged,            // behind the matrix that merges patches
  convolution_in, convolution,            // of a convolution's layer: what enters it, and its taps
  delta_in, delta_convolution,            // of a delta layer: queries, keys and values, and their taps
  delta_value, delta_heads, delta_head,   // values of all heads, a number a head of them, values of one
  layer_input,       // what a layer is told of the token itself
  one,
  projector,         // between a projector's matrices
  inner,             // between those of what merges rows between layers
  resampled,         // of a resampler's rows
  output,            // of a projector's rows
  count,
};

// Where rows enter linear layers: each has a quant point (ops/rows.hpp). The order is that of the points in a file.
enum class Site : uint8_t {
  attention_in, output_in, mlp_in, down_in,     // of each layer
  patches_in, projector_merge_in, projector_first_in, projector_in, projector_down_in,  // of a tower
  resampler_in, resampler_query_in, resampler_key_in, resampler_value_in, resampler_output_in, resampler_out_in,
  inner_up_in, inner_down_in,
  count,
};

// A value for each site from `first` to `last`.
template <class T, Site first, Site last>
class BySite {
 public:
  T& operator[](Site site) { return values_[static_cast<size_t>(site) - static_cast<size_t>(first)]; }
  const T& operator[](Site site) const { return values_[static_cast<size_t>(site) - static_cast<size_t>(first)]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::array<T, static_cast<size_t>(last) - static_cast<size_t>(first) + 1> values_{};
};

struct SiteInfo {
  Site site;
  const char* name;     // "attention_in" of "layers.7.attention_in"
  bool online = false;  // its rows are rotated online, and channels of them may stay in float
};

// Spaces of the static format (engine/static_format.hpp).
enum class Space : uint8_t {
  own,     // as the checkpoint has it
  stream,  // the residual stream's
  heads,   // rotated head by head, offline
  online,  // rotated online as rows enter
};

// What says whether a matrix has a bias, or whether a layer has a norm.
enum class SaidBy : uint8_t {
  file, qkv_bias, output_bias, mlp_bias, head_norms, convolution_bias, projector_bias, count
};

enum class PartKind : uint8_t { matrix, norm, vector };

// Kinds of layers as a set.
using LayerKinds = uint8_t;
constexpr LayerKinds only_in(LayerKind kind) { return static_cast<LayerKinds>(1u << static_cast<unsigned>(kind)); }
inline constexpr LayerKinds kEveryLayer = 0xFF;

// Which of them a model has is said by the names of its family.
struct PartInfo {
  Slot slot;
  PartKind kind;
  Width rows = Width::none;       // of a matrix; of others of layers how many values
  SaidBy said_by = SaidBy::file;  // whether it is there, or, of a matrix, its bias
  // Of matrices:
  const char* name = nullptr;     // "down" of "layers.7.down", in reports
  Width columns = Width::none;    // of layers; around them as the rows are that the steps give
  Site reads = Site::count;
  Slot norm = Slot::count;        // whose weight and bias the static format folds into it; count: none
  Slot scale = Slot::count;       // likewise the LayerScale of what it adds
  Space in = Space::own;          // of what it reads
  Space out = Space::own;         // of the rows that it gives, from `out_first` on
  Width out_first = Width::none;
  Section section = Section::count;  // of parts of a tower that are no layer's
  bool visual = false;               // an expert that visual rows alone pass through
  LayerKinds layers = kEveryLayer;   // of a layer's parts: which layers have it
  bool LayerSpec::*lacking = nullptr;  // and what says of one of these that it has not
};

std::span<const SiteInfo> sites_of_layers();
const char* name_of(Site site);
// In the order of computation.
std::span<const PartInfo> parts_of_layers();
// Around a tower's layers; in what order they are used is said by steps (steps.hpp).
std::span<const PartInfo> parts_of_tower();
const PartInfo& part_of(Slot slot);

struct NormSpec {
  Norm kind;
  float epsilon;
};
// Of a norm around a tower's layers.
NormSpec norm_of_tower(const VisionSpec& vision, Slot slot);

// True for norms and scales that the static format folds into matrices.
bool is_folded(Slot slot);
// True for slots that each layer has.
bool is_layered(Slot slot);
inline bool is_part_of(const PartInfo& part, const LayerSpec& layer) {
  return (part.layers & only_in(layer.kind)) != 0 && (part.lacking == nullptr || !(layer.*part.lacking));
}

// What a field of config.json says, and what it is called.
struct Said {
  bool known = false;  // false: whatever is stored
  bool has = false;
  const char* field = "";
};

// A stream of residuals and the shape of its layers: the decoder's or the tower's.
struct StreamSpec {
  Section section = Section::decoder;
  const char* prefix = "";  // of its layers' names in reports: "vision."
  uint32_t layers = 0;      // that are used
  Norm norm = Norm::rms;
  std::array<size_t, static_cast<size_t>(Width::count)> widths{};
  std::array<Said, static_cast<size_t>(SaidBy::count)> said{};

  const DecoderSpec* decoder = nullptr;  // whose layers may differ in their widths; null: all are alike

  // The same with the widths of one of its layers.
  StreamSpec at(uint32_t layer) const;
  LayerSpec layer(uint32_t index) const { return decoder != nullptr ? decoder->layer(index) : LayerSpec{}; }
  size_t width(Width name) const { return widths[static_cast<size_t>(name)]; }
  const Said& says(SaidBy by) const { return said[static_cast<size_t>(by)]; }
};
StreamSpec decoder_stream(const ModelSpec& spec);
StreamSpec vision_stream(const ModelSpec& spec);
// Of the tower for frames, whose shape is the first one's.
StreamSpec frame_stream(const ModelSpec& spec);
// The tower's, of its one layer of attention alone, if it has that (Section::inner).
StreamSpec inner_stream(const ModelSpec& spec);

}  // namespace mica
