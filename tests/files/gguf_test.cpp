// Tests of the GGUF import: keys, tensor names, config.json, vocabulary. Bad files: tests/fault.
#include <doctest/doctest.h>

#include <cstdlib>

#include "build_gguf.hpp"
#include "gguf_families.hpp"
#include "gguf_import.hpp"
#include "json.hpp"
#include "log.hpp"
#include "model_files.hpp"
#include "packed_documents.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

// A built file in memory, opened.
struct Opened {
  explicit Opened(const GgufBuilder& builder) : copy(builder.build()) {
    status = ModelFiles::open_memory(copy.bytes(), "t.gguf", &files);
    if (status) status = files->translate(gguf_families());
    if (!status) files = nullptr;
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

std::string g_warnings;

void keep_warning(void*, int, const char* message) { g_warnings += message; }

// A file with YaRN, whose keys are all read, and one key more or another value.
struct Changed {
  template <class Set>
  explicit Changed(const std::string& key, const Set& set) {
    GgufBuilder builder = TinyGguf::whole();
    builder.text("llama.rope.scaling.type", "yarn").f32("llama.rope.scaling.factor", 8);
    builder.without(key);
    set(builder);
    g_warnings.clear();
    const Opened file(builder);
    said = file.status.message() + g_warnings;
    if (file.files) config = std::string(text_of(file.files->document("config.json")));
  }
  std::string said, config;
};

}  // namespace

TEST_CASE("no key of the architecture is ignored: it is read, refused by name, or warned of") {
  const char* const names[] = {
      "embedding_length", "block_count", "feed_forward_length", "context_length", "vocab_size", "attention.head_count",
      "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.layer_norm_rms_epsilon",
      "attention.sliding_window", "attention.scale", "attention.causal", "attention.clamp_kqv",
      "attention.max_alibi_bias", "attention.q_lora_rank", "attn_logit_softcapping", "final_logit_softcapping",
      "logit_scale", "embedding_scale", "residual_scale", "expert_count", "expert_used_count", "pooling_type",
      "use_parallel_residual", "rope.dimension_count", "rope.dimension_sections", "rope.freq_base",
      "rope.freq_base_swa", "rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length",
      "rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast",
      "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_ext_factor", "rope.scaling.yarn_log_multiplier",
      "rope.scaling.alpha", "ssm.state_size", "no_such_key"};
  set_log(keep_warning, nullptr);
  const Changed plain("", [](GgufBuilder&) {});
  CHECK_MESSAGE(plain.said.empty(), plain.said);
  for (const char* name : names) {
    CAPTURE(name);
    const std::string key = std::string("llama.") + name;
    const Changed changes[] = {Changed(key, [&](GgufBuilder& file) { file.u32(key, 7); }),
                               Changed(key, [&](GgufBuilder& file) { file.f32(key, 7.5f); }),
                               Changed(key, [&](GgufBuilder& file) { file.text(key, "x"); }),
                               Changed(key, [&](GgufBuilder& file) { file.boolean(key, false); })};
    for (const Changed& changed : changes) {
      const bool read = !changed.config.empty() && changed.config != plain.config;
      const bool named = changed.said.find(name) != std::string::npos;
      // A number that says what holds anyway.
      const bool neutral = &changed == &changes[3] && changed.config == plain.config;
      CHECK_MESSAGE((read || named || neutral), changed.said);
    }
  }
  set_log(nullptr, nullptr);
}

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

TEST_CASE("every type of weights is read from its number, with the bytes that its blocks take") {
  for (const DTypeLayout& layout : kDTypeLayouts) {
    if (!layout.weights || layout.ggml_number < 0) continue;
    CAPTURE(layout.name);
    const auto dtype = static_cast<DType>(&layout - kDTypeLayouts);
    const Opened file(TinyGguf::whole().tensor("t", {256, 3}, dtype));
    REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
    const TensorView* tensor = file.files->find("t");
    REQUIRE(tensor != nullptr);
    CHECK(tensor->dtype == dtype);
    CHECK(tensor->bytes.size() == 3 * 256 / layout.block_values * layout.block_bytes);
  }
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
  const std::vector<GgufFamily> families = gguf_families();
  const GgufFamily& family = families[0];
  CHECK(huggingface_tensor_name("blk.12.attn_k.bias", family) == "model.layers.12.self_attn.k_proj.bias");
  CHECK(huggingface_tensor_name("blk.0.attn_q_norm.weight", family) == "model.layers.0.self_attn.q_norm.weight");
  CHECK(huggingface_tensor_name("output.weight", family) == "lm_head.weight");
  for (const char* name : {"rope_freqs.weight", "blk.x.attn_q.weight", "blk..attn_q.weight", "blk.0.other.weight",
                           "blk.0", "blk.", "x", ".", "", "blk.-1.attn_q.weight"}) {
    CHECK(huggingface_tensor_name(name, family) == name);
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

TEST_CASE("a gemma3 file says by its class what files do not hold, and has norms to which 1 was added") {
  GgufBuilder builder = TinyGguf::keys("gemma3");
  TinyGguf::add_vocabulary(&builder);
  TinyGguf::add_tensors(&builder)
      .tensor("blk.0.post_attention_norm.weight", {32}, DType::f32)
      .tensor("blk.0.post_ffw_norm.weight", {32}, DType::f32)
      .u32("gemma3.attention.sliding_window", 16)
      .f32("gemma3.rope.freq_base_swa", 20000.0f)
      .f32("gemma3.final_logit_softcapping", 30.0f);
  g_warnings.clear();
  set_log(keep_warning, nullptr);
  const Opened file(builder);
  set_log(nullptr, nullptr);
  REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
  CHECK_MESSAGE(g_warnings.empty(), g_warnings);
  std::string_view type, activation;
  CHECK(get_string(file.config.root(), "model_type", &type));
  CHECK(type == "gemma3_text");
  CHECK(get_string(file.config.root(), "hidden_act", &activation));
  CHECK(activation == "gelu_pytorch_tanh");
  CHECK(flag(file.config, "mica_norms_whole"));
  check_u32(file.config, "sliding_window", 16);
  check_u32(file.config, "query_pre_attn_scalar", 16);  // the width of a head
  check_u32(file.config, "rope_local_base_freq", 20000);
  check_u32(file.config, "final_logit_softcapping", 30);
  CHECK_FALSE(file.config.root().find("use_sliding_window").is_set());
  for (const char* name : {"pre_feedforward_layernorm", "post_attention_layernorm", "post_feedforward_layernorm"})
    CHECK(file.files->find("model.layers.0." + std::string(name) + ".weight") != nullptr);
}

TEST_CASE("rope: linear and yarn scaling, divisors of newer llama models") {
  GgufBuilder linear = TinyGguf::whole();
  linear.text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 4);
  GgufBuilder old = TinyGguf::whole();
  old.f32("llama.rope.scale_linear", 2);
  GgufBuilder untyped = TinyGguf::whole();  // as llama.cpp takes it
  untyped.f32("llama.rope.scaling.factor", 3);
  GgufBuilder yarn = TinyGguf::whole();
  yarn.text("llama.rope.scaling.type", "yarn").f32("llama.rope.scaling.factor", 8);
  yarn.u32("llama.rope.scaling.original_context_length", 64);
  const struct {
    const GgufBuilder& builder;
    const char* type;
    uint32_t factor;
  } cases[] = {{linear, "linear", 4}, {old, "linear", 2}, {untyped, "linear", 3}, {yarn, "yarn", 8}};
  for (const auto& expected : cases) {
    const Opened file(expected.builder);
    REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
    std::string_view type;
    CHECK(get_string(file.config.root(), "rope_scaling.rope_type", &type));
    CHECK(type == expected.type);
    check_u32(file.config, "rope_scaling.factor", expected.factor);
    double attention = 1;  // as Hugging Face has it by default
    if (expected.type == std::string_view("yarn"))
      CHECK(get_double(file.config.root(), "rope_scaling.attention_factor", 1.2079, 1.2080, &attention));
  }
  GgufBuilder divided = TinyGguf::keys();
  TinyGguf::add_vocabulary(&divided);
  TinyGguf::add_tensors(&divided).tensor("rope_freqs.weight", {8}, 0, 32);
  const Opened file(divided);
  REQUIRE_MESSAGE(file.status.is_ok(), said(file.status));
  std::vector<double> divisors;
  CHECK(get_double_array(file.config.root(), "mica_rope_divisors", 8, 8, 0, 1, &divisors));
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
  CHECK(files->document("config.json").empty());
  CHECK(files->find("token_embd.weight") != nullptr);
  CHECK(files->bytes_total() == std::filesystem::file_size(path));
}

namespace {

// The parts of TinyGguf's model: all keys and the embedding in the first, the rest in the second.
GgufBuilder part(uint16_t number, uint16_t count, int32_t tensors) {
  GgufBuilder whole = TinyGguf::keys();
  GgufBuilder file = number == 0 ? TinyGguf::add_vocabulary(&whole) : GgufBuilder();
  file.scalar("split.no", GgufType::u16, number)
      .scalar("split.count", GgufType::u16, count)
      .scalar("split.tensors.count", GgufType::i32, tensors);
  return number == 0 ? file.tensor("token_embd.weight", {32, 4}, DType::q8_0)
                     : file.tensor("output_norm.weight", {32}, DType::f32);
}

}  // namespace

TEST_CASE("a model in several files is one, whichever of them is named") {
  const TestFolder folder;
  for (const uint16_t number : {0, 1}) {
    const std::vector<uint8_t> bytes = part(number, 2, 2).build();
    folder.write("m-0000" + std::to_string(number + 1) + "-of-00002.gguf", Bytes(bytes));
  }
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    std::unique_ptr<ModelFiles> files;
    Status status = ModelFiles::open(folder.path(name).c_str(), &files);
    if (status) status = files->translate(gguf_families());
    REQUIRE_MESSAGE(status.is_ok(), said(status));
    CHECK(files->find("model.embed_tokens.weight") != nullptr);
    CHECK(files->find("model.norm.weight") != nullptr);
    CHECK(std::string_view(files->path()).ends_with("m-00001-of-00002.gguf"));
  }
}

TEST_CASE("parts of a model that do not make it up are refused") {
  const auto refused = [](const std::vector<uint8_t>& first, const std::vector<uint8_t>& second, const char* name) {
    const TestFolder folder;
    folder.write(std::string(name) + "-00001-of-00002.gguf", Bytes(first));
    if (!second.empty()) folder.write(std::string(name) + "-00002-of-00002.gguf", Bytes(second));
    std::unique_ptr<ModelFiles> files;
    return said(ModelFiles::open(folder.path(std::string(name) + "-00001-of-00002.gguf").c_str(), &files));
  };
  const std::vector<uint8_t> first = part(0, 2, 2).build(), second = part(1, 2, 2).build();
  CHECK(refused(first, {}, "m").find("No such file") != std::string::npos);
  CHECK(refused(first, first, "m").find("another part than its name") != std::string::npos);
  CHECK(refused(first, {'x'}, "m").find("is no GGUF file") != std::string::npos);
  CHECK(refused(part(0, 2, 3).build(), second, "m").find("not the number of tensors") != std::string::npos);
  CHECK(refused(part(0, 60000, 2).build(), second, "m").find("more parts than mica reads") != std::string::npos);
  const TestFolder folder;
  std::unique_ptr<ModelFiles> files;
  const std::string path = folder.write("whole.gguf", Bytes(first));
  CHECK(said(ModelFiles::open(path.c_str(), &files)).find("its name does not say how") != std::string::npos);
}

TEST_CASE("a projector is found beside a text where it is the only one, and read where its family has it") {
  const std::string data = std::string(MICA_TESTS_DATA) + "/formats/gguf/qwen2_vl/";
  const std::vector<uint8_t> text = read_all(data + "text-f16.gguf"), tower = read_all(data + "mmproj-f16.gguf");
  const TestFolder folder;
  const std::string path = folder.write("text.gguf", Bytes(text));
  const auto opened = [&](const char* projector, std::unique_ptr<ModelFiles>* files) {
    Status status = ModelFiles::open(path.c_str(), files, projector);
    return status ? (*files)->translate(gguf_families()) : status;
  };
  std::unique_ptr<ModelFiles> files;
  CHECK(said(opened(nullptr, &files)).find("with --mmproj") != std::string::npos);
  folder.write("a-MMPROJ-f16.gguf", Bytes(tower));
  REQUIRE_MESSAGE(opened(nullptr, &files).is_ok(), said(opened(nullptr, &files)));
  const TensorView* joined = files->find("visual.blocks.0.attn.qkv.weight");
  REQUIRE(joined != nullptr);
  CHECK(joined->shape[0] == 96);
  const TensorView* patches = files->find("visual.patch_embed.proj.weight");
  REQUIRE(patches != nullptr);
  CHECK(patches->rank == 5);
  CHECK(text_of(files->document("config.json")).find(R"("image_token_id": 300)") != std::string_view::npos);
  CHECK(!files->document("preprocessor_config.json").empty());
  folder.write("b-mmproj-f16.gguf", Bytes(tower));
  CHECK(!opened(nullptr, &files).is_ok());
  CHECK(opened(folder.path("b-mmproj-f16.gguf").c_str(), &files).is_ok());
  CHECK(said(opened(path.c_str(), &files)).find("is no picture part") != std::string::npos);
  const std::string other = std::string(MICA_TESTS_DATA) + "/formats/gguf/internvl3/mmproj-f16.gguf";
  CHECK(said(opened(other.c_str(), &files)).find("give the file with its tower") != std::string::npos);
}

TEST_CASE("SmolLM2-135M-Instruct, where MICA_SMOLLM2_GGUF names it") {
  const char* path = std::getenv("MICA_SMOLLM2_GGUF");
  if (path == nullptr) {
    MESSAGE("left out: MICA_SMOLLM2_GGUF is not set");
    return;
  }
  std::unique_ptr<ModelFiles> files;
  Status status = ModelFiles::open(path, &files);
  if (status) status = files->translate(gguf_families());
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
