// IndexTable: finds the number of a thing by its hash, in one flat piece of memory. Not a map: the things and their
// keys stand in the caller's own array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mica {

class IndexTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The index stored with `hash` for which equal(index) holds, else kNone.
  template <class Equal>
  uint32_t find(uint64_t hash, Equal equal) const {
    if (slots_.empty()) return kNone;
    const size_t mask = slots_.size() - 1;
    for (size_t i = hash & mask; slots_[i].index != kNone; i = (i + 1) & mask) {
      if (slots_[i].hash == static_cast<uint32_t>(hash) && equal(slots_[i].index)) return slots_[i].index;
    }
    return kNone;
  }

  // Adds an index that find() does not give yet. False when so many entries collide that only malice explains it;
  // random keys at this load stay far below.
  [[nodiscard]] bool insert(uint64_t hash, uint32_t index) {
    if (2 * (count_ + 1) > slots_.size() && !grow()) return false;
    ++count_;
    return place({static_cast<uint32_t>(hash), index}, &slots_);
  }

 private:
  static constexpr size_t kProbesMax = 1024;
  struct Slot {
    uint32_t hash, index;
  };

  static bool place(Slot slot, std::vector<Slot>* slots) {
    const size_t mask = slots->size() - 1;
    for (size_t probe = 0; probe < kProbesMax; ++probe) {
      Slot& to = (*slots)[(slot.hash + probe) & mask];
      if (to.index != kNone) continue;
      to = slot;
      return true;
    }
    return false;
  }

  bool grow() {
    std::vector<Slot> larger(slots_.empty() ? 1024 : 2 * slots_.size(), Slot{0, kNone});
    for (const Slot& slot : slots_) {
      if (slot.index != kNone && !place(slot, &larger)) return false;
    }
    slots_.swap(larger);
    return true;
  }

  std::vector<Slot> slots_;  // a power of two, at most half full; counts stay below 2^31
  size_t count_ = 0;
};

}  // namespace mica
