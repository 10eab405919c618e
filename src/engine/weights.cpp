// Weights: finds tensors by a family's name tables, checks their shapes against the spec, places them. Not arithmetic.
#include "weights.hpp"

#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "checked.hpp"
#include "family.hpp"
#include "tensor_source.hpp"

namespace mica {
namespace {

class Loader {
 public:
  Loader(TensorSource* source, const ModelSpec& spec, Weights* out) : source_(source), spec_(spec), out_(out) {}

  Status load() {
    MICA_TRY(source_->choose_roots(spec_));
    MICA_TRY(source_->transforms(spec_, out_));
    MICA_TRY(load_decoder());
    if (spec_.has_vision) MICA_TRY(load_vision());
    out_->parameters = source_->parameters();
    out_->bytes = source_->bytes();
    return source_->static_parts(spec_, out_);
  }

 private:
  Status matrix(Slot slot, uint32_t layer, size_t rows, size_t columns, Matrix* target) {
    return source_->matrix(slot, layer, rows, columns, target);
  }
  // Folded norms are absent from the file and leave ones and zeros.
  Status norm(Slot slot, uint32_t layer, size_t width, bool biased, NormWeights* target, bool folded = false) {
    if (folded) return Status::ok();
    MICA_TRY(source_->vector(slot, layer, ".weight", width, &target->weight));
    return biased ? source_->vector(slot, layer, ".bias", width, &target->bias) : Status::ok();
  }

  Status load_decoder() {
    const DecoderSpec& d = spec_.decoder;
    DecoderWeights& w = out_->decoder;
    MICA_TRY(matrix(Slot::embedding, 0, d.vocabulary, d.hidden, &w.embedding));
    w.layers.resize(d.layers);
    for (uint32_t i = 0; i < d.layers; ++i) MICA_TRY(load_decoder_layer(i, &w.layers[i]));
    MICA_TRY(norm(Slot::final_norm, 0, d.hidden, false, &w.final_norm));
    if (!d.tied_embeddings) MICA_TRY(matrix(Slot::lm_head, 0, d.vocabulary, d.hidden, &w.lm_head));
    // Checkpoints that tie the head do not store it, whether or not config.json says so.
    if (w.lm_head.rows == 0) {
      w.lm_head = w.embedding;
      w.lm_head.bias = nullptr;
    }
    return Status::ok();
  }

  Status load_decoder_layer(uint32_t i, LayerWeights* w) {
    const DecoderSpec& d = spec_.decoder;
    const size_t query = static_cast<size_t>(d.heads) * d.head_dim;
    const size_t key = static_cast<size_t>(d.kv_heads) * d.head_dim;
    MICA_TRY(norm(Slot::attention_norm, i, d.hidden, false, &w->attention_norm, out_->decoder.stream.folded));
    MICA_TRY(matrix(Slot::query, i, query, d.hidden, &w->query));
    MICA_TRY(matrix(Slot::key, i, key, d.hidden, &w->key));
    MICA_TRY(matrix(Slot::value, i, key, d.hidden, &w->value));
    MICA_TRY(matrix(Slot::output, i, d.hidden, query, &w->output));
    MICA_TRY(source_->vector(Slot::query_norm, i, ".weight", d.head_dim, &w->query_norm));
    MICA_TRY(source_->vector(Slot::key_norm, i, ".weight", d.head_dim, &w->key_norm));
    MICA_TRY(norm(Slot::mlp_norm, i, d.hidden, false, &w->mlp_norm, out_->decoder.stream.folded));
    MICA_TRY(matrix(Slot::gate, i, d.feed_forward, d.hidden, &w->gate));
    MICA_TRY(matrix(Slot::up, i, d.feed_forward, d.hidden, &w->up));
    MICA_TRY(matrix(Slot::down, i, d.hidden, d.feed_forward, &w->down));
    return Status::ok();
  }

  Status load_vision() {
    const VisionSpec& v = spec_.vision;
    VisionWeights& w = out_->vision;
    const bool biased = v.norm == Norm::layer;
    MICA_TRY(matrix(Slot::patch_embedding, 0, v.hidden, v.patch_values(), &w.patch_embedding));
    if (v.class_token) MICA_TRY(source_->vector(Slot::class_token, 0, "", v.hidden, &w.class_token));
    if (v.positions == VisionPositions::learned) {
      const size_t patches = static_cast<size_t>(v.image_width / v.patch) * (v.image_height / v.patch);
      MICA_TRY(source_->vector(Slot::position_embedding, 0, "", (patches + v.class_token) * v.hidden, &w.positions));
    }
    MICA_TRY(norm(Slot::pre_norm, 0, v.hidden, biased, &w.pre_norm));
    MICA_TRY(norm(Slot::post_norm, 0, v.hidden, biased, &w.post_norm));
    w.layers.resize(v.layers_used);
    for (uint32_t i = 0; i < v.layers_used; ++i) MICA_TRY(load_vision_layer(i, &w.layers[i]));
    return load_projector();
  }

  // Folded scales are in the matrices that they multiply.
  Status layer_scale(Slot slot, uint32_t layer, const float** target) {
    if (out_->vision.stream.folded) return Status::ok();
    return source_->vector(slot, layer, "", spec_.vision.hidden, target);
  }

  Status load_vision_layer(uint32_t i, LayerWeights* w) {
    const VisionSpec& v = spec_.vision;
    const bool biased = v.norm == Norm::layer;
    MICA_TRY(norm(Slot::vision_norm1, i, v.hidden, biased, &w->attention_norm, out_->vision.stream.folded));
    MICA_TRY(matrix(Slot::vision_qkv, i, 3 * static_cast<size_t>(v.hidden), v.hidden, &w->query));
    if (w->query.rows == 0) {
      MICA_TRY(matrix(Slot::vision_query, i, v.hidden, v.hidden, &w->query));
      MICA_TRY(matrix(Slot::vision_key, i, v.hidden, v.hidden, &w->key));
      MICA_TRY(matrix(Slot::vision_value, i, v.hidden, v.hidden, &w->value));
    }
    MICA_TRY(matrix(Slot::vision_output, i, v.hidden, v.hidden, &w->output));
    MICA_TRY(layer_scale(Slot::vision_scale1, i, &w->attention_scale));
    MICA_TRY(norm(Slot::vision_norm2, i, v.hidden, biased, &w->mlp_norm, out_->vision.stream.folded));
    MICA_TRY(matrix(Slot::vision_up, i, v.feed_forward, v.hidden, &w->up));
    MICA_TRY(matrix(Slot::vision_down, i, v.hidden, v.feed_forward, &w->down));
    MICA_TRY(layer_scale(Slot::vision_scale2, i, &w->mlp_scale));
    return Status::ok();
  }

  Status load_projector() {
    const VisionSpec& v = spec_.vision;
    VisionWeights& w = out_->vision;
    const size_t merged = static_cast<size_t>(v.hidden) * v.merge * v.merge;
    const size_t norm_width = v.projector == Projector::patch_merger ? v.hidden : merged;
    MICA_TRY(norm(Slot::projector_norm, 0, norm_width, true, &w.projector_norm, out_->vision.stream.folded));
    MICA_TRY(matrix(Slot::projector_up, 0, v.projector_hidden, merged, &w.projector_up));
    MICA_TRY(matrix(Slot::projector_down, 0, spec_.decoder.hidden, v.projector_hidden, &w.projector_down));
    return Status::ok();
  }

  TensorSource* source_;
  const ModelSpec& spec_;
  Weights* out_;
};

void name_layers(std::vector<LayerWeights>* layers, const std::string& prefix, std::vector<NamedPoint>* out) {
  for (size_t i = 0; i < layers->size(); ++i) {
    LayerWeights& layer = (*layers)[i];
    const std::string name = prefix + "layers." + std::to_string(i) + ".";
    out->push_back({&layer.attention_in, name + "attention_in"});
    out->push_back({&layer.output_in, name + "output_in"});
    out->push_back({&layer.mlp_in, name + "mlp_in"});
    out->push_back({&layer.down_in, name + "down_in"});
  }
}

}  // namespace

uint64_t decode_bytes(const DecoderWeights& weights) {
  uint64_t bytes = weights.lm_head.bytes();
  for (const LayerWeights& layer : weights.layers)
    for (const Matrix* matrix : layer.matrices()) bytes += matrix->bytes();
  return bytes;
}

std::vector<NamedPoint> quant_points(Weights* weights) {
  std::vector<NamedPoint> out;
  name_layers(&weights->decoder.layers, "", &out);
  out.push_back({&weights->decoder.head_in, "head_in"});
  if (!weights->vision.layers.empty()) {
    out.push_back({&weights->vision.patches_in, "vision.patches_in"});
    name_layers(&weights->vision.layers, "vision.", &out);
    out.push_back({&weights->vision.projector_in, "vision.projector_in"});
    out.push_back({&weights->vision.projector_down_in, "vision.projector_down_in"});
  }
  for (size_t i = 0; i < out.size(); ++i) out[i].point->index = static_cast<uint32_t>(i);
  weights->quant_points = static_cast<uint32_t>(out.size());
  return out;
}

Status load_weights(const ModelFiles& files, const ModelSpec& spec, Weights* out) {
  FileTensors source(files, &out->owned);
  return Loader(&source, spec, out).load();
}

Status make_random_weights(const ModelSpec& spec, RandomStorage text, RandomStorage vision, Weights* out) {
  RandomTensors source(text, vision, &out->owned);
  return Loader(&source, spec, out).load();
}

}  // namespace mica
