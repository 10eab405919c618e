// Steps: shapes of rows from step to step.
#include "steps.hpp"

#include <algorithm>

#include "family.hpp"

namespace mica {
namespace {

StepRows behind(const ModelSpec& spec, const Step& step, StepRows rows) {
  const size_t merged = static_cast<size_t>(spec.vision.merge) * spec.vision.merge;
  switch (step.op) {
    case Op::linear:
    case Op::glu:
      rows.width = vision_stream(spec).width(part_of(step.slot).rows);
      rows.streams = 0;
      break;
    case Op::attend:
      rows.fixed = spec.vision.queries;
      rows.streams = 0;
      break;
    case Op::prepend: ++rows.before; break;
    case Op::append: ++rows.behind; break;
    case Op::features:
      if (!spec.vision.keep_class_token) rows.before = 0;
      break;
    case Op::merge:
    case Op::join:
      rows.width *= merged;
      rows.side *= spec.vision.merge;
      rows.streams *= merged;
      break;
    case Op::pool: rows.side *= spec.vision.pool_side; break;
    case Op::halve:
      rows.side *= 2;
      rows.rounded_up = true;
      break;
    case Op::add:
    case Op::add_axes:
    case Op::spread:
    case Op::standardize:
    case Op::resample:
    case Op::to_windows:
    case Op::from_windows:
    case Op::norm:
    case Op::divide:
    case Op::activate:
    case Op::add_mean:
    case Op::rejoin: break;
  }
  return rows;
}

}  // namespace

std::vector<Slot> slots_of(Op op, Slot slot, Slot second) {
  if (op == Op::attend)
    return {Slot::resampler_query_norm, Slot::resampler_queries, Slot::resampler_positions, Slot::resampler_query,
            Slot::resampler_key,        Slot::resampler_value,   Slot::resampler_output};
  std::vector<Slot> slots;
  for (const Slot one : {slot, second})
    if (one != Slot::count) slots.push_back(one);
  return slots;
}

StepPlan::StepPlan(const ModelSpec& spec, const StepList& list, const StepRows& in) : out_(in) {
  for (const Step& step : list.steps) {
    if (step.when != nullptr && !(spec.vision.*step.when)) continue;
    const StepRows before = out_;
    out_ = behind(spec, step, before);
    steps_[count_++] = {step.op, step.slot, step.second, step.activation, before, out_};
  }
}

StepPlan stem_steps(const ModelSpec& spec) {
  return StepPlan(spec, spec.family->stem, {.width = spec.vision.patch_values()});
}

namespace {

StepPlan steps_behind_layers(const ModelSpec& spec, const StepList& list, uint32_t pieces = 1) {
  StepRows rows = stem_steps(spec).out();
  rows.streams = pieces;
  rows.width *= pieces;
  return StepPlan(spec, list, rows);
}

}  // namespace

StepPlan projector_steps(const ModelSpec& spec, Shown shown) {
  const Family& family = *spec.family;
  const uint32_t pieces = spec.vision.features();
  if (shown == Shown::still) return steps_behind_layers(spec, family.projector, pieces);
  const bool ends = shown == Shown::last_frame && !family.last_frame.steps.empty();
  return steps_behind_layers(spec, ends ? family.last_frame : family.frame, pieces);
}

StepPlan tap_steps(const ModelSpec& spec) { return steps_behind_layers(spec, spec.family->tap); }

StepPlan inner_steps(const ModelSpec& spec) {
  return steps_behind_layers(spec, spec.vision.inner_layer < 0 ? StepList{} : spec.family->inner);
}

size_t tokens_of_grid(const ModelSpec& spec, size_t grid_rows, size_t grid_columns, Shown shown) {
  const size_t side = spec.vision.row_side();
  return projector_steps(spec, shown).out().count(grid_rows / side, grid_columns / side);
}

bool rejoins_tiles(const ModelSpec& spec, Shown shown) {
  const auto& steps = spec.family->projector.steps;
  return shown == Shown::still &&
         std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.op == Op::rejoin; });
}

size_t frame_tokens(const ModelSpec& spec, Shown shown) {
  const VisionSpec& v = spec.vision;
  if (spec.video_token < 0) return 0;
  return projector_steps(spec, shown).out().count(v.image_height / v.patch, v.image_width / v.patch);
}

}  // namespace mica
