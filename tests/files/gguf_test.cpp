// Tests of the GGUF import: keys, tensor names, config.json, vocabulary. Bad files: tests/fault.
#include <doctest/doctest.h>

#include <cstdlib>

#include "build_gguf.hpp"
#include "gguf_import.hpp"
#include "json.hpp"
#include "model_files.hpp"
#include "packed_documents.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

// A built file in memory, opened.
struct Opened {
  explicit Opened(const GgufBuilder& builder) : copy(builder.build()) {
    status = ModelFiles::open_memory(copy.bytes(), "t.gguf", &files);
    if (status) config_status = parse_json(files->document("config.json"), "config.json", &config);
  }
  AlignedCopy copy;
  std::unique_ptr<ModelFiles> files;
  Status status, config_status;
  Json config;
};

void check_u32(const Json& config, const char* field, uint32_t expected) {
  uint32_t value = 0;
  const Status status = get_u32(config.root(), field, 0, UINT32_MAX, &value);
  CHECK_MESSAGE(status.is_ok(), said(status));
  CHECK_MESSAGE(value == expected, field);
}

bool flag(const Json& config, const char* field) {
  bool value = false;
  const Status status = get_bool_or(config.root(), field, false, &value);
  CHECK_MESSAGE(status.is_ok(), said(status));
  return value;
}

}  // namespace

TEST_CASE("a llama file: config.json in Hugging Face's terms") {
  const Opened file(TinyGguf::whole());
  REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
  REQUIRE_MESSAGE(file.config_status.is_ok(), said(file.config_status));
  CHECK(file.files->kind() == ModelFiles::Kind::gguf);
  const Json& config = file.config;
  check_u32(config, "hidden_size", 32);
  check_u32(config, "num_hidden_layers", 1);
  check_u32(config, "intermediate_size", 64);
  check_u32(config, "num_attention_heads", 2);
  check_u32(config, "num_key_value_heads", 1);
  check_u32(config, "head_dim", 16);
  check_u32(config, "vocab_size", 4);
  check_u32(config, "max_position_embeddings", 128);
  check_u32(config, "bos_token_id", 0);
  check_u32(config, "eos_token_id", 1);
  check_u32(config, "rope_theta", 50000);
  CHECK(flag(config, "tie_word_embeddings"));
  CHECK(flag(config, "mica_rope_interleaved"));
  CHECK_FALSE(flag(config, "attention_bias"));
  double epsilon = 0;
  CHECK(get_double(config.root(), "rms_norm_eps", 0, 1, &epsilon));
  CHECK(static_cast<float>(epsilon) == 1e-5f);
  std::string_view type;
  CHECK(get_string(config.root(), "model_type", &type));
  CHECK(type == "llama");
  CHECK_FALSE(config.root().find("rope_scaling").is_set());
  CHECK(file.files->metadata("tokenizer.chat_template") == "{{ messages }}");
  CHECK(file.files->metadata("tokenizer.ggml.bos_token_id").empty());  // no string
  const std::string_view tokenizer = text_of(file.files->document("tokenizer.json"));
  CHECK(tokenizer.ends_with(R"("vocab": {"<s>": 0, "</s>": 1, "a": 2, "ab": 3}, "merges": ["a b"]}})"));
  CHECK(text_of(file.files->document("tokenizer_config.json")) ==
        R"({"add_bos_token": true, "bos_token": "<s>", "eos_token": "</s>", "chat_template": "{{ messages }}"})");
  CHECK(file.files->document("chat_template.jinja").empty());
  MetadataList documents;
  REQUIRE(packed_documents(*file.files, &documents));
  REQUIRE(documents.size() == 3);
  CHECK(documents[1].first == "tokenizer.json");
  CHECK(documents[1].second == tokenizer);
}

TEST_CASE("tensors have Hugging Face's names, shapes outermost first, and their own bytes") {
  const Opened file(TinyGguf::whole());
  REQUIRE(file.status.is_ok());
  const struct {
    const char* name;
    DType dtype;
    std::vector<uint64_t> shape;
    size_t bytes;
  } cases[] = {
      {"model.embed_tokens.weight", DType::q8_0, {4, 32}, 136},
      {"model.norm.weight", DType::f32, {32}, 128},
      {"model.layers.0.input_layernorm.weight", DType::f32, {32}, 128},
      {"model.layers.0.post_attention_layernorm.weight", DType::f32, {32}, 128},
      {"model.layers.0.self_attn.q_proj.weight", DType::q4_1, {32, 32}, 640},
      {"model.layers.0.self_attn.k_proj.weight", DType::q4_0, {16, 32}, 288},
      {"model.layers.0.self_attn.v_proj.weight", DType::f16, {16, 32}, 1024},
      {"model.layers.0.self_attn.o_proj.weight", DType::bf16, {32, 32}, 2048},
      {"model.layers.0.mlp.gate_proj.weight", DType::q4_0, {64, 32}, 1152},
      {"model.layers.0.mlp.up_proj.weight", DType::q4_0, {64, 32}, 1152},
      {"model.layers.0.mlp.down_proj.weight", DType::q4_0, {32, 64}, 1152},
  };
  CHECK(file.files->tensors().size() == std::size(cases));
  for (const auto& expected : cases) {
    CAPTURE(expected.name);
    const TensorView* tensor = file.files->find(expected.name);
    REQUIRE(tensor != nullptr);
    CHECK(tensor->dtype == expected.dtype);
    CHECK(std::vector<uint64_t>(tensor->shape, tensor->shape + tensor->rank) == expected.shape);
    REQUIRE(tensor->bytes.size() == expected.bytes);
    CHECK(tensor->bytes[0] == 0x30);
    CHECK(tensor->bytes[expected.bytes - 1] == 0x37);
  }
}

TEST_CASE("names: biases and head norms have counterparts, the unknown stays") {
  CHECK(huggingface_tensor_name("blk.12.attn_k.bias") == "model.layers.12.self_attn.k_proj.bias");
  CHECK(huggingface_tensor_name("blk.0.attn_q_norm.weight") == "model.layers.0.self_attn.q_norm.weight");
  CHECK(huggingface_tensor_name("output.weight") == "lm_head.weight");
  for (const char* name : {"rope_freqs.weight", "blk.x.attn_q.weight", "blk..attn_q.weight", "blk.0.other.weight",
                           "blk.0", "blk.", "x", ".", "", "blk.-1.attn_q.weight"}) {
    CHECK(huggingface_tensor_name(name) == name);
  }
}

TEST_CASE("the vocabulary") {
  const Opened file(TinyGguf::whole());
  REQUIRE(file.status.is_ok());
  const GgufVocabulary* vocabulary = file.files->gguf_vocabulary();
  REQUIRE(vocabulary != nullptr);
  CHECK(vocabulary->model == "gpt2");
  CHECK(vocabulary->pre == "smollm");
  REQUIRE(vocabulary->tokens.size() == 4);
  CHECK(vocabulary->tokens[3] == "ab");
  REQUIRE(vocabulary->merges.size() == 1);
  CHECK(vocabulary->merges[0] == "a b");
  CHECK(vocabulary->scores.empty());
  REQUIRE(vocabulary->types.size() == 4);
  CHECK(vocabulary->types[0] == 3);
  CHECK(vocabulary->bos == 0);
  CHECK(vocabulary->eos == 1);
  CHECK(vocabulary->unknown == -1);
  CHECK(vocabulary->add_bos);
  CHECK(vocabulary->add_space_prefix);
}

TEST_CASE("a qwen2 file is not interleaved; biases, an output matrix and the end of a turn are seen") {
  GgufBuilder builder = TinyGguf::keys("qwen2");
  TinyGguf::add_vocabulary(&builder).u32("tokenizer.ggml.eot_token_id", 2);
  TinyGguf::add_tensors(&builder).tensor("blk.0.attn_q.bias", {32}, 0, 128).tensor("output.weight", {32, 4}, 0, 512);
  const Opened file(builder);
  REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
  CHECK_FALSE(flag(file.config, "mica_rope_interleaved"));
  CHECK_FALSE(flag(file.config, "tie_word_embeddings"));
  CHECK(flag(file.config, "attention_bias"));
  CHECK(file.files->find("lm_head.weight") != nullptr);
  CHECK(file.files->find("model.layers.0.self_attn.q_proj.bias") != nullptr);
  std::vector<uint32_t> ends;
  CHECK(get_u32_array(file.config.root(), "eos_token_id", 2, 2, 0, 3, &ends));
  CHECK(ends == std::vector<uint32_t>{1, 2});
}

TEST_CASE("rope: linear and yarn scaling, divisors of newer llama models") {
  GgufBuilder linear = TinyGguf::whole();
  linear.text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 4);
  GgufBuilder old = TinyGguf::whole();
  old.f32("llama.rope.scale_linear", 2);
  GgufBuilder yarn = TinyGguf::whole();
  yarn.text("llama.rope.scaling.type", "yarn").f32("llama.rope.scaling.factor", 8);
  yarn.u32("llama.rope.scaling.original_context_length", 64);
  const struct {
    const GgufBuilder& builder;
    const char* type;
    uint32_t factor;
  } cases[] = {{linear, "linear", 4}, {old, "linear", 2}, {yarn, "yarn", 8}};
  for (const auto& expected : cases) {
    const Opened file(expected.builder);
    REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
    std::string_view type;
    CHECK(get_string(file.config.root(), "rope_scaling.rope_type", &type));
    CHECK(type == expected.type);
    check_u32(file.config, "rope_scaling.factor", expected.factor);
  }
  GgufBuilder divided = TinyGguf::keys();
  TinyGguf::add_vocabulary(&divided);
  TinyGguf::add_tensors(&divided).tensor("rope_freqs.weight", {8}, 0, 32);
  const Opened file(divided);
  REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
  std::vector<double> divisors;
  CHECK(get_double_array(file.config.root(), "rope_scaling.divisors", 8, 8, 0, 1, &divisors));
  const TensorView* tensor = file.files->find("rope_freqs.weight");
  REQUIRE(tensor != nullptr);
  float first = 0;
  std::memcpy(&first, tensor->bytes.data(), sizeof first);
  CHECK(static_cast<float>(divisors.at(0)) == first);
}

TEST_CASE("versions 2 and 3, and another alignment, are read; a file on disk is told by its content") {
  for (uint32_t version : {2u, 3u}) {
    GgufBuilder builder = TinyGguf::whole();
    builder.version = version;
    CHECK(Opened(builder).status.is_ok());
  }
  for (uint32_t alignment : {8u, 256u}) {
    GgufBuilder builder = TinyGguf::keys();
    builder.alignment = alignment;
    builder.u32("general.alignment", alignment);
    TinyGguf::add_vocabulary(&builder);
    TinyGguf::add_tensors(&builder);
    const Opened file(builder);
    CHECK_MESSAGE(file.status.is_ok(), said(file.status));
  }
  const TestFolder folder;
  const std::string path = folder.write("model.bin", TinyGguf::whole().build());
  std::unique_ptr<ModelFiles> files;
  REQUIRE(ModelFiles::open(path.c_str(), &files));
  CHECK(files->kind() == ModelFiles::Kind::gguf);
  CHECK(files->bytes_total() == std::filesystem::file_size(path));
}

TEST_CASE("SmolLM2-135M-Instruct, where MICA_SMOLLM2_GGUF names it") {
  const char* path = std::getenv("MICA_SMOLLM2_GGUF");
  if (path == nullptr) {
    MESSAGE("left out: MICA_SMOLLM2_GGUF is not set");
    return;
  }
  std::unique_ptr<ModelFiles> files;
  const Status status = ModelFiles::open(path, &files);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  CHECK(files->tensors().size() == 272);
  const TensorView* down = files->find("model.layers.29.mlp.down_proj.weight");
  REQUIRE(down != nullptr);
  CHECK(down->dtype == DType::q4_1);
  CHECK(down->shape[0] == 576);
  CHECK(down->shape[1] == 1536);
  CHECK(files->gguf_vocabulary()->tokens.size() == 49152);
  CHECK(files->gguf_vocabulary()->merges.size() == 48900);
  CHECK(files->gguf_vocabulary()->tokens[1] == "<|im_start|>");
  CHECK(files->metadata("tokenizer.chat_template").starts_with("{% for message in messages %}"));
}
