// Pre-tokenizers that models are known to use, as data: GGUF files only name theirs. Not read for tokenizer.json, which
// spells its own out, except where such a file has lost its normalizer.
#pragma once

#include <span>
#include <string_view>

namespace mica {

struct KnownPreTokenizer {
  std::span<const std::string_view> names;     // in tokenizer.ggml.pre
  std::span<const std::string_view> patterns;  // splits, one after the other; matches and gaps become pieces
  bool ignore_merges = false;                  // as in Bpe::Options
  bool nfc = false;                            // the normalizer is NFC, otherwise there is none
  bool adds_bos = false;                       // a text begins with the beginning token where the file does not say
};

// Null when there is none of that name.
const KnownPreTokenizer* known_pre_tokenizer(std::string_view name);

// True for the pattern of a family whose normalizer is NFC.
bool pattern_implies_nfc(std::string_view pattern);

// The pattern of GPT-2, which ByteLevel means by use_regex.
std::string_view gpt2_pattern();

}  // namespace mica
