// StepRun: one step after the other. Not arithmetic: ops/.
#include "step_run.hpp"

#include <algorithm>
#include <cstring>

#include "linear.hpp"
#include "patch_order.hpp"
#include "position_table.hpp"
#include "token_grid.hpp"

namespace mica {
namespace {

// Steps that make rows elsewhere; others work in place.
bool makes_rows(Op op) {
  return op == Op::linear || op == Op::glu || op == Op::merge || op == Op::to_windows || op == Op::from_windows ||
         op == Op::attend || op == Op::pool || op == Op::halve || op == Op::spread;
}
// Steps that take over a norm or activation before them.
bool enters(Op op) { return op == Op::linear || op == Op::glu; }

const StepAt* last_maker(const StepPlan& steps) {
  const StepAt* last = nullptr;
  for (const StepAt& at : steps)
    if (makes_rows(at.op)) last = &at;
  return last;
}

// Features of merge x merge patches, which stand row by row, behind each other: one row a token.
void merge_patches(const VisionSpec& v, const PixelPlan& plan, const float* features, size_t width, size_t tokens,
                   float* merged) {
  const size_t run = v.merge * width;  // adjacent in the source
  const size_t columns = std::max<size_t>(1, plan.grid_width / v.merge);
  const size_t rows = std::max<size_t>(1, plan.grid_height / v.merge);
  for (size_t token = 0; token < tokens; ++token) {
    const size_t row = v.tokens_by_column ? token % rows : token / columns;
    const size_t column = v.tokens_by_column ? token / rows : token % columns;
    for (size_t y = 0; y < v.merge; ++y, merged += run) {
      const size_t patch = (row * v.merge + y) * plan.grid_width + column * v.merge;
      std::memcpy(merged, features + patch * width, run * sizeof(float));
    }
  }
}

// The rows of a grid of patches, half as high and as wide.
void halve_grid(const PixelPlan& plan, const StepAt& at, const float* rows, float* halved) {
  const size_t width = at.in.width;
  const auto columns = static_cast<uint32_t>(at.in.along(plan.grid_width));
  const auto halved_columns = static_cast<uint32_t>(at.out.along(plan.grid_width));
  const auto grid_rows = static_cast<uint32_t>(at.in.along(plan.grid_height));
  const auto halved_rows = static_cast<uint32_t>(at.out.along(plan.grid_height));
  for (uint32_t row = 0; row < halved_rows; ++row) {
    const BilinearTaps y = bilinear_taps(grid_rows, halved_rows, row);
    for (uint32_t column = 0; column < halved_columns; ++column, halved += width) {
      const BilinearTaps x = bilinear_taps(columns, halved_columns, column);
      const auto source = [&](uint32_t from_row, uint32_t from_column) {
        return rows + (size_t{from_row} * columns + from_column) * width;
      };
      const float* corners[] = {source(y.first, x.first), source(y.first, x.second), source(y.second, x.first),
                                source(y.second, x.second)};
      for (size_t i = 0; i < width; ++i)
        halved[i] = (1 - y.weight) * ((1 - x.weight) * corners[0][i] + x.weight * corners[1][i]) +
                    y.weight * ((1 - x.weight) * corners[2][i] + x.weight * corners[3][i]);
    }
  }
}

// The rows of a window of the grid as one.
void pool_window(const VisionSpec& v, const float* first, size_t row_stride, size_t width, float* pooled) {
  const size_t side = v.pool_side;
  std::copy_n(first, width, pooled);
  for (size_t at = 1; at < side * side; ++at) {
    const float* row = first + at / side * row_stride + at % side * width;
    for (size_t i = 0; i < width; ++i)
      pooled[i] = v.pool == Pool::average ? pooled[i] + row[i] : std::max(pooled[i], row[i]);
  }
  const auto share = static_cast<float>(v.pool == Pool::average ? side * side : 1);
  for (size_t i = 0; i < width; ++i) pooled[i] /= share;
}

void pool_grid(const VisionSpec& v, const PixelPlan& plan, const StepAt& at, const float* rows, float* pooled) {
  const size_t width = at.in.width, row_stride = at.in.along(plan.grid_width) * width;
  for (size_t row = 0; row < at.out.along(plan.grid_height); ++row)
    for (size_t column = 0; column < at.out.along(plan.grid_width); ++column, pooled += width)
      pool_window(v, rows + v.pool_side * (row * row_stride + column * width), row_stride, width, pooled);
}

class Runner {
 public:
  Runner(const Compute& compute, const ModelSpec& spec, const StepWeights& weights, const PixelPlan& plan,
         const StepBuffers& buffers, StepInput in)
      : compute_(compute),
        spec_(spec),
        weights_(weights),
        plan_(plan),
        buffers_(buffers),
        begun_(in.values),
        values_(in.values),
        writable_(in.writable) {}

  bool run(const StepPlan& steps, float* out) {
    const StepAt* last = last_maker(steps);
    for (const StepAt& at : steps) {
      if (!enters(at.op)) finish_pending();
      float* made = makes_rows(at.op) ? target(steps, at, &at == last ? out : nullptr) : nullptr;
      if (!step(at, made)) return false;
      if (made != nullptr) values_ = writable_ = made;
    }
    finish_pending();
    return true;
  }

 private:
  size_t count(const StepRows& rows) const {
    return rows.count(plan_.grid_height, plan_.grid_width);
  }

  // Rows are made where there is room for those that later steps put before them.
  float* target(const StepPlan& steps, const StepAt& at, float* out) {
    if (out == nullptr) return buffers_.between[made_++ % 2];
    size_t before = 0;
    for (const StepAt* later = &at; later != steps.end(); ++later) before += later->op == Op::prepend;
    return out + before * at.out.width;
  }

  bool step(const StepAt& at, float* made) {
    const size_t width = at.in.width;
    switch (at.op) {
      case Op::linear: return multiply(at, made);
      case Op::glu: return multiply_gated(at, made);
      case Op::prepend:
        values_ = writable_ -= width;
        std::memcpy(writable_, weights_.vectors[at.slot], width * sizeof(float));
        break;
      case Op::add: add(weights_.vectors[at.slot], count(at.in), width); break;
      case Op::resample:
        add_positions(compute_, spec_.vision.position_rule, weights_.vectors[at.slot], spec_.vision.position_side,
                      pixel_order(spec_.pictures, plan_), writable_, width);
        break;
      case Op::add_axes:
        add_axes(compute_, weights_.vectors[at.slot], spec_.vision, pixel_order(spec_.pictures, plan_), writable_,
                 width);
        break;
      case Op::spread:
        for (size_t i = 0; i < count(at.in) * width; ++i) made[i] = 2 * values_[i] - 1;
        break;
      case Op::standardize: standardize(at); break;
      case Op::norm:
      case Op::activate: pending_ = &at; break;
      case Op::features: {
        const size_t left_out = (at.in.before - at.out.before) * width;
        values_ += left_out;
        if (writable_) writable_ += left_out;
        break;
      }
      case Op::merge: merge_patches(spec_.vision, plan_, values_, width, count(at.out), made); break;
      case Op::attend:
        return buffers_.resampler.run(compute_, spec_.vision, weights_, pixel_order(spec_.pictures, plan_), values_,
                                      made);
      case Op::append:
        std::memcpy(writable_ + count(at.in) * width, weights_.vectors[at.slot], width * sizeof(float));
        break;
      case Op::divide:
        for (size_t i = 0; i < count(at.in) * width; ++i) writable_[i] /= spec_.vision.divisor;
        break;
      case Op::to_windows: {
        const PatchOrder from = pixel_order(spec_.pictures, plan_), to = layer_order(spec_, plan_);
        for (size_t row = 0; row < to.count(); ++row)
          std::memcpy(made + row * width, values_ + from.index_of(to.place(row)) * width, width * sizeof(float));
        break;
      }
      case Op::from_windows: leave_windows(at, made); break;
      case Op::pool: pool_grid(spec_.vision, plan_, at, values_, made); break;
      case Op::halve: halve_grid(plan_, at, values_, made); break;
      case Op::add_mean: add_mean(at); break;
      case Op::join: break;    // another view of the same rows
      case Op::rejoin: break;  // of tiles that this is one of (token_grid.hpp)
    }
    return true;
  }

  void add(const float* terms, size_t rows, size_t width) {
    add_rows(compute_, writable_, terms, rows, width);
  }

  // A norm or activation that no matrix follows.
  void finish_pending() {
    if (pending_ == nullptr) return;
    const StepAt& at = *pending_;
    const size_t rows = count(at.in), width = at.in.width;
    if (at.op == Op::norm) {
      const NormSpec norm = norm_of_tower(spec_.vision, at.slot);
      norm_rows(compute_, norm.kind, weights_.norms[at.slot], norm.epsilon, writable_, width, values_, width, rows,
                width);
    } else {
      for_rows(compute_, rows, [&](size_t row) {
        activate_row(*compute_.kernels, spec_.vision.*at.activation, writable_ + row * width, values_ + row * width,
                     nullptr, width);
      });
    }
    pending_ = nullptr;
  }

  void standardize(const StepAt& at) {
    const float *mean = weights_.vectors[at.slot], *scale = weights_.vectors[at.second];
    for (size_t row = 0; row < count(at.in); ++row)
      for (size_t i = 0; i < at.in.width; ++i) {
        float& value = writable_[row * at.in.width + i];
        value = (value - mean[i]) * scale[i];
      }
  }

  void leave_windows(const StepAt& at, float* made) {
    const PatchOrder from = layer_order(spec_, plan_), to = pixel_order(spec_.pictures, plan_);
    const size_t rows = count(at.in), width = at.in.width, patches = at.in.patches();
    for (size_t row = 0; row < rows; ++row)
      std::memcpy(made + to.index_of(from.place(row * patches)) / patches * width, values_ + row * width,
                  width * sizeof(float));
  }

  // The rows that the list began with stand as they were.
  void add_mean(const StepAt& at) {
    const size_t width = at.in.width, joined = size_t{spec_.vision.merge} * spec_.vision.merge;
    for_rows(compute_, count(at.in), [&](size_t row) {
      const float* from = begun_ + row * joined * width;
      float* to = writable_ + row * width;
      for (size_t i = 0; i < width; ++i) {
        float sum = 0;
        for (size_t k = 0; k < joined; ++k) sum += from[k * width + i];
        to[i] += sum / static_cast<float>(joined);
      }
    });
  }

  // Rows for matrices, the first of which is the slot's; of no count where an observer stopped.
  Rows enter(const StepAt& at) {
    const Matrix& matrix = weights_.matrices[at.slot];
    const QuantPoint& point = weights_.points[part_of(at.slot).reads];
    const size_t rows = count(at.in), width = at.in.width;
    const StepAt* before = pending_;
    pending_ = nullptr;
    if (before == nullptr)
      return enter_rows(compute_, point, matrix, values_, width, rows, rows, width, buffers_.rows);
    if (before->op == Op::activate)
      return enter_activated(compute_, point, matrix, {spec_.vision.*before->activation, values_, nullptr}, nullptr,
                             writable_, width, rows, rows, width, buffers_.rows);
    const NormSpec norm = norm_of_tower(spec_.vision, before->slot);
    return enter_norm(compute_, point, matrix, norm.kind, weights_.norms[before->slot], norm.epsilon, values_, width,
                      rows, rows, width, buffers_.rows);
  }

  bool multiply(const StepAt& at, float* made) {
    const Rows in = enter(at);
    if (in.count == 0) return false;
    linear(compute_, made, at.out.width, in, weights_.matrices[at.slot]);
    return true;
  }

  bool multiply_gated(const StepAt& at, float* made) {
    const Rows in = enter(at);
    if (in.count == 0) return false;
    const size_t width = at.out.width;
    linear(compute_, made, width, in, weights_.matrices[at.slot]);
    linear(compute_, buffers_.factors, width, in, weights_.matrices[at.second]);
    for_rows(compute_, in.count, [&](size_t row) {
      activate_row(*compute_.kernels, spec_.vision.gate_activation, made + row * width, made + row * width,
                   buffers_.factors + row * width, width);
    });
    return true;
  }

  const Compute& compute_;
  const ModelSpec& spec_;
  const StepWeights& weights_;
  const PixelPlan& plan_;
  const StepBuffers& buffers_;
  const float* begun_;
  const float* values_;
  float* writable_;
  size_t made_ = 0;                  // rows between steps
  const StepAt* pending_ = nullptr;  // a norm or activation that the next step may take over
};

}  // namespace

void StepBuffers::plan(const ModelSpec& spec, size_t patches, Arena* arena) {
  size_t between_floats[2] = {}, value_floats = 0, factor_floats = 0, quantized_bytes = 0, sums = 0;
  const size_t merged = patches / (size_t{spec.vision.row_side()} * spec.vision.row_side());
  const struct {
    StepPlan steps;
    size_t patches;
  } lists[] = {{stem_steps(spec), patches},
               {tap_steps(spec), patches},
               {inner_steps(spec), patches},
               {projector_steps(spec), merged},
               {projector_steps(spec, Shown::frame), merged},
               {projector_steps(spec, Shown::last_frame), merged}};
  for (const auto& [steps, rows_most] : lists) {
    const StepAt* last = last_maker(steps);
    const StepAt* before = nullptr;
    size_t made = 0;
    for (const StepAt& at : steps) {
      const size_t rows_in = at.in.count_max(rows_most);
      if (makes_rows(at.op) && &at != last) {
        size_t& floats = between_floats[made++ % 2];
        floats = std::max(floats, at.out.count_max(rows_most) * at.out.width);
      }
      if (at.op == Op::glu) factor_floats = std::max(factor_floats, rows_in * at.out.width);
      if (enters(at.op)) {
        if (before != nullptr && before->op == Op::norm) value_floats = std::max(value_floats, rows_in * at.in.width);
        quantized_bytes = std::max(quantized_bytes, rows_in * quantized_row_bytes(at.in.width));
        sums = std::max(sums, rows_in);
      }
      before = &at;
    }
  }
  for (size_t i = 0; i < 2; ++i) between[i] = arena->take<float>(between_floats[i]);
  factors = arena->take<float>(factor_floats);
  if (spec.vision.queries != 0) resampler.plan(spec.vision, merged, arena);
  rows.values = arena->take<float>(value_floats);
  rows.quantized = arena->take<int8_t>(quantized_bytes);
  rows.sums = arena->take<int32_t>(sums);
}

bool run_steps(const Compute& compute, const Model& model, const StepWeights& weights, const PixelPlan& plan,
               const StepPlan& steps, const StepBuffers& buffers, StepInput in, float* out) {
  return Runner(compute, model.spec, weights, plan, buffers, in).run(steps, out);
}

}  // namespace mica
