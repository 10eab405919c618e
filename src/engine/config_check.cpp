// Config check: sizes that follow from others, and sizes that contradict each other.
#include "config_check.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "checked.hpp"
#include "family.hpp"
#include "limits.hpp"
#include "rope_frequencies.hpp"

namespace mica {
namespace {

template <class T>
T* target_of(ModelSpec* spec, uint16_t offset) {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(spec) + offset);
}

uint64_t factor(ModelSpec* spec, uint16_t offset) {
  return offset == DerivedField::kOne ? 1 : *target_of<uint32_t>(spec, offset);
}

void derive(const DerivedField& field, ModelSpec* spec) {
  uint32_t* target = target_of<uint32_t>(spec, field.target);
  const uint64_t divisor = factor(spec, field.divisor);
  if (*target != 0 || divisor == 0) return;
  const uint64_t value = factor(spec, field.a) * factor(spec, field.b) * factor(spec, field.c) / divisor;
  *target = value > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(value);
}

Status bad(const char* name, const char* what) { return Status::error(Code::corrupt_file, "%s: %s", name, what); }

Status check_decoder(const DecoderSpec& d, const char* name) {
  if (d.layers == 0 || d.hidden == 0 || d.heads == 0 || d.feed_forward == 0 || d.vocabulary == 0)
    return Status::error(
        Code::not_found,
        "%s: one of num_hidden_layers, hidden_size, num_attention_heads, intermediate_size and vocab_size is missing",
        name);
  if (d.head_dim == 0 || d.head_dim % 2 != 0 || d.head_dim > limits::kHeadDimMax)
    return bad(name, "head_dim (kv_channels), or hidden_size / num_attention_heads, must be even and not zero");
  if (d.kv_heads > d.heads || d.heads % d.kv_heads != 0)
    return bad(name, "num_attention_heads must be a multiple of num_key_value_heads (multi_query_group_num, num_multi_query_heads)");
  if (d.context == 0) return bad(name, "max_position_embeddings must not be zero");
  return Status::ok();
}

// As the class computes it: in doubles, rounded towards zero.
Status finish_feed_forward(DecoderSpec* d, const char* name) {
  const FeedForwardRule& rule = d->feed_forward_rule;
  if (!rule.adjusts) return Status::ok();
  const double adjusted = std::floor(rule.multiplier * static_cast<double>(uint64_t{2} * d->feed_forward / 3));
  const double rounded = std::ceil(adjusted / rule.multiple) * rule.multiple;
  if (!(rounded >= 1 && rounded <= limits::kFeedForwardMax))
    return bad(name, "intermediate_size, as block_auto_adjust_ff_dim changes it, is out of range");
  d->feed_forward = static_cast<uint32_t>(rounded);
  return Status::ok();
}

// Layers without attention: which, and the sizes of their states.
Status finish_states(DecoderSpec* d, const char* name) {
  LayerTypes& types = d->layer_types;
  if (d->ends_full && types.count == d->layers) types.types[d->layers - 1] = LayerType::full;
  for (uint32_t i = 0; types.count == 0 && d->full_interval != 0 && i < d->layers; ++i)
    types.types[i] = (i + 1) % d->full_interval == 0 ? LayerType::full : d->between_full;
  if (d->full_interval != 0) types.count = types.count == 0 ? d->layers : types.count;
  const auto end = types.types + types.count;
  const auto has = [&](LayerType type) { return std::find(types.types, end, type) != end; };
  const bool delta = has(LayerType::delta);
  const bool convolves = delta || has(LayerType::convolution);
  if (convolves && (d->convolution_taps == 0 || d->convolution_taps > limits::kConvolutionTapsMax))
    return bad(name, "conv_L_cache (linear_conv_kernel_dim) is missing or out of range");
  const DeltaSpec& s = d->delta;
  if (delta && (s.key_heads == 0 || s.key_dim == 0 || s.value_dim == 0 || s.value_heads == 0 ||
                s.value_heads % s.key_heads != 0))
    return bad(name, "linear_num_value_heads must be a multiple of linear_num_key_heads, and no size of a head zero");
  return Status::ok();
}

// Layers that see the newest tokens only. Where none does, the window is 0.
Status finish_window(DecoderSpec* d, const char* name) {
  const LayerTypes& types = d->layer_types;
  if (types.count != 0 && types.count != d->layers)
    return Status::error(Code::corrupt_file, "%s: layer_types has %u words, and num_hidden_layers is %u", name,
                         types.count, d->layers);
  if (!d->use_window) d->window = 0;
  const auto end = types.types + types.count;
  if (d->window == 0 && std::find(types.types, end, LayerType::windowed) != end)
    return Status::error(
        Code::unsupported,
        "%s: layer_types has sliding_attention, but use_sliding_window and sliding_window give no window", name);
  bool windowed = false;
  for (uint32_t i = 0; i < d->layers; ++i) windowed |= d->layer(i).window != 0;
  if (!windowed) d->window = 0;
  return Status::ok();
}

// Layers of full attention with heads of their own, and layers that borrow keys and values.
Status finish_lending(DecoderSpec* d, const char* name) {
  if (!d->full_values_are_keys) d->full_kv_heads = 0;  // as the classes have it
  if (d->full_head_dim % 2 != 0) return bad(name, "global_head_dim must be even");
  if (d->full_kv_heads != 0 && d->heads % d->full_kv_heads != 0)
    return bad(name, "num_attention_heads must be a multiple of num_global_key_value_heads");
  if (d->borrowing_layers >= d->layers) return bad(name, "num_kv_shared_layers must be less than num_hidden_layers");
  for (uint32_t i = d->layers - d->borrowing_layers; i < d->layers; ++i)
    if (d->lender_of(i) == i)
      return bad(name, "layers share keys and values (num_kv_shared_layers) with none of their type (layer_types) "
                       "before them");
  if (d->layer_input == 0) {
    d->padding_token = 0;
    return Status::ok();
  }
  if (d->layer_input_vocabulary < d->vocabulary)
    return bad(name, "vocab_size_per_layer_input must not be less than vocab_size");
  if (static_cast<uint32_t>(d->padding_token) < d->layer_input_vocabulary) return Status::ok();
  return bad(name, "pad_token_id must be below vocab_size_per_layer_input");
}

// What each scaling of RoPE must be told (transformers, modeling_rope_utils.py).
struct RopeNeed {
  RopeScaling scaling;
  float RopeSpec::*field;
  const char* name;
};
constexpr RopeNeed kRopeNeeds[] = {
    {RopeScaling::linear, &RopeSpec::factor, "factor"},
    {RopeScaling::dynamic, &RopeSpec::factor, "factor"},
    {RopeScaling::yarn, &RopeSpec::factor, "factor"},
    {RopeScaling::llama3, &RopeSpec::factor, "factor"},
    {RopeScaling::llama3, &RopeSpec::low_frequency_factor, "low_freq_factor"},
    {RopeScaling::llama3, &RopeSpec::high_frequency_factor, "high_freq_factor"},
};

float yarn_attention_factor(const RopeSpec& rope) {
  const auto grown = [&](float mscale) {
    const auto factor = static_cast<double>(rope.factor);
    return factor <= 1.0 ? 1.0 : 0.1 * static_cast<double>(mscale) * std::log(factor) + 1.0;
  };
  const bool both = rope.mscale != 0 && rope.mscale_all_dim != 0;
  return static_cast<float>(both ? grown(rope.mscale) / grown(rope.mscale_all_dim) : grown(1.0f));
}

// Which of a head's dims are turned; whole pairs of them.
Status finish_rotated(uint32_t head_dim, RopeSpec* spec, const char* name) {
  RopeSpec& rope = *spec;
  if (rope.scaling == RopeScaling::proportional) {
    rope.rotated_dims = head_dim;
    return Status::ok();
  }
  if (rope.rotated_share != 1 && !rope.may_be_partial)
    return Status::error(Code::unsupported,
                         "%s: partial_rotary_factor is %g, which decoders of this kind are not known to follow; mica "
                         "runs them with 1", name, static_cast<double>(rope.rotated_share));
  rope.rotated_dims = static_cast<uint32_t>(static_cast<double>(head_dim) * static_cast<double>(rope.rotated_share));
  if (rope.rotated_dims >= 2 && rope.rotated_dims % 2 == 0) return Status::ok();
  return bad(name, "head_dim (kv_channels) times partial_rotary_factor must be even and not zero");
}

// The lists of LongRoPE, and what the paper suggests for cosines and sines where no file says it.
Status finish_longrope(const DecoderSpec& d, RopeSpec* spec, const char* name) {
  RopeSpec& rope = *spec;
  const size_t divisors[] = {rope.short_divisors.count, rope.long_divisors.count};
  if (rope.scaling != RopeScaling::longrope) {
    if (divisors[0] == 0 && divisors[1] == 0) return Status::ok();
    return Status::error(Code::unsupported,
                         "%s: short_factor and long_factor are set, which decoders of this kind, or of this rope_type, "
                         "are not known to follow", name);
  }
  for (const size_t count : divisors)
    if (count != rope.rotated_dims / 2)
      return bad(name, "short_factor and long_factor must have a number for each pair of a head that is rotated");
  if (rope.attention_factor != 0) return Status::ok();
  const double original = rope.original_context;
  const double factor = rope.factor != 0 ? static_cast<double>(rope.factor) : d.context / original;
  const bool grows = factor > 1 && original > 1;
  rope.attention_factor = grows ? static_cast<float>(std::sqrt(1 + std::log(factor) / std::log(original))) : 1.0f;
  return Status::ok();
}

Status check_multipliers(const Multipliers& m, const char* name) {
  const std::pair<const char*, bool> asked[] = {{"embedding_multiplier", m.embedding != 1},
                                                {"residual_multiplier", m.residual != 1},
                                                {"attention_multiplier", m.attention != 0},
                                                {"logits_scaling", m.logits_divisor != 1}};
  for (const auto& [field, is_set] : asked)
    if (is_set && !m.known)
      return Status::error(Code::unsupported, "%s: %s is set, which decoders of this kind are not known to follow", name,
                           field);
  return Status::ok();
}

// What other fields give.
void finish_multipliers(DecoderSpec* d) {
  Multipliers& m = d->multipliers;
  if (m.embedding_root) m.embedding = static_cast<float>(std::sqrt(static_cast<double>(d->hidden)));
  if (m.attention_divisor != 0)
    m.attention = static_cast<float>(1 / std::sqrt(static_cast<double>(m.attention_divisor)));
}

// Of layers whose heads have so many channels.
Status finish_rope(const DecoderSpec& d, uint32_t head_dim, RopeSpec* spec, const char* name) {
  RopeSpec& rope = *spec;
  MICA_TRY(finish_rotated(head_dim, &rope, name));
  rope.theta *= rope.theta_factor;
  rope.theta_factor = 1;
  if (rope.query_beta != 0 && !rope.may_scale_queries)
    return Status::error(Code::unsupported,
                         "%s: llama_4_scaling_beta is %g, which decoders of this kind are not known to follow", name,
                         static_cast<double>(rope.query_beta));
  const bool stretched = rope.original_context != 0;
  if (!stretched) rope.original_context = d.context;
  if (rope.scaling == RopeScaling::yarn && rope.factor == 0 && stretched)
    rope.factor = static_cast<float>(d.context) / static_cast<float>(rope.original_context);
  for (const RopeNeed& need : kRopeNeeds)
    if (rope.scaling == need.scaling && rope.*need.field == 0)
      return Status::error(Code::not_found, "%s: %s is missing beside rope_type", name, need.name);
  if (rope.multimodal() && !rope.sections_interleaved &&
      rope.sections[0] + rope.sections[1] + rope.sections[2] != rope.rotated_dims / 2)
    return bad(name, "mrope_section must sum to half of the dims of a head that are rotated: head_dim, or hidden_size / "
               "num_attention_heads, times partial_rotary_factor");
  if (rope.scaling == RopeScaling::llama3 && !(rope.high_frequency_factor > rope.low_frequency_factor))
    return bad(name, "rope high_freq_factor must be larger than low_freq_factor");
  if (may_grow(rope) && rope.rotated_dims <= 2)
    return bad(name, "head_dim, or hidden_size / num_attention_heads, must be larger than 2 where rope_type is dynamic");
  if (rope.divisors.count != 0 && rope.divisors.count != rope.rotated_dims / 2)
    return bad(name, "mica_rope_divisors must have a number for each pair of a head");
  MICA_TRY(finish_longrope(d, &rope, name));
  if (rope.scaling != RopeScaling::yarn) return Status::ok();
  if (!(rope.theta > 1.0f)) return bad(name, "rope_theta must be larger than 1 where rope_type is yarn");
  if (rope.beta_fast == 0) rope.beta_fast = 32;  // as the paper has them
  if (rope.beta_slow == 0) rope.beta_slow = 1;
  if (rope.attention_factor == 0) rope.attention_factor = yarn_attention_factor(rope);
  return Status::ok();
}

// A table of learned positions for any grid is a square.
Status finish_positions(const Family& family, VisionSpec* v, const char* name) {
  const auto& stem = family.stem.steps;
  v->position_side = static_cast<uint32_t>(std::lround(std::sqrt(v->position_count)));
  if (v->position_side > limits::kPositionSideMax)
    return bad(name, "vision_config: there are more positions than mica resamples");
  if (std::none_of(stem.begin(), stem.end(), [](const Step& step) { return step.op == Op::resample; }))
    return Status::ok();
  if (v->position_side != 0 && uint64_t{v->position_side} * v->position_side == v->position_count) return Status::ok();
  return bad(name,
             "vision_config: the number of positions (num_position_embeddings, num_patches, or patches of patch_size "
             "in image_size) must be a square, and not zero");
}

// Windows of whole squares of merged patches.
Status finish_tower_window(VisionSpec* v, const char* name) {
  if (v->window_pixels == 0) return Status::ok();
  v->window = v->window_pixels / v->merge / v->patch * v->merge;
  if (v->window != 0) return Status::ok();
  return bad(name, "vision_config.window_size must not be less than patch_size times spatial_merge_size");
}

Status check_taps(const VisionSpec& v, const char* name) {
  if (v.taps.count > limits::kTapsMax)
    return Status::error(Code::limit_exceeded, "%s: vision_config.deepstack_visual_indexes has more than %u layers", name,
                         limits::kTapsMax);
  for (uint32_t i = 0; i < v.taps.count; ++i)
    if (v.taps.layers[i] >= v.layers_used || (i > 0 && v.taps.layers[i] <= v.taps.layers[i - 1]))
      return bad(name, "vision_config.deepstack_visual_indexes must be layers of the tower, in rising order");
  return Status::ok();
}

// transformers counts hidden states: 0 is before the first layer, -1 after the last. The layers that are used are those
// before the last state that is read; below 0: one is not of the tower.
int32_t finish_features(VisionSpec* v) {
  const int32_t states = static_cast<int32_t>(v->layers) + 1;
  const auto layers_before = [&](int32_t state) { return state < 0 ? states + state : state; };
  StateList& several = v->feature_states;
  if (several.count == 1) v->feature_layer = several.states[0];
  if (several.count <= 1) several = {};
  if (several.count == 0) return layers_before(v->feature_layer);
  int32_t used = 0;
  for (uint32_t i = 0; i < several.count; ++i) {
    several.states[i] = layers_before(several.states[i]);
    if (several.states[i] < 0) return -1;
    used = std::max(used, several.states[i]);
  }
  return used;
}

Status check_vision(const ModelSpec& spec, const char* name) {
  const VisionSpec& v = spec.vision;
  const bool has_layers = v.layers != 0 && v.heads != 0 && v.feed_forward != 0 && v.hidden % v.heads == 0;
  if (v.hidden == 0 || !(v.towerless || has_layers))
    return bad(name, "vision_config: hidden_size (embed_dim, width) must be a multiple of num_attention_heads (num_heads)");
  const auto follows = [](uint32_t said, uint32_t known) { return said == 0 || said == known; };
  const std::pair<const char*, bool> said[] = {{"head_dim", follows(v.head_size, v.head_dim())},
                                               {"num_key_value_heads", follows(v.kv_heads, v.heads)},
                                               {"output_proj_dims", follows(v.feature_width, v.hidden)}};
  for (const auto& [field, is_known] : said)
    if (!is_known)
      return Status::error(Code::unsupported,
                           "%s: vision_config.%s is not what follows from hidden_size (mm_embed_dim) and "
                           "num_attention_heads; mica runs no other", name, field);
  if (v.head_dim() > limits::kHeadDimMax || (v.rope_2d && v.head_dim() % 4 != 0))
    return bad(name, "vision_config: a head, hidden_size by num_attention_heads (num_heads), is too large, or no "
               "multiple of 4 where it turns with row and column");
  if ((!v.towerless && v.layers_used == 0) || v.layers_used > v.layers)
    return bad(name, "vision_feature_layer (select_layer) is out of range");
  if (v.output != 0 && v.output != spec.decoder.hidden)
    return bad(name, "vision_config.hidden_size (out_hidden_size, output_dim, projection_dim) must be the decoder's "
               "hidden_size");
  if (spec.picture_token < 0) return bad(name, "the image token must not be negative");
  if (v.image_width == 0) return Status::ok();  // any size
  if (v.image_width < v.patch || v.image_height < v.patch)  // what is left beside whole patches is not seen
    return bad(name, "image_size must be at least patch_size");
  if (v.image_width / v.patch % v.token_side() != 0 || v.image_height / v.patch % v.token_side() != 0)
    return bad(name, "the patches of a side, image_size by patch_size, must be a multiple of those that are merged "
               "(spatial_merge_size, scale_factor, downsample_ratio, downsample_factor)");
  if (v.keep_class_token && v.merge != 1) return bad(name, "class tokens cannot be kept where patches are merged");
  return Status::ok();
}

// Learned queries, as many as there are places in a square where they have positions of their own.
Status finish_resampler(ModelSpec* spec, const char* name) {
  VisionSpec& v = spec->vision;
  if (v.queries == 0) return Status::ok();
  v.query_width = spec->decoder.hidden;
  v.query_heads = std::max(1u, v.query_width / v.query_head);  // as its code has it
  v.query_side = static_cast<uint32_t>(std::lround(std::sqrt(static_cast<double>(v.queries))));
  v.resampler_widens = v.hidden != v.query_width;
  if (v.query_width % 4 != 0 || v.query_width % v.query_heads != 0 ||
      v.query_width / v.query_heads > limits::kHeadDimMax)
    return bad(name, "hidden_size must be a multiple of 4 and of the heads that its queries have");
  return Status::ok();
}

// A picture becomes a square of tokens, each of which stands for a square of patches.
Status finish_pool(VisionSpec* v, const char* name) {
  if (v->picture_tokens == 0) return Status::ok();
  const auto side = static_cast<uint32_t>(std::lround(std::sqrt(v->picture_tokens)));
  const uint32_t patches = v->image_width / std::max(1u, v->patch);
  v->pool_side = patches / side;
  if (side * side == v->picture_tokens && patches == side * v->pool_side && v->image_width == v->image_height)
    return Status::ok();
  return bad(name, "mm_tokens_per_image must be a square number, and its root divide the patches of a side of an image "
             "that is a square (image_size by patch_size)");
}

Status finish_vision(ModelSpec* spec, const char* name) {
  VisionSpec& v = spec->vision;
  MICA_TRY(finish_pool(&v, name));
  MICA_TRY(finish_resampler(spec, name));
  if (v.projector_norm_epsilon == 0) v.projector_norm_epsilon = spec->decoder.norm_epsilon;
  if (v.multiplies_by_root) v.divisor = static_cast<float>(1 / std::sqrt(static_cast<double>(v.hidden)));
  if (v.feed_forward_share != 0) v.feed_forward = clamp_u32(v.feed_forward_share * v.hidden);
  // Qwen-VL names the first of three that follow each other.
  PictureFrame& frame = spec->picture_frame;
  if (frame.begin >= 0 && frame.end < 0) {
    frame.end = frame.begin + 1;
    if (spec->picture_token < 0) spec->picture_token = frame.begin + 2;
  }
  if (v.drops_last_layer) v.feature_layer = -2;
  const int32_t used = finish_features(&v);
  v.layers_used = used < 0 ? 0 : static_cast<uint32_t>(used);
  if (v.layers_used != v.layers && !v.drops_last_layer) v.last_norm = false;
  MICA_TRY(finish_positions(*spec->family, &v, name));
  MICA_TRY(finish_tower_window(&v, name));
  MICA_TRY(check_taps(v, name));
  if (v.inner_left_out) v.inner_layer = -1;
  if (v.inner_layer >= static_cast<int32_t>(v.layers_used))
    return bad(name, "insert_layer_id must be one of the vision tower's layers");
  return check_vision(*spec, name);
}

}  // namespace

Status finish_spec(ModelSpec* spec, const char* name) {
  for (const auto& table : spec->family->derived)
    for (const DerivedField& field : table) derive(field, spec);
  MICA_TRY(check_decoder(spec->decoder, name));
  MICA_TRY(check_multipliers(spec->decoder.multipliers, name));
  MICA_TRY(finish_feed_forward(&spec->decoder, name));
  MICA_TRY(finish_states(&spec->decoder, name));
  MICA_TRY(finish_window(&spec->decoder, name));
  // The head of a class with pictures is its own, and knows nothing of this one.
  if (spec->has_vision) spec->decoder.multipliers.logits_divisor = 1;
  finish_multipliers(&spec->decoder);
  MICA_TRY(finish_lending(&spec->decoder, name));
  DecoderSpec& d = spec->decoder;
  MICA_TRY(finish_rope(d, d.full_head_dim != 0 ? d.full_head_dim : d.head_dim, &d.rope, name));
  if (d.windows_have_rope) MICA_TRY(finish_rope(d, d.head_dim, &d.window_rope, name));
  return spec->has_vision ? finish_vision(spec, name) : Status::ok();
}

}  // namespace mica
