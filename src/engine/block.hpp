// Block: the pieces that decoder layers and vision layers share: norm, projections, MLP, residual additions. One code
// for both loops; what differs is in LayerWeights. Not attention's choice of keys: decoder.cpp and vision.cpp.
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "compute.hpp"
#include "enter.hpp"
#include "model_spec.hpp"
#include "weights.hpp"

namespace mica {

// Buffers of a loop over layers, for at most `rows` rows. Widths differ between decoder and tower.
struct BlockBuffers {
  float* x = nullptr;       // [rows][hidden]: the residual stream
  RowBuffers rows;          // [rows][max(hidden, heads * head_dim)], and for the MLP [mlp_rows][feed_forward]
  float* qkv = nullptr;     // [rows][qkv_stride]: q, then k, then v
  size_t qkv_stride = 0;
  float* mlp = nullptr;     // [mlp_rows][2 * feed_forward]: gate and up
  size_t mlp_rows = 0;      // rows that pass through the MLP at once
};

struct BlockShape {
  size_t hidden = 0;
  size_t query_width = 0;  // heads * head_dim
  size_t key_width = 0;    // kv_heads * head_dim
  size_t feed_forward = 0;
  Norm norm = Norm::rms;
  float epsilon = 0;
  Activation activation = Activation::silu;
  const simd::RotationPlan* down_rotation = nullptr;  // of what enters `down`
};

// Takes the buffers for `rows` rows of which `mlp_rows` pass through the MLP at once.
void plan_block(const BlockShape& shape, size_t rows, size_t mlp_rows, Arena* arena, BlockBuffers* buffers);

// Each of `heads` heads at the start of each row, in place: RMSNorm over head_dim. A null weight does nothing.
void norm_heads(const Compute& compute, const float* weight, float epsilon, float* x, size_t stride, size_t rows,
                size_t heads, size_t head_dim);

// Each returns false when an observer stopped it (rows.hpp).
// qkv = projections of norm(x).
bool project_qkv(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                 const BlockBuffers& buffers, size_t rows, size_t visual);
// x += scale * output(rows.values), where attention put what it gave.
bool add_attention(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                   const BlockBuffers& buffers, size_t rows, size_t visual);
// x += scale * down(act(gate(norm(x))) * up(norm(x))), or without the gate act(up(norm(x))).
bool add_mlp(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
             size_t rows, size_t visual);

}  // namespace mica
