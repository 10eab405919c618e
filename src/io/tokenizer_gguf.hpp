// tokenizer_gguf: what a GGUF vocabulary means, for its loader and the writer of tokenizer.json. Not either of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model_files.hpp"
#include "status.hpp"
#include "tokenizer.hpp"
#include "tokenizer_added.hpp"
#include "tokenizer_vocabulary.hpp"

namespace mica {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space
// tokenizer.ggml.model of byte-level words, and of SentencePiece's by listed merges, as those have them.
inline constexpr std::string_view kByteLevel = "gpt2";
inline constexpr std::string_view kListedSentencePiece = "gemma4";

// Fills in every token. Control and unknown tokens are special; user-defined ones are found in text like other text.
// Errors: corrupt_file (array lengths, UTF-8, a token twice), limit_exceeded.
Status read_gguf_tokens(const GgufVocabulary& vocabulary, Vocabulary* tokens, std::vector<AddedToken>* added);

// SentencePiece joins any two neighbours that make a token. As merges: every cut of a token into two tokens.
struct GgufMerge {
  int32_t left, right, merged;  // ids
  uint32_t rank;                // by falling score; tokens of one score share a rank, and the leftmost merge goes first
};
// Errors: corrupt_file (a score that is no number), limit_exceeded (kMergedTokenBytesMax), not_found (no scores).
Status derive_gguf_merges(const GgufVocabulary& vocabulary, const Vocabulary& tokens, std::vector<GgufMerge>* merges);

// What the vocabulary puts around a text.
TextTokens gguf_text_tokens(const GgufVocabulary& vocabulary);

// In tokenizer.json, a field of mica's own.
inline constexpr std::string_view kMergeRunsKey = "mica_merge_runs";

// The tokenizer.json of a GGUF vocabulary, in Hugging Face's format: Tokenizer::load makes the same tokenizer of it.
// Where merges share a rank, model.mica_merge_runs (kMergeRunsKey) says how many, one after the other, do. `name` is
// for messages.
Status make_tokenizer_json(const GgufVocabulary& vocabulary, const char* name, std::string* json);

}  // namespace mica
