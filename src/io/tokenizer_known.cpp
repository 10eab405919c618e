// The table of known pre-tokenizers. The patterns are published in the tokenizer.json of the models named beside them;
// the names are those that GGUF writers give them.
#include "tokenizer_known.hpp"

#include <algorithm>

namespace mica {

namespace {

using Strings = std::span<const std::string_view>;

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
                                     R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                                     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                                     R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kGpt2Names[] = {
    "gpt-2",    "phi-2",           "mpt",     "olmo",   "jais",       "jina-es", "jina-de",
    "trillion", "granite-docling", "exaone4", "mellum", "modern-bert"};
constexpr std::string_view kGpt2Patterns[] = {kGpt2};
// SmolLM, StarCoder: digits one by one.
constexpr std::string_view kSmolNames[] = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"};
constexpr std::string_view kSmolPatterns[] = {R"(\p{N})", kGpt2};
constexpr std::string_view kLlama3Names[] = {"llama-bpe", "llama3",  "llama-v3", "falcon3",
                                             "falcon-h1", "pixtral", "midm-2.0", "lfm2"};
constexpr std::string_view kLlama3Patterns[] = {kLlama3};
// The same pattern without what goes with it there.
constexpr std::string_view kLlama3PatternNames[] = {"chatglm-bpe", "dbrx", "smaug-bpe"};
constexpr std::string_view kGlm4Names[] = {"glm4", "glm5"};
// Qwen 3.5: marks go with letters.
constexpr std::string_view kQwen35Names[] = {"qwen35"};
constexpr std::string_view kQwen35Patterns[] = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s+(?!\S)|\s+)"};
// GPT-4o, Phi 4 mini: Tekken's words with what is behind an apostrophe.
constexpr std::string_view kGpt4oNames[] = {"gpt-4o", "llama4", "kanana2"};
constexpr std::string_view kGpt4oPatterns[] = {
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr std::string_view kQwen2Names[] = {"qwen2"};
constexpr std::string_view kQwen2Patterns[] = {kQwen2};
constexpr std::string_view kDeepseekQwenNames[] = {"deepseek-r1-qwen"};
constexpr std::string_view kTekkenNames[] = {"tekken"};
constexpr std::string_view kTekkenPatterns[] = {kTekken};
constexpr std::string_view kDeepseekCoderNames[] = {"deepseek-coder"};
constexpr std::string_view kDeepseekCoderPatterns[] = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                                       "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", R"(\p{N})"};
// What llama.cpp takes when a file names none.
constexpr std::string_view kDefaultNames[] = {"default", ""};
constexpr std::string_view kDefaultPatterns[] = {
    R"([\p{P}\$\+<=>\^~\|]+)", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))", R"(\p{N}+)",
    R"([0-9][0-9][0-9])"};

constexpr KnownPreTokenizer kKnown[] = {
    {kGpt2Names, kGpt2Patterns},
    {kSmolNames, kSmolPatterns},
    {.names = kLlama3Names, .patterns = kLlama3Patterns, .ignore_merges = true, .adds_bos = true},
    {kLlama3PatternNames, kLlama3Patterns},
    {.names = kGlm4Names, .patterns = kLlama3Patterns, .ignore_merges = true},
    {.names = kQwen2Names, .patterns = kQwen2Patterns, .nfc = true},
    {.names = kQwen35Names, .patterns = kQwen35Patterns, .nfc = true},
    {kGpt4oNames, kGpt4oPatterns},
    {kDeepseekQwenNames, kQwen2Patterns},
    {.names = kTekkenNames, .patterns = kTekkenPatterns, .ignore_merges = true, .adds_bos = true},
    {kDeepseekCoderNames, kDeepseekCoderPatterns},
    {kDefaultNames, kDefaultPatterns},
};

bool contains(Strings list, std::string_view what) { return std::find(list.begin(), list.end(), what) != list.end(); }

}  // namespace

const KnownPreTokenizer* known_pre_tokenizer(std::string_view name) {
  for (const KnownPreTokenizer& known : kKnown) {
    if (contains(known.names, name)) return &known;
  }
  return nullptr;
}

bool pattern_implies_nfc(std::string_view pattern) {
  return std::any_of(std::begin(kKnown), std::end(kKnown),
                     [&](const KnownPreTokenizer& known) { return known.nfc && contains(known.patterns, pattern); });
}

std::string_view gpt2_pattern() { return kGpt2; }

}  // namespace mica
