// Memory and mappings of the template language, see jinja_value.hpp.
#include "jinja_value.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mica::jinja {
namespace {

constexpr size_t kAlignment = alignof(std::max_align_t);
constexpr size_t kBlockBytes = 64u << 10;  // most renderings fit in a few
constexpr uint32_t kKeyItemsMax = 4096;    // of a tuple that is a key: hashing and comparing it is one step
constexpr uint32_t kIndexedFrom = 16;      // entries: below, comparing one after the other is as fast

uint64_t mixed(uint64_t hash, uint64_t with) { return (hash ^ with) * 0x9E3779B97F4A7C15u + (hash >> 29); }

uint64_t hash_of(const Value& key) {
  if (key.is_number()) {
    const double number = key.number();
    uint64_t bits = 0;
    if (number != 0) std::memcpy(&bits, &number, sizeof(bits));
    return mixed(1, bits);
  }
  if (key.is(Kind::none) || key.is(Kind::undefined)) return static_cast<uint64_t>(key.kind);
  uint64_t hash = mixed(static_cast<uint64_t>(key.kind), key.size);
  if (key.is_string()) {
    for (char c : key.view()) hash = mixed(hash, static_cast<uint8_t>(c));
  } else if (key.is_sequence()) {
    for (uint32_t i = 0; i < key.size; ++i) hash = mixed(hash, hash_of(key.items_at[i]));
  }
  return hash ^ hash >> 32;
}

void add_to_index(Mapping* mapping, uint32_t place) {
  const uint32_t mask = mapping->index_size - 1;
  uint32_t at = static_cast<uint32_t>(hash_of(mapping->entries[place].key)) & mask;
  while (mapping->index[at] != 0) at = (at + 1) & mask;
  mapping->index[at] = place + 1;
}

bool grow(Heap* heap, Mapping* mapping) {
  const uint32_t capacity = std::max<uint32_t>(4, 2 * mapping->capacity);
  Entry* entries = heap->make<Entry>(capacity);
  if (entries == nullptr) return false;
  std::copy_n(mapping->entries, mapping->count, entries);
  mapping->entries = entries;
  mapping->capacity = capacity;
  if (capacity <= kIndexedFrom) return true;
  uint32_t size = 1;
  while (size < 2 * capacity) size *= 2;
  mapping->index = heap->make<uint32_t>(size);
  mapping->index_size = size;
  if (mapping->index == nullptr) return false;
  for (uint32_t i = 0; i < mapping->count; ++i) add_to_index(mapping, i);
  return true;
}

bool is_key(const Value& value, uint32_t* items_left) {
  if (*items_left == 0) return false;
  --*items_left;
  if (!value.is(Kind::tuple)) return !value.is(Kind::list) && !value.is(Kind::mapping) && !value.is_view();
  return std::all_of(value.items_at, value.items_at + value.size,
                     [&](const Value& item) { return is_key(item, items_left); });
}

}  // namespace

void* Heap::allocate(size_t bytes) {
  bytes = std::max<size_t>(bytes, 1);
  // A text ends anywhere.
  const size_t off = reinterpret_cast<uintptr_t>(next_) % kAlignment;
  const size_t skipped = off == 0 ? 0 : std::min(kAlignment - off, block_left_);
  next_ += skipped;
  block_left_ -= skipped;
  if (bytes > bytes_left_ || bytes > SIZE_MAX / 2) return nullptr;
  if (bytes > block_left_) {
    const size_t block = std::max(bytes + bytes / 2, kBlockBytes);  // room for a text to grow
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    next_ = blocks_.back().get();
    block_left_ = block;
  }
  void* memory = next_;
  next_ += bytes;
  block_left_ -= bytes;
  bytes_left_ -= bytes;
  return memory;
}

const char* Heap::join(std::string_view left, std::string_view right) {
  if (left.size() > UINT32_MAX - right.size()) return nullptr;
  const bool last = !left.empty() && left.data() + left.size() == next_;
  if (last && right.size() <= block_left_ && right.size() <= bytes_left_) {
    std::copy(right.begin(), right.end(), next_);
    next_ += right.size();
    block_left_ -= right.size();
    bytes_left_ -= right.size();
    return left.data();
  }
  char* text = static_cast<char*>(allocate(left.size() + right.size()));
  if (text == nullptr) return nullptr;
  std::copy(left.begin(), left.end(), text);
  std::copy(right.begin(), right.end(), text + left.size());
  return text;
}

bool same_key(const Value& a, const Value& b) {
  if (a.is_whole() && b.is_whole()) return a.whole() == b.whole();
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.kind != b.kind) return false;
  if (a.is_string()) return a.view() == b.view();
  if (a.is_sequence()) return std::equal(a.items_at, a.items_at + a.size, b.items_at, b.items_at + b.size, same_key);
  return a.is(Kind::none) || a.is(Kind::undefined) || (a.address == b.address && a.size == b.size);
}

bool can_be_key(const Value& value) {
  uint32_t items_left = kKeyItemsMax;
  return is_key(value, &items_left);
}

Value* Mapping::find(const Value& key) {
  if (index == nullptr) {
    for (uint32_t i = 0; i < count; ++i)
      if (same_key(entries[i].key, key)) return &entries[i].value;
    return nullptr;
  }
  const uint32_t mask = index_size - 1;
  for (uint32_t at = static_cast<uint32_t>(hash_of(key)) & mask; index[at] != 0; at = (at + 1) & mask)
    if (same_key(entries[index[at] - 1].key, key)) return &entries[index[at] - 1].value;
  return nullptr;
}

bool set_entry(Heap* heap, Mapping* mapping, const Value& key, const Value& value) {
  if (Value* known = mapping->find(key)) {
    *known = value;
    return true;
  }
  if (mapping->count == mapping->capacity && !grow(heap, mapping)) return false;
  mapping->entries[mapping->count++] = {key, value};
  if (mapping->index != nullptr) add_to_index(mapping, mapping->count - 1);
  return true;
}

}  // namespace mica::jinja
