// config.json of a GGUF file: its keys in Hugging Face's terms (transformers, LlamaConfig and Qwen2Config). Not a check
// of the shapes against the tensors, which loading a model does for every kind of file.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "gguf_import.hpp"
#include "gguf_template.hpp"
#include "json_text.hpp"
#include "limits.hpp"

namespace mica {

namespace {

constexpr const char *kShortDivisors = "rope_factors_short.weight", *kLongDivisors = "rope_factors_long.weight";

std::string in_brackets(std::string_view list) {
  std::string text("[");
  text += list;
  text += ']';
  return text;
}

// An object written member by member, but those that `more` has, a text of members with which it ends.
class ObjectText {
 public:
  bool is_in_more(const char* key) const { return more_.find("\"" + std::string(key) + "\":") != std::string::npos; }
  void add_more(std::string_view members) { more_ = members; }
  void add(const char* key, std::string_view json) {
    if (is_in_more(key)) return;
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
  std::string finished() const { return text_ + (more_.empty() || text_.size() == 1 ? "" : ", ") + more_ + "}"; }

  // Nine digits give every float32 back, and GGUF has no more.
  static std::string number(double value) {
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    return text;
  }

 private:
  std::string text_ = "{", more_;
};

// Reads the keys of one file and writes them.
class ConfigMaker {
 public:
  ConfigMaker(const GgufFile& file, const GgufFamily& family) : file_(file), family_(family) {}

  Status make(std::string* json);

 private:
  std::string key(const char* name) const { return std::string(family_.architecture) + "." + name; }
  const TensorView* tensor(std::string_view name) const;
  // A number, or the same number for every layer.
  Status required(const char* name, uint32_t max, uint32_t* out) const;
  // *out stays as it is when the key is absent.
  Status optional(const char* name, uint32_t max, uint32_t* out) const {
    return file_.has(key(name)) ? required(name, max, out) : Status::ok();
  }

  Status add_more();
  Status add_shapes();
  Status add_layers();
  Status add_windows();
  Status add_head_dim();
  Status add_scores();
  Status add_vocabulary();
  Status add_ends();
  Status add_rope();
  Status divisors(const TensorView& tensor, std::string* json) const;
  Status add_long_rope();
  Status add_rope_scaling();
  Status add_rope_sections();
  Status add_yarn(double factor, ObjectText* scaling) const;
  Status no_attention_factor() const;
  Status rope_number(const char* name, double min, double max, double* out) const;

  const GgufFile& file_;
  const GgufFamily& family_;
  ObjectText config_;
  uint32_t hidden_ = 0;
  uint32_t layers_ = 0;
  uint32_t heads_ = 0;
  uint32_t head_dim_ = 0;
  uint32_t rotated_ = 0;  // of it
};

const TensorView* ConfigMaker::tensor(std::string_view name) const {
  const auto place = std::find_if(file_.tensors().begin(), file_.tensors().end(),
                                  [name](const TensorView& t) { return t.name == name; });
  return place != file_.tensors().end() ? &*place : nullptr;
}

Status ConfigMaker::required(const char* name, uint32_t max, uint32_t* out) const {
  const std::string full = key(name);
  const GgufValue* value = file_.find(full);
  if (value == nullptr || value->type != GgufType::array) return file_.get_u32(full, 1, max, out);
  std::vector<uint32_t> each;
  MICA_TRY(file_.get_u32s(full, limits::kLayersMax, &each));
  if (each.empty() || std::any_of(each.begin(), each.end(), [&](uint32_t one) { return one != each[0]; }))
    return file_.error(Code::unsupported, full, "differs by layer, which mica does not run with this kind of model");
  if (each[0] == 0 || each[0] > max) return file_.error(Code::corrupt_file, full, "is 0 or more than mica reads");
  *out = each[0];
  return Status::ok();
}

Status ConfigMaker::add_more() {
  if (family_.text.more == nullptr) return Status::ok();
  std::string members;
  MICA_TRY(fill_gguf_template({file_, file_, {}}, family_.text.more, &members));
  config_.add_more(members);
  return Status::ok();
}

// Without those that guess further tokens.
Status ConfigMaker::add_layers() {
  uint32_t guessing = 0;
  MICA_TRY(required("block_count", limits::kLayersMax, &layers_));
  if (family_.text.guesses_tokens && file_.has(key("nextn_predict_layers")))
    MICA_TRY(file_.get_u32(key("nextn_predict_layers"), 0, layers_ - 1, &guessing));
  layers_ -= guessing;
  config_.add("num_hidden_layers", layers_);
  if (guessing != 0) config_.add("num_nextn_predict_layers", guessing);
  return Status::ok();
}

Status ConfigMaker::add_shapes() {
  uint32_t feed_forward = 0, context = 0;
  double epsilon = 0;
  MICA_TRY(required("embedding_length", limits::kHiddenMax, &hidden_));
  MICA_TRY(add_layers());
  if (!config_.is_in_more("intermediate_size"))
    MICA_TRY(required("feed_forward_length", limits::kFeedForwardMax, &feed_forward));
  MICA_TRY(required("attention.head_count", limits::kHeadsMax, &heads_));
  uint32_t kv_heads = heads_;
  if (!config_.is_in_more("num_key_value_heads")) MICA_TRY(optional("attention.head_count_kv", heads_, &kv_heads));
  MICA_TRY(required("context_length", limits::kContextMax, &context));
  MICA_TRY(file_.get_double(key("attention.layer_norm_rms_epsilon"), 0, 1, &epsilon));
  config_.add("hidden_size", hidden_);
  config_.add("intermediate_size", feed_forward);
  config_.add("num_attention_heads", heads_);
  config_.add("num_key_value_heads", kv_heads);
  config_.add("max_position_embeddings", context);
  config_.add("rms_norm_eps", epsilon);
  config_.add_text("hidden_act", family_.text.activation);
  config_.add("attention_bias", tensor("blk.0.attn_q.bias") != nullptr);
  if (family_.text.norms_whole) config_.add("mica_norms_whole", true);
  return add_windows();
}

Status ConfigMaker::add_windows() {
  uint32_t window = 0, pattern = 0;
  const std::string window_key = key("attention.sliding_window");
  if (file_.has(window_key)) MICA_TRY(file_.get_u32(window_key, 0, limits::kContextMax, &window));
  if (window == 0) return Status::ok();
  config_.add("sliding_window", window);
  if (!family_.text.windows_by_class) {
    config_.add("use_sliding_window", true);
    config_.add("max_window_layers", uint32_t{0});
  }
  if (!family_.text.window_rope) return Status::ok();
  MICA_TRY(optional("attention.sliding_window_pattern", limits::kLayersMax, &pattern));
  if (pattern != 0) config_.add("sliding_window_pattern", pattern);
  double theta = 10000;
  if (file_.has(key("rope.freq_base_swa"))) MICA_TRY(file_.get_double(key("rope.freq_base_swa"), 1, 1e12, &theta));
  config_.add("rope_local_base_freq", theta);
  return Status::ok();
}

// What attention and the head do to scores and logits.
Status ConfigMaker::add_scores() {
  const uint32_t by_width = family_.text.layers_scaled_by_width;
  if (by_width != 0) config_.add("query_pre_attn_scalar", layers_ == by_width ? hidden_ / heads_ : head_dim_);
  for (const char* name : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    double cap = 0;
    if (!family_.text.caps || !file_.has(key(name))) continue;
    MICA_TRY(file_.get_double(key(name), 0, 1e6, &cap));
    if (cap == 0) config_.add(name, "null");
    else config_.add(name, cap);
  }
  return Status::ok();
}

Status ConfigMaker::add_head_dim() {
  uint32_t rotated = 0;
  MICA_TRY(optional("rope.dimension_count", limits::kHeadDimMax, &rotated));
  head_dim_ = family_.text.partial_rope ? 0 : rotated;
  MICA_TRY(optional("attention.key_length", limits::kHeadDimMax, &head_dim_));
  if (head_dim_ == 0) {
    if (hidden_ % heads_ != 0 || hidden_ / heads_ > limits::kHeadDimMax) {
      return file_.error(Code::corrupt_file, key("attention.head_count"), "does not divide embedding_length");
    }
    head_dim_ = hidden_ / heads_;
  }
  uint32_t value_dim = head_dim_;
  MICA_TRY(optional("attention.value_length", limits::kHeadDimMax, &value_dim));
  if (value_dim != head_dim_) {
    return file_.error(Code::unsupported, key("attention.value_length"), "is not that of keys, which mica runs");
  }
  if (rotated != 0 && rotated != head_dim_ && (rotated > head_dim_ || !family_.text.partial_rope)) {
    return file_.error(Code::unsupported, key("rope.dimension_count"), "is less than a head: partial rotation");
  }
  rotated_ = rotated != 0 ? rotated : head_dim_;
  uint32_t windowed_dim = 0;
  MICA_TRY(optional("attention.key_length_swa", limits::kHeadDimMax, &windowed_dim));
  for (const char* name : {"attention.value_length_swa", "rope.dimension_count_swa"}) {
    uint32_t other = windowed_dim;
    MICA_TRY(optional(name, limits::kHeadDimMax, &other));
    if (other != windowed_dim)
      return file_.error(Code::unsupported, key(name), "is not that of keys of layers with windows, which mica runs");
  }
  config_.add("head_dim", head_dim_);
  if (rotated_ != head_dim_) config_.add("partial_rotary_factor", static_cast<double>(rotated_) / head_dim_);
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
  uint32_t said = static_cast<uint32_t>(vocabulary);
  MICA_TRY(optional("vocab_size", UINT32_MAX, &said));
  if (said != vocabulary) {
    return file_.error(Code::corrupt_file, key("vocab_size"), "is not the number of rows of token_embd.weight");
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
  // Null where the file names none: not what the class would have.
  config_.add("eos_token_id", std::string_view(several ? in_brackets(ends) : ends.empty() ? "null" : ends));
  return Status::ok();
}

// One for each pair that turns.
Status ConfigMaker::divisors(const TensorView& tensor, std::string* json) const {
  if (tensor.dtype != DType::f32 || tensor.rank != 1 || tensor.shape[0] != rotated_ / 2) {
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
  *json = in_brackets(list);
  return Status::ok();
}

// Frequencies are divided by one list, and in a longer context by another.
Status ConfigMaker::add_long_rope() {
  for (const char* name : {kShortDivisors, kLongDivisors})
    if (tensor(name) == nullptr) return file_.error(Code::corrupt_file, name, "is missing beside the other list");
  uint32_t original = 0;
  double factor = 1;
  std::string list;
  MICA_TRY(required("rope.scaling.original_context_length", limits::kContextMax, &original));
  MICA_TRY(rope_number("attn_factor", 1e-3, 1e3, &factor));
  ObjectText scaling;
  scaling.add_text("rope_type", "longrope");
  MICA_TRY(divisors(*tensor(kShortDivisors), &list));
  scaling.add("short_factor", std::string_view(list));
  MICA_TRY(divisors(*tensor(kLongDivisors), &list));
  scaling.add("long_factor", std::string_view(list));
  scaling.add("original_max_position_embeddings", original);
  scaling.add("attention_factor", factor);
  config_.add("rope_scaling", std::string_view(scaling.finished()));
  return Status::ok();
}

// A number of rope.scaling, 1 to `max`; *out stays as it is when the key is absent.
Status ConfigMaker::rope_number(const char* name, double min, double max, double* out) const {
  const std::string full = key("rope.scaling.") + name;
  return file_.has(full) ? file_.get_double(full, min, max, out) : Status::ok();
}

// llama.cpp scales cosines and sines by YaRN's 1 + 0.1 ln(factor) and by two factors of the file, and of some kinds of
// models divides them by the same with a multiplier of the file.
Status ConfigMaker::add_yarn(double factor, ObjectText* scaling) const {
  double attention = 1, more = 1, fast = 32, slow = 1, divisor = 0, beta = 0;
  MICA_TRY(rope_number("attn_factor", 1e-3, 1e3, &attention));
  MICA_TRY(rope_number("yarn_attn_factor", 1e-3, 1e3, &more));
  MICA_TRY(rope_number("yarn_beta_fast", 1e-3, 1e6, &fast));
  MICA_TRY(rope_number("yarn_beta_slow", 1e-3, 1e6, &slow));
  if (family_.text.scales_queries) {
    MICA_TRY(rope_number("yarn_log_multiplier", 0, 1e3, &divisor));
    const std::string beta_key = key("attention.temperature_scale");
    if (file_.has(beta_key)) MICA_TRY(file_.get_double(beta_key, 0, 1e3, &beta));
    scaling->add("llama_4_scaling_beta", beta);
  }
  const double growth = 0.1 * std::log(factor);
  scaling->add("attention_factor", attention * more * (1.0 + growth) / (1.0 + divisor * growth));
  scaling->add("beta_fast", fast);
  scaling->add("beta_slow", slow);
  return Status::ok();
}

// Pairs of each axis of M-RoPE; the fourth, of files, is none.
Status ConfigMaker::add_rope_sections() {
  const std::string sections_key = key("rope.dimension_sections");
  std::vector<int32_t> sections;
  MICA_TRY(file_.get_i32s(sections_key, 4, &sections));
  if (sections.size() < 3 || (sections.size() == 4 && sections[3] != 0) ||
      (family_.projector.empty() && !family_.text.sections))
    return file_.error(Code::unsupported, sections_key, "is of positions that mica does not run with this model");
  std::string_view type = "none";
  const std::string type_key = key("rope.scaling.type");
  if (file_.has(type_key)) MICA_TRY(file_.get_string(type_key, &type));
  if (type != "none")
    return file_.error(Code::unsupported, type_key, "is not \"none\", which alone mica runs with several axes");
  std::string list;
  for (size_t i = 0; i < 3; ++i) list += (i ? ", " : "") + std::to_string(sections[i]);
  ObjectText scaling;
  scaling.add_text("type", "mrope");
  scaling.add("mrope_section", std::string_view(in_brackets(list)));
  config_.add("rope_scaling", std::string_view(scaling.finished()));
  return Status::ok();
}

Status ConfigMaker::add_rope_scaling() {
  if (file_.has(key("rope.dimension_sections")) || family_.text.sections) return add_rope_sections();
  if (tensor(kShortDivisors) != nullptr || tensor(kLongDivisors) != nullptr) return add_long_rope();
  const std::string type_key = key("rope.scaling.type");
  const std::string old_key = key("rope.scale_linear");  // what files of 2023 have
  std::string factor_key = key("rope.scaling.factor");
  if (!file_.has(factor_key) && file_.has(old_key)) factor_key = old_key;
  // llama.cpp takes a factor without a type for a linear one.
  std::string_view type = file_.has(factor_key) ? "linear" : "none";
  if (file_.has(type_key)) MICA_TRY(file_.get_string(type_key, &type));
  if (type == "none") {
    if (family_.text.scales_queries) config_.add("rope_scaling", R"({"rope_type": "default"})");
    return no_attention_factor();
  }
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
  MICA_TRY(type == "yarn" ? add_yarn(factor, &scaling) : no_attention_factor());
  config_.add("rope_scaling", std::string_view(scaling.finished()));
  return Status::ok();
}

// Of cosines and sines, which llama.cpp takes whatever the scaling is.
Status ConfigMaker::no_attention_factor() const {
  for (const char* name : {"attn_factor", "yarn_attn_factor"}) {
    double factor = 1;
    MICA_TRY(rope_number(name, 0, 1e6, &factor));
    if (factor != 1)
      return file_.error(Code::unsupported, key("rope.scaling.") + name, "is not 1, which mica runs with yarn only");
  }
  return Status::ok();
}

Status ConfigMaker::add_rope() {
  double theta = 10000;  // the format's default
  const std::string theta_key = key("rope.freq_base");
  if (file_.has(theta_key)) MICA_TRY(file_.get_double(theta_key, 1, 1e12, &theta));
  config_.add("rope_theta", theta);
  if (family_.rope_interleaved) config_.add("mica_rope_interleaved", true);
  const TensorView* common = tensor("rope_freqs.weight");
  // A family may read it in its own way.
  const bool is_read = family_.text.more != nullptr && std::strstr(family_.text.more, "rope_freqs.weight") != nullptr;
  std::string list;
  if (common != nullptr && !is_read) {
    MICA_TRY(divisors(*common, &list));
    config_.add("mica_rope_divisors", std::string_view(list));
  }
  return add_rope_scaling();
}

Status ConfigMaker::make(std::string* json) {
  std::string class_name;
  append_json_string(family_.class_name, &class_name);
  config_.add("architectures", std::string_view(in_brackets(class_name)));
  // A decoder that only one family of pictures has is known by that.
  const std::string_view model_type = family_.text.model_type ? family_.text.model_type : family_.architecture;
  if (family_.projector.empty()) config_.add_text("model_type", model_type);
  MICA_TRY(add_more());
  MICA_TRY(add_shapes());
  MICA_TRY(add_head_dim());
  MICA_TRY(add_scores());
  MICA_TRY(add_vocabulary());
  MICA_TRY(add_ends());
  MICA_TRY(add_rope());
  MICA_TRY(check_gguf_keys(file_, family_, head_dim_));
  *json = config_.finished();
  return Status::ok();
}

}  // namespace

Status make_gguf_config(const GgufFile& file, const GgufFamily& family, std::string* json) {
  return ConfigMaker(file, family).make(json);
}

Status find_gguf_family(const GgufFile& file, std::span<const GgufFamily> families, const GgufFamily* pictures,
                        const GgufFamily** out) {
  constexpr std::string_view kArchitectureKey = "general.architecture";
  std::string_view name;
  MICA_TRY(file.get_string(kArchitectureKey, &name));
  if (pictures != nullptr && pictures->architecture == name) {
    *out = pictures;
    return Status::ok();
  }
  std::string known, of_pictures;
  for (const GgufFamily& family : families) {
    if (family.architecture.empty()) continue;
    *out = &family;
    if (family.architecture == name && family.projector.empty()) return Status::ok();
    if (family.architecture == name) of_pictures = family.projector;
    if (family.projector.empty()) known += (known.empty() ? "" : ", ") + std::string(family.architecture);
  }
  const std::string shown(name.substr(0, 32));
  std::string what = "is \"" + shown + "\"";
  if (of_pictures.empty()) what += "; of GGUF files mica imports " + known + ": take the Hugging Face folder";
  else what += ", a model with pictures: give the file with its tower (of \"" + of_pictures + "\") with --mmproj";
  return file.error(Code::unsupported, kArchitectureKey, what.c_str());
}

}  // namespace mica
