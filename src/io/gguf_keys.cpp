// Keys of a GGUF file that config.json has no word for: those that mica runs with one value only, and those that it does
// not know. What the others say: gguf_config.cpp.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "gguf_import.hpp"
#include "log.hpp"

namespace mica {

namespace {

// Keys behind "ARCHITECTURE." that gguf_config.cpp reads, or that have no effect.
constexpr const char* kRead[] = {
    "embedding_length", "block_count", "feed_forward_length", "context_length", "vocab_size", "attention.head_count",
    "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.layer_norm_rms_epsilon",
    "attention.key_length_swa", "attention.value_length_swa", "attention.sliding_window",
    "rope.dimension_count", "rope.dimension_count_swa", "rope.dimension_sections", "n_deepstack_layers",
    "rope.freq_base", "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor",
    "rope.scaling.original_context_length", "rope.scaling.attn_factor",
    "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
    // Notes of converters.
    "rope.scaling.finetuned", "tensor_data_layout",
};
// Likewise, of some families.
constexpr const char* kReadOfCaps[] = {"attn_logit_softcapping", "final_logit_softcapping"};
constexpr const char* kReadOfScaledQueries[] = {"rope.scaling.yarn_log_multiplier", "attention.temperature_scale"};
constexpr const char* kReadOfWindows[] = {"attention.sliding_window_pattern", "rope.freq_base_swa"};

// Keys with the values that mica runs: of numbers and booleans (0 and 1). llama.cpp takes 0 for "not set" in scales.
struct OneValue {
  const char* name;
  double value;
  double other;  // likewise
};
constexpr OneValue kOneValue[] = {
    {"expert_count", 0, 0},
    {"expert_used_count", 0, 0},
    {"expert_shared_count", 0, 0},
    {"expert_feed_forward_length", 0, 0},
    {"leading_dense_block_count", 0, 0},
    {"nextn_predict_layers", 0, 0},
    {"attention.causal", 1, 1},
    {"pooling_type", 0, 0},
    {"use_parallel_residual", 0, 0},
    {"logit_scale", 0, 1},
    {"embedding_scale", 0, 1},
    {"residual_scale", 0, 1},
    {"attention.output_scale", 0, 1},
    {"attention.clamp_kqv", 0, 0},
    {"attention.max_alibi_bias", 0, 0},
    {"attention.q_lora_rank", 0, 0},
    {"attention.kv_lora_rank", 0, 0},
    {"attn_logit_softcapping", 0, 0},
    {"final_logit_softcapping", 0, 0},
    {"rope.scaling.yarn_log_multiplier", 0, 0},
    {"attention.temperature_scale", 0, 0},
    {"attention.sliding_window_pattern", 0, 0},
    {"rope.scaling.yarn_ext_factor", 1, -1},
    {"rope.scaling.alpha", 0, 1},
    {"swin_norm", 0, 0},
};

// Groups of keys that say nothing about how a model runs, and those that others read: tokenizer_gguf.cpp, gguf_read.cpp.
constexpr const char* kGroups[] = {"general.", "tokenizer.", "split.", "quantize."};

template <class Names>
bool contains(const Names& names, std::string_view word) {
  for (const char* name : names) {
    if (word == name) return true;
  }
  return false;
}

// A number or boolean, or NaN for what is neither.
double number_of(const GgufValue& value) {
  switch (value.type) {
    case GgufType::u8:
    case GgufType::u16:
    case GgufType::u32:
    case GgufType::u64:
    case GgufType::boolean: return static_cast<double>(value.natural);
    case GgufType::i8:
    case GgufType::i16:
    case GgufType::i32:
    case GgufType::i64: return static_cast<double>(value.integer);
    case GgufType::f32:
    case GgufType::f64: return value.real;
    default: return NAN;
  }
}

Status check_one_value(const GgufFile& file, const GgufKey& key, const OneValue& allowed) {
  const double value = number_of(key.value);
  if (value == allowed.value || value == allowed.other) return Status::ok();
  char what[128];
  snprintf(what, sizeof what, "is not %g%s: mica does not run what it asks for", allowed.value,
           allowed.value == 0 && allowed.other == 1 ? " or 1" : "");
  return file.error(Code::unsupported, key.name, what);
}

// One over the root of a head's size is what mica divides by; 0 stands for that.
Status check_attention_scale(const GgufFile& file, const GgufKey& key, uint32_t head_dim) {
  const double value = number_of(key.value);
  const double usual = 1.0 / std::sqrt(static_cast<double>(head_dim));
  if (value == 0 || std::abs(value - usual) <= 1e-6 * usual) return Status::ok();
  return file.error(Code::unsupported, key.name, "is not one over the root of a head's size, which mica runs");
}

Status check_key(const GgufFile& file, const GgufText& text, const GgufKey& key, std::string_view name,
                 uint32_t head_dim) {
  if (text.caps && contains(kReadOfCaps, name)) return Status::ok();
  if (text.window_rope && contains(kReadOfWindows, name)) return Status::ok();
  if (text.guesses_tokens && name == "nextn_predict_layers") return Status::ok();
  if (text.scales_queries && contains(kReadOfScaledQueries, name)) return Status::ok();
  if (text.more != nullptr && std::string_view(text.more).find(key.name) != std::string_view::npos) return Status::ok();
  if (name == "attention.scale") return check_attention_scale(file, key, head_dim);
  for (const OneValue& one : kOneValue) {
    if (name == one.name) return check_one_value(file, key, one);
  }
  if (!contains(kRead, name)) {
    log_message(LogLevel::warning, "%s: %.*s is not a key that mica knows; it has no effect here", file.name().c_str(),
                static_cast<int>(key.name.size()), key.name.data());
  }
  return Status::ok();
}

}  // namespace

Status check_gguf_keys(const GgufFile& file, const GgufFamily& family, uint32_t head_dim) {
  constexpr std::string_view kTypeKey = "general.type";
  std::string_view type;
  if (file.has(kTypeKey)) {
    MICA_TRY(file.get_string(kTypeKey, &type));
    if (type != "model") return file.error(Code::unsupported, kTypeKey, "is not \"model\": this is a part of one");
  }
  const std::string prefix = std::string(family.architecture) + ".";
  for (const GgufKey& key : file.keys()) {
    if (key.name.starts_with(prefix)) {
      MICA_TRY(check_key(file, family.text, key, key.name.substr(prefix.size()), head_dim));
      continue;
    }
    bool grouped = false;
    for (const char* group : kGroups) grouped |= key.name.starts_with(group);
    if (!grouped) MICA_TRY(check_key(file, family.text, key, key.name, head_dim));
  }
  return Status::ok();
}

}  // namespace mica
