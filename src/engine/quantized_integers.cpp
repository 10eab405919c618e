// Integers with scales as AWQ, GPTQ, compressed-tensors and MLX store them. Not what becomes of them.
#include <algorithm>
#include <cstring>

#include "checked.hpp"
#include "quantized_layer.hpp"

namespace mica {
namespace {

constexpr size_t kWordBits = 32, kWordBytes = 4;
// Words of qzeros that GPTQ's first format stores less one in each field, by bits; of three bits, whose fields lie in
// two words, each is counted up by itself.
constexpr uint32_t kOneInEachField[] = {0, 0, 0x55555555, 0, 0x11111111, 0, 0, 0, 0x01010101};
// But GPTQModel takes these from the three words that 32 fields of three bits fill, the first and the last of which are
// no ones of their fields, and adds them when it reads.
constexpr uint32_t kWordsOfThreeBits[] = {0x24924924, 0x92492492, 0x49249249};

// Inputs in a row one after the other; the last group may be shorter. `said`: of this layer, or 0.
Status staircase(const LayerTensors& layer, uint32_t said, IntegerRows* rows) {
  const auto fits = [&](uint32_t each) { return each != 0 && ceil_div(rows->columns, each) == rows->groups; };
  if (said != 0 && !layer.config.by_module && !fits(said))
    return layer.error("its scales are of other groups than group_size says");
  size_t group = rows->groups == 1 ? rows->columns : fits(said) ? said : 0;
  for (const uint32_t each : layer.config.other_groups) {
    if (rows->groups == 1 || !fits(each) || group == each) continue;
    if (group != 0) return layer.unsupported("its scales are of either of several group sizes of config.json");
    group = each;
  }
  const bool free = said == 0 && layer.config.other_groups.empty();  // nothing says how large groups are
  if (free && group == 0 && rows->groups != 0 && rows->columns % rows->groups == 0)
    group = rows->columns / rows->groups;
  if (group == 0) return layer.error("its scales are of no group size that config.json says");
  rows->group_of.resize(rows->columns);
  for (size_t k = 0; k < rows->columns; ++k) rows->group_of[k] = static_cast<uint32_t>(k / group);
  return Status::ok();
}

// The group of each input, in the order of activations.
Status indexed_groups(const LayerTensors& layer, const char* suffix, IntegerRows* rows) {
  const TensorView* index = layer.find(suffix);
  if (index == nullptr) return staircase(layer, layer.config.group, rows);
  if (index->dtype != DType::i32 || index->bytes.size() != rows->columns * kWordBytes)
    return layer.error("its list of groups should be one 32-bit integer for each input");
  rows->group_of.resize(rows->columns);
  for (size_t k = 0; k < rows->columns; ++k) {
    rows->group_of[k] = word_at(index->bytes.data() + k * kWordBytes);
    if (rows->group_of[k] >= rows->groups) return layer.error("an input is of a group that has no scale");
  }
  return Status::ok();
}

// [groups][rows] as [rows][groups].
void transpose(std::vector<float>* values, size_t groups, size_t rows) {
  std::vector<float> turned(values->size());
  for (size_t group = 0; group < groups; ++group)
    for (size_t row = 0; row < rows; ++row) turned[row * groups + group] = (*values)[group * rows + row];
  values->swap(turned);
}

// scales [groups, rows], and the sizes that they say.
Status read_transposed_scales(const LayerTensors& layer, IntegerRows* rows) {
  const TensorView* scales = nullptr;
  MICA_TRY(layer.require(".scales", 2, &scales));
  rows->groups = scales->shape[0];
  rows->rows = scales->shape[1];
  if (rows->groups == 0 || rows->rows == 0) return layer.error("it has no scales");
  MICA_TRY(layer.floats(".scales", rows->groups * rows->rows, &rows->scales));
  transpose(&rows->scales, rows->groups, rows->rows);
  return Status::ok();
}

// The field of a row's group with what was taken from it added back.
uint32_t gptq_zero(const uint8_t* words, size_t row, uint32_t bits, const QuantizationConfig& config) {
  if (!config.zero_less_one) return packed_field(words, kWordBytes, row, bits);
  if (bits == 3 && config.words_less_one) {
    const size_t bit = row * bits, first = bit / kWordBits, shift = bit % kWordBits;
    const auto word = [&](size_t at) { return word_at(words + at * kWordBytes) + kWordsOfThreeBits[at % 3]; };
    const uint64_t both = word(first) | uint64_t{shift + bits > kWordBits ? word(first + 1) : 0} << kWordBits;
    return static_cast<uint32_t>(both >> shift) & 7;
  }
  if (bits == 3) return (packed_field(words, kWordBytes, row, bits) + 1) & 7;
  // A zero of 0 borrowed from the fields above: the whole word is counted up.
  const size_t bit = row * bits;
  const uint32_t word = word_at(words + bit / kWordBits * kWordBytes) + kOneInEachField[bits];
  return word >> bit % kWordBits & ((1u << bits) - 1);
}

}  // namespace

Status read_awq(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  constexpr uint32_t kBits = 4, kFields = kWordBits / kBits;
  // The nibble in which column c of eight lies.
  static constexpr uint32_t kNibbleOf[kFields] = {0, 4, 1, 5, 2, 6, 3, 7};
  IntegerRows rows;
  const TensorView *words = nullptr, *zeros = nullptr;
  MICA_TRY(read_transposed_scales(layer, &rows));
  MICA_TRY(layer.require_words(".qweight", &words));
  MICA_TRY(layer.require_words(".qzeros", &zeros));
  rows.columns = words->shape[0];
  const size_t row_words = rows.rows / kFields;
  if (rows.rows % kFields != 0 || words->shape[1] != row_words || zeros->shape[0] != rows.groups ||
      zeros->shape[1] != row_words || rows.columns == 0)
    return layer.error("qweight, qzeros and scales have shapes that contradict each other, or are not of 4 bits");
  rows.code_max = (1 << kBits) - 1;
  MICA_TRY(staircase(layer, layer.config.group, &rows));
  const auto field = [row_words](const TensorView& tensor, size_t line, size_t row) {
    const uint32_t word = word_at(tensor.bytes.data() + (line * row_words + row / kFields) * kWordBytes);
    return static_cast<int32_t>(word >> kBits * kNibbleOf[row % kFields] & 15);
  };
  for (size_t row = 0; row < rows.rows; ++row)
    for (size_t group = 0; group < rows.groups; ++group) rows.zeros.push_back(field(*zeros, group, row));
  rows.read = [&](size_t row, int32_t* codes) {
    for (size_t k = 0; k < rows.columns; ++k) codes[k] = field(*words, k, row);
  };
  return make_integer_rows(layer, rows, &out->emplace_back(), owned);
}

Status read_gptq(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  IntegerRows rows;
  const TensorView *words = nullptr, *zeros = nullptr;
  MICA_TRY(read_transposed_scales(layer, &rows));
  MICA_TRY(layer.require_words(".qweight", &words));
  MICA_TRY(layer.require_words(".qzeros", &zeros));
  const size_t field_bits = zeros->shape[1] * kWordBits;
  const auto bits = static_cast<uint32_t>(std::min<size_t>(field_bits / rows.rows, 9));
  if ((bits != 2 && bits != 3 && bits != 4 && bits != 8) || field_bits != rows.rows * bits ||
      zeros->shape[0] != rows.groups || words->shape[1] != rows.rows || words->shape[0] == 0 ||
      words->shape[0] * kWordBits % bits != 0)
    return layer.error("qweight, qzeros and scales have shapes that contradict each other");
  if (layer.config.bits != 0 && layer.config.bits != bits && !layer.config.by_module)
    return layer.error("its tensors are of other bits than config.json says");
  rows.columns = words->shape[0] * kWordBits / bits;
  rows.code_max = (1 << bits) - 1;
  MICA_TRY(indexed_groups(layer, ".g_idx", &rows));
  const size_t stride = rows.rows * kWordBytes;
  for (size_t row = 0; row < rows.rows; ++row)
    for (size_t group = 0; group < rows.groups; ++group)
      rows.zeros.push_back(static_cast<int32_t>(gptq_zero(
          zeros->bytes.data() + group * zeros->shape[1] * kWordBytes, row, bits, layer.config)));
  rows.read = [&](size_t row, int32_t* codes) {
    for (size_t k = 0; k < rows.columns; ++k)
      codes[k] = static_cast<int32_t>(packed_field(words->bytes.data() + row * kWordBytes, stride, k, bits));
  };
  return make_integer_rows(layer, rows, &out->emplace_back(), owned);
}

namespace {

// weight_zero_point: packed along the rows with the codes' offset, or a byte for each group or for all.
Status read_compressed_zeros(const LayerTensors& layer, uint32_t bits, int32_t offset, IntegerRows* rows) {
  const TensorView* zeros = layer.find(".weight_zero_point");
  const size_t count = rows->rows * rows->groups;
  if (zeros == nullptr) {
    if (offset != 0) rows->zeros.assign(count, offset);
    return Status::ok();
  }
  rows->zeros.reserve(count);
  // Of a whole tensor one.
  if (zeros->dtype == DType::i8 && (zeros->bytes.size() == count || (zeros->bytes.size() == 1 && rows->groups == 1))) {
    for (size_t i = 0; i < count; ++i)
      rows->zeros.push_back(static_cast<int8_t>(zeros->bytes[zeros->bytes.size() == 1 ? 0 : i]) + offset);
    return Status::ok();
  }
  MICA_TRY(layer.require_words(".weight_zero_point", &zeros));
  if (zeros->shape[0] != ceil_div(rows->rows * bits, kWordBits) || zeros->shape[1] != rows->groups)
    return layer.error("weight_zero_point has another shape than the scales ask for");
  for (size_t row = 0; row < rows->rows; ++row)
    for (size_t group = 0; group < rows->groups; ++group)
      rows->zeros.push_back(static_cast<int32_t>(
          packed_field(zeros->bytes.data() + group * kWordBytes, rows->groups * kWordBytes, row, bits)));
  return Status::ok();
}

// Scales [rows, groups], of channels [rows, 1] or [rows], of a whole tensor one.
Status read_compressed_scales(const LayerTensors& layer, IntegerRows* rows) {
  const TensorView* scales = nullptr;
  MICA_TRY(layer.require(".weight_scale", 0, &scales));
  size_t count = 1;
  for (uint32_t i = 0; i < scales->rank; ++i) count *= scales->shape[i];
  if (count == 1 && rows->rows != 1) {
    std::vector<float> one;
    MICA_TRY(layer.floats(".weight_scale", 1, &one));
    rows->groups = 1;
    rows->scales.assign(rows->rows, one[0]);
    return Status::ok();
  }
  if (rows->rows == 0 || count % rows->rows != 0 || count == 0 || scales->shape[0] != rows->rows)
    return layer.error("weight_scale has another shape than the weights ask for");
  rows->groups = count / rows->rows;
  return layer.floats(".weight_scale", count, &rows->scales);
}

// Bytes with a sign, [rows, columns].
Status read_signed_bytes(const LayerTensors& layer, const TensorView** weight, IntegerRows* rows) {
  MICA_TRY(layer.require(".weight", 2, weight));
  const TensorView* bytes = *weight;
  if (bytes->dtype != DType::i8 || bytes->bytes.empty())
    return layer.unsupported("its weight is stored neither packed nor as bytes with a sign");
  rows->rows = bytes->shape[0];
  rows->columns = bytes->shape[1];
  rows->code_min = -128;
  rows->code_max = 127;
  rows->read = [bytes, columns = rows->columns](size_t row, int32_t* codes) {
    const uint8_t* line = bytes->bytes.data() + row * columns;
    for (size_t k = 0; k < columns; ++k) codes[k] = static_cast<int8_t>(line[k]);
  };
  return Status::ok();
}

Status read_compressed_bytes(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  IntegerRows rows;
  const TensorView* weight = nullptr;
  MICA_TRY(read_signed_bytes(layer, &weight, &rows));
  MICA_TRY(read_compressed_scales(layer, &rows));
  MICA_TRY(staircase(layer, 0, &rows));
  MICA_TRY(read_compressed_zeros(layer, 8, 0, &rows));
  return make_integer_rows(layer, rows, &out->emplace_back(), owned);
}

}  // namespace

Status read_compressed(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  const TensorView *words = nullptr, *shape = nullptr;
  if (layer.find(".weight_packed") == nullptr) return read_compressed_bytes(layer, out, owned);
  MICA_TRY(layer.require_words(".weight_packed", &words));
  MICA_TRY(layer.require(".weight_shape", 1, &shape));
  IntegerRows rows;
  uint64_t sizes[2] = {};
  if (shape->shape[0] != 2 || (shape->dtype != DType::i64 && shape->dtype != DType::i32))
    return layer.error("weight_shape should be two integers");
  for (size_t i = 0; i < 2; ++i)
    std::memcpy(&sizes[i], shape->bytes.data() + i * shape->bytes.size() / 2, shape->bytes.size() / 2);
  // How many bits the words of a row hold; what the config says, where a short row could have several.
  uint32_t bits = 0;
  const auto fits = [&](uint32_t each) {
    return sizes[1] < SIZE_MAX / kWordBits && ceil_div(sizes[1] * each, kWordBits) == words->shape[1];
  };
  for (uint32_t each = 2; each <= 8; ++each)
    if (fits(each) && (bits == 0 || each == layer.config.bits)) bits = each;
  if (bits == 0 || sizes[0] != words->shape[0] || words->bytes.empty())
    return layer.error("weight_packed has another shape than weight_shape asks for");
  rows.rows = sizes[0];
  rows.columns = sizes[1];
  rows.code_max = (1 << bits) - 1;
  MICA_TRY(read_compressed_scales(layer, &rows));
  MICA_TRY(indexed_groups(layer, ".weight_g_idx", &rows));
  MICA_TRY(read_compressed_zeros(layer, bits, 1 << (bits - 1), &rows));
  rows.read = [&](size_t row, int32_t* codes) {
    const uint8_t* line = words->bytes.data() + row * words->shape[1] * kWordBytes;
    for (size_t k = 0; k < rows.columns; ++k) codes[k] = static_cast<int32_t>(packed_field(line, kWordBytes, k, bits));
  };
  return make_integer_rows(layer, rows, &out->emplace_back(), owned);
}

// bitsandbytes: SCB is each row's largest magnitude, which code 127 stands for.
Status read_eight_bits(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  IntegerRows rows;
  const TensorView* weight = nullptr;
  MICA_TRY(read_signed_bytes(layer, &weight, &rows));
  MICA_TRY(layer.floats(".SCB", rows.rows, &rows.scales));
  for (float& scale : rows.scales) scale /= 127;
  rows.groups = 1;
  // 0: rows as they are, which files have; others are of GPUs' tiles.
  const TensorView* order = layer.find(".weight_format");
  if (order != nullptr && std::any_of(order->bytes.begin(), order->bytes.end(), [](uint8_t byte) { return byte != 0; }))
    return layer.unsupported("weight_format is not 0: its rows are in the order of a GPU's tiles");
  MICA_TRY(staircase(layer, 0, &rows));
  return make_integer_rows(layer, rows, &out->emplace_back(), owned);
}

Status read_mlx(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned) {
  uint32_t bits = layer.config.bits, group = layer.config.group;
  if (const JsonValue own = layer.config.modules.find(layer.name); own.is_object()) {
    std::string_view mode;
    MICA_TRY(get_string_or(own, "mode", "affine", &mode));
    if (mode != "affine") return own.error(Code::unsupported, "has a mode that mica does not read: affine it does");
    MICA_TRY(get_u32_or(own, "bits", 2, 8, bits, &bits));
    MICA_TRY(get_u32_or(own, "group_size", 1, limits::kFeedForwardMax, group, &group));
  }
  const TensorView *words = nullptr, *scales = nullptr;
  MICA_TRY(layer.require_words(".weight", &words));
  MICA_TRY(layer.require(".scales", 2, &scales));
  IntegerRows rows;
  rows.rows = words->shape[0];
  rows.columns = words->shape[1] * kWordBits / bits;
  rows.groups = scales->shape[1];
  rows.minimums = true;
  rows.code_max = (1 << bits) - 1;
  if (words->bytes.empty() || scales->shape[0] != rows.rows || rows.columns == 0 || rows.columns % group != 0 ||
      rows.columns / group != rows.groups || words->shape[1] * kWordBits % bits != 0)
    return layer.error("weight and scales have other shapes than bits and group_size ask for");
  MICA_TRY(layer.floats(".scales", rows.rows * rows.groups, &rows.scales));
  MICA_TRY(layer.floats(".biases", rows.rows * rows.groups, &rows.minimum));
  MICA_TRY(staircase(layer, group, &rows));
  rows.read = [&](size_t row, int32_t* codes) {
    const uint8_t* line = words->bytes.data() + row * words->shape[1] * kWordBytes;
    for (size_t k = 0; k < rows.columns; ++k) codes[k] = static_cast<int32_t>(packed_field(line, kWordBytes, k, bits));
  };
  return make_integer_rows(layer, rows, &out->emplace_back(), owned);
}

}  // namespace mica
