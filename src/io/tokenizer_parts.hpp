// The parts of a tokenizer, as its loaders fill them in from a file, and what makes a Tokenizer of them. Not a format:
// tokenizer.json and GGUF are read by their loaders alone.
#pragma once

#include <memory>
#include <vector>

#include "status.hpp"
#include "tokenizer.hpp"
#include "tokenizer_added.hpp"
#include "tokenizer_bpe.hpp"
#include "tokenizer_decode.hpp"
#include "tokenizer_normalize.hpp"
#include "tokenizer_pretokenize.hpp"
#include "tokenizer_vocabulary.hpp"

namespace mica {

struct TokenizerParts {
  Vocabulary vocabulary;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokens added;
  std::unique_ptr<Bpe> bpe;  // over this vocabulary
  Decoder decoder;
  TextTokens around;
};

// Makes the bytes of every token (Tokenizer::token_bytes), the last thing that a loader does, and the tokenizer. The
// parts stay where they are: the merges point to the vocabulary.
Status finish_tokenizer(std::unique_ptr<TokenizerParts> parts, std::unique_ptr<Tokenizer>* out);

}  // namespace mica
