// Loading of a GGUF vocabulary (keys tokenizer.ggml.*, ggml's docs/gguf.md): "gpt2" is byte-level byte-pair encoding
// with merges, "llama" SentencePiece's with scores, "gemma4" the same with merges. Not the reading of the file:
// see model_files.hpp.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "limits.hpp"
#include "tokenizer_gguf.hpp"
#include "tokenizer_known.hpp"
#include "tokenizer_parts.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

// Values of tokenizer.ggml.token_type. Unused tokens and, in "llama", bytes need no case of their own.
enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5 };

int32_t type_of(const GgufVocabulary& vocabulary, size_t id) {
  return vocabulary.types.empty() ? static_cast<int32_t>(kNormal) : vocabulary.types[id];
}

Status check_arrays(const GgufVocabulary& vocabulary) {
  const size_t count = vocabulary.tokens.size();
  if (count > limits::kVocabularyMax) {
    return Status::error(Code::limit_exceeded, "tokenizer.ggml.tokens has %zu tokens; at most %zu", count,
                         limits::kVocabularyMax);
  }
  if (!vocabulary.types.empty() && vocabulary.types.size() != count) {
    return Status::error(Code::corrupt_file, "tokenizer.ggml.token_type has %zu entries for %zu tokens",
                         vocabulary.types.size(), count);
  }
  if (!vocabulary.scores.empty() && vocabulary.scores.size() != count) {
    return Status::error(Code::corrupt_file, "tokenizer.ggml.scores has %zu entries for %zu tokens",
                         vocabulary.scores.size(), count);
  }
  return Status::ok();
}

Status read_tokens(const GgufVocabulary& vocabulary, TokenizerParts* parts) {
  std::vector<AddedToken> added;
  MICA_TRY(read_gguf_tokens(vocabulary, &parts->vocabulary, &added));
  return parts->added.build(std::move(added), parts->normalizer);
}

Status read_merges(const GgufVocabulary& vocabulary, TokenizerParts* parts) {
  for (size_t i = 0; i < vocabulary.merges.size(); ++i) {
    const Status status = parts->bpe->add_merge(vocabulary.merges[i], static_cast<uint32_t>(i));
    if (!status) return Status::error(status.code(), "tokenizer.ggml.merges[%zu] %s", i, status.message());
  }
  return Status::ok();
}

Status read_gpt2(const GgufVocabulary& vocabulary, TokenizerParts* parts) {
  const KnownPreTokenizer* known = known_pre_tokenizer(vocabulary.pre);
  if (known == nullptr) {
    return Status::error(Code::unsupported, "tokenizer.ggml.pre: the pre-tokenizer \"%.64s\" is not known",
                         std::string(vocabulary.pre).c_str());
  }
  if (known->nfc) parts->normalizer.add(NormalizeStep{});
  for (std::string_view pattern : known->patterns) {
    MICA_TRY(parts->pre_tokenizer.add_split(pattern, SplitBehavior::isolated));
  }
  parts->pre_tokenizer.add_byte_level();
  DecodeStep decode;
  decode.kind = DecodeStep::Kind::byte_level;
  parts->decoder.add(std::move(decode));
  MICA_TRY(read_tokens(vocabulary, parts));
  Bpe::Options options;
  options.ignore_merges = known->ignore_merges;
  parts->bpe = std::make_unique<Bpe>(&parts->vocabulary, options);
  return read_merges(vocabulary, parts);
}

// Ranks by falling score; tokens of one score share a rank, so that the leftmost merge goes first.
Status rank_by_score(std::span<const float> scores, std::vector<uint32_t>* ranks) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  for (size_t id = 0; id < scores.size(); ++id) {
    if (!std::isfinite(scores[id])) {
      return Status::error(Code::corrupt_file, "tokenizer.ggml.scores[%zu] is not a finite number", id);
    }
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  ranks->resize(scores.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && scores[order[i]] != scores[order[i - 1]]) ++rank;
    (*ranks)[order[i]] = rank;
  }
  return Status::ok();
}

// A space is U+2581 in the vocabulary; with `prefix` one stands before every text.
void add_space_rules(bool prefix, TokenizerParts* parts) {
  if (prefix) {
    NormalizeStep prepend;
    prepend.kind = NormalizeStep::Kind::prepend;
    prepend.content = kSpaceMark;
    parts->normalizer.add(std::move(prepend));
  }
  NormalizeStep mark;
  mark.kind = NormalizeStep::Kind::replace;
  mark.pattern = Pattern::literal(" ");
  mark.content = kSpaceMark;
  parts->normalizer.add(std::move(mark));

  for (DecodeStep::Kind kind :
       {DecodeStep::Kind::replace, DecodeStep::Kind::byte_fallback, DecodeStep::Kind::fuse, DecodeStep::Kind::strip}) {
    DecodeStep step;
    step.kind = kind;
    step.pattern = Pattern::literal(kSpaceMark);
    step.content.assign(1, ' ');
    step.start = prefix ? 1 : 0;
    parts->decoder.add(std::move(step));
  }
}

Status read_llama(const GgufVocabulary& vocabulary, TokenizerParts* parts) {
  add_space_rules(vocabulary.add_space_prefix, parts);
  MICA_TRY(read_tokens(vocabulary, parts));
  Bpe::Options options;
  options.fuse_unknown = true;
  options.byte_fallback = true;
  options.unknown = vocabulary.unknown;
  if (vocabulary.unknown >= 0 && !parts->vocabulary.has(vocabulary.unknown)) {
    return Status::error(Code::corrupt_file, "tokenizer.ggml.unknown_token_id %d is no token", vocabulary.unknown);
  }
  parts->bpe = std::make_unique<Bpe>(&parts->vocabulary, options);
  if (vocabulary.model == kListedSentencePiece) return read_merges(vocabulary, parts);
  std::vector<GgufMerge> merges;
  MICA_TRY(derive_gguf_merges(vocabulary, parts->vocabulary, &merges));
  for (const GgufMerge& merge : merges) {
    MICA_TRY(parts->bpe->add_merge(merge.left, merge.right, merge.rank, merge.merged));
  }
  return Status::ok();
}

Status load_parts(const GgufVocabulary& vocabulary, std::unique_ptr<Tokenizer>* out) {
  auto parts = std::make_unique<TokenizerParts>();
  if (vocabulary.model == kByteLevel) {
    MICA_TRY(read_gpt2(vocabulary, parts.get()));
  } else if (vocabulary.model == "llama" || vocabulary.model == kListedSentencePiece) {
    MICA_TRY(read_llama(vocabulary, parts.get()));
  } else {
    return Status::error(Code::unsupported,
                         "tokenizer.ggml.model \"%.64s\" is not supported; mica runs gpt2, llama and gemma4",
                         std::string(vocabulary.model).c_str());
  }
  parts->around = gguf_text_tokens(vocabulary);
  return finish_tokenizer(std::move(parts), out);
}

}  // namespace

Status read_gguf_tokens(const GgufVocabulary& vocabulary, Vocabulary* tokens, std::vector<AddedToken>* added) {
  MICA_TRY(check_arrays(vocabulary));
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string_view content = vocabulary.tokens[id];
    if (content.empty()) continue;  // a hole
    if (utf8_invalid_at(content) != content.size()) {
      return Status::error(Code::corrupt_file, "tokenizer.ggml.tokens[%zu] is not valid UTF-8", id);
    }
    const int32_t type = type_of(vocabulary, id);
    AddedToken token;
    token.special = type == kControl || type == kUnknown;
    const bool is_added = token.special || type == kUserDefined;
    MICA_TRY(tokens->add(id, content,
                         static_cast<uint8_t>(Vocabulary::kInModel | (is_added ? Vocabulary::kAdded : 0) |
                                              (token.special ? Vocabulary::kSpecial : 0))));
    if (!is_added) continue;
    token.id = static_cast<int32_t>(id);
    token.content = content;
    added->push_back(std::move(token));
  }
  return Status::ok();
}

TextTokens gguf_text_tokens(const GgufVocabulary& vocabulary) {
  // An id that is no hole among the tokens.
  const auto real = [&vocabulary](int32_t id) {
    return id >= 0 && static_cast<size_t>(id) < vocabulary.tokens.size() &&
           !vocabulary.tokens[static_cast<size_t>(id)].empty();
  };
  TextTokens around;
  if (vocabulary.add_bos && real(vocabulary.bos)) around.before.push_back(vocabulary.bos);
  if (vocabulary.add_eos && real(vocabulary.eos)) around.after.push_back(vocabulary.eos);
  return around;
}

Status derive_gguf_merges(const GgufVocabulary& vocabulary, const Vocabulary& tokens, std::vector<GgufMerge>* merges) {
  if (vocabulary.scores.empty()) return Status::error(Code::not_found, "tokenizer.ggml.scores is missing");
  std::vector<uint32_t> ranks;
  MICA_TRY(rank_by_score(vocabulary.scores, &ranks));
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const int32_t type = type_of(vocabulary, id);
    if (type != kNormal && type != kUnused) continue;
    const std::string_view content = vocabulary.tokens[id];
    if (content.size() > limits::kMergedTokenBytesMax) {
      return Status::error(Code::limit_exceeded,
                           "tokenizer.ggml.tokens[%zu] has %zu bytes; in a \"llama\" vocabulary at "
                           "most %zu",
                           id, content.size(), limits::kMergedTokenBytesMax);
    }
    for (size_t cut = 0; cut < content.size();) {
      utf8_next(content, &cut);
      const int32_t left = tokens.find_in_model(content.substr(0, cut));
      const int32_t right = left < 0 ? -1 : tokens.find_in_model(content.substr(cut));
      if (left >= 0 && right >= 0) merges->push_back({left, right, static_cast<int32_t>(id), ranks[id]});
    }
  }
  return Status::ok();
}

Status Tokenizer::load(const GgufVocabulary& vocabulary, const char* name, std::unique_ptr<Tokenizer>* out) {
  const Status status = load_parts(vocabulary, out);
  return status ? status : status.in(name);
}

}  // namespace mica
