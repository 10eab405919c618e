// Resampler: queries, keys with positions, values without. Not arithmetic: ops/.
#include "resampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "checked.hpp"
#include "linear.hpp"
#include "position_table.hpp"

namespace mica {
namespace {

// Sines and cosines of a place's column and row, each in half of the channels (get_2d_sincos_pos_embed of MAE's code).
void add_waves(const Compute& compute, const PatchOrder& order, float* rows, size_t width) {
  const size_t waves = width / 4;
  for_rows(compute, order.count(), [&](size_t i) {
    const PatchPlace place = order.place(i);
    for (size_t wave = 0; wave < waves; ++wave) {
      const float share = static_cast<float>(wave) / static_cast<float>(waves);
      const float frequency = 1.0f / std::pow(10000.0f, share);
      float* to = rows + i * width + wave;
      for (const uint32_t at : {place.column, place.row}) {
        const auto angle = static_cast<double>(static_cast<float>(at) * frequency);
        to[0] += static_cast<float>(std::sin(angle));
        to[waves] += static_cast<float>(std::cos(angle));
        to += 2 * waves;
      }
    }
  });
}

}  // namespace

AttentionShape Resampler::shape(const VisionSpec& v) {
  const size_t heads = v.query_heads;
  return {.heads = heads, .kv_heads = heads, .head_dim = heads ? v.query_width / heads : 0};
}

void Resampler::plan(const VisionSpec& v, size_t rows, Arena* arena) {
  const size_t width = v.query_width, queries = v.queries, most = std::max(rows, queries);
  key_head_stride_ = round_up(rows, kKeyBlock) * shape(v).head_dim;
  placed_ = arena->take<float>(most * width);
  queries_ = arena->take<float>(queries * width);
  keys_ = arena->take<float>(rows * width);
  values_ = arena->take<float>(rows * width);
  packed_keys_ = arena->take<float>(key_head_stride_ * v.query_heads);
  attended_ = arena->take<float>(queries * width);
  rows_.quantized = arena->take<int8_t>(most * quantized_row_bytes(width));
  rows_.sums = arena->take<int32_t>(most);
}

bool Resampler::run(const Compute& compute, const VisionSpec& v, const StepWeights& weights, const PatchOrder& order,
                    const float* rows, float* out) const {
  const size_t width = v.query_width, queries = v.queries, count = order.count();
  const float* table = weights.vectors[Slot::resampler_positions];
  const auto multiply = [&](Slot slot, const float* from, size_t from_count, float* to) {
    const Matrix& matrix = weights.matrices[slot];
    const QuantPoint& point = weights.points[part_of(slot).reads];
    const Rows in = enter_rows(compute, point, matrix, from, width, from_count, from_count, width, rows_);
    if (in.count != 0) linear(compute, to, width, in, matrix);
    return in.count != 0;
  };
  norm_rows(compute, v.projector_norm, weights.norms[Slot::resampler_query_norm], v.projector_norm_epsilon, placed_,
            width, weights.vectors[Slot::resampler_queries], width, queries, width);
  if (table != nullptr) add_rows(compute, placed_, table, queries, width);
  if (!multiply(Slot::resampler_query, placed_, queries, queries_)) return false;

  std::memcpy(placed_, rows, count * width * sizeof(float));
  if (table != nullptr)
    add_positions(compute, PositionRule::bicubic_centers, table, v.query_side, order, placed_, width);
  else
    add_waves(compute, order, placed_, width);
  if (!multiply(Slot::resampler_key, placed_, count, keys_) || !multiply(Slot::resampler_value, rows, count, values_))
    return false;

  const AttentionShape heads = shape(v);
  const size_t d = heads.head_dim;
  parallel_for(compute, heads.heads, [&](size_t head, int) {
    pack_keys(compute, packed_keys_ + head * key_head_stride_, keys_ + head * d, width, count, d);
  });
  KeyValueRun run;
  run.count = count;
  run.keys_f32 = packed_keys_;
  run.key_head_stride = key_head_stride_;
  run.values_f32 = values_;
  run.value_stride = width;
  run.value_head_stride = d;
  attention(compute, heads, queries_, width, queries, &run, 1, attended_, width);
  return multiply(Slot::resampler_output, attended_, queries, out);
}

}  // namespace mica
