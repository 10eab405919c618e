// The published chat templates whose turns a table of chat_formats.cpp writes, byte for byte: all but InternVL's were
// rendered by Jinja2 3.1.6 with and without a system turn, an answer and a second question, and compared. Data only.
#include "tables.hpp"

namespace mica {
namespace {

using tables::chatml;
using tables::cogvlm2_short_turns;
using tables::gemma4_turns;
using tables::cogvlm2_turns;
using tables::gemma_turns;
using tables::glm4_turns;
using tables::qwen_vl_turns;
using tables::internvl2_phi3_turns;
using tables::internvl2_turns;
using tables::internvl25_turns;
using tables::llama2;
using tables::llama3;
using tables::llama31;
using tables::paligemma_turns;
using tables::vicuna;

// `mica inspect` prints digest and size of any checkpoint's template (chat_template.hpp says of what they are).
constexpr KnownTemplate kRows[] = {
    {0x84D674E1, 301, &chatml, "Qwen2, Qwen2-Math, SmolLM2"},  // they differ in their default system turn
    {0x9C72DAC7, 990, &chatml, "Qwen2-VL, Qwen2.5-VL"},
    {0x8CD41FE4, 2340, &chatml, "Qwen2.5, Qwen2.5-Math"},
    {0x5F83F015, 4123, &chatml, "Qwen3"},
    {0x45087E5E, 2600, &chatml, "Qwen3 2507"},
    {0x644D2D49, 354, &chatml, "mica's panel model"},
    {0x01CD48FF, 481, &chatml, "InternVL"},
    {0xD2DA4D7A, 475, &chatml, "InternVL (first conversion)"},
    {0xA6EBD3A2, 389, &llama3, "Llama 3"},
    {0xF3FEA55A, 4583, &llama31, "Llama 3.1, Llama 3.3"},
    {0xC36FAB0D, 3800, &llama31, "Llama 3.2"},
    {0xD40A4FCE, 811, &llama2, "Llama 2"},
    {0xCE25183E, 674, &vicuna, "LLaVA 1.5"},
};

constexpr const ChatFormat* kFormats[] = {
    &chatml,           &llama2,               &llama3,     &llama31,       &vicuna,              &internvl2_turns,
    &internvl25_turns, &internvl2_phi3_turns, &glm4_turns, &cogvlm2_turns, &cogvlm2_short_turns, &qwen_vl_turns,
    &gemma_turns,      &gemma4_turns,         &paligemma_turns};

}  // namespace

constinit const std::span<const KnownTemplate> kKnownTemplates = kRows;
constinit const std::span<const ChatFormat* const> kChatFormats = kFormats;

}  // namespace mica
