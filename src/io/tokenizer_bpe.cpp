// Byte-pair encoding with a heap over a linked list: each merge costs one step of the heap, so that a megabyte of one
// character takes no longer than other text. Bit for bit the order of tokenizers: rank first, then position.
#include "tokenizer_bpe.hpp"

#include <algorithm>
#include <cstdio>

#include "utf8.hpp"

namespace mica {

namespace {

uint64_t pair_hash(int32_t left, int32_t right) {
  // The finalizer of MurmurHash3: ids are small and dense, the table wants all bits.
  uint64_t hash = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDull;
  hash = (hash ^ hash >> 33) * 0xC4CEB9FE1A85EC53ull;
  return hash ^ hash >> 33;
}

// The heap holds rank and position of the left symbol in one number, smallest on top.
constexpr auto kSmallestFirst = std::greater<uint64_t>();

}  // namespace

Bpe::Bpe(const Vocabulary* vocabulary, Options options) : vocabulary_(vocabulary), options_(options) {
  if (!options_.byte_fallback) return;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    byte_ids_.push_back(vocabulary_->find_in_model(name));
  }
}

Status Bpe::add_merge(int32_t left, int32_t right, uint32_t rank, int32_t merged) {
  const uint64_t hash = pair_hash(left, right);
  const uint32_t known = merge_index_.find(
      hash, [&](uint32_t index) { return merges_[index].left == left && merges_[index].right == right; });
  if (known != IndexTable::kNone) {
    merges_[known] = {left, right, rank, merged};
    return Status::ok();
  }
  if (!merge_index_.insert(hash, static_cast<uint32_t>(merges_.size()))) {
    return Status::error(Code::corrupt_file, "and those before are made to collide");
  }
  merges_.push_back({left, right, rank, merged});
  return Status::ok();
}

Status Bpe::add_merge(std::string_view left, std::string_view right, uint32_t rank) {
  const int32_t left_id = vocabulary_->find_in_model(left);
  if (left_id < 0) return Status::error(Code::corrupt_file, "has a left side that is no token");
  const int32_t right_id = vocabulary_->find_in_model(right);
  if (right_id < 0) return Status::error(Code::corrupt_file, "has a right side that is no token");
  std::string both(left);
  both += right;
  const int32_t merged = vocabulary_->find_in_model(both);
  if (merged < 0) return Status::error(Code::corrupt_file, "gives what is no token");
  return add_merge(left_id, right_id, rank, merged);
}

Status Bpe::add_merge(std::string_view both, uint32_t rank) {
  const size_t space = both.find(' ');
  if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) {
    return Status::error(Code::corrupt_file, "must have one space between two tokens");
  }
  return add_merge(both.substr(0, space), both.substr(space + 1), rank);
}

const Bpe::Merge* Bpe::find_merge(int32_t left, int32_t right) const {
  const uint32_t index = merge_index_.find(pair_hash(left, right), [&](uint32_t candidate) {
    return merges_[candidate].left == left && merges_[candidate].right == right;
  });
  return index == IndexTable::kNone ? nullptr : &merges_[index];
}

bool Bpe::usable(int32_t id, bool allow_special) const {
  return id >= 0 && (allow_special || !vocabulary_->is_special(id));
}

bool Bpe::append_bytes(std::string_view character, bool allow_special, BpeScratch* scratch) const {
  if (!options_.byte_fallback) return false;
  for (char byte : character) {
    if (!usable(byte_ids_[static_cast<uint8_t>(byte)], allow_special)) return false;
  }
  for (char byte : character) scratch->symbols.push_back({byte_ids_[static_cast<uint8_t>(byte)], 0, 0});
  return true;
}

// One symbol a character. An unknown token is held back until the next known character, as fuse_unknown needs it.
void Bpe::start_symbols(std::string_view word, bool allow_special, BpeScratch* scratch) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch->symbols;
  symbols.clear();
  bool unknown_held = false;
  for (size_t offset = 0; offset < word.size();) {
    const size_t begin = offset;
    utf8_next(word, &offset);
    const std::string_view character = word.substr(begin, offset - begin);
    const int32_t id = vocabulary_->find_in_model(character);
    const bool known = usable(id, allow_special);
    if (!known && append_bytes(character, allow_special, scratch)) continue;
    if (unknown_held && (known || !options_.fuse_unknown)) symbols.push_back({options_.unknown, 0, 0});
    unknown_held = !known && options_.unknown >= 0;
    if (known) symbols.push_back({id, 0, 0});
  }
  if (unknown_held) symbols.push_back({options_.unknown, 0, 0});
  const auto count = static_cast<int32_t>(symbols.size());
  for (int32_t i = 0; i < count; ++i) {
    symbols[static_cast<size_t>(i)].previous = i - 1;
    symbols[static_cast<size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
}

// Puts the merge of the symbol at `position` with its right neighbour into the queue, if there is one.
void Bpe::queue_merge(int32_t position, bool allow_special, BpeScratch* scratch) const {
  const BpeScratch::Symbol& left = scratch->symbols[static_cast<size_t>(position)];
  if (left.next < 0) return;
  const Merge* merge = find_merge(left.id, scratch->symbols[static_cast<size_t>(left.next)].id);
  if (merge == nullptr || !usable(merge->merged, allow_special)) return;
  scratch->queue.push_back(static_cast<uint64_t>(merge->rank) << 32 | static_cast<uint32_t>(position));
}

void Bpe::merge_symbols(bool allow_special, BpeScratch* scratch) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch->symbols;
  std::vector<uint64_t>& queue = scratch->queue;
  queue.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) queue_merge(static_cast<int32_t>(i), allow_special, scratch);
  std::make_heap(queue.begin(), queue.end(), kSmallestFirst);
  const auto push_merge = [&](int32_t position) {
    const size_t before = queue.size();
    queue_merge(position, allow_special, scratch);
    if (queue.size() > before) std::push_heap(queue.begin(), queue.end(), kSmallestFirst);
  };
  while (!queue.empty()) {
    const auto position = static_cast<int32_t>(queue.front() & UINT32_MAX);
    const auto rank = static_cast<uint32_t>(queue.front() >> 32);
    std::pop_heap(queue.begin(), queue.end(), kSmallestFirst);
    queue.pop_back();
    BpeScratch::Symbol& left = symbols[static_cast<size_t>(position)];
    if (left.id < 0 || left.next < 0) continue;
    BpeScratch::Symbol& right = symbols[static_cast<size_t>(left.next)];
    // Entries whose symbols have been merged with others since are out of date.
    const Merge* merge = find_merge(left.id, right.id);
    if (merge == nullptr || merge->rank != rank || !usable(merge->merged, allow_special)) continue;
    left.id = merge->merged;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = position;
    if (left.previous >= 0) push_merge(left.previous);
    push_merge(position);
  }
}

void Bpe::encode(std::string_view word, bool allow_special, BpeScratch* scratch, std::vector<int32_t>* ids) const {
  if (options_.ignore_merges) {
    const int32_t whole = vocabulary_->find_in_model(word);
    if (usable(whole, allow_special)) {
      ids->push_back(whole);
      return;
    }
  }
  start_symbols(word, allow_special, scratch);
  merge_symbols(allow_special, scratch);
  for (const BpeScratch::Symbol& symbol : scratch->symbols) {
    if (symbol.id >= 0) ids->push_back(symbol.id);
  }
}

}  // namespace mica
