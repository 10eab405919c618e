// Key and value kernels at level avx2: look-ups by vpshufb, 32 tokens or channels a vector.
#include "avx2/visual_kv_tables_inl.hpp"
#include "visual_kv_lookup_inl.hpp"
#include "visual_kv_rows_inl.hpp"
#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

struct Lanes : Avx2Tables {
  static constexpr size_t kBytes = 32;
  static constexpr size_t kHeads = 3;
  static constexpr size_t kVectors = 1;
  using Bytes = __m256i;
  using Table = __m256i;

  static Bytes load(const uint8_t* codes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)); }
  static Bytes load_tokens(const uint8_t* row, size_t block_stride, size_t first) {
    return load(row + first / kKeyBlock * block_stride);
  }
  static Table load_table(const uint8_t* table) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  }
  static Bytes low_index(Bytes codes) { return _mm256_and_si256(codes, _mm256_set1_epi8(15)); }
  static Bytes high_index(Bytes codes) { return low_index(_mm256_srli_epi16(codes, 4)); }
  static Bytes add(Bytes a, Bytes b) { return _mm256_add_epi8(a, b); }
  static Bytes look_up(Table low, Table high, Bytes low_codes, Bytes high_codes) {
    return add(_mm256_shuffle_epi8(low, low_codes), _mm256_shuffle_epi8(high, high_codes));
  }

  // Bytes widened to 16 bits without unpacking (as FAISS's fast scan): one sum takes whole 16-bit lanes, the other
  // their odd bytes; what the odd ones put into the first is taken off at the end.
  class Sums {
   public:
    void clear() { both_ = odd_ = _mm256_setzero_si256(); }
    void twice() {
      both_ = _mm256_add_epi16(both_, both_);
      odd_ = _mm256_add_epi16(odd_, odd_);
    }
    void add(Bytes bytes) {
      both_ = _mm256_add_epi16(both_, bytes);
      odd_ = _mm256_add_epi16(odd_, _mm256_srli_epi16(bytes, 8));
    }
    void store(uint16_t* totals) const {
      const __m256i even = _mm256_sub_epi16(both_, _mm256_slli_epi16(odd_, 8));
      const __m256i near = _mm256_unpacklo_epi16(even, odd_), far = _mm256_unpackhi_epi16(even, odd_);
      auto* out = reinterpret_cast<__m256i*>(totals);
      _mm256_storeu_si256(out, _mm256_permute2x128_si256(near, far, 0x20));
      _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(near, far, 0x31));
    }

   private:
    __m256i both_, odd_;
  };
};

}  // namespace

const VisualKvKernels visual_kv_kernels_avx2 = {
    fit_token_scales, pack_keys,      pack_values,          key_tables<Lanes>, key_scores<Lanes>,   value_sums<Lanes>,
    scores_f32_u8,    weighted_sum_f32_u8, scores_f32_f16, weighted_sum_f32_f16, append_key_f16,
};

}  // namespace mica::simd
