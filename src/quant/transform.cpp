// Transform: folding and rotating float matrices. The rotations: row_rotation.hpp.
#include "transform.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "block.hpp"
#include "kernel_choice.hpp"
#include "own_bytes.hpp"
#include "stream_transform.hpp"

namespace mica {
namespace {

// What happens to one matrix, in this order; null where nothing does.
struct MatrixTransform {
  const NormWeights* norm = nullptr;    // of what it reads; `norm_width` values, repeated over the columns
  size_t norm_width = 0;
  const float* scale = nullptr;         // LayerScale of what it adds
  const RowRotation* input = nullptr;  // columns / input->width() blocks
  const uint32_t* input_signs = nullptr;
  const RowRotation* output = nullptr;  // rows [output_first, output_end) in blocks of output->width()
  size_t output_first = 0;
  size_t output_end = 0;
  const uint32_t* output_signs = nullptr;
};

// W <- W diag(weight), b <- b + W bias.
void fold_norm(const NormWeights& norm, size_t width, const Matrix& matrix) {
  float* bias = const_cast<float*>(matrix.bias);
  for (size_t r = 0; r < matrix.rows; ++r) {
    float* row = float_row(matrix, r);
    double shift = 0;
    for (size_t i = 0; i < matrix.columns; ++i) {
      if (norm.bias) shift += static_cast<double>(row[i]) * norm.bias[i % width];
      if (norm.weight) row[i] *= norm.weight[i % width];
    }
    if (norm.bias) bias[r] += static_cast<float>(shift);
  }
}

void fold_scale(const float* scale, const Matrix& matrix) {
  float* bias = const_cast<float*>(matrix.bias);
  for (size_t r = 0; r < matrix.rows; ++r) {
    float* row = float_row(matrix, r);
    for (size_t i = 0; i < matrix.columns; ++i) row[i] *= scale[r];
    if (bias) bias[r] *= scale[r];
  }
}

// W <- P W and b <- P b for the rotation P of some rows: every column is rotated.
void rotate_outputs(const MatrixTransform& how, const Matrix& matrix) {
  const size_t count = how.output_end - how.output_first;
  const size_t blocks = count / how.output->width();
  std::vector<float> column(count);
  for (size_t c = 0; c < matrix.columns; ++c) {
    for (size_t i = 0; i < count; ++i) column[i] = float_row(matrix, how.output_first + i)[c];
    how.output->rotate(column.data(), how.output_signs, blocks);
    for (size_t i = 0; i < count; ++i) float_row(matrix, how.output_first + i)[c] = column[i];
  }
  if (matrix.bias)
    how.output->rotate(const_cast<float*>(matrix.bias) + how.output_first, how.output_signs, blocks);
}

Status check_finite(const Matrix& matrix) {
  for (size_t r = 0; r < matrix.rows; ++r)
    for (size_t i = 0; i < matrix.columns; ++i)
      if (!std::isfinite(float_row(matrix, r)[i]))
        return Status::error(Code::invalid_argument, "a weight in row %zu, column %zu is not a finite number", r, i);
  return Status::ok();
}

Status transform_matrix(const MatrixTransform& how, OwnedBytes* memory, Matrix* matrix) {
  if (matrix->rows == 0) return Status::ok();
  const bool with_bias = matrix->bias != nullptr || (how.norm && how.norm->bias);
  MICA_TRY(copy_matrix(*matrix, with_bias, memory, matrix));
  MICA_TRY(check_finite(*matrix));
  if (how.norm) fold_norm(*how.norm, how.norm_width, *matrix);
  if (how.scale) fold_scale(how.scale, *matrix);
  for (size_t r = 0; how.input && r < matrix->rows; ++r)
    how.input->rotate(float_row(*matrix, r), how.input_signs, matrix->columns / how.input->width());
  if (how.output) rotate_outputs(how, *matrix);
  return Status::ok();
}

// The rotation of a space of a stream; a null one: none.
struct Rotation {
  const RowRotation* rows = nullptr;
  const uint32_t* signs = nullptr;
};

class LayerTransform {
 public:
  LayerTransform(const StreamTransform& transform, const StreamSpec& stream) : transform_(transform), stream_(stream) {
    if (transform.head_rotation) (void)head_.make(stream.width(Width::head));
  }

  Status run(OwnedBytes* memory, LayerWeights* layer) const {
    for (const PartInfo& part : parts_of_layers())
      if (part.kind == PartKind::matrix)
        MICA_TRY(transform_matrix(plan(part, *layer), memory, &layer->matrices[part.slot]).in(part.name));
    for (const PartInfo& part : parts_of_layers()) {
      if (!is_folded(part.slot)) continue;
      if (part.kind == PartKind::norm) layer->norms[part.slot].weight = layer->norms[part.slot].bias = nullptr;
      else layer->vectors[part.slot] = nullptr;
    }
    return Status::ok();
  }

 private:
  Rotation rotation(Space space) const {
    switch (space) {
      case Space::own: break;
      case Space::stream:
        if (transform_.rotated) return {&transform_.residual_plan, transform_.signs.data()};
        break;
      case Space::heads:
        if (transform_.head_rotation) return {&head_, nullptr};
        break;
      case Space::online: return {transform_.down(stream_.width(Width::feed_forward)), nullptr};
    }
    return {};
  }

  MatrixTransform plan(const PartInfo& part, const LayerWeights& layer) const {
    const StreamTransform::MixedPlan* mixed =
        part.reads == Site::output_in ? transform_.mixed(part.slot, layer.matrices[part.slot].columns) : nullptr;
    const Rotation in = mixed != nullptr ? Rotation{&mixed->rotation, mixed->signs.data()} : rotation(part.in);
    const Rotation out = rotation(part.out);
    MatrixTransform how{.input = in.rows,
                        .input_signs = in.signs,
                        .output = out.rows,
                        .output_first = stream_.width(part.out_first),
                        .output_end = layer.matrices[part.slot].rows,
                        .output_signs = out.signs};
    if (part.norm != Slot::count) {
      how.norm = &layer.norms[part.norm];
      how.norm_width = stream_.width(part.columns);
    }
    if (part.scale != Slot::count) how.scale = layer.vectors[part.scale];
    return how;
  }

  const StreamTransform& transform_;
  const StreamSpec stream_;  // with the widths of the layer
  RowRotation head_;
};

// A sign a channel, by a generator whose numbers are the same everywhere.
std::vector<uint32_t> random_signs(size_t width, std::mt19937* generator) {
  std::vector<uint32_t> signs((width + 31) / 32);
  for (uint32_t& word : signs) word = (*generator)();
  return signs;
}

struct RotationRule {
  bool rotates;                   // anything
  bool may_rotate;                // the stream
  const DecoderWeights* decoder;  // whose layers mix by more than attention; null: of a tower
};

Status set_up_stream(const StreamSpec& shape, size_t merge, const RotationRule& rule, std::mt19937* generator,
                     StreamTransform* stream) {
  stream->folded = true;
  stream->rotated = rule.rotates && rule.may_rotate && can_rotate(shape, Width::hidden);
  if (rule.rotates && rule.decoder) rotate_mixed(shape, *rule.decoder, stream);
  else stream->head_rotation = rule.rotates && can_rotate(shape, Width::head);
  stream->down_rotation = rule.rotates && can_rotate(shape, Width::feed_forward);
  return complete_transform(shape, merge, random_signs(shape.width(Width::hidden), generator), stream);
}

}  // namespace

Status copy_matrix(const Matrix& source, bool with_bias, OwnedBytes* memory, Matrix* out) {
  const size_t row_bytes = source.columns * sizeof(float);
  uint8_t* values = own_bytes(source.rows * row_bytes, memory);
  float* bias = with_bias ? reinterpret_cast<float*>(own_bytes(source.rows * sizeof(float), memory)) : nullptr;
  if (values == nullptr || (with_bias && bias == nullptr))
    return Status::error(Code::out_of_memory, "no memory for a matrix of %zu x %zu floats", source.rows,
                         source.columns);
  const simd::Kernels& kernels = definition_kernels();
  for (size_t r = 0; r < source.rows; ++r)
    widen_matrix_row(kernels, source, r, reinterpret_cast<float*>(values + r * row_bytes));
  for (size_t r = 0; with_bias && r < source.rows; ++r) bias[r] = source.bias ? source.bias[r] : 0.0f;
  *out = {.rows = source.rows,
          .columns = source.columns,
          .dtype = DType::f32,
          .data = values,
          .stride_bytes = row_bytes,
          .bias = bias};
  return Status::ok();
}

Status transform_streams(const TransformOptions& options, Model* model) {
  std::mt19937 generator(options.seed);
  const VisionSpec& v = model->spec.vision;
  Weights& weights = model->weights;
  // A norm of what a layer adds has its weights in the stream's own space.
  if (options.decoder)
    MICA_TRY(set_up_stream(decoder_stream(model->spec), 1,
                           {.rotates = options.rotate,
                            .may_rotate = !has_post_norms(weights.decoder.layers),
                            .decoder = &weights.decoder},
                           &generator, &weights.decoder.stream));
  if (!options.vision || !model->spec.has_vision) return Status::ok();
  const auto reads_rotated = [&](const StepPlan& steps) {
    return std::none_of(steps.begin(), steps.end(), [&](const StepAt& at) {
      const bool value_by_value = at.op == Op::attend || (at.op == Op::norm && !is_folded(at.slot)) ||
                                  (at.op == Op::pool && v.pool == Pool::largest);
      return at.op == Op::add_mean || (at.in.streams != 0 && value_by_value);
    });
  };
  const bool may_rotate = reads_rotated(projector_steps(model->spec)) &&
                          reads_rotated(projector_steps(model->spec, Shown::frame)) &&
                          reads_rotated(tap_steps(model->spec)) && reads_rotated(inner_steps(model->spec)) &&
                          !has_post_norms(weights.vision.layers);
  MICA_TRY(set_up_stream(vision_stream(model->spec), static_cast<size_t>(v.merge) * v.merge,
                         {.rotates = options.rotate,
                          .may_rotate = may_rotate,
                          .decoder = nullptr},
                         &generator, &weights.vision.stream));
  share_transform(model->spec, &weights);
  place_directions(model->spec, &weights);
  return Status::ok();
}

Status transform_layer(const StreamTransform& transform, const StreamSpec& stream, size_t index, OwnedBytes* memory,
                       LayerWeights* layer) {
  const Status status = LayerTransform(transform, stream.at(static_cast<uint32_t>(index))).run(memory, layer);
  return status ? status : status.in((stream.prefix + std::string("layers.") + std::to_string(index)).c_str());
}

Status transform_steps(const StepPlan& steps, const StreamTransform& stream, OwnedBytes* memory, StepWeights* weights) {
  size_t norm_width = 0;
  for (const StepAt& at : steps) {
    if (at.op == Op::norm) norm_width = at.in.width;
    if (at.in.streams == 0) continue;
    for (const Slot slot : slots_of(at.op, at.slot, at.second)) {
      const PartInfo& part = part_of(slot);
      if (part.kind != PartKind::matrix) continue;
      MatrixTransform how;
      if (part.norm != Slot::count) how.norm = &weights->norms[part.norm];
      how.norm_width = norm_width;
      how.input = stream.rotated ? &stream.residual_plan : nullptr;
      how.input_signs = stream.rotated ? stream.signs.data() : nullptr;
      MICA_TRY(transform_matrix(how, memory, &weights->matrices[slot]).in(part.name));
      if (part.norm != Slot::count) weights->norms[part.norm].weight = weights->norms[part.norm].bias = nullptr;
    }
  }
  return Status::ok();
}

Status transform_model(const TransformOptions& options, Model* model) {
  MICA_TRY(transform_streams(options, model));
  Weights& weights = model->weights;
  const auto transform_layers = [&](const StreamSpec& spec, const StreamTransform& transform,
                                    std::vector<LayerWeights>* layers) {
    for (size_t i = 0; i < layers->size(); ++i)
      MICA_TRY(transform_layer(transform, spec, i, &weights.owned, &(*layers)[i]));
    return Status::ok();
  };
  if (options.decoder)
    MICA_TRY(transform_layers(decoder_stream(model->spec), weights.decoder.stream, &weights.decoder.layers));
  if (!options.vision || !model->spec.has_vision) return Status::ok();
  MICA_TRY(transform_layers(vision_stream(model->spec), weights.vision.stream, &weights.vision.layers));
  MICA_TRY(transform_layers(frame_stream(model->spec), weights.frames.stream, &weights.frames.layers));
  VisionWeights& vision = weights.vision;
  MICA_TRY(transform_layers(inner_stream(model->spec), vision.stream, &vision.inner));
  MICA_TRY(transform_steps(inner_steps(model->spec), vision.stream, &weights.owned, &vision));
  for (StepWeights& tap : vision.taps)
    MICA_TRY(transform_steps(tap_steps(model->spec), vision.stream, &weights.owned, &tap));
  return transform_steps(projector_steps(model->spec), vision.stream, &weights.owned, &vision);
}

}  // namespace mica
