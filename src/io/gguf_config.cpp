// config.json of a GGUF file: its keys in Hugging Face's terms (transformers, LlamaConfig and Qwen2Config). Not a check
// of the shapes against the tensors, which loading a model does for every kind of file.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "gguf_import.hpp"
#include "json_text.hpp"
#include "limits.hpp"

namespace mica {

namespace {

struct Architecture {
  std::string_view name;  // in GGUF, and Hugging Face's model_type
  const char* class_name;
  bool rope_interleaved;
};

constexpr Architecture kArchitectures[] = {
    {"llama", "LlamaForCausalLM", true},
    {"qwen2", "Qwen2ForCausalLM", false},
};

std::string in_brackets(std::string_view list) {
  std::string text("[");
  text += list;
  text += ']';
  return text;
}

// An object written member by member.
class ObjectText {
 public:
  void add(const char* key, std::string_view json) {
    text_ += text_.size() == 1 ? "" : ", ";
    append_json_string(key, &text_);
    text_ += ": ";
    text_ += json;
  }
  void add(const char* key, const char* json) { add(key, std::string_view(json)); }
  void add(const char* key, bool value) { add(key, value ? "true" : "false"); }
  void add(const char* key, uint32_t value) { add(key, std::string_view(std::to_string(value))); }
  void add(const char* key, double value) { add(key, std::string_view(number(value))); }
  void add_text(const char* key, std::string_view value) {
    std::string quoted;
    append_json_string(value, &quoted);
    add(key, std::string_view(quoted));
  }
  std::string finished() const { return text_ + "}"; }

  // Nine digits give every float32 back, and GGUF has no more.
  static std::string number(double value) {
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    return text;
  }

 private:
  std::string text_ = "{";
};

// Reads the keys of one file and writes them.
class ConfigMaker {
 public:
  ConfigMaker(const GgufFile& file, const Architecture& architecture) : file_(file), architecture_(architecture) {}

  Status make(std::string* json);

 private:
  std::string key(const char* name) const { return std::string(architecture_.name) + "." + name; }
  const TensorView* tensor(std::string_view name) const;
  Status required(const char* name, uint32_t max, uint32_t* out) const { return file_.get_u32(key(name), 1, max, out); }
  // *out stays as it is when the key is absent.
  Status optional(const char* name, uint32_t max, uint32_t* out) const {
    return file_.has(key(name)) ? required(name, max, out) : Status::ok();
  }

  Status add_shapes();
  Status add_head_dim();
  Status add_vocabulary();
  Status add_ends();
  Status add_rope();
  Status add_rope_divisors(const TensorView& tensor);
  Status add_rope_scaling();
  Status refuse_what_is_not_imported() const;

  const GgufFile& file_;
  const Architecture& architecture_;
  ObjectText config_;
  uint32_t hidden_ = 0;
  uint32_t heads_ = 0;
  uint32_t head_dim_ = 0;
};

const TensorView* ConfigMaker::tensor(std::string_view name) const {
  const auto place = std::find_if(file_.tensors().begin(), file_.tensors().end(),
                                  [name](const TensorView& t) { return t.name == name; });
  return place != file_.tensors().end() ? &*place : nullptr;
}

Status ConfigMaker::refuse_what_is_not_imported() const {
  const std::string experts = key("expert_count");
  uint32_t count = 0;
  if (file_.has(experts)) MICA_TRY(file_.get_u32(experts, 0, UINT32_MAX, &count));
  if (count == 0) return Status::ok();
  return file_.error(Code::unsupported, experts, "is not 0: mica does not run mixtures of experts");
}

Status ConfigMaker::add_shapes() {
  uint32_t layers = 0, feed_forward = 0, context = 0;
  double epsilon = 0;
  MICA_TRY(required("embedding_length", limits::kHiddenMax, &hidden_));
  MICA_TRY(required("block_count", limits::kLayersMax, &layers));
  MICA_TRY(required("feed_forward_length", limits::kFeedForwardMax, &feed_forward));
  MICA_TRY(required("attention.head_count", limits::kHeadsMax, &heads_));
  uint32_t kv_heads = heads_;
  MICA_TRY(optional("attention.head_count_kv", heads_, &kv_heads));
  MICA_TRY(required("context_length", limits::kContextMax, &context));
  MICA_TRY(file_.get_double(key("attention.layer_norm_rms_epsilon"), 0, 1, &epsilon));
  config_.add("hidden_size", hidden_);
  config_.add("num_hidden_layers", layers);
  config_.add("intermediate_size", feed_forward);
  config_.add("num_attention_heads", heads_);
  config_.add("num_key_value_heads", kv_heads);
  config_.add("max_position_embeddings", context);
  config_.add("rms_norm_eps", epsilon);
  config_.add("hidden_act", "\"silu\"");
  config_.add("attention_bias", tensor("blk.0.attn_q.bias") != nullptr);
  uint32_t window = 0;
  MICA_TRY(optional("attention.sliding_window", limits::kContextMax, &window));
  if (window != 0 && window < context) {
    config_.add("sliding_window", window);
    config_.add("use_sliding_window", true);
  }
  return Status::ok();
}

Status ConfigMaker::add_head_dim() {
  uint32_t rotated = 0;
  MICA_TRY(optional("rope.dimension_count", limits::kHeadDimMax, &rotated));
  head_dim_ = rotated;
  MICA_TRY(optional("attention.key_length", limits::kHeadDimMax, &head_dim_));
  if (head_dim_ == 0) {
    if (hidden_ % heads_ != 0 || hidden_ / heads_ > limits::kHeadDimMax) {
      return file_.error(Code::corrupt_file, key("attention.head_count"), "does not divide embedding_length");
    }
    head_dim_ = hidden_ / heads_;
  }
  if (rotated != 0 && rotated != head_dim_) {
    return file_.error(Code::unsupported, key("rope.dimension_count"), "is less than a head: partial rotation");
  }
  config_.add("head_dim", head_dim_);
  return Status::ok();
}

Status ConfigMaker::add_vocabulary() {
  const TensorView* embedding = tensor("token_embd.weight");
  if (embedding == nullptr || embedding->rank != 2) {
    return file_.error(Code::corrupt_file, "token_embd.weight", "is missing, or no matrix");
  }
  const uint64_t vocabulary = embedding->shape[0];
  if (vocabulary == 0 || vocabulary > limits::kVocabularyMax) {
    return file_.error(Code::limit_exceeded, "token_embd.weight", "has more rows than mica reads, or none");
  }
  const GgufValue* tokens = file_.find("tokenizer.ggml.tokens");
  if (tokens != nullptr && tokens->count != vocabulary) {
    return file_.error(Code::corrupt_file, "tokenizer.ggml.tokens", "does not have a token for each row of token_embd");
  }
  config_.add("vocab_size", static_cast<uint32_t>(vocabulary));
  config_.add("tie_word_embeddings", tensor("output.weight") == nullptr);
  return Status::ok();
}

// The tokens that begin and end: a chat model has an end of turn besides the end of text, as a list in config.json.
Status ConfigMaker::add_ends() {
  uint32_t id = 0;
  if (file_.has("tokenizer.ggml.bos_token_id")) {
    MICA_TRY(file_.get_u32("tokenizer.ggml.bos_token_id", 0, limits::kVocabularyMax - 1, &id));
    config_.add("bos_token_id", id);
  }
  std::string ends;
  for (const char* name : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    if (!file_.has(name)) continue;
    MICA_TRY(file_.get_u32(name, 0, limits::kVocabularyMax - 1, &id));
    ends += (ends.empty() ? "" : ", ") + std::to_string(id);
  }
  const bool several = ends.find(',') != std::string::npos;
  if (!ends.empty()) config_.add("eos_token_id", std::string_view(several ? in_brackets(ends) : ends));
  return Status::ok();
}

Status ConfigMaker::add_rope_divisors(const TensorView& tensor) {
  if (tensor.dtype != DType::f32 || tensor.rank != 1 || tensor.shape[0] != head_dim_ / 2) {
    return file_.error(Code::corrupt_file, tensor.name, "must hold one F32 for each pair of a head");
  }
  std::string list;
  for (size_t i = 0; i < tensor.bytes.size(); i += sizeof(float)) {
    float divisor = 0;
    std::memcpy(&divisor, tensor.bytes.data() + i, sizeof divisor);
    if (!std::isfinite(divisor) || divisor <= 0) {
      return file_.error(Code::corrupt_file, tensor.name, "has a number that is not above 0");
    }
    list += (list.empty() ? "" : ", ") + ObjectText::number(divisor);
  }
  ObjectText scaling;
  scaling.add_text("rope_type", "frequency_divisors");
  scaling.add("divisors", std::string_view(in_brackets(list)));
  config_.add("rope_scaling", std::string_view(scaling.finished()));
  return Status::ok();
}

Status ConfigMaker::add_rope_scaling() {
  const std::string type_key = key("rope.scaling.type");
  const std::string old_key = key("rope.scale_linear");  // what files of 2023 have
  std::string factor_key = key("rope.scaling.factor");
  std::string_view type = "none";
  if (file_.has(type_key)) {
    MICA_TRY(file_.get_string(type_key, &type));
  } else if (file_.has(old_key)) {
    type = "linear";
    factor_key = old_key;
  }
  if (type == "none") return Status::ok();
  if (type != "linear" && type != "yarn") {
    return file_.error(Code::unsupported, type_key, "is a scaling that mica does not import: linear and yarn it does");
  }
  double factor = 1;
  MICA_TRY(file_.get_double(factor_key, 1, 1024, &factor));
  ObjectText scaling;
  scaling.add_text("rope_type", type);
  scaling.add("factor", factor);
  uint32_t original = 0;
  MICA_TRY(optional("rope.scaling.original_context_length", limits::kContextMax, &original));
  if (original != 0) scaling.add("original_max_position_embeddings", original);
  config_.add("rope_scaling", std::string_view(scaling.finished()));
  return Status::ok();
}

Status ConfigMaker::add_rope() {
  double theta = 10000;  // the format's default
  const std::string theta_key = key("rope.freq_base");
  if (file_.has(theta_key)) MICA_TRY(file_.get_double(theta_key, 1, 1e12, &theta));
  config_.add("rope_theta", theta);
  if (architecture_.rope_interleaved) config_.add("mica_rope_interleaved", true);
  const TensorView* divisors = tensor("rope_freqs.weight");
  return divisors != nullptr ? add_rope_divisors(*divisors) : add_rope_scaling();
}

Status ConfigMaker::make(std::string* json) {
  MICA_TRY(refuse_what_is_not_imported());
  std::string class_name;
  append_json_string(architecture_.class_name, &class_name);
  config_.add("architectures", std::string_view(in_brackets(class_name)));
  config_.add_text("model_type", architecture_.name);
  MICA_TRY(add_shapes());
  MICA_TRY(add_head_dim());
  MICA_TRY(add_vocabulary());
  MICA_TRY(add_ends());
  MICA_TRY(add_rope());
  *json = config_.finished();
  return Status::ok();
}

}  // namespace

Status make_gguf_config(const GgufFile& file, std::string* json) {
  constexpr std::string_view kArchitectureKey = "general.architecture";
  std::string_view name;
  MICA_TRY(file.get_string(kArchitectureKey, &name));
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return ConfigMaker(file, architecture).make(json);
  }
  char what[128];
  snprintf(what, sizeof what, "is \"%.*s\"; of GGUF files mica imports llama and qwen2: take the Hugging Face folder",
           static_cast<int>(std::min<size_t>(name.size(), 32)), name.data());
  return file.error(Code::unsupported, kArchitectureKey, what);
}

}  // namespace mica
