// GGUF files for tests: well-formed ones, or with counts, types and places as a test wants them. Not a part of mica.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gguf.hpp"

namespace mica {

class GgufBuilder {
 public:
  uint32_t version = 3;
  uint32_t alignment = 32;  // of the data; a key for it is written only by the test itself
  // Claimed instead of the true counts when not 0.
  uint64_t tensor_count = 0;
  uint64_t key_count = 0;

  template <class T>
  GgufBuilder& scalar(std::string_view key, GgufType type, T value) {
    put(begin_key(key, type), value);
    return *this;
  }
  GgufBuilder& u32(std::string_view key, uint32_t value) { return scalar(key, GgufType::u32, value); }
  GgufBuilder& f32(std::string_view key, float value) { return scalar(key, GgufType::f32, value); }
  GgufBuilder& boolean(std::string_view key, bool value) {
    return scalar(key, GgufType::boolean, static_cast<uint8_t>(value));
  }
  GgufBuilder& text(std::string_view key, std::string_view value) {
    put_text(begin_key(key, GgufType::string), value);
    return *this;
  }
  GgufBuilder& texts(std::string_view key, const std::vector<std::string>& values) {
    std::vector<uint8_t>* bytes = begin_array(key, GgufType::string, values.size());
    for (const std::string& value : values) put_text(bytes, value);
    return *this;
  }
  template <class T>
  GgufBuilder& numbers(std::string_view key, GgufType element, const std::vector<T>& values) {
    std::vector<uint8_t>* bytes = begin_array(key, element, values.size());
    for (T value : values) put(bytes, value);
    return *this;
  }
  // An array whose count and element type say something else than what follows them.
  GgufBuilder& array(std::string_view key, GgufType element, uint64_t count, const std::vector<uint8_t>& elements) {
    std::vector<uint8_t>* bytes = begin_array(key, element, count);
    bytes->insert(bytes->end(), elements.begin(), elements.end());
    return *this;
  }
  // Takes a key out again.
  GgufBuilder& without(std::string_view key) {
    std::erase_if(keys_, [key](const Key& each) { return each.name == key; });
    return *this;
  }
  // `shape` innermost first, as the file has it; `type` ggml's number. Placed behind the tensor before, at the next
  // multiple of the alignment, plus `offset_error`.
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type, size_t bytes,
                      int64_t offset_error = 0) {
    ++true_tensor_count_;
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    put_text(&infos_, name);
    put(&infos_, static_cast<uint32_t>(shape.size()));
    for (uint64_t dimension : shape) put(&infos_, dimension);
    put(&infos_, type);
    put(&infos_, static_cast<uint64_t>(static_cast<int64_t>(data_.size()) + offset_error));
    // Small floats in whatever type: neither 0 nor NaN.
    for (size_t i = 0; i < bytes; ++i) data_.push_back(static_cast<uint8_t>(0x30 + i % 8));
    return *this;
  }

  // The same with these bytes.
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type, Bytes bytes) {
    tensor(name, shape, type, bytes.size());
    std::copy(bytes.begin(), bytes.end(), data_.end() - static_cast<std::ptrdiff_t>(bytes.size()));
    return *this;
  }
  // The same of a type that mica knows, with as many bytes as its shape takes.
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& shape, DType type) {
    const DTypeLayout& layout = dtype_layout(type);
    size_t values = 1;
    for (uint64_t dimension : shape) values *= static_cast<size_t>(dimension);
    return tensor(name, shape, static_cast<uint32_t>(layout.ggml_number),
                  values / layout.block_values * layout.block_bytes);
  }

  std::vector<uint8_t> build() const {
    std::vector<uint8_t> file = {'G', 'G', 'U', 'F'};
    put(&file, version);
    put(&file, tensor_count != 0 ? tensor_count : true_tensor_count_);
    put(&file, key_count != 0 ? key_count : uint64_t{keys_.size()});
    for (const Key& key : keys_) {
      put_text(&file, key.name);
      file.insert(file.end(), key.value.begin(), key.value.end());
    }
    file.insert(file.end(), infos_.begin(), infos_.end());
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    file.insert(file.end(), data_.begin(), data_.end());
    return file;
  }

  template <class T>
  static void put(std::vector<uint8_t>* out, T value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    out->insert(out->end(), bytes, bytes + sizeof value);
  }
  static void put_text(std::vector<uint8_t>* out, std::string_view value) {
    put(out, static_cast<uint64_t>(value.size()));
    out->insert(out->end(), value.begin(), value.end());
  }

 private:
  struct Key {
    std::string name;
    std::vector<uint8_t> value;  // type and value as the file has them
  };

  std::vector<uint8_t>* begin_key(std::string_view key, GgufType type) {
    keys_.push_back({std::string(key), {}});
    put(&keys_.back().value, static_cast<uint32_t>(type));
    return &keys_.back().value;
  }
  std::vector<uint8_t>* begin_array(std::string_view key, GgufType element, uint64_t count) {
    std::vector<uint8_t>* bytes = begin_key(key, GgufType::array);
    put(bytes, static_cast<uint32_t>(element));
    put(bytes, count);
    return bytes;
  }

  std::vector<Key> keys_;
  std::vector<uint8_t> infos_, data_;
  uint64_t true_tensor_count_ = 0;
};

// The parts of a llama model of one layer: 32 wide, 2 heads of 16, 1 key-value head, 64 forward, 4 tokens.
struct TinyGguf {
  static GgufBuilder keys(std::string_view architecture = "llama") {
    const std::string prefix = std::string(architecture) + ".";
    GgufBuilder file;
    file.text("general.architecture", architecture)
        .u32(prefix + "embedding_length", 32)
        .u32(prefix + "block_count", 1)
        .u32(prefix + "feed_forward_length", 64)
        .u32(prefix + "attention.head_count", 2)
        .u32(prefix + "attention.head_count_kv", 1)
        .u32(prefix + "context_length", 128)
        .f32(prefix + "attention.layer_norm_rms_epsilon", 1e-5f)
        .f32(prefix + "rope.freq_base", 50000.0f);
    return file;
  }
  static GgufBuilder& add_vocabulary(GgufBuilder* file) {
    return file->text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "smollm")
        .texts("tokenizer.ggml.tokens", {"<s>", "</s>", "a", "ab"})
        .texts("tokenizer.ggml.merges", {"a b"})
        .numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, {3, 3, 1, 1})
        .u32("tokenizer.ggml.bos_token_id", 0)
        .u32("tokenizer.ggml.eos_token_id", 1)
        .boolean("tokenizer.ggml.add_bos_token", true)
        .text("tokenizer.chat_template", "{{ messages }}");
  }
  static GgufBuilder& add_tensors(GgufBuilder* file) {
    return file->tensor("token_embd.weight", {32, 4}, DType::q8_0)
        .tensor("blk.0.attn_norm.weight", {32}, DType::f32)
        .tensor("blk.0.attn_q.weight", {32, 32}, DType::q4_1)
        .tensor("blk.0.attn_k.weight", {32, 16}, DType::q4_0)
        .tensor("blk.0.attn_v.weight", {32, 16}, DType::f16)
        .tensor("blk.0.attn_output.weight", {32, 32}, DType::bf16)
        .tensor("blk.0.ffn_norm.weight", {32}, DType::f32)
        .tensor("blk.0.ffn_gate.weight", {32, 64}, DType::q4_0)
        .tensor("blk.0.ffn_up.weight", {32, 64}, DType::q4_0)
        .tensor("blk.0.ffn_down.weight", {64, 32}, DType::q4_0)
        .tensor("output_norm.weight", {32}, DType::f32);
  }
  static GgufBuilder whole(std::string_view architecture = "llama") {
    GgufBuilder file = keys(architecture);
    add_vocabulary(&file);
    add_tensors(&file);
    return file;
  }
};

}  // namespace mica
