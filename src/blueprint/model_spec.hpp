// ModelSpec: everything that the one decoder loop and the one vision loop must know of a model, as data. Not weights,
// not code. Filled from config.json by the tables of a Family (family.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "frame_sampling.hpp"
#include "layer_kinds.hpp"
#include "limits.hpp"
#include "picture_rule.hpp"

namespace mica {

enum class RopeScaling : uint8_t {
  none,
  linear,   // positions divided by factor
  dynamic,  // theta grows with the sequence once it is longer than the model was trained for (NTK)
  dynamic_by_prompt,  // theta grows in steps with the length of the prompt, and answers keep it (Qwen)
  yarn,     // long wavelengths divided by factor, a ramp between, cosines and sines scaled (arXiv 2309.00071)
  longrope,  // frequencies divided by one list of numbers, or beyond original_context by another (arXiv 2402.13753)
  // All dims of a head are paired; of the pairs as many turn as rotated_share says, the first ones (Gemma 4).
  proportional,
  llama3,   // long wavelengths divided by factor, a smooth passage between (Llama 3.1)
};

// Numbers of a list, one a rotated pair at most.
struct FloatList {
  uint32_t count = 0;
  float values[limits::kHeadDimMax / 2] = {};
  bool operator==(const FloatList&) const = default;
};

// As the files say it; zero where they do not (what then follows: check_rope in config_check.cpp).
struct RopeSpec {
  float theta = 10000.0f;
  float theta_factor = 1;          // theta is multiplied by it before all else
  RopeScaling scaling = RopeScaling::none;
  float factor = 0;
  float low_frequency_factor = 0;
  float high_frequency_factor = 0;
  uint32_t original_context = 0;   // before it was stretched
  float attention_factor = 0;      // yarn: of cosines and sines
  float mscale = 0, mscale_all_dim = 0;
  float beta_fast = 0, beta_slow = 0;
  bool truncate = true;
  float query_beta = 0;            // queries times 1 + beta log(1 + floor(position / original_context)) (Llama 4)
  bool may_scale_queries = false;  // of this kind of decoder
  bool logn = false;  // queries behind original_context times log(place) / log(original_context) (Qwen)
  FloatList divisors;              // of the frequencies, before all else (rope_freqs.weight of GGUF)
  FloatList short_divisors, long_divisors;  // longrope: of the frequencies
  bool interleaved = false;        // pairs (2i, 2i + 1) instead of (i, i + half)
  // Of a head's dims, from the first on; a share of 1 where this kind of decoder turns all whatever the file says.
  float rotated_share = 1;
  bool may_be_partial = false;
  uint32_t rotated_dims = 0;
  uint32_t sections[3] = {0, 0, 0};  // M-RoPE: how many frequencies follow time, height and width; zeros: one position
  bool sections_interleaved = false;  // frequencies take turns: time, height, width, until a section is used up (Qwen3-VL)
  bool multimodal() const { return sections[0] + sections[1] + sections[2] != 0; }
  bool operator==(const RopeSpec&) const = default;
};

// What layer_types says, a word a layer; none where the file has no such list.
enum class LayerType : uint8_t { full, windowed, convolution, delta };
struct LayerTypes {
  uint32_t count = 0;
  LayerType types[limits::kLayersMax] = {};
  bool operator==(const LayerTypes&) const = default;
};

// What mixes the rows of a sequence: by attention, or by a state that each row changes.
enum class LayerKind : uint8_t {
  attention,
  convolution,  // short and gated (LFM2)
  delta,        // the gated delta rule (arXiv 2412.06464), behind a short convolution
};

// Of layers of the kind `delta`: heads of queries and keys, each serving value_heads / key_heads of values that follow each other.
struct DeltaSpec {
  uint32_t key_heads = 0, value_heads = 0;
  uint32_t key_dim = 0, value_dim = 0;  // of a head
  bool in_turns = false;  // heads of values take turns: each key head's first, then each one's second (GGUF)
  uint32_t key_width() const { return key_heads * key_dim; }
  uint32_t value_width() const { return value_heads * value_dim; }
  uint32_t channels() const { return 2 * key_width() + value_width(); }  // of its convolution
  bool operator==(const DeltaSpec&) const = default;
};

// Factors of Granite's decoders; as other classes have them where nothing is said.
struct Multipliers {
  bool known = false;       // this kind of decoder follows them
  float embedding = 1;      // of a token's embedding
  bool embedding_of_all = false;  // of the rows of pictures, too
  bool embedding_root = false;  // the root of hidden is what embeddings are multiplied by
  float attention_divisor = 0;  // where the files say `attention` as one over the root of that; 0: they do not
  float residual = 1;       // of what attention and MLP add to the stream
  float attention = 0;      // of queries times keys; 0: one over the root of head_dim
  float logits_divisor = 1;
  // c: logits, or scores of attention, become c tanh(x / c); 0: they stay.
  float logits_cap = 0, scores_cap = 0;
  bool operator==(const Multipliers&) const = default;
};

// How the files say an MLP's width: as it is, or so that a gated MLP has about the size of one without a gate.
struct FeedForwardRule {
  bool adjusts = false;     // two thirds of it, times `multiplier`, rounded up to a multiple
  double multiplier = 1.0;
  uint32_t multiple = 1;
  bool operator==(const FeedForwardRule&) const = default;
};

// Whose turns a layer has: those of the decoder, or where they differ those of its layers with windows.
enum class LayerRope : uint8_t { common, windowed, count };

// In what the layers of one decoder differ.
struct LayerSpec {
  LayerKind kind = LayerKind::attention;
  uint32_t window = 0;  // the newest tokens that it sees; 0: all
  LayerRope rope = LayerRope::common;
  bool sees_blocks = false;  // rows of a block (DecoderSpec::block) see all of it, those behind them too
  uint32_t kv_heads = 0, head_dim = 0;
  uint32_t feed_forward = 0;
  uint32_t keys_of = 0;         // the layer whose keys and values it reads: itself, or one before it
  bool borrows_keys = false;    // it reads those of another
  bool without_input = false;   // it is told nothing of the token itself
  bool without_values = false;  // it has no matrix for them: it borrows them, or they are its keys before norm and RoPE
};

// Rows that see each other in a decoder where else a row sees those before it.
enum class SeenBlock : uint8_t {
  none,
  picture,  // the placeholders of a picture that follow each other
  prompt,   // all that waits when it is computed: an answer's tokens see what is before them
};

// A decoder of the Llama kind: RMSNorm, grouped-query attention, gated MLP.
struct DecoderSpec {
  uint32_t layers = 0;
  uint32_t next_token_layers = 0;  // stored behind these, which guess further tokens in training; not read
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t feed_forward = 0;
  FeedForwardRule feed_forward_rule;
  // Of layers of full attention, where others have windows; 0: as those.
  uint32_t full_kv_heads = 0, full_head_dim = 0;
  bool full_values_are_keys = false;  // these have no matrix of values: those are keys, normed as values are
  bool value_norms = false;           // values of each head pass an RMS norm without weights
  // So many layers, the last ones, read the keys and values of the last layer of their type before them.
  uint32_t borrowing_layers = 0;
  bool borrowing_doubles = false;     // and these have MLPs of twice the width
  uint32_t vocabulary = 0;
  uint32_t context = 0;
  float norm_epsilon = 1e-6f;
  Activation activation = Activation::silu;
  bool tied_embeddings = false;
  // Biases and norms of heads that the kind of decoder has; a file may store more, which then are not part of it.
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  bool head_norms = false;
  bool norms_whole = false;  // norms are stored with what their names say to add (TensorName::plus), as in GGUF files
  bool convolution_bias = false;
  Multipliers multipliers;
  // As the files say it: where there are no layer_types, layers from window_first on have the window. Afterwards
  // (finish_window) `window` is 0 where no layer has it.
  bool use_window = false;
  uint32_t window = 0;
  uint32_t window_first = 0;
  LayerTypes layer_types;
  uint32_t full_interval = 0;  // where there are no layer_types: layers of full attention
  LayerType between_full = LayerType::delta;  // and all others
  bool ends_full = false;                     // the last layer is one of full attention, whatever the file says
  // Of what each layer is told of a token itself, beside the stream: values a layer, from a table of so many tokens
  // and from the embedding; 0: nothing (Gemma 3n).
  uint32_t layer_input = 0;
  uint32_t layer_input_vocabulary = 0;
  int32_t padding_token = 0;  // whose row of that table stands for the tokens of pictures
  uint32_t convolution_taps = 0;  // of the short convolutions: rows that each sees, itself the last
  DeltaSpec delta;
  RopeSpec rope;
  bool windows_have_rope = false;  // layers with windows turn by `window_rope`, whatever the window
  RopeSpec window_rope;
  SeenBlock block = SeenBlock::none;
  bool block_in_windows_only = false;  // layers that see all see nothing behind them
  bool block_beats_window = false;     // rows of a block see all of it, however far before them it begins
  LayerType type_of(uint32_t index) const {
    return layer_types.count != 0 ? layer_types.types[index] : LayerType::full;
  }
  LayerSpec layer(uint32_t index) const {
    const LayerType type = type_of(index);
    const bool windowed = use_window && (layer_types.count != 0 ? type == LayerType::windowed : index >= window_first);
    const bool full = type == LayerType::full, borrows = index >= layers - borrowing_layers;
    return {.kind = kind_of(type),
            .window = windowed ? window : 0,
            .rope = windowed && windows_have_rope ? LayerRope::windowed : LayerRope::common,
            .sees_blocks = block != SeenBlock::none && (windowed || !block_in_windows_only),
            .kv_heads = full && full_kv_heads != 0 ? full_kv_heads : kv_heads,
            .head_dim = full && full_head_dim != 0 ? full_head_dim : head_dim,
            .feed_forward = borrows && borrowing_doubles ? 2 * feed_forward : feed_forward,
            .keys_of = borrows ? lender_of(index) : index,
            .borrows_keys = borrows,
            .without_input = layer_input == 0,
            .without_values = borrows || (full && full_values_are_keys)};
  }
  // The last layer of an index's type that borrows nothing; the index where there is none.
  uint32_t lender_of(uint32_t index) const {
    for (uint32_t i = layers - borrowing_layers; i-- > 0;)
      if (type_of(i) == type_of(index)) return i;
    return index;
  }
  const RopeSpec& rope_of(LayerRope whose) const { return whose == LayerRope::common ? rope : window_rope; }
  static LayerKind kind_of(LayerType type) {
    if (type == LayerType::convolution) return LayerKind::convolution;
    return type == LayerType::delta ? LayerKind::delta : LayerKind::attention;
  }
  bool operator==(const DecoderSpec&) const = default;
};

// Layers of a tower by index.
struct LayerList {
  uint32_t count = 0;
  uint32_t layers[limits::kLayersMax] = {};
  bool has(uint32_t layer) const { return std::find(layers, layers + count, layer) != layers + count; }
  bool operator==(const LayerList&) const = default;
};

// Hidden states of a tower as files number them: 0 is before the first layer, -1 after the last.
struct StateList {
  uint32_t count = 0;
  int32_t states[limits::kFeatureStatesMax] = {};
  bool operator==(const StateList&) const = default;
};

// How learned positions of a square grid are resampled to a picture's grid: with ends on ends (corners), or with the
// middle of each place at that of its share (centers). Beyond its ends a table goes on as it ends. Or a place has the
// entry in whose share its lower end lies (buckets).
enum class PositionRule : uint8_t {
  bilinear_corners,
  bilinear_centers,
  bilinear_antialiased,  // centers, over as many places as one of the grid covers
  bicubic_centers,
  buckets,
};

// How the patches of a window become one (Op::pool).
enum class Pool : uint8_t { average, largest };

struct VisionSpec {
  uint32_t layers = 0;       // in the checkpoint
  uint32_t layers_used = 0;  // that pass before the chosen features are reached
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t feed_forward = 0;
  uint32_t feed_forward_ratio = 0;  // where the file gives that instead
  uint32_t image_width = 0, image_height = 0;  // of one tile; 0: any
  uint32_t patch = 0;
  uint32_t patch_unit = 0, patch_units = 0;  // where the file says a patch's side as so many of so many pixels
  uint32_t temporal = 1;
  uint32_t colors = 3;         // of a pixel
  uint32_t merge = 1;          // patches of merge x merge become one token
  // Behind this layer merge x merge rows become one (Family::inner), as they do once more in the projector; -1: none.
  int32_t inner_layer = -1;
  bool inner_left_out = false;  // as the file says it: then there is none
  uint32_t picture_tokens = 0;  // of a picture, where the file says that: a square, from which pool_side follows
  float norm_epsilon = 1e-6f;
  Norm norm = Norm::layer;
  Activation activation = Activation::gelu;
  uint32_t window_pixels = 0;     // as the file says it: of a side
  uint32_t window = 0;            // patches of a side: the others see only those of their window; 0: all see all
  LayerList full_layers;          // in these all see all, windows or not
  // RMS norms of queries and keys: of each head, or of all heads together.
  bool head_norms = false, width_norms = false;
  float head_norm_epsilon = 1e-6f;
  bool value_norms = false;       // values of each head pass an RMS norm without weights
  float attention_scale = 0;      // of queries times keys; 0: one over the root of a head's size
  bool bounds_rows = false;       // what enters and leaves a matrix of a layer is kept within bounds that are stored
  bool rope_2d = false;           // queries and keys turn with a patch's row and column
  bool rope_apart = false;        // the first half of a head turns within itself by the column, the second by the row
  bool rope_alternates = false;   // even frequencies of a head follow the row, odd ones the column; else both have the same
  float rope_theta = 10000.0f;
  PositionRule position_rule = PositionRule::bilinear_corners;  // of a table for any size (Op::resample)
  uint32_t position_pixels = 0;   // the side of the pictures that it was made for, where the file says that
  uint32_t position_count = 0;    // its rows: those of a square
  uint32_t position_side = 0;     // of that square
  bool axes_by_place = false;     // a table of columns and rows (Op::add_axes) has both of a place behind each other
  bool drops_last_layer = false;  // the last is not run, and last_norm stands behind the one before
  LayerList taps;                 // rising; the stream behind them is added to visual rows behind the decoder's layers,
                                  // of the first behind the first
  bool keep_class_token = false;  // in the features; where the stem has one
  int32_t feature_layer = -1;    // as transformers counts hidden states: -1 is after the last layer
  // Several of them: rows of all stand beside each other where the projector begins; none: feature_layer's alone.
  // Afterwards (finish_vision) each is the number of layers before it.
  StateList feature_states;
  Norm projector_norm = Norm::layer;
  Activation projector_activation = Activation::gelu;
  float projector_norm_epsilon = 1e-6f;  // 0: that of the decoder's norms
  Activation gate_activation = Activation::silu;  // of a projector's gate
  Activation inner_activation = Activation::gelu_tanh;  // of what merges between layers
  uint32_t projector_merged = 0;  // width behind the matrix that merges patches
  uint32_t projector_hidden = 0;  // width between its two matrices
  float divisor = 1;              // of a picture's rows
  bool multiplies_by_root = false;  // they are multiplied by the root of `hidden`
  bool standardizes = false;      // and shifted and scaled, channel by channel
  double feed_forward_share = 0;  // where the file gives feed_forward as a multiple of hidden, rounded down
  // Of a resampler, which makes `queries` rows of a picture; 0: none. Its heads have about query_head channels.
  uint32_t queries = 0, query_side = 0, query_head = 0, query_heads = 0, query_width = 0;
  bool resampler_widens = false;  // rows are brought to its width first
  uint32_t output = 0;            // width of its rows, where the file says so: the decoder's
  bool qkv_bias = true;
  bool projector_bias = true;
  uint32_t pool_side = 1;         // patches of a side of the window that Op::pool makes a row of
  Pool pool = Pool::average;
  bool tokens_by_column = false;  // of merged patches the tokens stand column by column
  bool norms_behind = false;      // layers have no norms before attention and MLP, but what these give is normed
  bool projector_normed = true;
  bool layer_norm_last = false;   // the norm behind the last layer is one, whatever those of the layers are
  bool last_norm = false;         // behind the last layer, if its output is what is read
  GridList grids;                 // that pictures may be cut into; none: what the processor says
  uint32_t grid_tiles_kept = 0;   // PictureRule's
  // Where the file says them: those that follow from `hidden` and `heads`.
  uint32_t head_size = 0, kv_heads = 0, feature_width = 0;
  bool towerless = false;         // there are no layers: steps are all
  uint32_t head_dim() const { return heads ? hidden / heads : 0; }
  // Pieces of the stream that a row of the projector begins with.
  uint32_t features() const { return std::max(1u, feature_states.count); }
  // Patches of a side of a row behind the last layer, and of a token.
  uint32_t row_side() const { return inner_layer < 0 ? 1 : merge; }
  uint32_t token_side() const { return row_side() * merge; }
  // Rows of the decoder's width that stand for a token: its own, and one of each tap.
  uint32_t token_rows() const { return 1 + taps.count; }
  uint32_t patch_values() const { return colors * temporal * patch * patch; }
  bool operator==(const VisionSpec&) const = default;
};

// Tokens around a picture's placeholders that tell where it is, whatever ids stand between them.
struct PictureFrame {
  int32_t begin = -1, end = -1;  // -1: none
  bool in_rows = false;          // both are placeholders, too
  int32_t next_begin = -1, next_end = -1;  // around those of the runs behind the first; -1: there is one run
  bool operator==(const PictureFrame&) const = default;
};

// Which positions a picture's tokens have.
enum class PicturePositions : uint8_t {
  own,     // each its own, or its place's where RoPE is multimodal
  counted,  // each its own, whatever RoPE could tell
  shared,  // all but the first and the last the same: three for a picture
};

// Where M-RoPE has the frames of a video in time.
enum class FramePositions : uint8_t {
  own,      // nowhere: they follow each other as pictures do
  steps,    // in one place, each one step later
  seconds,  // the same, as many steps as tokens_per_second says
};

struct Family;
struct DecoderKind;

struct ModelSpec {
  const Family* family = nullptr;
  const DecoderKind* decoder_kind = nullptr;  // of the family's, the one that config.json names
  DecoderSpec decoder;
  bool has_vision = false;
  VisionSpec vision;
  PictureRule pictures;
  PictureRule frames;          // of a video
  FrameSampling sampling;      // where nobody says otherwise
  int32_t picture_token = -1;  // the placeholder that stands for one visual token
  // The same in a video; -1: the model takes none. Where both are one, frames stand as pictures do.
  int32_t video_token = -1;
  // Around a video whose frames stand as pictures do, for which video_token is in templates only; -1: not so.
  int32_t video_begin = -1, video_end = -1;
  FramePositions frame_positions = FramePositions::own;
  uint32_t tokens_per_second = 0;
  PictureFrame picture_frame;
  PicturePositions picture_positions = PicturePositions::own;
  bool picture_ends_as_text = false;  // its last row passes through the layers as a row of text does
  int32_t end_tokens[limits::kEndTokensMax] = {};
  uint32_t end_token_count = 0;
  uint8_t chat = 0;  // which of the family's formats config.json names; 0: none
  const PictureRule& rule_of(Shown shown) const { return shown == Shown::still ? pictures : frames; }
  bool frames_stand_as_pictures() const { return video_token >= 0 && video_token == picture_token; }
  int32_t placeholder_of(Shown shown) const {
    return shown == Shown::still || video_begin >= 0 ? picture_token : video_token;
  }
  bool operator==(const ModelSpec&) const = default;
};

}  // namespace mica
