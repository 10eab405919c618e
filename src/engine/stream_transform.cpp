// StreamTransform: plans and directions. Not the rotation itself: simd/rotate_kernels.hpp.
#include "stream_transform.hpp"

#include <cmath>

#include "kernels.hpp"

namespace mica {

Status complete_transform(size_t width, size_t feed_forward, size_t merge, std::span<const uint32_t> signs,
                          StreamTransform* stream) {
  if (stream->down_rotation && !simd::make_rotation_plan(feed_forward, &stream->down_plan))
    return Status::error(Code::unsupported,
                         "a layer of %zu values cannot be rotated: no sum of numbers with small prime factors",
                         feed_forward);
  if (!stream->rotated) return Status::ok();
  if (!simd::make_rotation_plan(width, &stream->residual_plan))
    return Status::error(Code::unsupported, "a residual stream of %zu values cannot be rotated", width);
  stream->signs.assign((width + 31) / 32, 0);
  for (size_t i = 0; i < stream->signs.size() && i < signs.size(); ++i) stream->signs[i] = signs[i];
  stream->direction.assign(width, 1.0f / std::sqrt(static_cast<float>(width)));
  simd::kernels_at(simd::Level::scalar)
      ->rotate->rotate(stream->residual_plan, 1, stream->signs.data(), 1.0f, stream->direction.data());
  stream->merged_direction.clear();
  for (size_t i = 0; i < merge; ++i)
    for (float value : stream->direction)
      stream->merged_direction.push_back(value / std::sqrt(static_cast<float>(merge)));
  return Status::ok();
}

void place_directions(const ModelSpec& spec, VisionWeights* vision) {
  const VisionSpec& v = spec.vision;
  const StreamTransform& stream = vision->stream;
  if (!stream.rotated) return;
  const float* direction = v.norm == Norm::layer ? stream.direction.data() : nullptr;
  for (LayerWeights& layer : vision->layers) layer.attention_norm.direction = layer.mlp_norm.direction = direction;
  if (v.projector == Projector::patch_merger) vision->projector_norm.direction = stream.direction.data();
  if (v.projector == Projector::pixel_shuffle) vision->projector_norm.direction = stream.merged_direction.data();
}

}  // namespace mica
