// Codes that choose numbers (bitsandbytes' 4-bit floats) or vectors (AQLM) from tables beside them. Float rows come of
// it.
#include <cstring>

#include "checked.hpp"
#include "json.hpp"
#include "quantized_layer.hpp"

namespace mica {
namespace {

constexpr uint32_t kBlockMax = 65536;  // weights that share a scale; published: 64

// The JSON text that bitsandbytes puts beside a weight.
struct FourBitState {
  size_t rows = 0, columns = 0;
  uint32_t block = 0;
  bool nested = false;  // scales are stored in 8 bits themselves
  uint32_t nested_block = 0;
  double nested_offset = 0;
};

Status read_state(const LayerTensors& layer, FourBitState* out) {
  const TensorView* text = layer.find(".weight.quant_state.bitsandbytes__nf4");
  if (text == nullptr) text = layer.find(".weight.quant_state.bitsandbytes__fp4");
  if (text == nullptr) return layer.error("there is no state of bitsandbytes beside the weight");
  Json json;
  MICA_TRY(parse_json(text->bytes, (layer.name + ".weight.quant_state").c_str(), &json).in(layer.files.path()));
  std::vector<uint32_t> shape;
  MICA_TRY(get_u32_array(json.root(), "shape", 2, 2, 1, limits::kVocabularyMax, &shape).in(layer.files.path()));
  MICA_TRY(get_u32(json.root(), "blocksize", 1, kBlockMax, &out->block).in(layer.files.path()));
  out->rows = shape[0];
  out->columns = shape[1];
  out->nested = json.root().find("nested_blocksize").is_set();
  if (!out->nested) return Status::ok();
  MICA_TRY(get_u32(json.root(), "nested_blocksize", 1, kBlockMax, &out->nested_block).in(layer.files.path()));
  return get_double(json.root(), "nested_offset", -1e30, 1e30, &out->nested_offset).in(layer.files.path());
}

// The scale of each block of weights.
Status read_scales(const LayerTensors& layer, const FourBitState& state, size_t blocks, std::vector<float>* out) {
  if (!state.nested) return layer.floats(".weight.absmax", blocks, out);
  const TensorView* codes = nullptr;
  std::vector<float> map, outer;
  MICA_TRY(layer.require(".weight.absmax", 0, &codes));
  if (codes->dtype != DType::u8 || codes->bytes.size() != blocks)
    return layer.error("absmax should be one byte for each block of weights");
  MICA_TRY(layer.floats(".weight.nested_quant_map", 256, &map));
  MICA_TRY(layer.floats(".weight.nested_absmax", ceil_div(blocks, state.nested_block), &outer));
  out->resize(blocks);
  for (size_t i = 0; i < blocks; ++i)
    (*out)[i] = map[codes->bytes[i]] * outer[i / state.nested_block] + static_cast<float>(state.nested_offset);
  return Status::ok();
}

}  // namespace

Status read_four_bit_floats(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  FourBitState state;
  const TensorView* weight = nullptr;
  std::vector<float> map, scales;
  MICA_TRY(read_state(layer, &state));
  MICA_TRY(layer.require(".weight", 0, &weight));
  const size_t count = state.rows * state.columns;
  if (weight->bytes.size() != ceil_div(count, 2))
    return layer.error("the weight has not half a byte for each value of its shape");
  MICA_TRY(layer.floats(".weight.quant_map", 16, &map));
  MICA_TRY(read_scales(layer, state, ceil_div(count, state.block), &scales));
  MadeMatrix& made = out->emplace_back();
  MICA_TRY(made.allocate(layer.name, state.rows, state.columns, DType::f32, owned));
  float* values = made.row(0);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t byte = weight->bytes[i / 2];
    values[i] = map[i % 2 == 0 ? byte >> 4 : byte & 15] * scales[i / state.block];
  }
  return Status::ok();
}

Status read_aqlm(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  constexpr size_t kVectorMax = 64;
  const TensorView *codes = nullptr, *books = nullptr;
  MICA_TRY(layer.require(".codes", 3, &codes));
  MICA_TRY(layer.require(".codebooks", 4, &books));
  const size_t rows = codes->shape[0], vectors = codes->shape[1], count = codes->shape[2];
  const size_t width = books->shape[3];  // inputs that a code stands for
  const size_t entries = books->shape[1], code_bytes = codes->dtype == DType::i8 ? 1 : 2;
  if (codes->dtype != DType::i8 && codes->dtype != DType::i16)
    return layer.unsupported("codes are stored in neither 8 nor 16 bits");
  if (books->shape[2] != 1 || width == 0 || width > kVectorMax)
    return layer.unsupported("a code stands for other weights than up to 64 inputs of one output");
  if (books->shape[0] != count || entries != size_t{1} << layer.config.bits || codes->bytes.empty())
    return layer.error("codes and codebooks have shapes that contradict each other or nbits_per_codebook");
  std::vector<float> vectors_of_books, scales;
  MICA_TRY(layer.floats(".codebooks", count * entries * width, &vectors_of_books));
  MICA_TRY(layer.floats(".scales", rows, &scales));
  MadeMatrix& made = out->emplace_back();
  MICA_TRY(made.allocate(layer.name, rows, vectors * width, DType::f32, owned));
  const uint8_t* code = codes->bytes.data();
  for (size_t row = 0; row < rows; ++row)
    for (size_t vector = 0; vector < vectors; ++vector) {
      float* values = made.row(row) + vector * width;
      for (size_t j = 0; j < width; ++j) values[j] = 0;
      for (size_t book = 0; book < count; ++book, code += code_bytes) {
        // Stored with a sign: the same bits without it.
        const auto word = static_cast<uint16_t>(code[0] | (code_bytes == 1 ? 0 : code[1] << 8));
        const int said = code_bytes == 1 ? static_cast<int8_t>(word) : static_cast<int16_t>(word);
        const int most = static_cast<int>(entries);
        if (said < -most / 2 || said >= most) return layer.error("a code is of no vector in its codebook");
        const size_t index = static_cast<size_t>(said < 0 ? said + most : said);
        const float* entry = vectors_of_books.data() + (book * entries + index) * width;
        for (size_t j = 0; j < width; ++j) values[j] += entry[j];
      }
      for (size_t j = 0; j < width; ++j) values[j] *= scales[row];
    }
  return Status::ok();
}

}  // namespace mica
