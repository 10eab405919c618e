// QuantizationConfig: the kinds by their names, and the fields of each.
#include "quantization_config.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "limits.hpp"

namespace mica {
namespace {

// Weights that mica does not read: their kind by name.
std::string kind_name(JsonValue config) {
  std::string_view method;
  if (!config.find("quant_method").as_string(&method)) return "a kind that it does not name";
  std::string name(method.substr(0, 64));
  double bits = 0;
  if (config.find("bits").as_double(&bits) && bits > 0 && bits < 64)
    name += ", " + std::to_string(static_cast<int>(bits)) + " bits";
  return name;
}

Status not_read(JsonValue config, const std::string& why = {}) {
  const std::string kind = kind_name(config) + (why.empty() ? "" : "; ") + why;
  const std::string text = "says that the weights are quantized (" + kind +
                           "), which mica does not read: take the checkpoint in F32, F16 or BF16 from which it was"
                           " made, and quantize it with `mica quantize`";
  return config.error(Code::unsupported, text.c_str());
}

// A word that must be one of these, or absent.
Status one_of(JsonValue config, const char* field, std::initializer_list<std::string_view> words) {
  std::string_view word;
  const JsonValue value = config.find(field);
  if (!value.is_set()) return Status::ok();
  if (!value.as_string(&word)) return value.error(Code::corrupt_file, "must be a name");
  std::string known;
  for (const std::string_view each : words) {
    if (word == each) return Status::ok();
    known += (known.empty() ? "" : " or ") + std::string(each);
  }
  return not_read(config, std::string(field) + " is " + std::string(word.substr(0, 64)) + ", not " + known);
}

// -1 and 0: one group of all inputs.
Status read_group(JsonValue config, uint32_t* out) {
  int32_t group = 0;
  MICA_TRY(get_i32_or(config, "group_size", -1, static_cast<int32_t>(limits::kFeedForwardMax), 0, &group));
  *out = group > 0 ? static_cast<uint32_t>(group) : 0;
  return Status::ok();
}

Status add_other_group(JsonValue config, QuantizationConfig* out) {
  uint32_t group = 0;
  MICA_TRY(read_group(config, &group));
  if (group != 0) out->other_groups.push_back(group);
  return Status::ok();
}

// What is done to rows or matrices besides, in fields that are null, false or empty where nothing is.
Status nothing_besides(JsonValue config, std::initializer_list<const char*> fields) {
  for (const char* field : fields) {
    const JsonValue value = config.find(field);
    bool on = false;
    if (value.is_set() && (value.is_string() || value.size() != 0 || (value.as_bool(&on) && on)))
      return not_read(config, std::string(field) + " is set");
  }
  return Status::ok();
}

// Where the file says it, a number of bits that the kind is read with.
Status read_bits(JsonValue config, QuantizationConfig* out) {
  MICA_TRY(get_u32_or(config, "bits", 1, 64, 0, &out->bits));
  if (out->bits == 0 || out->bits == 4) return Status::ok();
  if (out->kind == Quantization::awq) return not_read(config, "bits is not 4");
  if (out->bits == 2 || out->bits == 3 || out->bits == 8) return Status::ok();
  return not_read(config, "bits is not 2, 3, 4 or 8");
}

Status read_integers_config(JsonValue config, QuantizationConfig* out) {
  for (const char* overrides : {"dynamic", "extra_config"}) {
    const JsonValue of_modules = config.find(overrides);
    if (!of_modules.is_object()) continue;
    out->by_module |= of_modules.size() != 0;
    for (const JsonValue own : of_modules)
      if (own.is_object()) MICA_TRY(add_other_group(own, out));
  }
  MICA_TRY(nothing_besides(config, {"adapter", "is_marlin_format", "rotation"}));
  MICA_TRY(read_bits(config, out));
  return read_group(config, &out->group);
}

Status read_awq_config(JsonValue config, QuantizationConfig* out) {
  out->kind = Quantization::awq;
  for (const char* field : {"version", "checkpoint_format", "format"}) MICA_TRY(one_of(config, field, {"gemm", "GEMM"}));
  return read_integers_config(config, out);
}

Status read_gptq_config(JsonValue config, QuantizationConfig* out) {
  out->kind = Quantization::gptq;
  for (const char* field : {"checkpoint_format", "format"}) MICA_TRY(one_of(config, field, {"gptq", "gptq_v2"}));
  std::string_view format;
  MICA_TRY(get_string_or(config, "checkpoint_format", "gptq", &format));
  out->zero_less_one = format == "gptq";
  const JsonValue writers = config.find("meta").find("quantizer");
  for (size_t i = 0; i < std::max<size_t>(1, writers.size()); ++i) {
    std::string_view writer;
    const bool named = (writers.is_string() ? writers : writers.at(i)).as_string(&writer);
    out->words_less_one |= named && out->zero_less_one && writer.starts_with("gptqmodel");
  }
  return read_integers_config(config, out);
}

Status read_auto_round_config(JsonValue config, QuantizationConfig* out) {
  constexpr uint32_t kFloatBits = 16;
  uint32_t bits = kFloatBits;
  if (config.find("act_bits").is_set()) MICA_TRY(get_u32(config, "act_bits", 1, 32, &bits));
  out->rows_too = bits < kFloatBits;
  MICA_TRY(one_of(config, "data_type", {"int"}));
  MICA_TRY(one_of(config, "packing_format",
                  {"auto_round:gptq", "auto_round:auto_gptq", "auto_gptq", "auto_round:auto_awq", "auto_awq"}));
  std::string_view format;
  MICA_TRY(get_string_or(config, "packing_format", "auto_round:gptq", &format));
  out->kind = format.ends_with("awq") ? Quantization::awq : Quantization::gptq;
  out->zero_less_one = format.ends_with("auto_gptq");
  return read_integers_config(config, out);
}

Status read_compressed_config(JsonValue config, QuantizationConfig* out) {
  out->kind = Quantization::compressed_tensors;
  MICA_TRY(one_of(config, "format", {"pack-quantized", "int-quantized", "naive-quantized", "mixed-precision"}));
  // What is done to weights or rows besides: rotations that are not in the weights, and zeros that are left out.
  MICA_TRY(nothing_besides(config, {"transform_config"}));
  MICA_TRY(one_of(config.find("sparsity_config"), "format", {"dense"}));
  out->rows_too = config.find("kv_cache_scheme").is_object();
  const JsonValue groups = config.find("config_groups");
  for (const JsonValue group : groups) {
    MICA_TRY(one_of(group, "format", {"pack-quantized", "int-quantized", "naive-quantized"}));
    MICA_TRY(one_of(group.find("weights"), "type", {"int"}));
    MICA_TRY(one_of(group.find("weights"), "strategy", {"tensor", "channel", "group"}));
    MICA_TRY(add_other_group(group.find("weights"), out));
    for (const char* rows : {"input_activations", "output_activations"}) out->rows_too |= group.find(rows).is_object();
  }
  return get_u32_or(groups.at(0), "weights.num_bits", 2, 8, 0, &out->bits);
}

Status read_bitsandbytes_config(JsonValue config, QuantizationConfig* out) {
  bool four = false, eight = false;
  MICA_TRY(get_bool_or(config, "load_in_4bit", false, &four));
  MICA_TRY(get_bool_or(config, "load_in_8bit", false, &eight));
  if (four == eight) return not_read(config, "of load_in_4bit and load_in_8bit exactly one should be true");
  out->kind = four ? Quantization::four_bit_floats : Quantization::eight_bits;
  return one_of(config, "bnb_4bit_quant_type", {"nf4", "fp4"});
}

Status read_aqlm_config(JsonValue config, QuantizationConfig* out) {
  out->kind = Quantization::aqlm;
  return get_u32(config, "nbits_per_codebook", 1, 16, &out->bits);
}

Status read_mlx_config(JsonValue config, QuantizationConfig* out) {
  out->kind = Quantization::mlx;
  out->modules = config;
  MICA_TRY(one_of(config, "mode", {"affine"}));
  MICA_TRY(get_u32(config, "bits", 2, 8, &out->bits));
  return get_u32(config, "group_size", 1, limits::kFeedForwardMax, &out->group);
}

Status read_quip_config(JsonValue root, JsonValue config, QuantizationConfig* out) {
  out->kind = Quantization::quip_sharp;
  MICA_TRY(one_of(config, "codebook", {"E8P12"}));
  uint32_t version = 1;
  MICA_TRY(get_u32_or(config, "codebook_version", 0, UINT32_MAX, 1, &version));
  if (version != 1) return not_read(config, "codebook_version is not 1");
  MICA_TRY(get_u32(root, "num_attention_heads", 1, limits::kHeadsMax, &out->heads));
  return get_u32_or(root, "num_key_value_heads", 1, out->heads, out->heads, &out->kv_heads);
}

// Which modules have how many bits, the shapes of their tensors say again; which have none, what is stored.
Status read_static_ranges_config(JsonValue, QuantizationConfig* out) {
  out->kind = Quantization::static_ranges;
  return Status::ok();
}

struct Kind {
  const char* name;  // quant_method
  Status (*read)(JsonValue config, QuantizationConfig* out);
};
constexpr Kind kKinds[] = {
    {"awq", read_awq_config},
    {"gptq", read_gptq_config},
    {"auto-round", read_auto_round_config},
    {"auto_round", read_auto_round_config},
    {"intel/auto-round", read_auto_round_config},
    {"compressed-tensors", read_compressed_config},
    {"bitsandbytes", read_bitsandbytes_config},
    {"aqlm", read_aqlm_config},
    {"gemma", read_static_ranges_config},
};

Status read_object(JsonValue config, QuantizationConfig* out) {
  if (!config.is_object()) return config.error(Code::corrupt_file, "must be an object");
  std::string_view method;
  if (!config.find("quant_method").as_string(&method)) {
    if (config.find("bits").is_set() && config.find("group_size").is_set()) return read_mlx_config(config, out);
    for (const char* loads : {"load_in_4bit", "load_in_8bit"})
      if (config.find(loads).is_set()) return read_bitsandbytes_config(config, out);
    return not_read(config);
  }
  for (const Kind& kind : kKinds)
    if (method == kind.name) return kind.read(config, out);
  return not_read(config);
}

}  // namespace

Status read_quantization_config(JsonValue root, QuantizationConfig* out) {
  *out = {};
  for (const JsonValue scope : {root, root.find("text_config"), root.find("llm_config")}) {
    if (const JsonValue quip = scope.find("quip_params"); quip.is_object()) return read_quip_config(scope, quip, out);
    for (const char* field : {"quantization_config", "compression_config", "quantization"}) {
      const JsonValue config = scope.find(field);
      if (!config.is_set() || (config.is_object() && config.size() == 0)) continue;
      return read_object(config, out);
    }
  }
  return Status::ok();
}

}  // namespace mica
