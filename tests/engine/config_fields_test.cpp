// Every field of published configs (make_published_configs.py), changed one by one: refused by its name, or the spec
// changes, or a warning names it, or it is one of those listed here that have no effect. Never ignored. The numbers
// that come out: config_cases_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "config.hpp"
#include "family.hpp"
#include "log.hpp"
#include "rope_frequencies.hpp"

using namespace mica;
using Object = nlohmann::json;

namespace {

std::vector<std::string> g_warnings;

void keep_warning(void*, int level, const char* message) {
  if (level == static_cast<int>(LogLevel::warning)) g_warnings.push_back(message);
}

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

struct Read {
  Status status;
  ModelSpec spec;
  std::string said;  // the error and all warnings

  explicit Read(const Object& config, const std::string& added_tokens = {}) {
    const std::string text = config.dump();
    g_warnings.clear();
    PictureDocuments documents;
    documents.tokens.added_tokens = bytes_of(added_tokens);
    status = read_model_spec(bytes_of(text), documents, "model", &spec);
    said = status.message();
    for (const std::string& warning : g_warnings)  // processor files have tests of their own
      if (warning.find("there is no preprocessor_config.json") == std::string::npos) said += "\n" + warning;
  }
};

Object read_published() {
  std::ifstream in(std::string(MICA_TEST_DATA) + "/published_configs.json");
  return Object::parse(in);
}

// Read by no model of transformers when it computes logits, or read by mica under another name.
const std::set<std::string> kWithoutEffect = {
    "_pad_token_id", "embd_pdrop", "resid_pdrop", "vision_use_head",
    "_attn_implementation_autoset", "_name_or_path", "_sliding_window_pattern", "add_cross_attention",
    "attention_dropout", "attention_probs_dropout_prob", "auto_map", "bad_words_ids", "begin_suppress_tokens",
    "boi_token_index", "bos_token_id",
    "cache_implementation", "chunk_size_feed_forward", "compression_ratio", "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty", "do_sample", "dropout", "dtype", "early_stopping", "encoder_no_repeat_ngram_size",
    "eoi_token_index",
    "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id",
    "hidden_dropout_prob", "id2label", "ignore_index", "ignored_index", "image_end_token_id", "image_seq_length",
    "image_start_token_id", "initializer_factor", "initializer_range", "is_decoder", "is_llama_config", "label2id",
    "layer_scale_init_value", "length_penalty", "max_length", "max_sequence_length", "min_length",
    "mrope_interleaved", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences",
    "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix", "pretraining_tp",
    "problem_type", "projection_dim", "projection_dropout", "remove_invalid_values", "repetition_penalty",
    "return_dict", "return_dict_in_generate", "rope_is_neox_style", "sep_token_id", "spatial_patch_size",
    "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
    "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers.js_config",
    "transformers_version", "typical_p", "use_3d_rope", "use_bfloat16", "use_cache", "use_flash_attention",
    "use_mask_token", "video_seq_length", "vision_end_token_id",
    "vision_start_token_id", "vision_token_id", "weight_share_add_bias"};

// The same of models that are published with code of their own; that reads pad_token_id.
const std::set<std::string> kWithoutEffectOnOwnCode = {
    "_commit_hash", "apply_query_key_layer_scaling", "attention_softmax_in_fp32", "attn_dropout_prob",
    "attn_implementation", "auto_map", "batch_vision_input", "bf16", "bias_dropout_fusion", "drop_path_rate",
    "dropout_prob", "emb_dropout_prob", "fp16", "fp32", "fp32_residual_connection", "hidden_dropout", "num_positions",
    "onnx_safe", "slice_config", "slice_mode", "tokenizer_type", "use_flash_attn"};

std::string field_at(const std::string& path) { return path.substr(1, path.find('/', 1) - 1); }

// What has no effect in one place, or beside one value of another field.
bool without_effect_here(const Object& config, const Object::json_pointer& place) {
  const std::string key = place.back(), path = place.to_string();
  const bool tower = path.starts_with("/vision_config/");
  if (config.value("model_type", "") == "minicpmv" && (path == "/image_size" || path == "/patch_size")) return true;
  if (config.value("model_type", "") == "minicpmv4_6" &&
      (path == "/image_size" || path == "/patch_size" || path == "/drop_vision_last_layer" ||
       path == "/vision_config/insert_layer_id"))
    return true;
  const Object& text = config.contains("text_config") ? config["text_config"] : config;
  if (tower && (key == "vocab_size" || key == "tie_word_embeddings" || key == "eos_token_id")) return true;
  if (config.contains("vision_config") && path == "/text_config/logits_scaling") return true;  // of another class's head
  if (tower && key == "vision_use_head") return true;  // of pooled features
  // One frame of a picture is seen, whatever the file says; sizes of Pixtral's pictures and heads follow from others.
  const std::string type = config.value("model_type", "");
  if (tower && type == "paddleocr_vl" && key == "temporal_patch_size") return true;
  const Object tower_type = config.contains("vision_config") ? config["vision_config"].value("model_type", "") : "";
  if (tower && tower_type == "pixtral" && (key == "image_size" || key == "head_dim")) return true;
  const std::set<std::string> sees_videos = {"qwen2_vl", "qwen2_5_vl", "qwen3_vl",    "qwen3_5",
                                             "glm4v",    "gemma4",     "minicpmv4_6", "gemma4_unified"};
  const std::set<std::string> of_videos = {"video_token_id", "video_start_token_id", "video_end_token_id"};
  if (key == "tokens_per_second" && type != "qwen2_5_vl") return true;
  if (of_videos.contains(key) && !(sees_videos.contains(type) && path == "/" + key)) return true;
  // GLM has biases or none, and GLM-OCR no learned positions, whatever the file says.
  if (type.starts_with("glm") && path == "/text_config/attention_bias") return true;
  if (tower && type == "glm_ocr" && key == "image_size") return true;
  if (path == "/vocab_size" && config.contains("text_config")) return true;
  if (path.ends_with("/architectures/0") || key == "architectures") return path.starts_with("/text") || tower;
  const std::string text_type = text.value("model_type", "");
  if (text_type == "gemma3_text" && key == "attn_logit_softcapping") return true;
  const bool gemma4 = text_type.starts_with("gemma4");
  if (gemma4 && key == "num_global_key_value_heads") return !text.value("attention_k_eq_v", false);
  // Gemma 4 hears, too, with parts that mica does not run; its tower has no biases.
  const std::set<std::string> ears = {"audio_config", "audio_token_id", "boa_token_id", "boi_token_id",
                                      "eoa_token_index", "eoi_token_id"};
  if (gemma4 && ears.contains(key)) return true;
  if (tower && type == "gemma4" && (key == "attention_bias" || key == "max_position_embeddings")) return true;
  const std::set<std::string> windowed = {"mistral", "ministral3", "phi3"};  // whenever it is said
  if (type == "gemma3" && key == "final_logit_softcapping") return true;
  if (type == "paligemma" && (key == "num_image_tokens" || key == "projector_hidden_act" ||
                              path == "/text_config/use_bidirectional_attention"))
    return true;
  if (key == "sliding_window")
    return !windowed.contains(text_type) && !text_type.starts_with("gemma") && !text.value("use_sliding_window", false);
  if (path == "/text_config/image_token_id") return true;
  // text_config's wins; transformers 4.52 and later write fields in both places.
  const std::string first = field_at(path);
  const bool beside = config.contains("text_config") && text.contains(first) && !text[first].is_null();
  const bool adds_ends = first == "eos_token_id" && config[first].is_array();  // to text_config's
  if (beside && first != "text_config" && !adds_ends) return true;
  // "type" stands beside "rope_type", which wins; its numbers say nothing to the default.
  return key == "type" && config.at(place.parent_pointer()).contains("rope_type");
}

std::vector<Object> other_values(const Object& value) {
  if (value.is_boolean()) return {!value.get<bool>(), 3, "x"};
  if (value.is_number_integer())
    return {value.get<int64_t>() + 1, value.get<int64_t>() - 1, value.get<int64_t>() * 2 + 2, "x", true};
  if (value.is_number())
    return {value.get<double>() + 1, value.get<double>() - 1, value.get<double>() * 2 + 0.5, "x"};
  if (value.is_string()) return {value.get<std::string>() + "_x", 7, Object::array({1})};
  if (value.is_array()) return {Object::array({1, 2, 3, 4, 5}), "x", 7};
  if (value.is_null()) return {3, "x"};
  return {Object::object({{"x", 1}}), "x", 7};
}

// Another number that means what was there: none, which is the paper's 1; a width that is rounded to the same.
bool means_the_same(const Object& config, const std::string& field, const Object& before, const Object& value) {
  if (field == "beta_slow") return value.is_number() && value.get<double>() == 0;
  const Object& text = config.contains("text_config") ? config["text_config"] : config;
  return field == "intermediate_size" && text.value("block_auto_adjust_ff_dim", false) && value.is_number() &&
         std::abs(value.get<double>() - before.get<double>()) <= 1;
}

// The paths of all members, elements of lists included.
void collect(const Object& value, const Object::json_pointer& at, std::vector<Object::json_pointer>* out) {
  if (!at.empty()) out->push_back(at);
  if (value.is_object())
    for (const auto& [key, member] : value.items()) collect(member, at / key, out);
  if (value.is_array() && value.size() <= 8)
    for (size_t i = 0; i < value.size(); ++i) collect(value[i], at / i, out);
}

// Whether what was said names the field, or what a tower's image_size has to fit, or what its kind asks for.
bool names(const std::string& said, const std::string& field) {
  return said.find(field) != std::string::npos ||
         (field == "image_size" && said.find("image_grid_pinpoints") != std::string::npos) ||
         (field == "vision_config" && said.find("vision_feature_select_strategy") != std::string::npos);
}

// The last name of a path that is no number.
std::string field_of(Object::json_pointer place) {
  while (!place.empty() && place.back().find_first_not_of("0123456789") == std::string::npos) place.pop_back();
  return place.empty() ? std::string() : place.back();
}

void check_changes(const std::string& name, const Object& config, const std::string& added_tokens = {}) {
  const Read before(config, added_tokens);
  REQUIRE_MESSAGE(before.status.is_ok(), name << ": " << before.said);
  CHECK_MESSAGE(before.said.empty(), name << ": " << before.said);
  const bool has_own_code = config.contains("auto_map");
  std::vector<Object::json_pointer> places;
  collect(config, Object::json_pointer(), &places);
  for (const Object::json_pointer& place : places) {
    const std::string field = field_of(place);
    Object::json_pointer whole = place;
    while (whole.back() != field) whole.pop_back();
    bool free = kWithoutEffect.count(field) != 0 || without_effect_here(config, whole);
    for (Object::json_pointer above = whole; !above.empty(); above = above.parent_pointer())
      free = free || kWithoutEffect.count(above.back()) != 0 ||
             (has_own_code && kWithoutEffectOnOwnCode.count(above.back()) != 0);
    // The placeholder of a picture, in GLM-4V and CogVLM2.
    const std::string type = config.value("model_type", "");
    if ((type.empty() || type == "chatglm") && whole.to_string() == "/pad_token_id") free = false;
    // A table has a row for it, too; of a decoder that has one.
    const Object& text = config.contains("text_config") ? config["text_config"] : config;
    if (text.value("hidden_size_per_layer_input", 0) != 0 && field == "pad_token_id") free = false;
    if (type == "paligemma" && whole.to_string() == "/projection_dim") free = false;
    for (const Object& value : other_values(config.at(place))) {
      if (value == config.at(place) || means_the_same(config, field, config.at(place), value)) continue;
      Object changed = config;
      changed[place] = value;
      const Read after(changed, added_tokens);
      const bool named = names(after.said, field);
      const bool seen = named || (after.status.is_ok() && !(after.spec == before.spec));
      CHECK_MESSAGE((seen || free), name << ": " << place.to_string() << " = " << value.dump() << " is ignored: " << after.said);
      if (free)
        CHECK_MESSAGE((after.status.is_ok() ? after.spec == before.spec : named),
                      name << ": " << place.to_string() << " = " << value.dump() << " has an effect: " << after.said);
    }
    // Taken out, it is what its class has; what then does not fit is named.
    Object without = config;
    without[place] = nullptr;
    const Read null(without, added_tokens);
    // Of these any field may be what does not fit: of a whole part, and of a decoder that is then of another class.
    const bool whole_part = config.at(place).is_object() || field == "model_type";
    CHECK_MESSAGE((null.status.is_ok() || whole_part || names(null.said, field)),
                  name << ": " << place.to_string() << " = null: " << null.said);
  }
}

// A spec as a message: what differs most often.
std::string told(const ModelSpec& spec) {
  const DecoderSpec& d = spec.decoder;
  return std::to_string(d.layers) + " " + std::to_string(d.hidden) + " " + std::to_string(d.kv_heads) + " " +
         std::to_string(d.head_dim) + " " + std::to_string(d.context) + " " + std::to_string(d.norm_epsilon) + " " +
         std::to_string(d.rope.theta) + " " + std::to_string(d.window) + " " + std::to_string(d.tied_embeddings);
}

}  // namespace

TEST_CASE("no field of a published config is ignored") {
  set_log(keep_warning, nullptr);
  const Object published = read_published();
  for (const auto& [name, config] : published["configs"].items()) check_changes(name, config);
  set_log(nullptr, nullptr);
}

TEST_CASE("no field of a recorded config is ignored, also where it is published with code of its own") {
  set_log(keep_warning, nullptr);
  for (const char* family : {"internvl2", "glm4v_9b", "cogvlm2", "qwen_vl", "minicpmv_2_6", "minicpmv4_6"}) {
    const std::string folder = std::string(MICA_TEST_DATA) + "/golden/" + family;
    std::ifstream config(folder + "/config.json"), tokens(folder + "/added_tokens.json");
    const std::string added{std::istreambuf_iterator<char>(tokens), {}};
    check_changes(family, Object::parse(config), added);
  }
  set_log(nullptr, nullptr);
}

TEST_CASE("no field of a config that transformers writes is ignored") {
  set_log(keep_warning, nullptr);
  for (const char* family : {"mistral", "granite", "phi3", "lfm2", "qwen3_5_text", "qwen3_5", "lfm2_vl", "mistral3",
                             "llava_next", "llava_onevision", "idefics3", "smolvlm", "video_llava", "llava_next_video",
                             "llava_onevision_video", "gemma", "gemma2", "granite_vision", "llava_siglip",
                             "llava_pixtral"}) {
    std::ifstream config(std::string(MICA_TEST_DATA) + "/golden/" + family + "/config.json");
    check_changes(family, Object::parse(config));
  }
  set_log(nullptr, nullptr);
}

TEST_CASE("no field of Gemma 4's configs is ignored, as transformers 5.24 writes them") {
  set_log(keep_warning, nullptr);
  for (const char* family : {"gemma4", "gemma4_dense", "gemma4_unified", "gemma4_text_only"}) {
    std::ifstream config(std::string(MICA_TEST_DATA) + "/golden/" + family + "/config.json");
    check_changes(family, Object::parse(config));
  }
  set_log(nullptr, nullptr);
}

TEST_CASE("LFM2 and Qwen3.5 have one activation; of two names of a picture's placeholder the newer is read") {
  const auto golden = [](const char* family) {
    std::ifstream config(std::string(MICA_TEST_DATA) + "/golden/" + family + "/config.json");
    return Object::parse(config);
  };
  Object lfm2 = golden("lfm2");
  lfm2["hidden_act"] = "gelu";
  CHECK(Read(lfm2).said.find("hidden_act is \"gelu\", which mica does not run; it runs silu") != std::string::npos);
  Object qwen = golden("qwen3_5_text");  // which takes it behind its convolutions too
  qwen["hidden_act"] = "gelu";
  CHECK(Read(qwen).said.find("hidden_act is \"gelu\", which mica does not run; it runs silu") != std::string::npos);
  for (const char* family : {"llava", "llava_next", "llava_onevision", "mistral3"}) {
    Object both = golden(family);
    both["image_token_id"] = 301;
    CHECK_MESSAGE(Read(both).spec.picture_token == 301, family);
  }
}

TEST_CASE("a projector reads the states of a tower that the file lists, or one; what it is given is bounded") {
  std::ifstream file(std::string(MICA_TEST_DATA) + "/golden/granite_vision/config.json");
  const Object published = Object::parse(file);
  const auto with = [&](const char* field, const Object& value) {
    Object config = published;
    config[field] = value;
    return Read(config);
  };
  const auto states = [&](const Object& value) { return with("vision_feature_layer", value).spec.vision; };
  const VisionSpec several = states({-5, -3, 1, -1});
  CHECK(several.features() == 4);
  CHECK(several.feature_states.states[0] == 1);
  CHECK(several.feature_states.states[2] == 1);
  CHECK(several.layers_used == 5);
  CHECK(states({0, -2}).layers_used == 4);
  CHECK(states({-2}).features() == 1);
  CHECK(states({-2}).layers_used == 4);
  CHECK(states(3).layers_used == 3);
  for (const Object& wrong : {Object({-7, -1}), Object({1, 6}), Object::array(), Object(std::vector<int>(17, -1)),
                              Object("x"), Object({1, "x"}), Object({1, 1000})}) {
    CAPTURE(wrong.dump());
    const Read read = with("vision_feature_layer", wrong);
    CHECK_FALSE(read.status);
    CHECK_MESSAGE(read.said.find("vision_feature_layer") != std::string::npos, read.said);
  }
  // Its tower has no class token: what "default" leaves out is a patch.
  CHECK(with("vision_feature_select_strategy", "default").said.find("it runs full") != std::string::npos);
  CHECK_FALSE(with("vision_feature_select_strategy", nullptr).status);
  Object other = published;
  other["vision_config"]["model_type"] = "dinov2";
  CHECK_MESSAGE(Read(other).said.find("it runs clip_vision_model, siglip_vision_model") != std::string::npos,
                Read(other).said);
}

TEST_CASE("published configs mean the same as the later versions that write them") {
  const Object configs = read_published()["configs"];
  for (const auto& item : configs.items()) {
    const std::string& name = item.key();
    const size_t by = name.find(" by ");
    if (by == std::string::npos) continue;
    CAPTURE(name);
    ModelSpec published = Read(configs[name.substr(0, by)]).spec, written = Read(item.value()).spec;
    for (ModelSpec* spec : {&published, &written}) {
      spec->decoder.layer_types = {};
      spec->vision.output = 0;
      spec->vision.feed_forward_ratio = 0;
      // Saved or not, these say nothing where no layer has a window.
      spec->decoder.window_first = 0;
    }
    CHECK_MESSAGE(published == written, told(published) << " and " << told(written));
  }
}

TEST_CASE("absent fields have the defaults of the class") {
  const Object published = read_published();
  for (const Object& each : published["defaults"]) {
    CAPTURE(each["bare"].dump());
    Read bare(each["bare"]), full(each["full"]);
    REQUIRE_MESSAGE(bare.status.is_ok(), bare.said);
    REQUIRE_MESSAGE(full.status.is_ok(), full.said);
    for (Read* read : {&bare, &full}) read->spec.decoder.layer_types = {};
    CHECK_MESSAGE(bare.spec == full.spec, told(bare.spec) << " and " << told(full.spec));
  }
}

TEST_CASE("all end tokens are kept; -1 and null are none") {
  Object config = read_published()["configs"]["meta-llama/Llama-2-7b-chat-hf"];
  const struct {
    Object value;
    uint32_t count;
  } cases[] = {{-1, 0}, {nullptr, 0}, {7, 1}, {Object::array({7, -1, 7, 8}), 2},
               {Object::array({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), 11}};
  for (const auto& each : cases) {
    config["eos_token_id"] = each.value;
    const Read read(config);
    REQUIRE_MESSAGE(read.status.is_ok(), read.said);
    CHECK(read.spec.end_token_count == each.count);
  }
}

TEST_CASE("null where a word must be chosen is refused by name: no reference runs it either") {
  Object config = read_published()["configs"]["meta-llama/Llama-2-7b-chat-hf"];
  config["hidden_act"] = nullptr;
  const Read null(config);
  CHECK(null.status.code() == Code::corrupt_file);
  CHECK_MESSAGE(null.said.find("hidden_act is null, and one of its words must be") != std::string::npos, null.said);
}

TEST_CASE("the divisors of a GGUF file are the Hugging Face folder's llama3 scaling") {
  Object config = read_published()["configs"]["meta-llama/Llama-3.2-1B-Instruct"];
  const RopeFrequencies wanted = decoder_frequencies(Read(config).spec.decoder.rope);
  // As convert_hf_to_gguf.py writes rope_freqs.weight.
  Object divisors = Object::array();
  for (int i = 0; i < 32; ++i) {
    const double length = 2 * M_PI * std::pow(500000.0, 2.0 * i / 64.0);
    const double smooth = (8192 / length - 1.0) / (4.0 - 1.0);
    const double middle = 1 / ((1 - smooth) / 32.0 + smooth);
    divisors.push_back(static_cast<float>(length < 8192 / 4.0 ? 1.0 : length > 8192 / 1.0 ? 32.0 : middle));
  }
  config.erase("rope_scaling");
  config["mica_rope_divisors"] = divisors;
  const RopeFrequencies got = decoder_frequencies(Read(config).spec.decoder.rope);
  REQUIRE(got.frequency.size() == wanted.frequency.size());
  for (size_t i = 0; i < got.frequency.size(); ++i)
    CHECK(got.frequency[i] == doctest::Approx(wanted.frequency[i]).epsilon(1e-6));
}
