// StepRun: runs the lists of steps that stand before, beside and behind a tower's layers (blueprint/steps.hpp). Not the layers:
// block.hpp.
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "enter.hpp"
#include "model.hpp"
#include "pixels.hpp"
#include "resampler.hpp"
#include "steps.hpp"

namespace mica {

// Where rows lie between steps.
struct StepBuffers {
  float* between[2] = {};  // rows that steps make, in turn
  float* factors = nullptr;  // what the rows of a gate are multiplied by
  Resampler resampler;     // of Op::attend
  RowBuffers rows;         // rows that enter matrices

  // Takes them from the arena, for the steps of all lists over up to `patches` patches.
  void plan(const ModelSpec& spec, size_t patches, Arena* arena);
};

// Rows on their way: `writable` is `values`, or null where they may not be changed.
struct StepInput {
  const float* values;
  float* writable;
};

// Runs the steps over the patches of one tile; what they give comes to lie at `out`. Returns false when an observer
// stopped it (rows.hpp).
bool run_steps(const Compute& compute, const Model& model, const StepWeights& weights, const PixelPlan& plan,
               const StepPlan& steps, const StepBuffers& buffers, StepInput in, float* out);

}  // namespace mica
