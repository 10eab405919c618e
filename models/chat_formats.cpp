// How conversations are written: roles and what stands around their turns. Data, after the published chat templates.
#include "tables.hpp"

namespace mica::tables {
namespace {
constexpr const char* kChatMlControls[] = {"<|im_start|>", "<|im_end|>"};
constexpr const char* kPhi3Controls[] = {"<|system|>", "<|user|>", "<|assistant|>", "<|end|>"};
constexpr const char* kGlm4Controls[] = {"[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"};
constexpr const char* kCogVlm2Controls[] = {"<|begin_of_text|>", "<|end_of_text|>"};
constexpr const char* kGemmaControls[] = {"<bos>", "<start_of_turn>", "<end_of_turn>"};
constexpr const char* kPaliGemmaControls[] = {"<bos>", "<eos>"};
constexpr const char* kLlama2Controls[] = {"<s>", "</s>"};
constexpr const char* kGemma4Controls[] = {"<bos>", "<|turn>", "<turn|>"};
constexpr const char* kLlama3Controls[] = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>"};

constexpr ChatFormat llama3_with(const char* system, const char* default_system, const char* name) {
  return {
      .name = name,
      .begin = "<|begin_of_text|>",
      .before = {system, "<|start_header_id|>user<|end_header_id|>\n\n",
                 "<|start_header_id|>assistant<|end_header_id|>\n\n"},
      .after = {"<|eot_id|>", "<|eot_id|>", "<|eot_id|>"},
      .default_system = default_system,
      .controls = kLlama3Controls,
      .end = "<|eot_id|>",
      .trims = true,
  };
}

// InternVL's own code (conversation.py), which leaves it to the tokenizer what a text begins with.
constexpr ChatFormat internvl_with(const char* end_of_turn, const char* default_system, const char* name) {
  return {
      .name = name,
      .begin = "",
      .before = {"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n"},
      .after = {end_of_turn, end_of_turn, end_of_turn},
      .default_system = default_system,
      .controls = kChatMlControls,
      .end = "<|im_end|>",
      .tokenizer_begins = true,
  };
}

// CogVLM2's own code: a picture stands before the question, which no control token opens.
constexpr ChatFormat cogvlm2_with(const char* answer, const char* name) {
  return {
      .name = name,
      .begin = "<|begin_of_text|>",
      .before = {"", "Question: ", answer},
      .after = {"", " ", "\n"},
      .default_system = nullptr,
      .controls = kCogVlm2Controls,
      .end = "<|end_of_text|>",
      .pictures_first = true,
  };
}
}  // namespace

// Qwen, SmolLM2, InternVL: they differ in the default system turn, which their templates say.
constexpr ChatFormat kChatMl = {
    .name = "chatml",
    .begin = "",
    .before = {"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n"},
    .after = {"<|im_end|>\n", "<|im_end|>\n", "<|im_end|>\n"},
    .default_system = nullptr,
    .controls = kChatMlControls,
    .end = "<|im_end|>",
};
constinit const ChatFormat chatml = kChatMl;

// Qwen-VL's own code.
constexpr ChatFormat chatml_with(const char* default_system, const char* name) {
  ChatFormat format = kChatMl;
  format.name = name;
  format.default_system = default_system;
  return format;
}
constinit const ChatFormat qwen_vl_turns = chatml_with("You are a helpful assistant.", "qwen-vl");

constinit const ChatFormat llama3 = llama3_with("<|start_header_id|>system<|end_header_id|>\n\n", nullptr, "llama3");
// Every conversation has a system turn, with two dates: the second is what the published template writes where nobody
// tells it the day (Llama 3.2's asks a clock, and answers would change from day to day).
constinit const ChatFormat llama31 =
    llama3_with("<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
                "Today Date: 26 Jul 2024\n\n",
                "", "llama3.1");

constinit const ChatFormat llama2 = {
    .name = "llama2",
    .begin = "<s>",
    .before = {"[INST] <<SYS>>\n", "[INST] ", " "},
    .after = {"\n<</SYS>>\n\n", " [/INST]", " </s><s>"},
    .default_system = nullptr,
    .controls = kLlama2Controls,
    .end = "</s>",
    .trims = true,
    .system_in_user = true,
};

constexpr const char* kInternVl2System =
    "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。";
constinit const ChatFormat internvl2_turns = internvl_with(
    "<|im_end|>",
    kInternVl2System,
    "internvl2");
constinit const ChatFormat internvl25_turns = internvl_with(
    "<|im_end|>\n",
    "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。",
    "internvl2.5");

// GLM-4 and GLM-4V: the model itself begins its answer with a new line.
constinit const ChatFormat glm4_turns = {
    .name = "glm4",
    .begin = "[gMASK]<sop>",
    .before = {"<|system|>\n", "<|user|>\n", "<|assistant|>"},
    .after = {"", "", ""},
    .default_system = nullptr,
    .controls = kGlm4Controls,
    .end = "<|user|>",
};

// Gemma 4, without thoughts.
constinit const ChatFormat gemma4_turns = {
    .name = "gemma4",
    .begin = "<bos>",
    .before = {"<|turn>system\n", "<|turn>user\n", "<|turn>model\n"},
    .after = {"<turn|>\n", "<turn|>\n", "<turn|>\n"},
    .default_system = nullptr,
    .controls = kGemma4Controls,
    .end = "<turn|>",
};

constinit const ChatFormat cogvlm2_turns = cogvlm2_with("Answer:", "cogvlm2");
constinit const ChatFormat cogvlm2_short_turns = cogvlm2_with("Short answer:", "cogvlm2-short");

constinit const ChatFormat internvl2_phi3_turns = {
    .name = "internvl2-phi3",
    .begin = "",
    .before = {"<|system|>\n", "<|user|>\n", "<|assistant|>\n"},
    .after = {"<|end|>", "<|end|>", "<|end|>"},
    .default_system = kInternVl2System,
    .controls = kPhi3Controls,
    .end = "<|end|>",
    .tokenizer_begins = true,
};

// Gemma, as its published templates write turns (google/gemma-3-4b-it): what the system says begins the first question.
constinit const ChatFormat gemma_turns = {
    .name = "gemma",
    .begin = "<bos>",
    .before = {"<start_of_turn>user\n", "<start_of_turn>user\n", "<start_of_turn>model\n"},
    .after = {"\n\n", "<end_of_turn>\n", "<end_of_turn>\n"},
    .default_system = nullptr,
    .controls = kGemmaControls,
    .end = "<end_of_turn>",
    .trims = true,
    .system_in_user = true,
};

// PaliGemma's processor: pictures, then the task, such as "answer en where is the cat?", which the answer continues.
constinit const ChatFormat paligemma_turns = {
    .name = "paligemma",
    .begin = "",
    .before = {"", "<bos>", ""},
    .after = {"", "\n", ""},
    .default_system = nullptr,
    .controls = kPaliGemmaControls,
    .end = "<eos>",
    .pictures_first = true,
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
