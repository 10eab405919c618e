// Bad GGUF files: truncated, damaged, with absurd counts, types, shapes and vocabularies. Each gets a status whose
// message names the file and the key or tensor. So do bad files with a tower. Other bad model files:
// model_file_fault_test.cpp.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>

#include "build_gguf.hpp"
#include "gguf_families.hpp"
#include "limits.hpp"
#include "model.hpp"
#include "model_files.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

constexpr uint32_t kF32 = 0, kQ4_0 = 2;

Status open_gguf(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out) {
  MICA_TRY(ModelFiles::open_memory(bytes, name, out));
  return (*out)->translate(gguf_families());
}

Status open_built(const std::vector<uint8_t>& file) {
  const AlignedCopy copy{file};
  std::unique_ptr<ModelFiles> files;
  return open_gguf(copy.bytes(), "bad.gguf", &files);
}

struct BadFile {
  GgufBuilder builder;
  Code code;
  const char* words;
};

void check_refused(const BadFile& bad) {
  const Status status = open_built(bad.builder.build());
  CAPTURE(bad.words);
  CHECK_MESSAGE(status.code() == bad.code, said(status));
  CHECK_MESSAGE(said(status).find(bad.words) != std::string::npos, said(status));
  CHECK(said(status).rfind("bad.gguf", 0) == 0);
}

GgufBuilder whole() { return TinyGguf::whole(); }

// The well-formed file with one key taken out.
GgufBuilder without(std::string_view key) { return whole().without(key); }

// Keys and vocabulary, and tensors as the test adds them.
GgufBuilder no_tensors() {
  GgufBuilder builder = TinyGguf::keys();
  return TinyGguf::add_vocabulary(&builder);
}

// An array of arrays of arrays ... of `depth` levels, each with one element.
std::vector<uint8_t> nested_arrays(int depth) {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < depth; ++i) {
    GgufBuilder::put(&bytes, static_cast<uint32_t>(GgufType::array));
    GgufBuilder::put(&bytes, uint64_t{1});
  }
  GgufBuilder::put(&bytes, static_cast<uint32_t>(GgufType::u8));
  GgufBuilder::put(&bytes, uint64_t{1});
  bytes.push_back(7);
  return bytes;
}

}  // namespace

TEST_CASE("GGUF: every truncation is refused") {
  const std::vector<uint8_t> file = whole().build();
  REQUIRE(open_built(file));
  for (size_t length = 0; length < file.size(); ++length) {
    const std::vector<uint8_t> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_MESSAGE(!open_built(cut).is_ok(), length);
  }
}

TEST_CASE("GGUF: any flipped bit of the header gives a status or a file that can be read") {
  const std::vector<uint8_t> file = whole().build();
  const AlignedCopy original{file};
  std::unique_ptr<ModelFiles> files;
  REQUIRE(open_gguf(original.bytes(), "good.gguf", &files));
  size_t data_start = file.size();
  for (const TensorView& tensor : files->tensors()) {
    data_start = std::min(data_start, static_cast<size_t>(tensor.bytes.data() - original.bytes().data()));
  }
  AlignedCopy copy{file};
  size_t refused = 0;
  uint32_t sum = 0;
  for (size_t bit = 0; bit < 8 * data_start; ++bit) {
    copy.data()[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    std::unique_ptr<ModelFiles> damaged;
    if (!open_gguf(copy.bytes(), "bad.gguf", &damaged)) {
      ++refused;
    } else {
      for (const TensorView& tensor : damaged->tensors()) {
        for (uint8_t byte : tensor.bytes) sum += byte;
      }
    }
    copy.data()[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  CHECK(sum != 0);
  // What passes are other names, token texts and padding.
  CHECK(refused > 2 * data_start);
}

TEST_CASE("GGUF: heads with absurd versions and counts") {
  for (uint32_t version : {0u, 1u, 4u, 0x03000000u, UINT32_MAX}) {
    GgufBuilder builder = whole();
    builder.version = version;
    check_refused({builder, Code::unsupported, "GGUF version"});
  }
  for (uint64_t count : {uint64_t{limits::kTensorsMax} + 1, uint64_t{1} << 62, UINT64_MAX}) {
    GgufBuilder tensors = whole();
    tensors.tensor_count = count;
    check_refused({tensors, Code::limit_exceeded, "tensors and"});
  }
  for (uint64_t count : {uint64_t{limits::kGgufKeysMax} + 1, uint64_t{1} << 62, UINT64_MAX}) {
    GgufBuilder keys = whole();
    keys.key_count = count;
    check_refused({keys, Code::limit_exceeded, "keys; mica reads"});
  }
  GgufBuilder at_limit = whole();
  at_limit.tensor_count = limits::kTensorsMax;
  CHECK(open_built(at_limit.build()).code() == Code::corrupt_file);
}

TEST_CASE("GGUF: keys with lengths, types and arrays that cannot be") {
  std::vector<uint8_t> long_string;
  GgufBuilder::put(&long_string, UINT64_MAX);
  const BadFile cases[] = {
      {whole().array("x", GgufType::string, 1, long_string), Code::corrupt_file, "ends early: it has"},
      {whole().array("x", GgufType::string, UINT64_MAX, {}), Code::corrupt_file, "(key x)"},
      {whole().array("x", GgufType::u8, UINT64_MAX, {}), Code::corrupt_file, "(key x)"},
      {whole().array("x", GgufType::f64, UINT64_MAX / 8 + 1, {}), Code::corrupt_file, "(key x)"},
      {whole().array("x", GgufType::array, UINT64_MAX, {}), Code::corrupt_file, "(key x)"},
      {whole().array("x", static_cast<GgufType>(13), 1, {0}), Code::corrupt_file, "is of no type that GGUF has"},
      {whole().array("x", GgufType::array, 1, nested_arrays(limits::kGgufArrayDepthMax)), Code::limit_exceeded,
       "arrays nested deeper than 4 (key x)"},
      {whole().scalar("x", static_cast<GgufType>(13), 0), Code::corrupt_file, "is of no type that GGUF has (key x)"},
      {whole().scalar("x", static_cast<GgufType>(UINT32_MAX), 0), Code::corrupt_file, "is of no type that GGUF has"},
      {whole().u32(std::string(limits::kGgufKeyBytesMax + 1, 'k'), 1), Code::limit_exceeded, "a key at byte"},
      {whole().u32("llama.block_count", 1), Code::corrupt_file, "llama.block_count stands there twice"},
      {whole().u32("general.alignment", 0), Code::corrupt_file, "general.alignment must be a power of two"},
      {whole().u32("general.alignment", 4), Code::corrupt_file, "general.alignment must be a power of two"},
      {whole().u32("general.alignment", 48), Code::corrupt_file, "general.alignment must be a power of two"},
      {whole().u32("general.alignment", 1u << 17), Code::corrupt_file, "general.alignment must be a power of two"},
      {whole().f32("general.alignment", 32), Code::corrupt_file, "general.alignment must be a power of two"},
  };
  for (const BadFile& bad : cases) check_refused(bad);
  CHECK(open_built(whole().u32(std::string(limits::kGgufKeyBytesMax, 'k'), 1).build()));
  CHECK(open_built(whole().array("x", GgufType::array, 1, nested_arrays(limits::kGgufArrayDepthMax - 2)).build()));
}

TEST_CASE("GGUF: tensors with shapes, types and places that cannot be") {
  const uint64_t huge = uint64_t{1} << 40;
  const BadFile cases[] = {
      {whole().tensor("t", std::vector<uint64_t>(limits::kTensorRankMax + 1, 1), kF32, 4), Code::corrupt_file,
       "t has too many dimensions"},
      {whole().tensor("t", {huge, huge}, kF32, 4), Code::corrupt_file, "t has a shape that its type cannot have"},
      {whole().tensor("t", {UINT64_MAX}, kF32, 4), Code::corrupt_file, "t has a shape that its type cannot have"},
      {whole().tensor("t", {31}, kQ4_0, 18), Code::corrupt_file, "t has a shape that its type cannot have"},
      {whole().tensor("t", {2}, kF32, 4), Code::corrupt_file, "ends early: it has"},
      {whole().tensor("t", {huge}, kF32, 4), Code::corrupt_file, "ends early: it has"},
      {whole().tensor("t", {uint64_t{1} << 61}, kF32, 4), Code::corrupt_file, "more bytes than a file can have"},
      {whole().tensor("t", {1}, kF32, 4, 32), Code::corrupt_file, "t does not begin where"},
      {whole().tensor("t", {1}, kF32, 4, -32), Code::corrupt_file, "does not begin where"},
      {whole().tensor("t", {1}, kF32, 4, INT64_MAX / 2), Code::corrupt_file, "t does not begin where"},
      {whole().tensor("t", {1}, kF32, 4, INT64_MIN / 2), Code::corrupt_file, "t does not begin where"},
      {whole().tensor("", {1}, kF32, 4), Code::corrupt_file, "a tensor without a name"},
      {whole().tensor("a\nb", {1}, kF32, 4), Code::corrupt_file, "control character"},
      {whole().tensor(std::string(limits::kTensorNameBytesMax + 1, 'n'), {1}, kF32, 4), Code::limit_exceeded,
       "a tensor's name at byte"},
      {whole().tensor("output_norm.weight", {1}, kF32, 4), Code::corrupt_file, "output_norm.weight stands there twice"},
      {whole().tensor("model.norm.weight", {1}, kF32, 4), Code::corrupt_file, "model.norm.weight stands there twice"},
  };
  for (const BadFile& bad : cases) check_refused(bad);
  CHECK(open_built(whole().tensor(std::string(limits::kTensorNameBytesMax, 'n'), {1}, kF32, 4).build()));
  CHECK(open_built(whole().tensor("t", std::vector<uint64_t>(limits::kTensorRankMax, 1), kF32, 4).build()));
  CHECK(open_built(whole().tensor("t", {0}, kF32, 0).build()));
}

TEST_CASE("GGUF: a tensor of a type that mica does not read is there, up to the next one") {
  for (const auto& [number, name] : {std::pair<uint32_t, const char*>{9, "Q8_1"}, {15, "Q8_K"}, {4, "of a type"}}) {
    GgufBuilder builder = whole();
    builder.tensor("t", {256}, number, 160).tensor("u", {8}, kF32, 32);
    const std::vector<uint8_t> file = builder.build();
    const AlignedCopy copy{file};
    std::unique_ptr<ModelFiles> files;
    const Status status = open_gguf(copy.bytes(), "good.gguf", &files);
    REQUIRE_MESSAGE(status.is_ok(), said(status));
    REQUIRE(files->find("t") != nullptr);
    CHECK(files->find("t")->dtype == DType::other);
    CHECK(files->find("t")->type_name.starts_with(name));
    CHECK(files->find("t")->bytes.size() == 160);
    CHECK(files->find("u")->dtype == DType::f32);
  }
}

TEST_CASE("GGUF: parts of a model are named as what they are") {
  const BadFile cases[] = {
      {whole().scalar("split.count", GgufType::u16, uint16_t{3}), Code::unsupported, "is one of 3 parts of a model"},
      {without("general.architecture").text("general.architecture", "clip"), Code::unsupported, "(mmproj)"},
      {whole().text("general.type", "mmproj"), Code::unsupported, "(mmproj)"},
      {whole().text("general.type", "adapter"), Code::unsupported, "an adapter (LoRA)"},
      {no_tensors(), Code::unsupported, "a vocabulary and no tensors"},
      // The architecture comes before what its tensors are stored as.
      {without("general.architecture").text("general.architecture", "mamba").tensor("t", {256}, 12, 144),
       Code::unsupported, "mamba"},
  };
  for (const BadFile& bad : cases) check_refused(bad);
  CHECK(open_built(whole().scalar("split.count", GgufType::u16, uint16_t{1}).build()));
}

TEST_CASE("GGUF: a file that ends early says how much of it is there") {
  const std::vector<uint8_t> file = whole().build();
  const auto cut = [&file](size_t bytes) {
    return said(open_built({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(bytes)}));
  };
  const std::string sizes = std::to_string(file.size() - 1) + " of ";
  CHECK(cut(file.size() - 1).find("ends early: it has " + sizes) != std::string::npos);
  CHECK(cut(20).find("ends early, within its header: it has 20 bytes: fetch it again") != std::string::npos);
  CHECK(cut(40).find("ends early") != std::string::npos);
}

TEST_CASE("GGUF: configurations that mica does not run, or that are absurd") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto changed = [](const char* key, uint32_t value) { return without(key).u32(key, value); };
  const auto rope = [](const char* type) {
    return whole().text("llama.rope.scaling.type", type).f32("llama.rope.scaling.factor", 2);
  };
  const auto by_layer = [](const std::vector<uint32_t>& heads) {
    return without("llama.attention.head_count_kv").numbers("llama.attention.head_count_kv", GgufType::u32, heads);
  };
  const BadFile cases[] = {
      {without("general.architecture"), Code::not_found, "general.architecture is missing"},
      {TinyGguf::whole("mamba"), Code::unsupported, "is \"mamba\"; of GGUF files mica imports qwen2, qwen3, llama"},
      {TinyGguf::whole(std::string(5000, 'x')), Code::unsupported, "of GGUF files mica imports"},
      {without("llama.embedding_length"), Code::not_found, "llama.embedding_length is missing"},
      {without("llama.block_count"), Code::not_found, "llama.block_count is missing"},
      {without("llama.attention.layer_norm_rms_epsilon"), Code::not_found, "rms_epsilon is missing"},
      {changed("llama.embedding_length", 0), Code::corrupt_file, "embedding_length must be a whole number from 1"},
      {changed("llama.embedding_length", limits::kHiddenMax + 1), Code::corrupt_file, "llama.embedding_length must be"},
      {changed("llama.block_count", limits::kLayersMax + 1), Code::corrupt_file, "llama.block_count must be"},
      {changed("llama.feed_forward_length", limits::kFeedForwardMax + 1), Code::corrupt_file, "feed_forward_length"},
      {changed("llama.attention.head_count", limits::kHeadsMax + 1), Code::corrupt_file, "head_count must be"},
      {changed("llama.attention.head_count", 3), Code::corrupt_file, "head_count does not divide embedding_length"},
      {changed("llama.attention.head_count_kv", 3), Code::corrupt_file, "head_count_kv must be"},
      {changed("llama.context_length", limits::kContextMax + 1), Code::corrupt_file, "llama.context_length must be"},
      {without("llama.block_count").scalar<int32_t>("llama.block_count", GgufType::i32, -1), Code::corrupt_file,
       "llama.block_count must be"},
      {without("llama.block_count").text("llama.block_count", "30"), Code::corrupt_file, "llama.block_count must be"},
      {without("llama.rope.freq_base").f32("llama.rope.freq_base", nan), Code::corrupt_file, "freq_base must be"},
      {without("llama.rope.freq_base").f32("llama.rope.freq_base", 0), Code::corrupt_file, "freq_base must be"},
      {whole().u32("llama.expert_count", 8), Code::unsupported, "llama.expert_count is not 0"},
      {whole().f32("llama.logit_scale", 2), Code::unsupported, "llama.logit_scale is not 0 or 1"},
      {whole().f32("llama.attention.scale", 0.5), Code::unsupported, "llama.attention.scale is not one over"},
      {whole().boolean("llama.attention.causal", false), Code::unsupported, "llama.attention.causal is not 1"},
      {whole().u32("llama.pooling_type", 1), Code::unsupported, "llama.pooling_type is not 0"},
      {whole().text("llama.pooling_type", "mean"), Code::unsupported, "llama.pooling_type is not 0"},
      {whole().f32("llama.final_logit_softcapping", 30), Code::unsupported, "final_logit_softcapping is not 0"},
      {whole().f32("llama.rope.scaling.attn_factor", 2), Code::unsupported, "attn_factor is not 1"},
      {whole().f32("llama.rope.scaling.yarn_log_multiplier", 1), Code::unsupported, "yarn_log_multiplier is not 0"},
      {whole().u32("llama.attention.value_length", 8), Code::unsupported, "value_length is not that of keys"},
      {by_layer({2, 1}), Code::unsupported, "llama.attention.head_count_kv differs by layer"},
      {by_layer({}), Code::unsupported, "llama.attention.head_count_kv differs by layer"},
      {by_layer({3, 3}), Code::corrupt_file, "llama.attention.head_count_kv is 0 or more than mica reads"},
      {whole().u32("llama.vocab_size", 5), Code::corrupt_file, "llama.vocab_size is not the number of rows"},
      {whole().u32("llama.rope.dimension_count", 8).u32("llama.attention.key_length", 16), Code::unsupported,
       "partial rotation"},
      {whole().u32("llama.attention.key_length", limits::kHeadDimMax + 1), Code::corrupt_file, "key_length must be"},
      {rope("longrope"), Code::unsupported, "llama.rope.scaling.type is a scaling that mica does not import"},
      {whole().text("llama.rope.scaling.type", "yarn"), Code::not_found, "llama.rope.scaling.factor is missing"},
      {whole().text("llama.rope.scaling.type", "yarn").f32("llama.rope.scaling.factor", nan), Code::corrupt_file,
       "llama.rope.scaling.factor must be"},
      {whole().tensor("rope_freqs.weight", {7}, kF32, 28), Code::corrupt_file, "one F32 for each pair"},
      {whole().tensor("rope_freqs.weight", {0}, kF32, 0), Code::corrupt_file, "one F32 for each pair"},
      {no_tensors().tensor("t", {8}, kF32, 32), Code::corrupt_file, "token_embd.weight is missing"},
      {no_tensors().tensor("token_embd.weight", {128}, kF32, 512), Code::corrupt_file, "is missing, or no matrix"},
      {no_tensors().tensor("token_embd.weight", {32, 5}, kF32, 640), Code::corrupt_file, "for each row of token_embd"},
      {no_tensors().tensor("token_embd.weight", {0, limits::kVocabularyMax + 1}, kF32, 0), Code::limit_exceeded,
       "token_embd.weight has more rows"},
  };
  for (const BadFile& bad : cases) check_refused(bad);
  CHECK(open_built(by_layer({1, 1}).build()));
  CHECK(open_built(whole().u32("llama.expert_count", 0).f32("llama.attention.scale", 0.25).u32("llama.vocab_size", 4)
                       .f32("llama.logit_scale", 1).boolean("llama.attention.causal", true).build()));
  CHECK(open_built(changed("llama.context_length", limits::kContextMax).build()));
  CHECK(open_built(changed("llama.block_count", limits::kLayersMax).build()));
}

TEST_CASE("GGUF: vocabularies that contradict themselves") {
  const std::string longest(limits::kTokenBytesMax, 'x');
  const auto tokens = [](const std::string& last) {
    return without("tokenizer.ggml.tokens").texts("tokenizer.ggml.tokens", {"<s>", "</s>", "a", last});
  };
  const auto types = [](const std::vector<int32_t>& values) {
    return without("tokenizer.ggml.token_type").numbers("tokenizer.ggml.token_type", GgufType::i32, values);
  };
  const auto scores = [](const std::vector<float>& values) {
    return whole().numbers("tokenizer.ggml.scores", GgufType::f32, values);
  };
  const std::vector<std::string> merges_max(limits::kMergesMax);
  const auto merges = [](const std::vector<std::string>& values) {
    return without("tokenizer.ggml.merges").texts("tokenizer.ggml.merges", values);
  };
  std::vector<std::string> merges_more = merges_max;
  merges_more.emplace_back();
  const BadFile cases[] = {
      {without("tokenizer.ggml.model"), Code::not_found, "tokenizer.ggml.model is missing"},
      {without("tokenizer.ggml.tokens"), Code::not_found, "tokenizer.ggml.tokens is missing"},
      {without("tokenizer.ggml.tokens").u32("tokenizer.ggml.tokens", 4), Code::corrupt_file, "is not an array"},
      {without("tokenizer.ggml.tokens").numbers<float>("tokenizer.ggml.tokens", GgufType::f32, {1, 2, 3, 4}),
       Code::corrupt_file, "tokenizer.ggml.tokens is not an array of the type"},
      {tokens(longest + "x"), Code::limit_exceeded, "tokenizer.ggml.tokens has a token longer"},
      {types({1, 1, 1}), Code::corrupt_file, "token_type does not have one type for each token"},
      {types({1, 1, 1, 0}), Code::corrupt_file, "token_type has one outside 1 to 6"},
      {types({1, 1, 1, 7}), Code::corrupt_file, "token_type has one outside 1 to 6"},
      {without("tokenizer.ggml.token_type").numbers<uint32_t>("tokenizer.ggml.token_type", GgufType::u32, {1, 1, 1, 1}),
       Code::corrupt_file, "token_type is not an array of the type"},
      {scores({1, 2, 3, 4, 5}), Code::corrupt_file, "scores does not have one score for each token"},
      {scores({1, 2, 3, std::numeric_limits<float>::infinity()}), Code::corrupt_file, "that is not finite"},
      {without("tokenizer.ggml.merges"), Code::not_found, "tokenizer.ggml.merges is missing"},
      {merges(merges_more), Code::limit_exceeded, "tokenizer.ggml.merges has 2097153 elements"},
      {without("tokenizer.ggml.bos_token_id").u32("tokenizer.ggml.bos_token_id", 4), Code::corrupt_file,
       "tokenizer.ggml.bos_token_id must be a whole number from 0 to 3"},
      {without("tokenizer.ggml.eos_token_id").scalar<int32_t>("tokenizer.ggml.eos_token_id", GgufType::i32, -1),
       Code::corrupt_file, "tokenizer.ggml.eos_token_id must be"},
      {whole().u32("tokenizer.ggml.unknown_token_id", UINT32_MAX), Code::corrupt_file, "unknown_token_id must be"},
      {without("tokenizer.ggml.add_bos_token").u32("tokenizer.ggml.add_bos_token", 1), Code::corrupt_file,
       "add_bos_token must be true or false"},
  };
  for (const BadFile& bad : cases) check_refused(bad);
  CHECK(open_built(tokens(longest).build()));
  CHECK(open_built(types({1, 2, 5, 6}).build()));
  CHECK(open_built(scores({1, 2, 3, 4}).build()));
  CHECK(open_built(merges(merges_max).build()));
}

namespace {

// A family's text with the tower in `projector`, opened to the last tensor.
Status open_pair(const std::string& text, const std::string& projector) {
  std::unique_ptr<ModelFiles> files;
  MICA_TRY(ModelFiles::open(text.c_str(), &files, projector.c_str()));
  std::unique_ptr<Model> model;
  return open_model(std::move(files), &model);
}

constexpr const char* kPairs[] = {"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava", "internvl3", "smolvlm", "gemma3"};

}  // namespace

TEST_CASE("GGUF: a tower that ends early is refused") {
  for (const char* name : kPairs) {
    CAPTURE(name);
    const std::string data = std::string(MICA_TESTS_DATA) + "/formats/gguf/" + name + "/";
    const std::string text = data + "text-f16.gguf";
    const std::vector<uint8_t> tower = read_all(data + "mmproj-q8_0.gguf");
    const TestFolder folder;
    REQUIRE(open_pair(text, folder.write("whole.gguf", Bytes(tower))));
    for (size_t length = 0; length < tower.size(); length += 1 + tower.size() / 24)
      CHECK_MESSAGE(!open_pair(text, folder.write("cut.gguf", Bytes(tower.data(), length))), length);
  }
}

TEST_CASE("GGUF: a tower with another byte in its header gives a status that names it, or a model") {
  for (const char* name : kPairs) {
    CAPTURE(name);
    const std::string data = std::string(MICA_TESTS_DATA) + "/formats/gguf/" + name + "/";
    const std::string text = data + "text-f16.gguf";
    const TestFolder folder;
    const std::string path = folder.write("tower.gguf", Bytes(read_all(data + "mmproj-q8_0.gguf")));
    constexpr size_t kHeader = 4096, kStep = 29;  // its keys and most of its tensors' names and shapes
    size_t refused = 0;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (size_t at = 0; at < kHeader; at += kStep) {
      CAPTURE(at);
      file.seekg(static_cast<std::streamoff>(at));
      const char before = static_cast<char>(file.get());
      const auto write = [&](char byte) {
        file.seekp(static_cast<std::streamoff>(at));
        file.put(byte).flush();
      };
      write(static_cast<char>(before ^ (1 << at % 8)));
      const Status status = open_pair(text, path);
      refused += status ? 0 : 1;
      if (!status) CHECK(!said(status).empty());
      write(before);
    }
    CHECK(refused > kHeader / kStep / 4);
    CHECK(open_pair(text, path));
  }
}
