// Steps: what a tower does before and behind its layers, as short lists that a family's data holds. Not their
// arithmetic: engine/steps.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "parts.hpp"

namespace mica {

enum class Op : uint8_t {
  linear,    // rows times the slot's matrix
  prepend,   // the slot's vector becomes a row before the others
  add,       // the slot's values are added, a row of them to each row
  resample,  // the slot's table of positions, resampled to the grid, is added
  norm,      // by the slot's norm
  features,  // leaves the rows before the patches out, unless the spec keeps them (keep_class_token)
  merge,     // merge x merge patches of the grid, which stand row by row, become one row
  join,      // merge x merge patches, which follow each other, become one row
  activate,  // by the step's activation
  rejoin,    // of all tiles: rows of those of a grid become one grid, each row of which ends with the slot's vector
  glu,       // rows times the slot's matrix, activated by the gate's activation, times those by the second slot's
  to_windows,    // rows come to stand window by window (VisionSpec::window)
  append,    // the slot's vector becomes a row behind the others
  divide,    // by VisionSpec::divisor
  attend,    // queries look at the rows and become rows themselves (engine/resampler.hpp)
  pool,      // windows of the grid become one row each (VisionSpec::pool_side, pool), without those that are not filled
  halve,     // the grid becomes half as high and as wide, rounded up, by bilinear interpolation
  spread,    // values from 0 to 1 become values from -1 to 1
  add_axes,  // of the slot's table the entries of a patch's column and row are added
  standardize,  // the slot's values are taken off each row, which is multiplied by the second slot's
  from_windows,  // rows, of which each is one of merge x merge patches, come to stand as they would without windows
  add_mean,  // to each row the mean of the merge x merge ones that were joined to it
};

struct Step {
  Op op;
  Slot slot = Slot::count;
  bool VisionSpec::*when = nullptr;  // null: always
  Slot second = Slot::count;
  Activation VisionSpec::*activation = &VisionSpec::projector_activation;
};

inline constexpr size_t kStepsMax = 16;

struct StepList {
  constexpr StepList() = default;
  template <size_t count>
  constexpr StepList(const Step (&list)[count]) : steps(list) {
    static_assert(count <= kStepsMax);
  }
  std::span<const Step> steps;
};

// Rows between two steps.
struct StepRows {
  size_t width = 0;    // values of each
  size_t side = 1;     // of the square of patches that a row is made of
  size_t before = 0;   // rows before those of patches
  size_t streams = 0;  // pieces of the residual stream that a row consists of; 0: none
  size_t behind = 0;   // rows behind those of patches
  size_t fixed = 0;    // so many rows in place of those of patches, whatever the grid; 0: none
  bool rounded_up = false;  // squares at the right and lower ends that are not filled have rows, too

  // Rows along a side of the grid, whose patches at the right and lower ends are left out where they do not fill a
  // row's square, unless it is rounded up.
  size_t along(size_t grid_patches) const { return (grid_patches + (rounded_up ? side - 1 : 0)) / side; }
  size_t count(size_t grid_rows, size_t grid_columns) const {
    return before + (fixed != 0 ? fixed : along(grid_rows) * along(grid_columns)) + behind;
  }
  // Of grids of so many patches at most. Rounded up, a grid of one row has most.
  size_t count_max(size_t grid_patches) const {
    const size_t rows = rounded_up ? along(grid_patches) : grid_patches / patches();
    return before + (fixed != 0 ? fixed : rows) + behind;
  }
  size_t patches() const { return side * side; }
};

struct StepAt {
  Op op;
  Slot slot, second;
  Activation VisionSpec::*activation;
  StepRows in, out;
};

// The slots whose tensors a step uses.
std::vector<Slot> slots_of(Op op, Slot slot, Slot second);

// The steps that apply to a model, with the shapes of rows before and behind each.
class StepPlan {
 public:
  StepPlan(const ModelSpec& spec, const StepList& list, const StepRows& in);
  const StepAt* begin() const { return steps_; }
  const StepAt* end() const { return steps_ + count_; }
  const StepRows& out() const { return out_; }

 private:
  StepAt steps_[kStepsMax];
  size_t count_ = 0;
  StepRows out_;
};

// From the values of patches to the residual stream, and from the stream to rows of the decoder's width.
StepPlan stem_steps(const ModelSpec& spec);
StepPlan projector_steps(const ModelSpec& spec, Shown shown = Shown::still);
// From the stream behind a layer that is tapped to rows of the decoder's width.
StepPlan tap_steps(const ModelSpec& spec);
// From rows behind VisionSpec::inner_layer, square by square, to those of the grid of squares; none if it is -1.
StepPlan inner_steps(const ModelSpec& spec);
// The rows of the decoder's width that a tile of such a grid of patches becomes.
size_t tokens_of_grid(const ModelSpec& spec, size_t grid_rows, size_t grid_columns, Shown shown = Shown::still);
// Whether tiles become one grid behind the projector (Op::rejoin).
bool rejoins_tiles(const ModelSpec& spec, Shown shown = Shown::still);
// Tokens of a video's frame; 0: the model takes none.
size_t frame_tokens(const ModelSpec& spec, Shown shown);

}  // namespace mica
