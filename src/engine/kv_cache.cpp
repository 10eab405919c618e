// KvCache: float16 rows of keys and values. Packed visual rows live elsewhere.
#include "kv_cache.hpp"

#include "checked.hpp"
#include "limits.hpp"

namespace mica {

using simd::kKeyBlock;

void KvCache::plan(const DecoderSpec& decoder, size_t rows, Arena* arena) {
  layers_ = decoder.layers;
  heads_ = decoder.kv_heads;
  head_dim_ = decoder.head_dim;
  capacity_ = round_up(rows, kKeyBlock);
  const size_t count = layers_ * heads_ * head_dim_ * capacity_;
  keys_ = arena->take<uint16_t>(count);
  values_ = arena->take<uint16_t>(count);
}

KeyValueRun KvCache::run(size_t layer) const {
  KeyValueRun run;
  run.count = rows_;
  run.keys_f16 = layer_keys(layer);
  run.key_head_stride = capacity_ * head_dim_;
  run.values_f16 = layer_values(layer);
  run.value_stride = heads_ * head_dim_;
  run.value_head_stride = head_dim_;
  return run;
}

void KvCache::append(const Compute& compute, size_t layer, const float* keys, const float* values, size_t stride,
                     size_t count) {
  const auto narrow = compute.kernels->f32->narrow_f16;
  for (size_t row = 0; row < count; ++row) {
    const size_t place = rows_ + row;
    narrow(layer_values(layer) + place * heads_ * head_dim_, values + row * stride, heads_ * head_dim_);
    for (size_t head = 0; head < heads_; ++head) {
      uint16_t key[limits::kHeadDimMax];
      narrow(key, keys + row * stride + head * head_dim_, head_dim_);
      uint16_t* block = layer_keys(layer) + head * capacity_ * head_dim_ + place / kKeyBlock * kKeyBlock * head_dim_;
      for (size_t i = 0; i < head_dim_; ++i) block[i * kKeyBlock + place % kKeyBlock] = key[i];
    }
  }
}

size_t KvCache::bytes_of(size_t rows) const { return 2 * sizeof(uint16_t) * layers_ * heads_ * head_dim_ * rows; }

KvCache::Storage KvCache::storage(size_t layer) const {
  const size_t count = capacity_ * heads_ * head_dim_;
  return {layer_keys(layer), count, layer_values(layer), count};
}

}  // namespace mica
