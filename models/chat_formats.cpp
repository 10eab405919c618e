// How conversations are written: roles and what stands around their turns. Data, after the published chat templates.
#include "tables.hpp"

namespace mica::tables {
namespace {
constexpr const char* kChatMlControls[] = {"<|im_start|>", "<|im_end|>"};
constexpr const char* kLlama2Controls[] = {"<s>", "</s>"};
constexpr const char* kLlama3Controls[] = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>"};

constexpr ChatFormat chatml_with(const char* default_system) {
  return {
      .name = "chatml",
      .begin = "",
      .before = {"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n"},
      .after = {"<|im_end|>\n", "<|im_end|>\n", "<|im_end|>\n"},
      .default_system = default_system,
      .controls = kChatMlControls,
      .end = "<|im_end|>",
  };
}
}  // namespace

constinit const ChatFormat chatml = chatml_with("You are a helpful assistant.");  // Qwen2, Qwen2-VL
constinit const ChatFormat chatml_plain = chatml_with(nullptr);                   // Qwen3, InternVL
constinit const ChatFormat chatml_smollm =
    chatml_with("You are a helpful AI assistant named SmolLM, trained by Hugging Face");

constinit const ChatFormat llama3 = {
    .name = "llama3",
    .begin = "<|begin_of_text|>",
    .before = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|start_header_id|>user<|end_header_id|>\n\n",
               "<|start_header_id|>assistant<|end_header_id|>\n\n"},
    .after = {"<|eot_id|>", "<|eot_id|>", "<|eot_id|>"},
    .default_system = nullptr,
    .controls = kLlama3Controls,
    .end = "<|eot_id|>",
};

constinit const ChatFormat llama2 = {
    .name = "llama2",
    .begin = "<s>",
    .before = {"[INST] <<SYS>>\n", "[INST] ", " "},
    .after = {"\n<</SYS>>\n\n [/INST]", " [/INST]", " </s><s>"},
    .default_system = nullptr,
    .controls = kLlama2Controls,
    .end = "</s>",
};

// LLaVA 1.5 (llava-hf/llava-1.5-7b-hf).
constinit const ChatFormat vicuna = {
    .name = "vicuna",
    .begin = "<s>",
    .before = {"", "USER: ", "ASSISTANT:"},
    .after = {" ", " ", "</s>"},
    .default_system = nullptr,
    .controls = kLlama2Controls,
    .end = "</s>",
};

}  // namespace mica::tables
