// Vocabulary: the tokens of a tokenizer, by id and by content. Not the rules that make them from text: those are merges
// and added tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "status.hpp"
#include "tokenizer_index.hpp"

namespace mica {

class Vocabulary {
 public:
  // In the vocabulary of the model: merges and characters may become it.
  static constexpr uint8_t kInModel = 1;
  // In the list of added tokens.
  static constexpr uint8_t kAdded = 2;
  // An added token that is control, not text.
  static constexpr uint8_t kSpecial = 4;

  // A token is added once for the model and once as an added token; the two must agree about id and content. Errors:
  // corrupt_file (an id or a content for two tokens), limit_exceeded.
  Status add(uint64_t id, std::string_view content, uint8_t flags);

  // One more than the largest id. Ids below may be free: content and flags are then empty.
  size_t size() const { return entries_.size(); }
  int32_t find(std::string_view content) const;
  // The same, only for tokens of the model.
  int32_t find_in_model(std::string_view content) const;

  // These take any number; an id that no token has is empty.
  bool has(int32_t id) const { return flags(id) != 0; }
  uint8_t flags(int32_t id) const { return in_range(id) ? entries_[static_cast<size_t>(id)].flags : uint8_t{0}; }
  bool is_special(int32_t id) const { return (flags(id) & kSpecial) != 0; }
  std::string_view content(int32_t id) const;

  // What a stream prints for a token (Tokenizer::token_bytes); empty until set, which is once.
  Status set_bytes(int32_t id, std::string_view bytes);
  std::string_view bytes(int32_t id) const;

 private:
  struct Entry {
    uint32_t content_start = 0, bytes_start = 0;  // into contents_ and bytes_
    uint16_t content_bytes = 0, bytes_count = 0;
    uint8_t flags = 0;
  };
  bool in_range(int32_t id) const { return id >= 0 && static_cast<size_t>(id) < entries_.size(); }

  std::vector<Entry> entries_;
  std::string contents_, bytes_;
  IndexTable index_;
};

}  // namespace mica
