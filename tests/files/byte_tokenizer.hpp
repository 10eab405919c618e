// A tokenizer.json of single bytes and the control tokens of the chat formats, for golden checkpoints, whose vocabulary
// of 320 it fits. Not a published one.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace mica {

// Ids 0 to 255 are bytes; control tokens follow, from kOwnControl on those of `controls`, and behind them an empty line
// as one token, if there are any. `begin`: whether <s> stands before a text.
inline constexpr int kOwnControl = 264;
inline std::string byte_tokenizer(bool begin, std::span<const char* const> controls = {}) {
  nlohmann::json vocabulary = nlohmann::json::object();
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    const int character = printable ? byte : next++;
    std::string text;
    if (character < 0x80) {
      text += static_cast<char>(character);
    } else {
      text += static_cast<char>(0xC0 | character >> 6);
      text += static_cast<char>(0x80 | (character & 0x3F));
    }
    vocabulary[text] = byte;
  }
  nlohmann::json added = nlohmann::json::array();
  for (const char* content : {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
                              "<|end_header_id|>", "<|eot_id|>"})
    added.push_back({{"id", 256 + added.size()}, {"content", content}, {"special", true}});
  nlohmann::json merges = nlohmann::json::array();
  for (const char* control : controls)
    added.push_back({{"id", 256 + added.size()}, {"content", control}, {"special", true}});
  if (!controls.empty()) {
    vocabulary["\u010a\u010a"] = 256 + added.size();
    merges.push_back("\u010a \u010a");
  }
  nlohmann::json tokenizer = {{"version", "1.0"},
                    {"added_tokens", added},
                    {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                    {"decoder", {{"type", "ByteLevel"}}},
                    {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}};
  if (begin)
    tokenizer["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
        {"special_tokens", {{"<s>", {{"ids", {256}}}}}}};
  return tokenizer.dump();
}

}  // namespace mica
