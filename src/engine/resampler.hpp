// Resampler: learned queries that look at the rows of a picture once (cross attention), so that every picture becomes
// as many rows as there are queries. Not the norms and matrices before and behind it, which are steps (step_run.hpp).
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "attention.hpp"
#include "enter.hpp"
#include "model_spec.hpp"
#include "patch_order.hpp"
#include "weights.hpp"

namespace mica {

class Resampler {
 public:
  // Takes its buffers from the arena, for up to `rows` rows of a picture.
  void plan(const VisionSpec& vision, size_t rows, Arena* arena);
  // rows: [order.count()][width]; out: [queries][width]. Returns false when an observer stopped it (rows.hpp).
  bool run(const Compute& compute, const VisionSpec& vision, const StepWeights& weights, const PatchOrder& order,
           const float* rows, float* out) const;

  static AttentionShape shape(const VisionSpec& vision);

 private:
  size_t key_head_stride_ = 0;
  float* placed_ = nullptr;       // [rows][width]: with their positions; then queries with theirs
  float* queries_ = nullptr;      // [queries][width]
  float* keys_ = nullptr;         // [rows][width]
  float* values_ = nullptr;
  float* packed_keys_ = nullptr;  // [heads][blocks][head_dim][32]
  float* attended_ = nullptr;     // [queries][width]
  RowBuffers rows_;
};

}  // namespace mica
