// TokenTrie: the texts of a model's tokens as a tree of bytes, so that what no token may go on with is passed over at once.
// Not a tokenizer: it splits no text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace mica {

class Tokenizer;

// Nodes stand depth first, so the branch of node i ends at nodes[i].end, and its tokens stand in one piece.
struct TokenTrie {
  // Longer tokens are left out: what they say is said by others, and a walk keeps a place for each byte.
  static constexpr size_t kBytesMax = 128;

  struct Node {
    uint32_t end;        // behind its branch
    uint32_t tokens_end; // of `tokens`, of those up to this node
    uint8_t byte;
    uint8_t depth;       // bytes from the root, its own included
  };
  std::vector<Node> nodes;
  std::vector<int32_t> tokens;  // in the order of nodes; without special ones and those that have no text
  uint32_t bytes_max = 0;       // of a token
};

// Of the tokens below `vocabulary`.
TokenTrie make_token_trie(const Tokenizer& tokenizer, size_t vocabulary);

// One that is made when it is first asked for, from any thread.
class LazyTokenTrie {
 public:
  const TokenTrie& get(const Tokenizer& tokenizer, size_t vocabulary) const;

 private:
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const TokenTrie> trie_;
};

}  // namespace mica
