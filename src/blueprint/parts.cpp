// Parts: the rows. Not what is done with them: engine, quant.
#include "parts.hpp"

#include <algorithm>

namespace mica {
namespace {

constexpr SiteInfo kSites[] = {
    {Site::attention_in, "attention_in"},
    {Site::output_in, "output_in"},
    {Site::mlp_in, "mlp_in"},
    {Site::down_in, "down_in", true},
};
constexpr SiteInfo kTowerSites[] = {
    {Site::patches_in, "patches_in"},
    {Site::projector_merge_in, "projector_merge_in"},
    {Site::projector_first_in, "projector_first_in"},
    {Site::projector_in, "projector_in"},
    {Site::projector_down_in, "projector_down_in"},
    {Site::resampler_in, "resampler_in"},
    {Site::resampler_query_in, "resampler_query_in"},
    {Site::resampler_key_in, "resampler_key_in"},
    {Site::resampler_value_in, "resampler_value_in"},
    {Site::resampler_output_in, "resampler_output_in"},
    {Site::resampler_out_in, "resampler_out_in"},
    {Site::inner_up_in, "inner_up_in"},
    {Site::inner_down_in, "inner_down_in"},
};

// A matrix that reads the normed stream.
constexpr PartInfo reader(Slot slot, const char* name, Width rows, Site site, Slot norm, SaidBy bias) {
  return {.slot = slot,
          .kind = PartKind::matrix,
          .rows = rows,
          .said_by = bias,
          .name = name,
          .columns = Width::hidden,
          .reads = site,
          .norm = norm,
          .in = Space::stream};
}
constexpr PartInfo within(LayerKind kind, PartInfo part) {
  part.layers = only_in(kind);
  return part;
}
// A matrix of what mixes rows in layers of a kind.
constexpr PartInfo mixer_reader(LayerKind kind, Slot slot, const char* name, Width rows, SaidBy bias) {
  return within(kind, reader(slot, name, rows, Site::attention_in, Slot::attention_norm, bias));
}
constexpr PartInfo lacking(bool LayerSpec::*lacking, PartInfo part) {
  part.lacking = lacking;
  return part;
}
constexpr PartInfo attention_reader(Slot slot, const char* name, Width rows, SaidBy bias) {
  return mixer_reader(LayerKind::attention, slot, name, rows, bias);
}
constexpr PartInfo delta_reader(Slot slot, const char* name, Width rows) {
  return mixer_reader(LayerKind::delta, slot, name, rows, SaidBy::convolution_bias);
}
constexpr PartInfo mlp_reader(Slot slot, const char* name) {
  return reader(slot, name, Width::feed_forward, Site::mlp_in, Slot::mlp_norm, SaidBy::mlp_bias);
}
// Values stand behind queries and keys where the three are one matrix.
constexpr PartInfo with_values(PartInfo part, Width first) {
  part.out = Space::heads;
  part.out_first = first;
  return part;
}
// A matrix that adds to the stream.
constexpr PartInfo writer(Slot slot, const char* name, Width columns, Site site, Space in, Slot scale, SaidBy bias) {
  return {.slot = slot,
          .kind = PartKind::matrix,
          .rows = Width::hidden,
          .said_by = bias,
          .name = name,
          .columns = columns,
          .reads = site,
          .scale = scale,
          .in = in,
          .out = Space::stream};
}

// The visual expert beside a matrix of the text's; whether it has a bias, its file says.
constexpr PartInfo visual(PartInfo part, const char* name) {
  part.slot = visual_slot(part.slot);
  part.name = name;
  part.said_by = SaidBy::file;
  part.visual = true;
  return part;
}

constexpr PartInfo kQuery = attention_reader(Slot::query, "query", Width::query, SaidBy::qkv_bias);
constexpr PartInfo kKey =
    lacking(&LayerSpec::borrows_keys, attention_reader(Slot::key, "key", Width::key, SaidBy::qkv_bias));
constexpr PartInfo kValue =
    lacking(&LayerSpec::without_values,
            with_values(attention_reader(Slot::value, "value", Width::key, SaidBy::qkv_bias), Width::none));
constexpr PartInfo kOutput =
    within(LayerKind::attention, writer(Slot::output, "output", Width::query, Site::output_in, Space::heads,
                                        Slot::attention_scale, SaidBy::output_bias));
constexpr PartInfo kGate = mlp_reader(Slot::gate, "gate");
constexpr PartInfo kUp = mlp_reader(Slot::up, "up");
constexpr PartInfo kDown = writer(Slot::down, "down", Width::feed_forward, Site::down_in, Space::online,
                                  Slot::mlp_scale, SaidBy::mlp_bias);

// What a state gives: in a space of its own, since it meets itself value by value.
constexpr PartInfo state_writer(LayerKind kind, Slot slot, const char* name, Width columns) {
  return within(kind, writer(slot, name, columns, Site::output_in, Space::own, Slot::attention_scale,
                             SaidBy::convolution_bias));
}
constexpr PartInfo state_vector(LayerKind kind, Slot slot, Width values, SaidBy said_by = SaidBy::file) {
  return within(kind, {.slot = slot, .kind = PartKind::vector, .rows = values, .said_by = said_by});
}

constexpr PartInfo kParts[] = {
    {Slot::attention_norm, PartKind::norm, Width::hidden},
    with_values(attention_reader(Slot::qkv, "qkv", Width::qkv, SaidBy::file), Width::query_key),
    kQuery,
    kKey,
    kValue,
    visual(kQuery, "visual_query"),
    visual(kKey, "visual_key"),
    visual(kValue, "visual_value"),
    attention_reader(Slot::attention_gate, "attention_gate", Width::query, SaidBy::qkv_bias),
    within(LayerKind::attention, {Slot::query_norm, PartKind::norm, Width::head_norm, SaidBy::head_norms}),
    lacking(&LayerSpec::borrows_keys,
            within(LayerKind::attention, {Slot::key_norm, PartKind::norm, Width::head_norm, SaidBy::head_norms})),
    lacking(&LayerSpec::borrows_keys, within(LayerKind::attention, {Slot::value_norm, PartKind::norm, Width::head})),
    kOutput,
    visual(kOutput, "visual_output"),
    mixer_reader(LayerKind::convolution, Slot::convolution_in, "convolution_in", Width::convolution_in,
                 SaidBy::convolution_bias),
    state_vector(LayerKind::convolution, Slot::convolution, Width::convolution),
    state_vector(LayerKind::convolution, Slot::convolution_bias, Width::hidden, SaidBy::convolution_bias),
    state_writer(LayerKind::convolution, Slot::convolution_out, "convolution_out", Width::hidden),
    delta_reader(Slot::delta_in, "delta_in", Width::delta_in),
    delta_reader(Slot::delta_gate, "delta_gate", Width::delta_value),
    delta_reader(Slot::delta_strength, "delta_strength", Width::delta_heads),
    delta_reader(Slot::delta_decay, "delta_decay", Width::delta_heads),
    state_vector(LayerKind::delta, Slot::delta_convolution, Width::delta_convolution),
    state_vector(LayerKind::delta, Slot::decay_rate, Width::delta_heads),
    state_vector(LayerKind::delta, Slot::decay_bias, Width::delta_heads),
    within(LayerKind::delta, {Slot::delta_norm, PartKind::norm, Width::delta_head}),
    state_writer(LayerKind::delta, Slot::delta_out, "delta_out", Width::delta_value),
    {Slot::attention_post_norm, PartKind::norm, Width::hidden},
    {Slot::attention_scale, PartKind::vector, Width::hidden},
    {Slot::mlp_norm, PartKind::norm, Width::hidden},
    kGate,
    kUp,
    visual(kGate, "visual_gate"),
    visual(kUp, "visual_up"),
    kDown,
    visual(kDown, "visual_down"),
    {Slot::mlp_post_norm, PartKind::norm, Width::hidden},
    {Slot::mlp_scale, PartKind::vector, Width::hidden},
    // Small, and of rows that no point has a scale for: they stay as they are stored.
    lacking(&LayerSpec::without_input,
            {.slot = Slot::layer_input_gate, .kind = PartKind::matrix, .rows = Width::layer_input,
             .name = "layer_input_gate", .columns = Width::hidden, .in = Space::stream}),
    lacking(&LayerSpec::without_input,
            {.slot = Slot::layer_input_out, .kind = PartKind::matrix, .rows = Width::hidden, .name = "layer_input_out",
             .columns = Width::layer_input, .out = Space::stream}),
    lacking(&LayerSpec::without_input, {Slot::layer_input_norm, PartKind::norm, Width::hidden}),
    {Slot::layer_scale, PartKind::vector, Width::one},
};

constexpr PartInfo resampler(Slot slot, const char* name, Width rows, Site site) {
  return {.slot = slot, .kind = PartKind::matrix, .rows = rows, .name = name, .reads = site,
          .section = Section::projector};
}

// Patches, class token and positions stand in their own space: the stream is rotated behind the stem.
constexpr PartInfo kTowerParts[] = {
    {.slot = Slot::patch_embedding, .kind = PartKind::matrix, .rows = Width::hidden, .name = "patches",
     .reads = Site::patches_in, .section = Section::vision},
    {.slot = Slot::class_token, .kind = PartKind::vector, .section = Section::vision},
    {.slot = Slot::position_embedding, .kind = PartKind::vector, .section = Section::vision},
    {.slot = Slot::feature_mean, .kind = PartKind::vector, .section = Section::vision},
    {.slot = Slot::feature_scale, .kind = PartKind::vector, .section = Section::vision},
    {.slot = Slot::row_end, .kind = PartKind::vector, .section = Section::projector},
    {.slot = Slot::patch_norm, .kind = PartKind::norm, .section = Section::vision},
    {.slot = Slot::pre_norm, .kind = PartKind::norm, .section = Section::vision},
    resampler(Slot::resampler_in, "resampler_in", Width::resampled, Site::resampler_in),
    {.slot = Slot::resampler_norm, .kind = PartKind::norm, .section = Section::projector},
    {.slot = Slot::resampler_query_norm, .kind = PartKind::norm, .section = Section::projector},
    {.slot = Slot::resampler_queries, .kind = PartKind::vector, .section = Section::projector},
    {.slot = Slot::resampler_positions, .kind = PartKind::vector, .section = Section::projector},
    resampler(Slot::resampler_query, "resampler_query", Width::resampled, Site::resampler_query_in),
    resampler(Slot::resampler_key, "resampler_key", Width::resampled, Site::resampler_key_in),
    resampler(Slot::resampler_value, "resampler_value", Width::resampled, Site::resampler_value_in),
    resampler(Slot::resampler_output, "resampler_output", Width::resampled, Site::resampler_output_in),
    {.slot = Slot::resampler_post_norm, .kind = PartKind::norm, .section = Section::projector},
    resampler(Slot::resampler_out, "resampler_out", Width::output, Site::resampler_out_in),
    {.slot = Slot::inner_norm, .kind = PartKind::norm, .section = Section::vision},
    {.slot = Slot::inner_up, .kind = PartKind::matrix, .rows = Width::inner, .name = "inner_up",
     .reads = Site::inner_up_in, .norm = Slot::inner_norm, .in = Space::stream, .section = Section::vision},
    {.slot = Slot::inner_down, .kind = PartKind::matrix, .rows = Width::hidden, .name = "inner_down",
     .reads = Site::inner_down_in, .section = Section::vision},
    {.slot = Slot::picture_begin, .kind = PartKind::vector, .section = Section::projector},
    {.slot = Slot::picture_end, .kind = PartKind::vector, .section = Section::projector},
    {.slot = Slot::post_norm, .kind = PartKind::norm, .section = Section::vision},
    {.slot = Slot::projector_norm, .kind = PartKind::norm, .section = Section::projector},
    {.slot = Slot::projector_inner_norm, .kind = PartKind::norm, .section = Section::projector},
    {.slot = Slot::projector_merge, .kind = PartKind::matrix, .rows = Width::merged, .name = "projector_merge",
     .reads = Site::projector_merge_in, .section = Section::projector},
    {.slot = Slot::projector_first, .kind = PartKind::matrix, .rows = Width::output,
     .said_by = SaidBy::projector_bias, .name = "projector_first", .reads = Site::projector_first_in,
     .section = Section::projector},
    {.slot = Slot::projector_gate, .kind = PartKind::matrix, .rows = Width::projector,
     .said_by = SaidBy::projector_bias, .name = "projector_gate", .reads = Site::projector_in,
     .section = Section::projector},
    {.slot = Slot::projector_up, .kind = PartKind::matrix, .rows = Width::projector,
     .said_by = SaidBy::projector_bias, .name = "projector", .reads = Site::projector_in,
     .norm = Slot::projector_norm, .in = Space::stream, .section = Section::projector},
    {.slot = Slot::projector_down, .kind = PartKind::matrix, .rows = Width::output,
     .said_by = SaidBy::projector_bias, .name = "projector_down", .reads = Site::projector_down_in,
     .section = Section::projector},
};

const PartInfo* find(std::span<const PartInfo> parts, Slot slot) {
  const auto found = std::find_if(parts.begin(), parts.end(), [&](const PartInfo& part) { return part.slot == slot; });
  return found == parts.end() ? nullptr : &*found;
}

size_t& at(StreamSpec* stream, Width width) { return stream->widths[static_cast<size_t>(width)]; }

void set_widths(size_t hidden, size_t head, size_t heads, size_t kv_heads, size_t feed_forward, StreamSpec* stream) {
  at(stream, Width::hidden) = hidden;
  at(stream, Width::head) = at(stream, Width::head_norm) = head;
  at(stream, Width::query) = heads * head;
  at(stream, Width::key) = kv_heads * head;
  at(stream, Width::query_key) = (heads + kv_heads) * head;
  at(stream, Width::qkv) = (heads + 2 * kv_heads) * head;
  at(stream, Width::feed_forward) = feed_forward;
}

}  // namespace

std::span<const SiteInfo> sites_of_layers() { return kSites; }
std::span<const PartInfo> parts_of_layers() { return kParts; }

std::span<const PartInfo> parts_of_tower() { return kTowerParts; }

const char* name_of(Site site) {
  const size_t index = static_cast<size_t>(site);
  return index < std::size(kSites) ? kSites[index].name : kTowerSites[index - std::size(kSites)].name;
}

const PartInfo& part_of(Slot slot) {
  const PartInfo* part = find(kParts, slot);
  return part != nullptr ? *part : *find(kTowerParts, slot);
}

NormSpec norm_of_tower(const VisionSpec& vision, Slot slot) {
  if (slot == Slot::post_norm && vision.layer_norm_last) return {Norm::layer, vision.norm_epsilon};
  if (part_of(slot).section == Section::projector) return {vision.projector_norm, vision.projector_norm_epsilon};
  return {vision.norm, vision.norm_epsilon};
}

bool is_folded(Slot slot) {
  const auto folds = [&](const PartInfo& part) { return part.norm == slot || part.scale == slot; };
  return std::any_of(std::begin(kParts), std::end(kParts), folds) ||
         std::any_of(std::begin(kTowerParts), std::end(kTowerParts), folds);
}

bool is_layered(Slot slot) { return find(kParts, slot) != nullptr; }

StreamSpec StreamSpec::at(uint32_t index) const {
  StreamSpec out = *this;
  if (decoder == nullptr) return out;
  const LayerSpec layer = decoder->layer(index);
  set_widths(decoder->hidden, layer.head_dim, decoder->heads, layer.kv_heads, layer.feed_forward, &out);
  return out;
}

StreamSpec decoder_stream(const ModelSpec& spec) {
  const DecoderSpec& d = spec.decoder;
  StreamSpec stream{.section = Section::decoder, .prefix = "", .layers = d.layers, .norm = Norm::rms};
  stream.decoder = &d;
  set_widths(d.hidden, d.head_dim, d.heads, d.kv_heads, d.feed_forward, &stream);
  at(&stream, Width::convolution_in) = size_t{3} * d.hidden;
  at(&stream, Width::convolution) = size_t{d.convolution_taps} * d.hidden;
  at(&stream, Width::delta_in) = d.delta.channels();
  at(&stream, Width::delta_convolution) = size_t{d.convolution_taps} * d.delta.channels();
  at(&stream, Width::delta_value) = d.delta.value_width();
  at(&stream, Width::delta_heads) = d.delta.value_heads;
  at(&stream, Width::delta_head) = d.delta.value_dim;
  at(&stream, Width::layer_input) = d.layer_input;
  at(&stream, Width::one) = 1;
  stream.said = {Said{}, Said{true, d.qkv_bias, "attention_bias"}, Said{true, d.output_bias, "attention_bias"},
                 Said{true, d.mlp_bias, "mlp_bias"}, Said{true, d.head_norms, ""},
                 Said{true, d.convolution_bias, "conv_bias"}, Said{}};
  return stream;
}

StreamSpec vision_stream(const ModelSpec& spec) {
  const VisionSpec& v = spec.vision;
  StreamSpec stream{.section = Section::vision, .prefix = "vision.", .layers = v.layers_used, .norm = v.norm};
  set_widths(v.hidden, v.head_dim(), v.heads, v.heads, v.feed_forward, &stream);
  if (v.width_norms) at(&stream, Width::head_norm) = v.hidden;
  at(&stream, Width::merged) = v.projector_merged;
  at(&stream, Width::projector) = v.projector_hidden;
  at(&stream, Width::inner) = size_t{v.merge} * v.merge * v.feed_forward;
  at(&stream, Width::resampled) = v.query_width;
  at(&stream, Width::output) = spec.decoder.hidden;
  stream.said[static_cast<size_t>(SaidBy::qkv_bias)] = {true, v.qkv_bias, "attention_bias"};
  stream.said[static_cast<size_t>(SaidBy::head_norms)] = {true, v.head_norms || v.width_norms, ""};
  stream.said[static_cast<size_t>(SaidBy::projector_bias)] = {true, v.projector_bias, "multimodal_projector_bias"};
  return stream;
}

StreamSpec frame_stream(const ModelSpec& spec) {
  StreamSpec stream = vision_stream(spec);
  stream.section = Section::frames;
  stream.prefix = "frames.";
  return stream;
}

StreamSpec inner_stream(const ModelSpec& spec) {
  StreamSpec stream = vision_stream(spec);
  stream.section = Section::inner;
  stream.prefix = "vision.inner.";
  stream.layers = spec.vision.inner_layer < 0 ? 0 : 1;
  return stream;
}

}  // namespace mica
