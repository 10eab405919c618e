// Family: how one kind of checkpoint is read, as tables: where config.json says what, how tensors are named, how a
// picture stands in a prompt, how a conversation is written. Not code: models/ has one file of data a family.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gguf_text.hpp"
#include "model_spec.hpp"
#include "picture_processor.hpp"
#include "steps.hpp"

namespace mica {

// ---- config.json ----------------------------------------------------------------------------------------------------

enum class FieldKind : uint8_t {
  u32,
  i32,
  f32,
  f64,
  boolean,
  f32x3,         // exactly three numbers
  u32x3,
  half_u32,      // a number, of which half is meant
  first_u32,     // a number, or the first of a list: "image_size": 448 or [448, 448]
  second_u32,    // a number, or the second of a list
  square_u32,    // a number, or a list of equal ones: "patch_size": 14 or [14, 14]
  null_u32,      // null, which is 0 and not the default, or a number
  null_f32,
  sole_i32,      // a number, or a list of one
  states,        // a number, or a list of numbers, into StateList
  inverse_u32,   // 1 / x as a whole number: "downsample_ratio": 0.5 is 2
  choice,        // a word, number, boolean or null that stands in `choices`, stored as a byte
  only,          // the same, stored nowhere: at each of the paths it is refused when it is none of `choices`
  layers,        // a list of indices of layers, into LayerList
  layer_types,   // a word a layer of those in `choices`, into LayerTypes
  layer_numbers, // numbers of layers, which are of choices[0], all others of choices[1], into LayerTypes
  f32_list,      // up to as many numbers as FloatList holds
  grids,         // pairs of numbers, into GridList
  numbered,      // the word of `choices` and a number behind it: "anyres_max_9" is 9
  absent,        // refused when it is set: mica does not run what it asks for
  no_effect,     // of this object: on what a model answers
};

struct Choice {
  const char* word;
  uint8_t value;
};

// One value of config.json. `paths` lists where it may stand, "|" between alternatives, "."
// between levels.
struct ConfigField {
  const char* paths;
  FieldKind kind;
  uint16_t offset;  // of the target in ModelSpec
  double low = 0;   // bounds of each number; what is outside is refused by its path
  double high = 0;
  bool required = false;  // otherwise, when absent, what the family's defaults say stays
  std::span<const Choice> choices = {};
};

// The objects of config.json that fields stand in. transformers 4 wrote rope_scaling, 5 writes rope_parameters, where
// decoders with fields of text_window_rope have an object for each kind of layer.
enum class ConfigScope : uint8_t { root, text, text_rope, text_window_rope, vision, vision_rope, count };

struct ConfigTable {
  ConfigScope scope;
  std::span<const ConfigField> fields;
};

// Where a family's decoder is described: in text_config, beside it, or in either as transformers 4 and 5 write it.
enum class TextPlace : uint8_t { root, nested, nested_or_root };

struct TensorName;

// A decoder as model_type names it, with the defaults that the class of that name has and the fields of its own.
struct DecoderKind {
  const char* model_type;
  DecoderSpec (*defaults)();
  std::span<const ConfigTable> config;
  int32_t end_token = -1;  // what eos_token_id is where no file says it; -1: none
  std::span<const TensorName> tensors = {};  // names of its own, in place of the family's
  const char* class_name = nullptr;          // in the architectures of its object, where a family's code goes by that
  const char* rope_absent = nullptr;         // what stands for rope_parameters (JSON) where no file says them
};

// A u32 that follows from others where no file says it: if zero, target = a * b * c / divisor.
struct DerivedField {
  uint16_t target;
  uint16_t a;
  uint16_t b = kOne;
  uint16_t c = kOne;
  uint16_t divisor = kOne;
  static constexpr uint16_t kOne = 0xFFFF;
};

// ---- tensors --------------------------------------------------------------------------------------------------------

// How a stored tensor becomes what its slot holds.
enum class Stored : uint8_t {
  as_it_is,
  transposed,      // [columns, rows]: the reference computes x W
  channels_outer,  // a convolution over joined patches: columns are [channel][patch], and rows are [patch][channel]
  channels_inner,  // columns are [pixel][color], and rows of patches are [color][pixel]
  // Rows of a matrix that holds several. In blocks: queries, keys, values; in groups: for each key head its queries, its
  // key, its value.
  query_of_blocks, key_of_blocks, value_of_blocks,
  query_of_groups, key_of_groups, value_of_groups,
  first_half, second_half,
  first_of_heads, second_of_heads,  // of a matrix that has two of a head's size for each head
};

// `pattern` follows one of its section's roots; {} is the layer, or the tap. ".weight" and ".bias" are tried behind it
// ("weight" and "bias" where it ends with "_"), and nothing (parameters without a suffix, such as class_embedding).
// `gguf` is what GGUF files have instead, without a root; null: they have no such tensor, or mica does not read it there.
struct TensorName {
  Slot slot;
  Section section;
  bool required;
  const char* pattern;
  const char* gguf = nullptr;
  Stored stored = Stored::as_it_is;
  float plus = 0;  // added to the weight of a norm: 1 where the reference multiplies by 1 + w
  const char* bounds = nullptr;  // what the names of a matrix's bounds begin with, where it may have them
};

// How GGUF files call a family: general.architecture, which mostly is its decoder's model_type too.
struct GgufKind {
  const char* architecture = nullptr;  // null: mica reads no such files, or those of its decoder's family
  bool rope_interleaved = false;       // rotary pairs are neighbours: the conversion permutes q_proj and k_proj so
  GgufText text = {};
  // Of families with pictures: clip.projector_type of the file that holds the tower, and the two documents of such a pair,
  // as io/gguf_template.hpp fills them.
  const char* projector = nullptr;
  const char* told_by = nullptr;    // a tensor of it that a later family of the same type has not
  const char* config = nullptr;     // config.json
  const char* processor = nullptr;  // preprocessor_config.json
};

// ---- prompt ---------------------------------------------------------------------------------------------------------

struct ChatFormat {
  const char* name;              // "chatml"
  const char* begin;             // before the first turn
  const char* before[3];         // what opens a turn of the system, the user, the assistant
  const char* after[3];          // what closes it
  // The system turn of a conversation that has none; null: none, but what the checkpoint's own template has.
  const char* default_system;
  std::span<const char* const> controls;  // the control tokens among all these texts
  const char* end;                        // the one that ends an answer
  bool trims = false;                     // white space around what a turn says is left out
  bool system_in_user = false;            // a user turn goes on where the system turn ends, without its `before`
  bool pictures_first = false;            // a turn's pictures stand before what opens it
  bool tokenizer_begins = false;          // what the tokenizer sets before a text stands before the first turn, too
};

// A published chat template, by a digest of its text (chat_template.hpp), and the format that it writes.
struct KnownTemplate {
  uint32_t digest;
  uint32_t bytes;
  const ChatFormat* format;
  const char* models;  // that publish it
};

// For what of a picture a piece stands in a prompt. Pieces of tiles and rows that follow each other are written
// together for the first of them, then for the second, and so on.
enum class PieceOf : uint8_t {
  picture,            // once
  cut,                // once, if the picture is cut into a grid of tiles
  thumbnail,          // once, if the picture is cut and passes through the tower as a whole, too
  overview,           // once, if the whole picture passes through the tower: beside the tiles, or because it is not cut
  tile,               // each tile of the grid, row by row; none of a picture that is not cut
  tile_row,           // the last tile of each row of the grid
  tile_row_but_last,  // the same, without the last row
  token_row,          // each row of the picture's tokens
  token_row_but_last,
  token_row_last,
  video,              // once, before the first frame of a video or behind its last: text that its processor writes
  frame,              // each of a video's frames, or of those that one patch holds
  frame_but_first,
};

// What stands for a picture in a prompt, piece by piece.
struct PicturePiece {
  enum class Kind : uint8_t {
    control,  // a control token, by its text; text where the tokenizer has none of that name
    tokens,   // the placeholders of the tokens
    text,     // of the chat template; where a picture is added by itself, what is of the picture is left to the caller
  };
  Kind kind;
  // With {row} and {column} of a tile, from 1 on, {index} of the picture or the video, from 0 on, {number} the same from 1
  // on; of frames with {frame}, from 1 on, {seconds} when the first of them is seen, whole ones, {clock} the same as
  // minutes and seconds, and {middle_seconds} between it and the last, in tenths; of a video with {frames} in words and
  // its {duration}.
  const char* text = nullptr;
  PieceOf of = PieceOf::picture;
};

struct Family {
  const char* name;
  std::span<const char* const> model_types = {};    // of config.json; none: it has none, and its class tells
  std::span<const char* const> architectures;  // of config.json: the classes that have the head which names tokens
  // Beside the decoder's. As code that writes what is not zero: as data each would be the whole struct, 14 KB of zeros.
  ModelSpec (*defaults)() = [] { return ModelSpec{}; };
  // By text_config.model_type; the first where nothing is said, and where text_config names the family.
  std::span<const DecoderKind* const> decoders;
  const char* told_by = nullptr;  // a member of config.json that a later family of the same model_type has not
  TextPlace text = TextPlace::root;
  const char* text_name = "text_config";  // what the object of the decoder's fields is called
  bool text_class_tells = false;  // the decoder is chosen by the class that its object names
  const char* vision_name = "vision_config";  // and that of the tower's
  std::span<const char* const> towers = {};  // what vision_config.model_type may be
  // What vision_config is where the file has none: as JSON, or null if its fields' defaults say it all.
  const char* vision_absent = nullptr;
  std::span<const ConfigTable> config;                         // of config.json, besides the decoder's; in this order
  std::span<const PictureProcessor> processors;  // that preprocessor_config.json may name, its default first
  const PictureProcessor* published_processor;   // where there is no such file; its sizes are the tower's
  const PictureProcessor* frame_processor = nullptr;  // of a video's frames
  std::span<const std::span<const DerivedField>> derived;      // in this order
  std::span<const std::span<const TensorName>> tensors;
  // Stored tensors that the reference does not read either; a "*" at an end of a pattern is any text.
  std::span<const char* const> unread = {};
  bool mlx_adds_to_norms = false;  // MLX stores them with what their names say to add (TensorName::plus)
  // By Section. The first root under which a tensor of it that is no layer's is found is taken for the whole section.
  std::span<const char* const> roots[static_cast<size_t>(Section::count)];
  GgufKind gguf = {};
  StepList stem = {}, projector = {};  // of the tower
  StepList tap = {};                   // of each layer that VisionSpec::taps names
  // In place of the projector's, of a video's frames, and of its last one where that has others; none: no videos.
  StepList frame = {}, last_frame = {};
  StepList inner = {};                 // behind VisionSpec::inner_layer, and behind attention within squares
  const char* projector_title = "";  // for people
  std::span<const PicturePiece> picture = {};
  std::span<const PicturePiece> video = {};  // of a video; none: as for a picture, its frames behind each other
  // What chat templates show for a picture, where its processor puts all pieces in place of that; null: the placeholder.
  const char* picture_in_template = nullptr;
  // The same for a video, which a template that knows none shows as a text.
  const char* video_in_template = nullptr;
  const char* picture_token = nullptr;  // the placeholder's text, where config.json does not say its id
  std::span<const char* const> picture_frame = {};  // likewise the texts of PictureFrame's four; one of them is the
                                                    // placeholder where that has no id
  std::span<const ChatFormat* const> chats = {};  // by ModelSpec::chat, less one
};

// Whether a video's frames pass through a tower of their own.
inline bool has_frame_tower(const ModelSpec& spec) {
  return !spec.family->roots[static_cast<size_t>(Section::frames)].empty();
}

// The names of a model's tensors: the family's, and behind them its decoder's own; of a place the last row counts.
inline std::vector<std::span<const TensorName>> name_tables(const ModelSpec& spec) {
  std::vector<std::span<const TensorName>> tables(spec.family->tensors.begin(), spec.family->tensors.end());
  if (spec.decoder_kind != nullptr) tables.push_back(spec.decoder_kind->tensors);
  return tables;
}

// Published shapes for measuring with random weights.
struct Shape {
  const char* name;
  const char* model_type;
  const char* config;         // config.json text
  const char* preprocessor;   // preprocessor_config.json text, or null
  const char* added_tokens = nullptr;  // added_tokens.json text where config.json does not say what stands for pictures
};

// Fields of config.json without effect on what a model answers, in whatever object they stand; a "*" at an end of a
// pattern is any text. Defined by models/, as all below.
extern const std::span<const char* const> kFieldsWithoutEffect;
// Fields that decoders of every kind have.
extern const std::span<const ConfigTable> kDecoderConfig;
extern const std::span<const Family* const> kFamilies;
extern const std::span<const Shape> kShapes;
extern const std::span<const KnownTemplate> kKnownTemplates;
extern const std::span<const ChatFormat* const> kChatFormats;

}  // namespace mica
