// Transform: a checkpoint's matrices in the spaces of the static format (static_format.hpp), in float: norms and layer
// scales folded, residual streams, heads and the inputs of `down` rotated. Not quantization: the model computes the
// same.
#pragma once

#include <cstdint>

#include "model.hpp"
#include "status.hpp"
#include "tensor_source.hpp"

namespace mica {

struct TransformOptions {
  bool decoder = true;    // transform the decoder
  bool vision = true;     // transform the tower and its projector
  bool rotate = true;     // rotate, where the widths allow it; otherwise only fold
  uint32_t seed = 42;     // of the random signs
};

// Sets the flags, signs and directions of both streams. The layers are as they were: until each is transformed, the
// model must not run. A tower with a norm behind its last layer keeps its stream unrotated.
Status transform_streams(const TransformOptions& options, Model* model);

// One layer of a stream that transform_streams set up, as float matrices in `memory`, which must outlive their use; the
// checkpoint's own bytes are no longer referenced. Errors: out_of_memory; invalid_argument for a value that is not
// finite, naming the layer.
Status transform_layer(const StreamTransform& transform, const StreamSpec& stream, size_t index, OwnedBytes* memory,
                       LayerWeights* layer);
// The matrices of steps behind a tower's layers (the projector's, a tap's) that read its stream.
Status transform_steps(const StepPlan& steps, const StreamTransform& stream, OwnedBytes* memory, StepWeights* weights);

// All of it, with the matrices in model->weights.owned.
Status transform_model(const TransformOptions& options, Model* model);

// A float matrix of the same shape and values as `source`, with a bias of its own if `with_bias`; both are writable.
Status copy_matrix(const Matrix& source, bool with_bias, OwnedBytes* memory, Matrix* out);
inline float* float_row(const Matrix& matrix, size_t row) {
  return const_cast<float*>(reinterpret_cast<const float*>(matrix.data)) + row * matrix.columns;
}

}  // namespace mica
