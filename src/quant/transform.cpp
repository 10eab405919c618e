// Transform: folding and rotating float matrices. The rotations' kernels: simd/rotate_kernels.hpp.
#include "transform.hpp"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "own_bytes.hpp"
#include "stream_transform.hpp"

namespace mica {
namespace {

const simd::RotateKernels& rotations() { return *simd::kernels_at(simd::Level::scalar)->rotate; }

// What happens to one matrix, in this order; null where nothing does.
struct MatrixTransform {
  const NormWeights* norm = nullptr;    // of what it reads; `norm_width` values, repeated over the columns
  size_t norm_width = 0;
  const float* scale = nullptr;         // LayerScale of what it adds
  const simd::RotationPlan* input = nullptr;  // columns / input->width blocks
  const uint32_t* input_signs = nullptr;
  const simd::RotationPlan* output = nullptr;  // rows [output_first, output_end) in blocks of output->width
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
  const size_t blocks = count / how.output->width;
  std::vector<float> column(count);
  for (size_t c = 0; c < matrix.columns; ++c) {
    for (size_t i = 0; i < count; ++i) column[i] = float_row(matrix, how.output_first + i)[c];
    rotations().rotate(*how.output, blocks, how.output_signs, 1.0f, column.data());
    for (size_t i = 0; i < count; ++i) float_row(matrix, how.output_first + i)[c] = column[i];
  }
  if (matrix.bias)
    rotations().rotate(*how.output, blocks, how.output_signs, 1.0f, const_cast<float*>(matrix.bias) + how.output_first);
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
    rotations().rotate(*how.input, matrix->columns / how.input->width, how.input_signs, 1.0f, float_row(*matrix, r));
  if (how.output) rotate_outputs(how, *matrix);
  return Status::ok();
}

struct LayerShape {
  size_t hidden;
  size_t head_dim;
  size_t fused_value_first;  // row of the values in a fused projection
};

Status transform_layer(const StreamTransform& stream, const LayerShape& shape, OwnedBytes* memory,
                       LayerWeights* layer) {
  simd::RotationPlan head{};
  if (stream.head_rotation) simd::make_rotation_plan(shape.head_dim, &head);
  const simd::RotationPlan* residual = stream.rotated ? &stream.residual_plan : nullptr;
  const simd::RotationPlan* heads = stream.head_rotation ? &head : nullptr;
  const uint32_t* signs = stream.rotated ? stream.signs.data() : nullptr;
  MatrixTransform reads{
      .norm = &layer->attention_norm, .norm_width = shape.hidden, .input = residual, .input_signs = signs};
  MatrixTransform values = reads;
  const bool fused = layer->value.rows == 0;
  Matrix* value = fused ? &layer->query : &layer->value;
  values.output = heads;
  values.output_first = fused ? shape.fused_value_first : 0;
  values.output_end = value->rows;
  MICA_TRY(transform_matrix(fused ? values : reads, memory, &layer->query).in("query"));
  MICA_TRY(transform_matrix(reads, memory, &layer->key).in("key"));
  if (!fused) MICA_TRY(transform_matrix(values, memory, &layer->value).in("value"));
  MatrixTransform writes{.scale = layer->attention_scale,
                         .input = heads,
                         .output = residual,
                         .output_end = shape.hidden,
                         .output_signs = signs};
  MICA_TRY(transform_matrix(writes, memory, &layer->output).in("output"));
  reads.norm = &layer->mlp_norm;
  MICA_TRY(transform_matrix(reads, memory, &layer->gate).in("gate"));
  MICA_TRY(transform_matrix(reads, memory, &layer->up).in("up"));
  writes.scale = layer->mlp_scale;
  writes.input = stream.down();
  MICA_TRY(transform_matrix(writes, memory, &layer->down).in("down"));
  for (NormWeights* norm : {&layer->attention_norm, &layer->mlp_norm}) norm->weight = norm->bias = nullptr;
  layer->attention_scale = layer->mlp_scale = nullptr;
  return Status::ok();
}

// A sign a channel, by a generator whose numbers are the same everywhere.
std::vector<uint32_t> random_signs(size_t width, std::mt19937* generator) {
  std::vector<uint32_t> signs((width + 31) / 32);
  for (uint32_t& word : signs) word = (*generator)();
  return signs;
}

struct StreamShape {
  size_t width, feed_forward, head_dim, merge;
  bool may_rotate;
};

Status set_up_stream(const StreamShape& shape, bool rotate, std::mt19937* generator, StreamTransform* stream) {
  simd::RotationPlan plan;
  stream->folded = true;
  stream->rotated = rotate && shape.may_rotate && simd::make_rotation_plan(shape.width, &plan);
  stream->head_rotation = rotate && simd::make_rotation_plan(shape.head_dim, &plan);
  stream->down_rotation = rotate && simd::make_rotation_plan(shape.feed_forward, &plan);
  const std::vector<uint32_t> signs = random_signs(shape.width, generator);
  return complete_transform(shape.width, shape.feed_forward, shape.merge, signs, stream);
}

Status in_layer(const Status& status, const char* part, size_t index) {
  if (status) return status;
  return status.in((std::string(part) + "layers." + std::to_string(index)).c_str());
}

}  // namespace

Status copy_matrix(const Matrix& source, bool with_bias, OwnedBytes* memory, Matrix* out) {
  const size_t row_bytes = source.columns * sizeof(float);
  uint8_t* values = own_bytes(source.rows * row_bytes, memory);
  float* bias = with_bias ? reinterpret_cast<float*>(own_bytes(source.rows * sizeof(float), memory)) : nullptr;
  if (values == nullptr || (with_bias && bias == nullptr))
    return Status::error(Code::out_of_memory, "no memory for a matrix of %zu x %zu floats", source.rows,
                         source.columns);
  const simd::FloatKernels& kernels = *simd::kernels_at(simd::Level::scalar)->f32;
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
  const DecoderSpec& d = model->spec.decoder;
  const VisionSpec& v = model->spec.vision;
  Weights& weights = model->weights;
  if (options.decoder)
    MICA_TRY(set_up_stream({d.hidden, d.feed_forward, d.head_dim, 1, true}, options.rotate, &generator,
                           &weights.decoder.stream));
  if (!options.vision || !model->spec.has_vision) return Status::ok();
  const bool may_rotate = weights.vision.post_norm.weight == nullptr;
  MICA_TRY(set_up_stream({v.hidden, v.feed_forward, v.head_dim(), static_cast<size_t>(v.merge) * v.merge, may_rotate},
                         options.rotate, &generator, &weights.vision.stream));
  place_directions(model->spec, &weights.vision);
  return Status::ok();
}

Status transform_decoder_layer(const Model& model, size_t index, OwnedBytes* memory, LayerWeights* layer) {
  const DecoderSpec& d = model.spec.decoder;
  return in_layer(transform_layer(model.weights.decoder.stream, {d.hidden, d.head_dim, 0}, memory, layer), "", index);
}

Status transform_vision_layer(const Model& model, size_t index, OwnedBytes* memory, LayerWeights* layer) {
  const VisionSpec& v = model.spec.vision;
  const LayerShape shape{v.hidden, v.head_dim(), 2 * static_cast<size_t>(v.hidden)};
  return in_layer(transform_layer(model.weights.vision.stream, shape, memory, layer), "vision.", index);
}

Status transform_projector(OwnedBytes* memory, Model* model) {
  VisionWeights& vision = model->weights.vision;
  const StreamTransform& stream = vision.stream;
  const VisionSpec& v = model->spec.vision;
  NormWeights& norm = vision.projector_norm;
  MatrixTransform how{.norm = &norm,
                      .norm_width = v.projector == Projector::patch_merger ? v.hidden : vision.projector_up.columns};
  how.input = stream.rotated ? &stream.residual_plan : nullptr;
  how.input_signs = stream.rotated ? stream.signs.data() : nullptr;
  MICA_TRY(transform_matrix(how, memory, &vision.projector_up).in("projector"));
  norm.weight = norm.bias = nullptr;
  return Status::ok();
}

Status transform_model(const TransformOptions& options, Model* model) {
  MICA_TRY(transform_streams(options, model));
  Weights& weights = model->weights;
  for (size_t i = 0; options.decoder && i < weights.decoder.layers.size(); ++i)
    MICA_TRY(transform_decoder_layer(*model, i, &weights.owned, &weights.decoder.layers[i]));
  if (!options.vision || !model->spec.has_vision) return Status::ok();
  for (size_t i = 0; i < weights.vision.layers.size(); ++i)
    MICA_TRY(transform_vision_layer(*model, i, &weights.owned, &weights.vision.layers[i]));
  return transform_projector(&weights.owned, model);
}

}  // namespace mica
