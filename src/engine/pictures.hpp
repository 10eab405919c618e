// Pictures: rows of encoded pictures, kept for any sessions of one model, in any threads. Known by a hash of their pixels
// and of what the rule makes of them; bounded in bytes: what was not used for longest goes first. Not encoding: batch.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

#include "keyed_hash.hpp"
#include "picture.hpp"
#include "pixels.hpp"

namespace mica {

class Pictures {
 public:
  explicit Pictures(size_t bytes_max) : key_(HashKey::drawn()), bytes_max_(bytes_max) {}

  // Of a picture, or of frames in one patch, as the plan has them; all else of the rule is the model's.
  Hash128 hash_of(std::span<const Picture* const> pictures, const PixelPlan& plan) const;
  // Copies the rows of a picture, `floats` of them all; false when it is not there.
  bool find(const Hash128& hash, size_t floats, float* rows);
  // Keeps a copy, for which others go; not what is larger than all room, or for which there is no memory.
  void keep(const Hash128& hash, size_t floats, const float* rows);
  void clear();

  struct Stats {
    size_t pictures = 0, bytes = 0;  // kept now
    uint64_t found = 0, missed = 0;  // calls of find
  };
  Stats stats() const;
  size_t bytes_max() const { return bytes_max_; }

 private:
  struct Kept {
    Hash128 hash;
    size_t floats;
    std::unique_ptr<float[]> rows;
    size_t bytes() const { return floats * sizeof(float) + kBytesBeside; }
  };
  // What a picture takes beside its rows: nodes of two containers, and what the system keeps of three blocks.
  static constexpr size_t kBytesBeside = 256;
  struct HashOfHash {
    size_t operator()(const Hash128& hash) const { return static_cast<size_t>(hash.words[0]); }
  };
  void drop_oldest();

  const HashKey key_;
  const size_t bytes_max_;
  mutable std::mutex mutex_;  // of all below
  std::list<Kept> kept_;      // the newest first
  std::unordered_map<Hash128, std::list<Kept>::iterator, HashOfHash> places_;
  Stats stats_;
};

}  // namespace mica
