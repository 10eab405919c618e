// Block: the pieces that decoder layers and vision layers share: norm, projections, MLP, residual additions. One code
// for both loops; what differs is in LayerWeights. Not attention's choice of keys: decoder.cpp and vision.cpp.
#pragma once

#include <cstddef>
#include <span>

#include "arena.hpp"
#include "compute.hpp"
#include "enter.hpp"
#include "model_spec.hpp"
#include "weights.hpp"

namespace mica {

// Buffers of a loop over layers, for at most `rows` rows. Widths differ between decoder and tower.
struct BlockBuffers {
  float* x = nullptr;       // [rows][hidden]: the residual stream
  RowBuffers rows;          // [rows][max(hidden, mixed_width)], and for the MLP [mlp_rows][feed_forward]
  float* qkv = nullptr;     // [rows][qkv_stride]: q, then k, then v, or what else a layer projects its rows to
  size_t qkv_stride = 0;
  float* mlp = nullptr;     // [mlp_rows][2 * feed_forward]: gate and up; or [rows][layer_input]
  size_t mlp_rows = 0;      // rows that pass through the MLP at once
  float* added = nullptr;   // [rows][hidden]: what is still to pass a norm, or to be kept, before it is added
  RowBuffers between;        // [rows][factor_width]: what first factors give
  float* kept = nullptr;     // rows that enter a matrix which keeps them (kept_rows.hpp)
};

struct BlockShape {
  size_t hidden = 0;
  size_t projected_width = 0;  // the most that a layer projects a row to
  size_t mixed_width = 0;      // the most that it gives to the matrix that adds to the stream
  size_t feed_forward = 0;     // the widest of its layers
  size_t factor_width = 0;     // the most that a first factor gives; 0: there are none
  size_t layer_input = 0;      // of what each layer is told of the token itself; 0: nothing
  Norm norm = Norm::rms;
  float epsilon = 0;
  Activation activation = Activation::silu;
  bool norms_before = true;  // what enters attention and MLP is normed
  bool post_norms = false;  // what attention or the MLP gives passes a norm before it is added
  bool keeps_rows = false;  // matrices keep the rows that enter and leave them
  const StreamTransform* stream = nullptr;
};

// The widths of a loop over these layers.
size_t projected_width(std::span<const LayerWeights> layers);
size_t mixed_width(std::span<const LayerWeights> layers);
size_t feed_forward_width(std::span<const LayerWeights> layers);

// Takes the buffers for `rows` rows of which `mlp_rows` pass through the MLP at once.
void plan_block(const BlockShape& shape, size_t rows, size_t mlp_rows, Arena* arena, BlockBuffers* buffers);

// Whether any layer has a norm behind its attention or its MLP.
bool has_post_norms(std::span<const LayerWeights> layers);

// Whether any matrix of a layer keeps its rows.
bool keeps_rows(std::span<const LayerWeights> layers);

// Of Compute::scratch, what the matrices of all these layers need: each may be stored in its own way.
size_t layers_scratch_bytes(std::span<const LayerWeights> layers);

// Each returns false when an observer stopped it (rows.hpp).
// qkv = projections of norm(x), by all matrices of the layer that read it, in the order of their slots.
bool project_qkv(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                 const BlockBuffers& buffers, size_t rows, size_t visual);
// x += scale * output(rows.values), where attention put what it gave, or a layer of another kind.
bool add_attention(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                   const BlockBuffers& buffers, size_t rows, size_t visual);
// x += scale * down(act(gate(norm(x))) * up(norm(x))), or without the gate act(up(norm(x))).
bool add_mlp(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
             size_t rows, size_t visual);

// x += norm(out(act(gate(x)) * input)), rows of `inputs` `stride` floats apart. All in float.
void add_layer_input(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                     const BlockBuffers& buffers, const float* inputs, size_t stride, size_t rows);

}  // namespace mica
