// Byte-pair encoding: a word to token ids by merging neighbours, the best merge first. Not the cutting of text into
// words, which is the pre-tokenizer's.
// Source: Sennrich et al., arXiv 1508.07909; byte fallback and scores as in SentencePiece, arXiv 1808.06226.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "status.hpp"
#include "tokenizer_index.hpp"
#include "tokenizer_vocabulary.hpp"

namespace mica {

// Working memory of encode(), used again from word to word.
struct BpeScratch {
  struct Symbol {
    int32_t id;              // -1: merged into its left neighbour
    int32_t previous, next;  // neighbours; -1 at the ends
  };
  std::vector<Symbol> symbols;
  std::vector<uint64_t> queue;
};

class Bpe {
 public:
  struct Options {
    int32_t unknown = -1;        // what stands for characters that are no token; -1: they are left out
    bool fuse_unknown = false;   // neighbouring unknown characters become one token
    bool byte_fallback = false;  // unknown characters become tokens <0x00> to <0xFF>, byte by byte
    bool ignore_merges = false;  // a word that is a token is that token, whatever the merges give
  };

  // `vocabulary` is borrowed and complete before encode() is called.
  Bpe(const Vocabulary* vocabulary, Options options);

  // left + right become `merged`, all ids of the vocabulary; merges of lower rank go first, of equal rank from left to
  // right. A later merge of the same pair replaces the earlier one.
  Status add_merge(int32_t left, int32_t right, uint32_t rank, int32_t merged);
  // The same by contents, all of which must be tokens of the model. Errors without their subject: "gives what is no
  // token".
  Status add_merge(std::string_view left, std::string_view right, uint32_t rank);
  // The same written as "left right".
  Status add_merge(std::string_view both, uint32_t rank);

  // Appends the ids of `word` (valid UTF-8), in O(n log n). Special tokens come out only with `allow_special`, except
  // the unknown token.
  void encode(std::string_view word, bool allow_special, BpeScratch* scratch, std::vector<int32_t>* ids) const;

 private:
  struct Merge {
    int32_t left, right;
    uint32_t rank;
    int32_t merged;
  };
  bool usable(int32_t id, bool allow_special) const;
  bool append_bytes(std::string_view character, bool allow_special, BpeScratch* scratch) const;
  void start_symbols(std::string_view word, bool allow_special, BpeScratch* scratch) const;
  const Merge* find_merge(int32_t left, int32_t right) const;
  void queue_merge(int32_t position, bool allow_special, BpeScratch* scratch) const;
  void merge_symbols(bool allow_special, BpeScratch* scratch) const;

  const Vocabulary* vocabulary_;
  Options options_;
  std::vector<int32_t> byte_ids_;  // ids of <0x00> to <0xFF>, -1 where there is none; empty without byte_fallback
  std::vector<Merge> merges_;
  IndexTable merge_index_;
};

}  // namespace mica
