// The vocabulary in a GGUF file (keys tokenizer.ggml.*). Not a tokenizer.
#include <cmath>

#include "gguf_import.hpp"
#include "limits.hpp"
#include "tokenizer_gguf.hpp"
#include "tokenizer_known.hpp"

namespace mica {

namespace {

constexpr int32_t kTokenTypeMin = 1;
constexpr int32_t kTokenTypeMax = 6;

Status read_id(const GgufFile& file, std::string_view key, size_t tokens_count, int32_t* out) {
  if (!file.has(key)) return Status::ok();
  uint32_t id = 0;
  MICA_TRY(file.get_u32(key, 0, static_cast<uint32_t>(tokens_count - 1), &id));
  *out = static_cast<int32_t>(id);
  return Status::ok();
}

Status read_flag(const GgufFile& file, std::string_view key, bool* out) {
  return file.has(key) ? file.get_bool(key, out) : Status::ok();
}

Status check_tokens(const GgufFile& file, const GgufVocabularyStore& store) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  if (store.tokens.empty()) return file.error(Code::corrupt_file, kTokens, "is empty");
  for (std::string_view token : store.tokens) {
    if (token.size() > limits::kTokenBytesMax) {
      return file.error(Code::limit_exceeded, kTokens, "has a token longer than mica reads");
    }
  }
  if (!store.scores.empty() && store.scores.size() != store.tokens.size()) {
    return file.error(Code::corrupt_file, "tokenizer.ggml.scores", "does not have one score for each token");
  }
  for (float score : store.scores) {
    if (std::isfinite(score)) continue;
    return file.error(Code::corrupt_file, "tokenizer.ggml.scores", "has one that is not finite");
  }
  if (!store.types.empty() && store.types.size() != store.tokens.size()) {
    return file.error(Code::corrupt_file, "tokenizer.ggml.token_type", "does not have one type for each token");
  }
  for (int32_t type : store.types) {
    if (type < kTokenTypeMin || type > kTokenTypeMax) {
      return file.error(Code::corrupt_file, "tokenizer.ggml.token_type", "has one outside 1 to 6");
    }
  }
  return Status::ok();
}

}  // namespace

Status read_gguf_vocabulary(const GgufFile& file, GgufVocabularyStore* out) {
  GgufVocabulary& vocabulary = out->vocabulary;
  MICA_TRY(file.get_string("tokenizer.ggml.model", &vocabulary.model));
  vocabulary.pre = "default";
  if (file.has("tokenizer.ggml.pre")) MICA_TRY(file.get_string("tokenizer.ggml.pre", &vocabulary.pre));
  MICA_TRY(file.get_strings("tokenizer.ggml.tokens", limits::kVocabularyMax, &out->tokens));
  // Without them a model of merges would read every text byte by byte, and answer nonsense.
  const bool needs_merges = vocabulary.model == kByteLevel || vocabulary.model == kListedSentencePiece;
  if (needs_merges || file.has("tokenizer.ggml.merges")) {
    MICA_TRY(file.get_strings("tokenizer.ggml.merges", limits::kMergesMax, &out->merges));
  }
  if (file.has("tokenizer.ggml.scores")) {
    MICA_TRY(file.get_floats("tokenizer.ggml.scores", limits::kVocabularyMax, &out->scores));
  }
  if (file.has("tokenizer.ggml.token_type")) {
    MICA_TRY(file.get_i32s("tokenizer.ggml.token_type", limits::kVocabularyMax, &out->types));
  }
  MICA_TRY(check_tokens(file, *out));
  MICA_TRY(read_id(file, "tokenizer.ggml.bos_token_id", out->tokens.size(), &vocabulary.bos));
  MICA_TRY(read_id(file, "tokenizer.ggml.eos_token_id", out->tokens.size(), &vocabulary.eos));
  MICA_TRY(read_id(file, "tokenizer.ggml.unknown_token_id", out->tokens.size(), &vocabulary.unknown));
  // What llama.cpp assumes where the file does not say: SentencePiece models begin with <s>, token 1, and byte-level
  // ones begin with a token of their own where the pre-tokenizer's models do.
  const bool sentencepiece = vocabulary.model == "llama";
  const KnownPreTokenizer* known = known_pre_tokenizer(vocabulary.pre);
  if (sentencepiece && vocabulary.bos < 0 && out->tokens.size() > 1) vocabulary.bos = 1;
  if (sentencepiece && vocabulary.eos < 0 && out->tokens.size() > 2) vocabulary.eos = 2;
  vocabulary.add_bos = sentencepiece || (known != nullptr && known->adds_bos);
  vocabulary.add_space_prefix = vocabulary.model != kListedSentencePiece;
  MICA_TRY(read_flag(file, "tokenizer.ggml.add_bos_token", &vocabulary.add_bos));
  MICA_TRY(read_flag(file, "tokenizer.ggml.add_eos_token", &vocabulary.add_eos));
  MICA_TRY(read_flag(file, "tokenizer.ggml.add_space_prefix", &vocabulary.add_space_prefix));
  vocabulary.tokens = out->tokens;
  vocabulary.merges = out->merges;
  vocabulary.scores = out->scores;
  vocabulary.types = out->types;
  return Status::ok();
}

}  // namespace mica
