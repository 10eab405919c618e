// QuIP# (arXiv 2402.04396) with E8P12: vectors of the E8 lattice between two Hadamard transforms, multiplied out to the
// rows of a plain matrix. Float rows come of it.
#include <bit>
#include <cmath>

#include "checked.hpp"
#include "quantized_layer.hpp"
#include "quip_tables.hpp"

namespace mica {
namespace {

constexpr size_t kOrder = 12;        // of the one Hadamard matrix that is no power of two's
constexpr size_t kTileColumns = 16;  // that are transformed together

// Eight values of one code: a vector of magnitudes, and a byte of signs.
void decode_vector(uint32_t index, uint32_t signs, float* out) {
  constexpr uint32_t kPlaceOf[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  const uint32_t odd = static_cast<uint32_t>(std::popcount(signs)) & 1;
  signs ^= odd;
  for (size_t t = 0; t < 8; ++t) {
    const uint32_t place = kPlaceOf[t];
    const float magnitude = static_cast<float>(static_cast<int>(kQuipMagnitudes[index] >> 4 * place & 15) - 8) / 2;
    out[t] = (signs >> place & 1 ? -magnitude : magnitude) + (odd ? -0.25f : 0.25f);
  }
}

// Qidxs [rows, columns / 32] of 64-bit words, four codes each: byte i of the low half chooses the vector, bits i, 4 +
// i, ... of the high half are its signs. Words of 16 rows and 64 columns stand together.
void decode_rows(const TensorView& words, size_t rows, size_t columns, float* out) {
  const uint8_t* word = words.bytes.data();
  for (size_t high = 0; high < rows / 16; ++high)
    for (size_t wide = 0; wide < columns / 64; ++wide)
      for (size_t pair = 0; pair < 8; ++pair)
        for (size_t part = 0; part < 4; ++part, word += 8) {
          const uint32_t low = word_at(word), signs = word_at(word + 4);
          for (size_t i = 0; i < 4; ++i) {
            uint32_t own = 0;
            for (size_t j = 0; j < 8; ++j) own |= (signs >> (4 * j + i) & 1) << j;
            const size_t row = 16 * high + 2 * pair + (i & 1), column = 64 * wide + 16 * part + 8 * (i >> 1);
            decode_vector(low >> 8 * i & 255, own, out + row * columns + column);
          }
        }
}

// x [order][2^k] by a Hadamard matrix of size order * 2^k, not transposed, and divided by its root. `spare`: n values.
void transform(double* x, size_t n, size_t order, double* spare) {
  const size_t run = n / order;
  for (size_t part = 0; part < order; ++part)
    for (size_t half = 1; half < run; half *= 2)
      for (size_t i = 0; i < run; ++i) {
        if (i & half) continue;
        double &a = x[part * run + i], &b = x[part * run + i + half];
        const double sum = a + b, difference = a - b;
        a = sum;
        b = difference;
      }
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  for (size_t part = 0; part < order; ++part)
    for (size_t i = 0; i < run; ++i) {
      double sum = 0;
      for (size_t from = 0; from < order; ++from) {
        const bool plus = order == 1 || (kHadamard12[part] >> from & 1) != 0;
        sum += plus ? x[from * run + i] : -x[from * run + i];
      }
      spare[part * run + i] = sum * scale;
    }
  for (size_t i = 0; i < n; ++i) x[i] = spare[i];
}

// 1 or 12, as a size is one of its powers of two; 0: neither.
size_t order_of(size_t n) {
  if (std::has_single_bit(n)) return 1;
  return n % kOrder == 0 && std::has_single_bit(n / kOrder) ? kOrder : 0;
}

// A layer's numbers beside its codes.
struct LatticeScales {
  std::vector<float> inputs, outputs;
};

Status read_scales(const LayerTensors& layer, size_t rows, size_t columns, LatticeScales* out) {
  std::vector<float> whole, divided;
  MICA_TRY(layer.floats(".SU", columns, &out->inputs));
  MICA_TRY(layer.floats(".SV", rows, &out->outputs));
  MICA_TRY(layer.floats(".Wscale", 1, &whole));
  for (float& scale : out->outputs) scale *= whole[0];
  if (layer.find(".scaleWH") == nullptr) return Status::ok();
  MICA_TRY(layer.floats(".scaleWH", columns, &divided));
  for (size_t i = 0; i < columns; ++i) out->inputs[i] /= divided[i];
  return Status::ok();
}

// matrix <- outputs * H * matrix * H' * inputs. A row times H' is the row's transform by H, since that is H'
// transposed.
void multiply_out(const LatticeScales& scales, size_t rows, size_t columns, float* matrix) {
  const size_t longest = rows > columns ? rows : columns;
  std::vector<double> line(longest), spare(longest);
  for (size_t row = 0; row < rows; ++row) {
    float* values = matrix + row * columns;
    for (size_t i = 0; i < columns; ++i) line[i] = values[i];
    transform(line.data(), columns, order_of(columns), spare.data());
    for (size_t i = 0; i < columns; ++i) values[i] = static_cast<float>(line[i] * scales.inputs[i]);
  }
  std::vector<double> tile(kTileColumns * rows);
  for (size_t first = 0; first < columns; first += kTileColumns) {
    const size_t count = columns - first < kTileColumns ? columns - first : kTileColumns;
    for (size_t row = 0; row < rows; ++row)
      for (size_t i = 0; i < count; ++i) tile[i * rows + row] = matrix[row * columns + first + i];
    for (size_t i = 0; i < count; ++i) transform(tile.data() + i * rows, rows, order_of(rows), spare.data());
    for (size_t row = 0; row < rows; ++row)
      for (size_t i = 0; i < count; ++i)
        matrix[row * columns + first + i] = static_cast<float>(tile[i * rows + row] * scales.outputs[row]);
  }
}

// A part of a fused matrix, by the name that the published model has for it.
struct FusedPart {
  std::string name;
  size_t rows;
};

Status parts_of(const LayerTensors& layer, size_t rows, std::vector<FusedPart>* out) {
  const auto named = [&](std::string_view fused, const char* part) {
    return layer.name.substr(0, layer.name.size() - fused.size()) + part;
  };
  if (layer.name.ends_with("qkv_proj")) {
    const size_t heads = size_t{layer.config.heads} + 2 * size_t{layer.config.kv_heads};
    if (rows % heads != 0) return layer.error("its rows are no whole number of heads");
    const size_t query = rows / heads * layer.config.heads, key = rows / heads * layer.config.kv_heads;
    *out = {{named("qkv_proj", "q_proj"), query},
            {named("qkv_proj", "k_proj"), key},
            {named("qkv_proj", "v_proj"), key}};
  } else if (layer.name.ends_with("upgate_proj")) {
    *out = {{named("upgate_proj", "up_proj"), rows / 2}, {named("upgate_proj", "gate_proj"), rows / 2}};
  } else {
    *out = {{layer.name, rows}};
  }
  return Status::ok();
}

}  // namespace

Status read_quip_sharp(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  constexpr size_t kWordValues = 32;
  const TensorView* words = nullptr;
  MICA_TRY(layer.require(".Qidxs", 2, &words));
  const size_t rows = words->shape[0], columns = words->shape[1] * kWordValues;
  if (words->dtype != DType::i64 || words->bytes.empty() || rows % 16 != 0 || columns % 64 != 0)
    return layer.error("Qidxs should be 64-bit integers of 16 rows and 64 columns at a time");
  if (order_of(rows) == 0 || order_of(columns) == 0)
    return layer.unsupported("its sizes are neither powers of two nor 12 times one, whose Hadamard matrices mica has");
  LatticeScales scales;
  std::vector<FusedPart> parts;
  MICA_TRY(read_scales(layer, rows, columns, &scales));
  MICA_TRY(parts_of(layer, rows, &parts));
  std::vector<float> fused(parts.size(), 1);
  if (parts.size() > 1) MICA_TRY(layer.floats(".fuse_scales", parts.size(), &fused));
  size_t first = 0;
  for (size_t part = 0; part < parts.size(); first += parts[part++].rows)
    for (size_t row = 0; row < parts[part].rows; ++row) scales.outputs[first + row] *= fused[part];
  MadeMatrix whole;
  MICA_TRY(whole.allocate(layer.name, rows, columns, DType::f32, owned));
  decode_rows(*words, rows, columns, whole.row(0));
  multiply_out(scales, rows, columns, whole.row(0));
  first = 0;
  for (const FusedPart& part : parts) {
    MadeMatrix made = whole;
    made.name = part.name;
    made.rows = part.rows;
    made.data = whole.data + first * whole.stride_bytes;
    out->push_back(made);
    first += part.rows;
  }
  return Status::ok();
}

}  // namespace mica
