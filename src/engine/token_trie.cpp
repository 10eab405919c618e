// TokenTrie: made from sorted texts, see token_trie.hpp.
#include "token_trie.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "tokenizer.hpp"

namespace mica {

TokenTrie make_token_trie(const Tokenizer& tokenizer, size_t vocabulary) {
  std::vector<std::pair<std::string_view, int32_t>> texts;
  for (size_t i = 0; i < std::min(tokenizer.size(), vocabulary); ++i) {
    const auto id = static_cast<int32_t>(i);
    const std::string_view text = tokenizer.token_bytes(id);
    if (!text.empty() && text.size() <= TokenTrie::kBytesMax && !tokenizer.is_special(id)) texts.emplace_back(text, id);
  }
  std::sort(texts.begin(), texts.end());
  TokenTrie trie;
  std::vector<size_t> way;  // nodes of the text before
  std::string_view before;
  for (const auto& [text, id] : texts) {
    const size_t shared = static_cast<size_t>(
        std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first - text.begin());
    for (; way.size() > shared; way.pop_back()) trie.nodes[way.back()].end = static_cast<uint32_t>(trie.nodes.size());
    for (size_t i = shared; i < text.size(); ++i) {
      way.push_back(trie.nodes.size());
      trie.nodes.push_back({0, static_cast<uint32_t>(trie.tokens.size()), static_cast<uint8_t>(text[i]),
                            static_cast<uint8_t>(i + 1)});
    }
    trie.tokens.push_back(id);
    trie.nodes[way.back()].tokens_end = static_cast<uint32_t>(trie.tokens.size());
    trie.bytes_max = std::max(trie.bytes_max, static_cast<uint32_t>(text.size()));
    before = text;
  }
  for (const size_t node : way) trie.nodes[node].end = static_cast<uint32_t>(trie.nodes.size());
  return trie;
}

const TokenTrie& LazyTokenTrie::get(const Tokenizer& tokenizer, size_t vocabulary) const {
  const std::lock_guard lock(mutex_);
  if (!trie_) trie_ = std::make_unique<const TokenTrie>(make_token_trie(tokenizer, vocabulary));
  return *trie_;
}

}  // namespace mica
