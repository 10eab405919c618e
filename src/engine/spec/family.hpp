// Family: how one kind of checkpoint is read, as tables: where config.json says what, how tensors are named, how a
// picture stands in a prompt, how a conversation is written. Not code: models/ has one file of data a family.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model_spec.hpp"

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
  first_u32,     // a number, or the first of a list: "image_size": 448 or [448, 448]
  second_u32,    // a number, or the second of a list
  inverse_u32,   // 1 / x as a whole number: "downsample_ratio": 0.5 is 2
  choice,        // a word, number or boolean that stands in `choices`, stored as a byte
};

struct Choice {
  const char* word;
  uint8_t value;
};

// One value of config.json or preprocessor_config.json. `paths` lists where it may stand, "|" between alternatives, "."
// between levels: transformers 4 writes some fields flat that 5 nests.
struct ConfigField {
  const char* paths;
  FieldKind kind;
  uint16_t offset;  // of the target in ModelSpec
  double low = 0;   // bounds of each number; what is outside is refused by its path
  double high = 0;
  bool required = false;  // otherwise, when absent, what the family's defaults say stays
  std::span<const Choice> choices = {};
};

// A u32 that follows from others where no file says it: if zero, target = a * b / c.
struct DerivedField {
  uint16_t target;
  uint16_t a;
  uint16_t b = kOne;
  uint16_t c = kOne;
  static constexpr uint16_t kOne = 0xFFFF;
};

// ---- tensors --------------------------------------------------------------------------------------------------------

// Every place that a tensor of a checkpoint can take. `_layer` slots have one tensor a layer.
enum class Slot : uint8_t {
  embedding, final_norm, lm_head,
  attention_norm, query, key, value, output, query_norm, key_norm, mlp_norm, gate, up, down,
  patch_embedding, class_token, position_embedding, pre_norm, post_norm,
  vision_norm1, vision_qkv, vision_query, vision_key, vision_value, vision_output, vision_scale1,
  vision_norm2, vision_up, vision_down, vision_scale2,
  projector_norm, projector_up, projector_down,
  count,
};

enum class Part : uint8_t { decoder, head, vision, projector };

// `pattern` follows one of the part's roots; {} is the layer. ".weight" and ".bias" are tried behind it, and nothing
// (parameters without a suffix, such as class_embedding).
struct TensorName {
  Slot slot;
  Part part;
  bool layered;
  bool required;
  const char* pattern;
};

// ---- prompt ---------------------------------------------------------------------------------------------------------

struct ChatFormat {
  const char* name;              // "chatml"
  const char* begin;             // before the first turn
  const char* before[3];         // what opens a turn of the system, the user, the assistant
  const char* after[3];          // what closes it
  // The system turn of a conversation that has none, if the checkpoint's chat template contains this text (or the
  // checkpoint has no template); null: no turn.
  const char* default_system;
  std::span<const char* const> controls;  // the control tokens among all these texts
  const char* end;                        // the one that ends an answer
};

struct PicturePrompt {
  const char* before = "";       // the control tokens around a picture's placeholders, or nothing
  const char* after = "";
  const char* separator = "";    // text between a picture and what follows it
};

struct Family {
  const char* name;
  std::span<const char* const> model_types;  // of config.json
  ModelSpec defaults;
  std::span<const std::span<const ConfigField>> config;        // of config.json
  std::span<const std::span<const ConfigField>> preprocessor;  // of preprocessor_config.json
  std::span<const std::span<const DerivedField>> derived;      // in this order
  std::span<const std::span<const TensorName>> tensors;
  // By Part. The first root under which the part's first required tensor is found is taken for the whole part.
  std::span<const char* const> roots[4];
  std::span<const ChatFormat* const> chats;  // the first whose control tokens are all in the vocabulary is taken
  PicturePrompt picture;
};

// Published shapes for measuring with random weights.
struct Shape {
  const char* name;
  const char* model_type;
  const char* config;         // config.json text
  const char* preprocessor;   // preprocessor_config.json text, or null
};

// Defined by models/.
extern const std::span<const Family* const> kFamilies;
extern const std::span<const Shape> kShapes;

}  // namespace mica
