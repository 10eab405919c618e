// StreamTransform: plans and directions. Not the rotation itself: row_rotation.hpp.
#include "stream_transform.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "family.hpp"

namespace mica {

namespace {

// A plan for each width of what enters `down`.
Status plan_down(const StreamSpec& shape, StreamTransform* stream) {
  for (uint32_t i = 0; i < shape.layers; ++i) {
    const size_t width = shape.at(i).width(Width::feed_forward);
    if (stream->down(width) != nullptr) continue;
    RowRotation plan;
    if (!plan.make(width))
      return Status::error(Code::unsupported,
                           "a layer of %zu values cannot be rotated: no sum of numbers with small prime factors",
                           width);
    stream->down_plans.push_back(plan);
  }
  return Status::ok();
}

// A plan for each width of what layers mix that can be rotated. The signs are spread by a multiplicative hash: without
// any, rows whose mean is not 0 would have it in one channel.
void plan_mixed(const StreamSpec& shape, StreamTransform* stream) {
  constexpr uint32_t kSpread = 0x9E3779B1u;
  for (uint32_t i = 0; i < shape.layers; ++i)
    for (const Width of : {Width::query, Width::hidden, Width::delta_value}) {
      const size_t width = shape.at(i).width(of);
      const auto has_width = [width](const auto& plan) { return plan.rotation.width() == width; };
      if (width == 0 || std::any_of(stream->mixed_plans.begin(), stream->mixed_plans.end(), has_width)) continue;
      StreamTransform::MixedPlan plan;
      if (!plan.rotation.make(width)) continue;
      plan.signs.assign((width + 31) / 32, 0);
      for (size_t channel = 0; channel < width; ++channel)
        plan.signs[channel / 32] |= (static_cast<uint32_t>(channel) * kSpread >> 31) << channel % 32;
      stream->mixed_plans.push_back(std::move(plan));
    }
}

bool has_states(const DecoderWeights& weights) {
  return std::any_of(weights.layers.begin(), weights.layers.end(), [](const LayerWeights& layer) {
    return layer.matrices[Slot::convolution_out].rows != 0 || layer.matrices[Slot::delta_out].rows != 0;
  });
}

// Not where what heads give is gated value by value, or is made of their keys.
bool has_own_values(const DecoderWeights& weights) {
  return std::none_of(weights.layers.begin(), weights.layers.end(), [](const LayerWeights& layer) {
    return layer.matrices[Slot::attention_gate].rows != 0 || layer.values_are_keys();
  });
}

}  // namespace

bool can_rotate(const StreamSpec& shape, Width width) {
  RowRotation rotation;
  for (uint32_t i = 0; i < shape.layers; ++i)
    if (!rotation.make(shape.at(i).width(width))) return false;
  return true;
}

void rotate_mixed(const StreamSpec& shape, const DecoderWeights& weights, StreamTransform* stream) {
  stream->head_rotation = has_own_values(weights) && can_rotate(shape, Width::head);
  stream->mixed_rotation = has_states(weights) || !stream->head_rotation;
  if (stream->mixed_rotation) plan_mixed(shape, stream);
}

Status complete_transform(const StreamSpec& shape, size_t merge, std::span<const uint32_t> signs,
                          StreamTransform* stream) {
  const size_t width = shape.width(Width::hidden);
  if (stream->down_rotation) MICA_TRY(plan_down(shape, stream));
  if (stream->mixed_rotation) plan_mixed(shape, stream);
  if (!stream->rotated) return Status::ok();
  if (!stream->residual_plan.make(width))
    return Status::error(Code::unsupported, "a residual stream of %zu values cannot be rotated", width);
  stream->signs.assign((width + 31) / 32, 0);
  for (size_t i = 0; i < stream->signs.size() && i < signs.size(); ++i) stream->signs[i] = signs[i];
  stream->direction.assign(width, 1.0f / std::sqrt(static_cast<float>(width)));
  stream->residual_plan.rotate(stream->direction.data(), stream->signs.data());
  stream->merged_direction.clear();
  for (size_t i = 0; i < merge; ++i)
    for (float value : stream->direction)
      stream->merged_direction.push_back(value / std::sqrt(static_cast<float>(merge)));
  return Status::ok();
}

namespace {

void place_in_tower(const ModelSpec& spec, VisionWeights* vision) {
  const VisionSpec& v = spec.vision;
  const StreamTransform& stream = vision->stream;
  if (!stream.rotated) return;
  const float* direction = v.norm == Norm::layer ? stream.direction.data() : nullptr;
  for (std::vector<LayerWeights>* layers : {&vision->layers, &vision->inner})
    for (LayerWeights& layer : *layers)
      for (const PartInfo& part : parts_of_layers())
        if (part.kind == PartKind::norm && is_folded(part.slot)) layer.norms[part.slot].direction = direction;
  const auto place = [&](const StepPlan& steps, StepWeights* weights) {
    for (const StepAt& at : steps) {
      const bool centres = at.op == Op::norm && is_folded(at.slot) && norm_of_tower(v, at.slot).kind == Norm::layer;
      if (centres && at.in.streams != 0)
        weights->norms[at.slot].direction =
            at.in.streams == 1 ? stream.direction.data() : stream.merged_direction.data();
    }
  };
  place(inner_steps(spec), vision);
  place(projector_steps(spec), vision);
  for (StepWeights& tap : vision->taps) place(tap_steps(spec), &tap);
}

}  // namespace

void place_directions(const ModelSpec& spec, Weights* weights) {
  if (!spec.has_vision) return;
  place_in_tower(spec, &weights->vision);
  place_in_tower(spec, &weights->frames);
}

void share_transform(const ModelSpec& spec, Weights* weights) {
  if (has_frame_tower(spec)) weights->frames.stream = weights->vision.stream;
}

}  // namespace mica
