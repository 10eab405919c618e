// Key and value kernels at level avx512vnni: look-ups by vpshufb, 64 tokens (two blocks) or channels a vector.
#include "avx2/visual_kv_tables_inl.hpp"
#include "visual_kv_lookup_inl.hpp"
#include "visual_kv_rows_inl.hpp"
#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

struct Lanes : Avx2Tables {
  static constexpr size_t kBytes = 64;
  static constexpr size_t kHeads = 6;
  static constexpr size_t kVectors = 2;
  using Bytes = __m512i;
  using Table = __m512i;

  static Bytes load(const uint8_t* codes) { return _mm512_loadu_si512(codes); }
  static Bytes load_tokens(const uint8_t* row, size_t block_stride, size_t first) {
    const uint8_t* near = row + first / kKeyBlock * block_stride;
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(near));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(near + block_stride));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  static Table load_table(const uint8_t* table) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  }
  static Bytes low_index(Bytes codes) { return _mm512_and_si512(codes, _mm512_set1_epi8(15)); }
  static Bytes high_index(Bytes codes) { return low_index(_mm512_srli_epi16(codes, 4)); }
  static Bytes add(Bytes a, Bytes b) { return _mm512_add_epi8(a, b); }
  static Bytes look_up(Table low, Table high, Bytes low_codes, Bytes high_codes) {
    return add(_mm512_shuffle_epi8(low, low_codes), _mm512_shuffle_epi8(high, high_codes));
  }

  // As at level avx2: whole 16-bit lanes and their odd bytes.
  class Sums {
   public:
    void clear() { both_ = odd_ = _mm512_setzero_si512(); }
    void twice() {
      both_ = _mm512_add_epi16(both_, both_);
      odd_ = _mm512_add_epi16(odd_, odd_);
    }
    void add(Bytes bytes) {
      both_ = _mm512_add_epi16(both_, bytes);
      odd_ = _mm512_add_epi16(odd_, _mm512_srli_epi16(bytes, 8));
    }
    void store(uint16_t* totals) const {
      const __m512i even = _mm512_sub_epi16(both_, _mm512_slli_epi16(odd_, 8));
      const __m512i near = _mm512_unpacklo_epi16(even, odd_), far = _mm512_unpackhi_epi16(even, odd_);
      const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
      const __m512i last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
      _mm512_storeu_si512(totals, _mm512_permutex2var_epi64(near, first, far));
      _mm512_storeu_si512(totals + 32, _mm512_permutex2var_epi64(near, last, far));
    }

   private:
    __m512i both_, odd_;
  };
};

}  // namespace

const VisualKvKernels visual_kv_kernels_avx512vnni = {
    fit_token_scales, pack_keys,      pack_values,          key_tables<Lanes>, key_scores<Lanes>,   value_sums<Lanes>,
    scores_f32_u8,    weighted_sum_f32_u8, scores_f32_f16, weighted_sum_f32_f16, append_key_f16,
};

}  // namespace mica::simd
