// A GGUF file and the packed file made of it are one model: the same words, the same ends, the same chat format.
// With MICA_SMOLLM2_GGUF naming the file, also SmolLM2's, over its reference encodings.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "build_gguf.hpp"
#include "gguf_families.hpp"
#include "gguf_import.hpp"
#include "golden_model.hpp"
#include "json.hpp"
#include "pack_float.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

std::vector<int32_t> encode(const Model& model, std::string_view text, bool special, TextBefore before) {
  std::vector<int32_t> ids;
  const Status status = model.tokenizer->encode(text, special, before, &ids);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  return ids;
}

void check_same_text(const Model& a, const Model& b, std::string_view text) {
  CAPTURE(std::string(text));
  for (TextBefore before : {TextBefore::nothing, TextBefore::control_token, TextBefore::text})
    for (bool special : {false, true}) CHECK(encode(a, text, special, before) == encode(b, text, special, before));
}

std::unique_ptr<Model> open_packed(const Model& gguf, const TestFolder& folder) {
  const std::string path = folder.path("packed.mica");
  const Status status = pack_float(*gguf.files, {}, path.c_str());
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  return open_at(path);
}

void check_same(const Model& gguf, const Model& packed) {
  CHECK(packed.files->kind() == ModelFiles::Kind::packed);
  REQUIRE(packed.tokenizer->size() == gguf.tokenizer->size());
  CHECK(packed.chat.format == gguf.chat.format);
  CHECK(packed.chat.default_system == gguf.chat.default_system);
  CHECK(packed.tokenizer->around_text().before == gguf.tokenizer->around_text().before);
  CHECK(packed.tokenizer->around_text().after == gguf.tokenizer->around_text().after);
  REQUIRE(packed.spec.end_token_count == gguf.spec.end_token_count);
  for (uint32_t i = 0; i < gguf.spec.end_token_count; ++i) CHECK(packed.spec.end_tokens[i] == gguf.spec.end_tokens[i]);
  CHECK(packed.spec.decoder.rope.theta == gguf.spec.decoder.rope.theta);
}

// A golden checkpoint as a GGUF file of its family, with a vocabulary of made-up words.
std::vector<uint8_t> as_gguf(const Model& model, const GgufFamily& family) {
  const DecoderSpec& d = model.spec.decoder;
  const std::string prefix = std::string(family.architecture) + ".";
  GgufBuilder file;
  file.text("general.architecture", family.architecture)
      .u32(prefix + "embedding_length", d.hidden)
      .u32(prefix + "block_count", d.layers)
      .u32(prefix + "feed_forward_length", d.feed_forward)
      .u32(prefix + "attention.head_count", d.heads)
      .u32(prefix + "attention.head_count_kv", d.kv_heads)
      .u32(prefix + "attention.key_length", d.head_dim)
      .u32(prefix + "attention.value_length", d.head_dim)
      .u32(prefix + "context_length", d.context)
      .f32(prefix + "attention.layer_norm_rms_epsilon", d.norm_epsilon)
      .f32(prefix + "rope.freq_base", d.rope.theta);
  std::vector<std::string> words;
  for (uint32_t i = 0; i < d.vocabulary; ++i) words.push_back("word" + std::to_string(i));
  file.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "qwen2").texts("tokenizer.ggml.tokens", words);
  file.texts("tokenizer.ggml.merges", {});
  std::set<std::string> written;  // a tensor that holds several parts has a name of each
  for (const GgufTensorName& name : family.names)
    for (uint32_t layer = 0; layer < d.layers; ++layer)
      for (const char* suffix : {".weight", ".bias"}) {
        std::string gguf(name.gguf);
        const size_t place = gguf.find("{}");
        if (place == std::string::npos && layer > 0) continue;
        if (place != std::string::npos) gguf.replace(place, 2, std::to_string(layer));
        const TensorView* tensor = model.files->find(huggingface_tensor_name(gguf + suffix, family));
        if (tensor == nullptr || !written.insert(gguf + suffix).second) continue;
        REQUIRE(tensor->dtype == DType::f32);
        file.tensor(gguf + suffix, {std::make_reverse_iterator(tensor->shape + tensor->rank),
                                    std::make_reverse_iterator(tensor->shape)}, 0, tensor->bytes);
      }
  return file.build();
}

}  // namespace

TEST_CASE("every family with names in GGUF gives the logits of its folder") {
  for (const GgufFamily& family : gguf_families()) {
    // Rows of the one would have to be permuted, the tower of the other lies in a file of its own, others have keys of their
    // own (tests/engine/gguf_converted_test.cpp has their files), and Gemma's norms would have to have 1 added and its
    // keys be more (tests/files/gguf_test.cpp).
    if (family.rope_interleaved || !family.projector.empty() || family.text.more != nullptr ||
        family.architecture.starts_with("gemma"))
      continue;
    const std::string name(family.architecture);
    CAPTURE(name);
    const TestFolder folder;
    const auto original = open_family(name);
    const auto gguf = open_at(folder.write("model.gguf", as_gguf(*original, family)));
    CHECK(gguf->files->kind() == ModelFiles::Kind::gguf);
    CHECK(gguf->spec.family == original->spec.family);
    CHECK(gguf->weights.parameters == original->weights.parameters);
    for (const Prompt& prompt : prompts_of(name)) CHECK(logits_of(*gguf, prompt) == logits_of(*original, prompt));
  }
}

TEST_CASE("a small byte-level file: words and logits") {
  const TestFolder folder;
  GgufBuilder builder = TinyGguf::keys();
  builder.text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "smollm")
      .texts("tokenizer.ggml.tokens", {"</s>", "a", "b", "ab"})
      .texts("tokenizer.ggml.merges", {"a b"})
      .numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, {3, 1, 1, 1})
      .u32("tokenizer.ggml.eos_token_id", 0);
  TinyGguf::add_tensors(&builder);
  const auto gguf = open_at(folder.write("tiny.gguf", builder.build()));
  const auto packed = open_packed(*gguf, folder);
  check_same(*gguf, *packed);
  for (const char* text : {"", "a", "ab", "aab", "</s>ab</s>", "a</s>b", "xa"}) check_same_text(*gguf, *packed, text);
  const Prompt prompt{{2, 3, 2, 2, 3, 3, 2, 3, 2, 3}, {}};
  const std::vector<float> wanted = logits_of(*gguf, prompt), found = logits_of(*packed, prompt);
  REQUIRE(wanted.size() == found.size());
  for (size_t i = 0; i < wanted.size(); ++i) CHECK(found[i] == doctest::Approx(wanted[i]).epsilon(2e-3));
}

TEST_CASE("a small SentencePiece file") {
  const TestFolder folder;
  GgufBuilder builder = TinyGguf::keys();
  builder.text("tokenizer.ggml.model", "llama")
      .texts("tokenizer.ggml.tokens", {"<unk>", "a", "\xE2\x96\x81", "aa"})
      .numbers<float>("tokenizer.ggml.scores", GgufType::f32, {0, -3, -3, -1})
      .numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, {2, 1, 1, 1})
      .u32("tokenizer.ggml.unknown_token_id", 0);
  TinyGguf::add_tensors(&builder);
  const auto gguf = open_at(folder.write("tiny.gguf", builder.build()));
  const auto packed = open_packed(*gguf, folder);
  check_same(*gguf, *packed);
  for (const char* text : {"", "a", "aa", "aaa", " a", "aa aaa", "x", "xyx a"}) check_same_text(*gguf, *packed, text);
}

TEST_CASE("SmolLM2-135M-Instruct, where MICA_SMOLLM2_GGUF names it") {
  const char* path = std::getenv("MICA_SMOLLM2_GGUF");
  if (path == nullptr) {
    MESSAGE("left out: MICA_SMOLLM2_GGUF is not set");
    return;
  }
  const TestFolder folder;
  const auto gguf = open_at(path);
  const auto packed = open_packed(*gguf, folder);
  check_same(*gguf, *packed);
  CHECK(packed->chat.format != nullptr);
  const std::string encodings = std::string(MICA_TEST_DATA) + "/tokenizers/smollm2/encodings.json";
  const std::vector<uint8_t> bytes = read_all(encodings);
  Json json;
  REQUIRE(parse_json(bytes, encodings.c_str(), &json));
  for (JsonValue entry : json.root()) {
    std::string_view text;
    REQUIRE(get_string(entry, "text", &text));
    check_same_text(*gguf, *packed, text);
  }
}
