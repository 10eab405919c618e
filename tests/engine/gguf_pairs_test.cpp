// GGUF files of a text and its tower, written here of golden checkpoints as llama.cpp's converters write them: their
// names, keys and orders of rows are stated again, and the answers are those of the checkpoint. Pairs that llama.cpp
// itself wrote: mica check --formats.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "build_gguf.hpp"
#include "golden.hpp"
#include "two_models.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

using Json = nlohmann::json;
constexpr uint32_t kF32 = 0;

struct Tensor {
  std::vector<uint64_t> shape;  // outermost first
  std::vector<float> values;
};

std::map<std::string, Tensor> tensors_of(const std::string& path) {
  const std::vector<uint8_t> file = read_all(path);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const Json header = Json::parse(file.begin() + 8, file.begin() + 8 + static_cast<ptrdiff_t>(length));
  std::map<std::string, Tensor> all;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    REQUIRE(entry["dtype"] == "F32");
    Tensor& tensor = all[name];
    tensor.shape = entry["shape"].get<std::vector<uint64_t>>();
    const uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    tensor.values.resize((end - begin) / sizeof(float));
    std::memcpy(tensor.values.data(), file.data() + 8 + length + begin, end - begin);
  }
  return all;
}

// Rows of a head as llama's conversion has them: the two of a rotary pair are neighbours.
void pair_rows(size_t heads, Tensor* tensor) {
  const size_t rows = tensor->shape[0], width = tensor->values.size() / rows, half = rows / heads / 2;
  std::vector<float> moved;
  for (size_t head = 0; head < heads; ++head)
    for (size_t i = 0; i < half; ++i)
      for (size_t s = 0; s < 2; ++s) {
        const auto from = tensor->values.begin() + static_cast<ptrdiff_t>((head * 2 * half + s * half + i) * width);
        moved.insert(moved.end(), from, from + static_cast<ptrdiff_t>(width));
      }
  tensor->values = std::move(moved);
}

// As columns.
void turn(Tensor* tensor) {
  const size_t rows = tensor->shape[0], columns = tensor->shape[1];
  std::vector<float> turned(rows * columns);
  for (size_t i = 0; i < turned.size(); ++i) turned[i % columns * rows + i / columns] = tensor->values[i];
  tensor->values = std::move(turned);
  std::swap(tensor->shape[0], tensor->shape[1]);
}

enum class Rows : uint8_t { as_they_are, of_heads, of_key_heads, of_tower_heads, turned };

// Names of the checkpoint, without "weight" or "bias" at the end; {} is a layer.
struct Name {
  const char* huggingface;
  const char* gguf;  // with "|": the names of as many equal parts, one behind the other
  Rows rows = Rows::as_they_are;
};

struct Pair {
  const char* family;
  const char* architecture;
  const char* projector;
  std::map<size_t, std::string> tokens;  // of the vocabulary, that stand in prompts
  std::vector<Name> names;
  Json text_config = {};                 // what is changed of the checkpoint's
  std::map<std::string, uint32_t> keys = {};  // of the tower's file, besides
  float norm_epsilon = 1e-5f;                 // of the tower, where the checkpoint does not say it
};

const std::vector<Name> kText = {
    {"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"},
    {"layers.{}.input_layernorm", "blk.{}.attn_norm"}, {"layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {"layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"}, {"layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {"layers.{}.self_attn.v_proj", "blk.{}.attn_v"}, {"layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {"layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"}, {"layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {"layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
};

const std::vector<Name> kPixtral = {
    {"patch_conv", "v.patch_embd"}, {"ln_pre", "v.pre_ln"},
    {"transformer.layers.{}.attention_norm", "v.blk.{}.ln1"}, {"transformer.layers.{}.ffn_norm", "v.blk.{}.ln2"},
    {"transformer.layers.{}.attention.q_proj", "v.blk.{}.attn_q", Rows::of_tower_heads},
    {"transformer.layers.{}.attention.k_proj", "v.blk.{}.attn_k", Rows::of_tower_heads},
    {"transformer.layers.{}.attention.v_proj", "v.blk.{}.attn_v"},
    {"transformer.layers.{}.attention.o_proj", "v.blk.{}.attn_out"},
    {"transformer.layers.{}.feed_forward.gate_proj", "v.blk.{}.ffn_gate"},
    {"transformer.layers.{}.feed_forward.up_proj", "v.blk.{}.ffn_up"},
    {"transformer.layers.{}.feed_forward.down_proj", "v.blk.{}.ffn_down"},
    {"projector.norm", "mm.input_norm"}, {"projector.patch_merger.merging_layer", "mm.patch_merger"},
    {"projector.linear_1", "mm.1"}, {"projector.linear_2", "mm.2"},
};

const std::vector<Name> kIntern = {
    {"embeddings.patch_embeddings.projection", "v.patch_embd"}, {"embeddings.cls_token", "v.class_embd"},
    {"embeddings.position_embeddings", "v.position_embd"}, {"encoder.layer.{}.layernorm_before", "v.blk.{}.ln1"},
    {"encoder.layer.{}.layernorm_after", "v.blk.{}.ln2"}, {"encoder.layer.{}.attention.q_proj", "v.blk.{}.attn_q"},
    {"encoder.layer.{}.attention.k_proj", "v.blk.{}.attn_k"}, {"encoder.layer.{}.attention.v_proj", "v.blk.{}.attn_v"},
    {"encoder.layer.{}.attention.q_norm", "v.blk.{}.attn_q_norm"},
    {"encoder.layer.{}.attention.k_norm", "v.blk.{}.attn_k_norm"},
    {"encoder.layer.{}.attention.projection_layer", "v.blk.{}.attn_out"}, {"encoder.layer.{}.lambda_1", "v.blk.{}.ls1"},
    {"encoder.layer.{}.lambda_2", "v.blk.{}.ls2"}, {"encoder.layer.{}.mlp.fc1", "v.blk.{}.ffn_up"},
    {"encoder.layer.{}.mlp.fc2", "v.blk.{}.ffn_down"}, {"projector.layer_norm", "mm.model.mlp.0"},
    {"projector.linear_1", "mm.model.mlp.1"}, {"projector.linear_2", "mm.model.mlp.3"},
};

const std::vector<Name> kSiglip = {
    {"embeddings.patch_embedding", "v.patch_embd"}, {"embeddings.position_embedding", "v.position_embd"},
    {"encoder.layers.{}.layer_norm1", "v.blk.{}.ln1"}, {"encoder.layers.{}.layer_norm2", "v.blk.{}.ln2"},
    {"encoder.layers.{}.self_attn.q_proj", "v.blk.{}.attn_q"},
    {"encoder.layers.{}.self_attn.k_proj", "v.blk.{}.attn_k"},
    {"encoder.layers.{}.self_attn.v_proj", "v.blk.{}.attn_v"},
    {"encoder.layers.{}.self_attn.out_proj", "v.blk.{}.attn_out"}, {"encoder.layers.{}.mlp.fc1", "v.blk.{}.ffn_up"},
    {"encoder.layers.{}.mlp.fc2", "v.blk.{}.ffn_down"}, {"post_layernorm", "v.post_ln"},
};

const std::vector<Name> kQueries = {
    {"resampler.attn.in_proj", "resampler.attn.q|resampler.attn.k|resampler.attn.v"},
    {"resampler.attn.out_proj", "resampler.attn.out"}, {"resampler.kv_proj", "resampler.kv"},
    {"resampler.ln_kv", "resampler.ln_kv"}, {"resampler.ln_q", "resampler.ln_q"},
    {"resampler.ln_post", "resampler.ln_post"}, {"resampler.query", "resampler.query"},
    {"resampler.proj", "resampler.proj.weight", Rows::turned},
};

std::vector<Name> joined(std::initializer_list<std::vector<Name>> parts) {
  std::vector<Name> all;
  for (const std::vector<Name>& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::vector<Name> queries_of(Rows queries, Rows keys) {
  return {{"layers.{}.self_attn.q_proj", "blk.{}.attn_q", queries},
          {"layers.{}.self_attn.k_proj", "blk.{}.attn_k", keys}};
}

// The checkpoint's name behind what tells its part, with "projector." before what is of one.
std::string inner_name(const std::string& name) {
  static const std::regex roots("^(model\\.)?(language_model\\.(model\\.)?|vision_tower\\.(vision_model\\.)?|"
                                "vision_encoder\\.|llm\\.(model\\.)?|vpm\\.)");
  static const std::regex projectors("^(model\\.)?(multi_modal_projector|vision_projection)\\.");
  return std::regex_replace(std::regex_replace(name, roots, ""), projectors, "projector.");
}

void add_vocabulary(const std::map<size_t, std::string>& in_prompts, GgufBuilder* file) {
  std::vector<std::string> tokens(320);
  std::vector<int32_t> types(320, 1);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = "t" + std::to_string(i);
  tokens[0] = "a";
  tokens[1] = "b";
  tokens[2] = "ab";
  for (const auto& [id, text] : in_prompts) {
    tokens[id] = text;
    types[id] = 3;
  }
  file->text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "qwen2").texts("tokenizer.ggml.tokens", tokens)
      .texts("tokenizer.ggml.merges", {"a b"}).numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, types);
}

void add_text_keys(const Json& config, const std::string& architecture, GgufBuilder* file) {
  const std::string at = architecture + ".";
  const uint32_t heads = config["num_attention_heads"];
  const uint32_t head = config.value("head_dim", config["hidden_size"].get<uint32_t>() / heads);
  const Json& rope = config.contains("rope_parameters") ? config["rope_parameters"] : config;
  file->text("general.architecture", architecture).text("general.type", "model")
      .u32(at + "embedding_length", config["hidden_size"]).u32(at + "block_count", config["num_hidden_layers"])
      .u32(at + "feed_forward_length", config["intermediate_size"]).u32(at + "context_length", 4096)
      .u32(at + "attention.head_count", heads)
      .u32(at + "attention.head_count_kv", config["num_key_value_heads"])
      .u32(at + "attention.key_length", head).u32(at + "attention.value_length", head)
      .u32(at + "rope.dimension_count", head)
      .f32(at + "attention.layer_norm_rms_epsilon", config["rms_norm_eps"])
      .f32(at + "rope.freq_base", rope["rope_theta"]);
}

// What the decoder's fields stand in.
const Json& decoder_of(const Json& config) { return config.contains("text_config") ? config["text_config"] : config; }

uint32_t first_of(const Json& value) { return value.is_array() ? value[0] : value; }

void add_tower_keys(const Pair& pair, const Json& config, const Json& pictures, GgufBuilder* file) {
  const Json& tower = config["vision_config"];
  const bool silu = tower.value("hidden_act", "gelu") == "silu";
  const char* const mean = pictures.contains("norm_mean") ? "norm_mean" : "image_mean";
  const char* const spread = pictures.contains("norm_std") ? "norm_std" : "image_std";
  const Json& side = pictures.contains("scale_resolution") ? pictures["scale_resolution"] : tower["image_size"];
  file->text("general.architecture", "clip").text("general.type", "mmproj").boolean("clip.has_vision_encoder", true)
      .text("clip.projector_type", pair.projector).boolean(silu ? "clip.use_silu" : "clip.use_gelu", true)
      .u32("clip.vision.image_size", first_of(side))
      .u32("clip.vision.patch_size", first_of(tower["patch_size"]))
      .u32("clip.vision.embedding_length", tower["hidden_size"])
      .u32("clip.vision.feed_forward_length", tower["intermediate_size"])
      .u32("clip.vision.projection_dim", decoder_of(config)["hidden_size"])
      .u32("clip.vision.block_count", tower["num_hidden_layers"])
      .u32("clip.vision.attention.head_count", tower["num_attention_heads"])
      .f32("clip.vision.attention.layer_norm_epsilon", tower.value("layer_norm_eps", pair.norm_epsilon))
      .numbers<float>("clip.vision.image_mean", GgufType::f32, pictures[mean].get<std::vector<float>>())
      .numbers<float>("clip.vision.image_std", GgufType::f32, pictures[spread].get<std::vector<float>>());
  for (const auto& [name, value] : pair.keys) file->u32(name, value);
  if (config.contains("spatial_merge_size")) file->u32("clip.vision.spatial_merge_size", config["spatial_merge_size"]);
  if (config.contains("downsample_ratio"))
    file->u32("clip.vision.projector.scale_factor",
              static_cast<uint32_t>(1 / config["downsample_ratio"].get<double>()));
  if (pictures.contains("max_patches"))
    file->u32("clip.vision.preproc_min_tiles", pictures["min_patches"])
        .u32("clip.vision.preproc_max_tiles", pictures["max_patches"]);
}

class WrittenPair {
 public:
  explicit WrittenPair(const Pair& pair) {
    const std::string source = golden_path(pair.family);
    Json config = Json::parse(read_all(source + "/config.json"));
    for (const auto& [name, value] : pair.text_config.items()) config["text_config"][name] = value;
    const Json pictures = Json::parse(read_all(source + "/preprocessor_config.json"));
    for (const char* name : {"model.safetensors", "preprocessor_config.json", "added_tokens.json"})
      if (std::filesystem::exists(source + "/" + name))
        std::filesystem::copy_file(source + "/" + name, folder_.path(name));
    folder_.write("config.json", config.dump());
    GgufBuilder text, tower;
    add_text_keys(decoder_of(config), pair.architecture, &text);
    add_vocabulary(pair.tokens, &text);
    add_tower_keys(pair, config, pictures, &tower);
    std::map<std::string, Tensor> tensors = tensors_of(source + "/model.safetensors");
    for (auto& [name, tensor] : tensors) add(pair, config, name, &tensor, &text, &tower);
    folder_.write("text.gguf", Bytes(text.build()));
    folder_.write("tower.gguf", Bytes(tower.build()));
  }
  std::string checkpoint() const { return folder_.path(); }
  std::string text() const { return folder_.path("text.gguf"); }
  std::string tower() const { return folder_.path("tower.gguf"); }

 private:
  static void add(const Pair& pair, const Json& config, const std::string& name, Tensor* tensor, GgufBuilder* text,
                  GgufBuilder* tower) {
    std::string inner = inner_name(name), suffix;
    for (const char* one : {".weight", ".bias", "_weight", "_bias"})
      if (inner.ends_with(one)) suffix = one, inner.resize(inner.size() - suffix.size());
    if (!suffix.empty()) suffix[0] = '.';
    std::smatch layer;
    const bool has_layer = std::regex_search(inner, layer, std::regex("layers?\\.(\\d+)\\."));
    const std::string number = has_layer ? layer[1].str() : "";
    if (has_layer) inner.replace(static_cast<size_t>(layer.position(1)), number.size(), "{}");
    for (const Name& one : pair.names) {
      if (inner != one.huggingface) continue;
      std::string gguf = one.gguf;
      if (has_layer) gguf.replace(gguf.find("{}"), 2, number);
      const Json& heads = one.rows == Rows::of_tower_heads ? config["vision_config"]["num_attention_heads"]
                          : one.rows == Rows::of_key_heads ? decoder_of(config)["num_key_value_heads"]
                                                           : decoder_of(config)["num_attention_heads"];
      if (one.rows == Rows::turned) turn(tensor);
      else if (one.rows != Rows::as_they_are) pair_rows(heads, tensor);
      put(gguf, suffix, *tensor, gguf.starts_with("v.") || gguf.starts_with("mm.") || gguf.starts_with("resampler.")
                                     ? tower : text);
      return;
    }
    CAPTURE(inner);
    FAIL_CHECK("a tensor that no file holds");
  }
  static void put(std::string_view names, const std::string& suffix, const Tensor& tensor, GgufBuilder* file) {
    const size_t parts = 1 + static_cast<size_t>(std::count(names.begin(), names.end(), '|'));
    std::vector<uint64_t> shape(tensor.shape.rbegin(), tensor.shape.rend());
    shape.back() /= parts;
    const size_t bytes = tensor.values.size() * sizeof(float) / parts;
    const auto* data = reinterpret_cast<const uint8_t*>(tensor.values.data());
    for (size_t part = 0; part < parts; ++part) {
      const size_t bar = names.find('|');
      file->tensor(std::string(names.substr(0, bar)) + suffix, shape, kF32, Bytes(data + part * bytes, bytes));
      names.remove_prefix(std::min(bar, names.size() - 1) + 1);
    }
  }
  TestFolder folder_;
};

const std::vector<Pair>& pairs() {
  static const Json plain = {{"model_type", "mistral"},
                             {"rope_parameters", {{"rope_theta", 1e4}, {"rope_type", "default"}}}};
  static const std::vector<Pair> all = {
      {"lighton_ocr", "qwen3", "lightonocr", {{300, "<|image_pad|>"}},
       joined({kText, queries_of(Rows::as_they_are, Rows::as_they_are), kPixtral})},
      {"mistral3", "llama", "pixtral", {{300, "[IMG]"}},
       joined({kText, queries_of(Rows::of_heads, Rows::of_key_heads), kPixtral}), plain},
      {"internvl3_5", "qwen3", "internvl", {{300, "<IMG_CONTEXT>"}},
       joined({kText, queries_of(Rows::as_they_are, Rows::as_they_are), kIntern})},
      {"minicpmv_2_6", "qwen2", "resampler",
       {{300, "<image>"}, {301, "</image>"}, {310, "<slice>"}, {311, "</slice>"}, {312, "<image_id>"},
        {313, "</image_id>"}},
       joined({kText, queries_of(Rows::as_they_are, Rows::as_they_are), kSiglip, kQueries}), {},
       {{"clip.minicpmv_version", 3}, {"clip.minicpmv_query_num", 16}}, 1e-6f},
  };
  return all;
}

}  // namespace

TEST_CASE("a pair gives the answers and the pixels of the checkpoint that it was written of") {
  for (const Pair& pair : pairs()) {
    CAPTURE(std::string(pair.family));
    const WrittenPair files(pair);
    mica_model* checkpoint = open_model(files.checkpoint());
    mica_model* written = open_model(files.text(), files.tower().c_str());
    CHECK(std::string(mica_model_family(written)) == mica_model_family(checkpoint));
    for (const GoldenCase& golden : golden_cases(pair.family)) {
      CAPTURE(golden.name);
      const auto add = [&](mica_session* session) { add_prompt(session, golden); };
      CHECK(difference_of(checkpoint, written, add) < 1e-5);
      for (const mica_picture* picture : golden.pictures)
        CHECK(pixels_of(checkpoint, picture) == pixels_of(written, picture));
    }
    mica_model_close(checkpoint);
    mica_model_close(written);
  }
}

TEST_CASE("a pair whose text, type or tower is of another model is refused by what is wrong") {
  const WrittenPair lighton(pairs()[0]), minicpm(pairs().back());
  const TestFolder folder;
  const struct {
    const WrittenPair& pair;
    const char* before;
    const char* after;
    const char* said;
  } changes[] = {
      {lighton, "lightonocr", "lightonocx", "lightonocx"},
      {lighton, "v.blk.1.attn_q.weight", "v.blk.1.attn_x.weight", "layers.1.attention.q_proj"},
      {lighton, "mm.patch_merger.weight", "mm.patch_xerger.weight", "merging_layer"},
      {lighton, "clip.vision.attention.head_count", "clip.vision.attention.head_counx", "head_count"},
      {lighton, "clip.vision.block_count", "clip.vision.block_counx", "block_count"},
      {lighton, "clip.vision.image_mean", "clip.vision.image_meax", "image_mean"},
      {minicpm, "clip.minicpmv_version", "clip.minicpmv_versiox", "another clip.minicpmv_version"},
      {minicpm, "resampler.attn.k.weight", "resampler.attn.x.weight", "cannot be joined"},
      {minicpm, "resampler.query", "resampler.querx", "resampler.query is missing"},
      {minicpm, "v.position_embd.weight", "v.position_embx.weight", "v.position_embd.weight is missing"},
  };
  for (const auto& change : changes) {
    CAPTURE(std::string(change.before));
    const std::string tower = changed_copy(change.pair.tower(), change.before, change.after, folder);
    const std::string said = refusal_of(change.pair.text(), tower.c_str());
    CHECK_MESSAGE(said.find(change.said) != std::string::npos, said);
  }
  CHECK(refusal_of(lighton.tower(), lighton.text().c_str()).find("mmproj") != std::string::npos);
}
