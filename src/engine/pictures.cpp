// Pictures: a list in the order of use, and where each stands in it.
#include "pictures.hpp"

#include <algorithm>

#include "guard.hpp"

namespace mica {

Hash128 Pictures::hash_of(std::span<const Picture* const> pictures, const PixelPlan& plan) const {
  KeyedHash hash(key_);
  for (const uint64_t number : {uint64_t{pictures.size()}, uint64_t{plan.tiles}, uint64_t{plan.tile_columns},
                                uint64_t{plan.tile_rows},
                                uint64_t{plan.padded_width}, uint64_t{plan.padded_height}, uint64_t{plan.resized_width},
                                uint64_t{plan.resized_height}, uint64_t{plan.width}, uint64_t{plan.height},
                                uint64_t{plan.first_width}, uint64_t{plan.first_height},
                                uint64_t{plan.overview_width}, uint64_t{plan.overview_height},
                                static_cast<uint64_t>(plan.shown)})
    hash.add(number);
  for (const Picture* picture : pictures) {
    for (const uint64_t number : {uint64_t{picture->width}, uint64_t{picture->height},
                                  uint64_t{picture->alpha != nullptr}})
      hash.add(number);
    const size_t pixels = size_t{picture->width} * picture->height;
    hash.add(picture->rgb.get(), pixels * 3);
    if (picture->alpha) hash.add(picture->alpha.get(), pixels);
  }
  return hash.finish();
}

bool Pictures::find(const Hash128& hash, size_t floats, float* rows) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(hash);
  const bool found = place != places_.end() && place->second->floats == floats;
  ++(found ? stats_.found : stats_.missed);
  if (!found) return false;
  kept_.splice(kept_.begin(), kept_, place->second);
  std::copy_n(place->second->rows.get(), floats, rows);
  return true;
}

void Pictures::drop_oldest() {
  stats_.bytes -= kept_.back().bytes();
  places_.erase(kept_.back().hash);
  kept_.pop_back();
}

void Pictures::keep(const Hash128& hash, size_t floats, const float* rows) {
  const std::lock_guard lock(mutex_);
  if (floats > bytes_max_ / sizeof(float) || places_.contains(hash)) return;
  // Without memory for it, it is encoded again the next time.
  (void)guarded([&]() -> Status {
    std::list<Kept> added;
    added.push_back({hash, floats, nullptr});
    if (added.front().bytes() > bytes_max_) return Status::ok();
    while (stats_.bytes + added.front().bytes() > bytes_max_) drop_oldest();
    added.front().rows = std::make_unique_for_overwrite<float[]>(floats);
    places_.emplace(hash, added.begin());
    kept_.splice(kept_.begin(), added);
    std::copy_n(rows, floats, kept_.front().rows.get());
    stats_.bytes += kept_.front().bytes();
    return Status::ok();
  });
}

void Pictures::clear() {
  const std::lock_guard lock(mutex_);
  while (!kept_.empty()) drop_oldest();
}

Pictures::Stats Pictures::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.pictures = kept_.size();
  return stats;
}

}  // namespace mica
