// Quantized files: which tensors are layers, and what stands in their place.
#include "quantized_files.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "json.hpp"
#include "json_document.hpp"
#include "log.hpp"
#include "quantized_layer.hpp"
#include "tensor_table.hpp"

namespace mica {
namespace {

// A kind of quantization: what marks a layer by the end of a tensor's name, and which of its tensors become its weight.
struct KindRow {
  Quantization kind;
  std::span<const char* const> marks;
  std::span<const char* const> used;
  Status (*read)(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
};
constexpr const char* kWords[] = {".qweight"};
constexpr const char* kWordsUsed[] = {".qweight", ".qzeros", ".scales", ".g_idx"};
constexpr const char* kCompressed[] = {".weight_packed", ".weight_scale"};
constexpr const char* kCompressedUsed[] = {".weight_packed", ".weight_shape",  ".weight_scale",  ".weight_zero_point",
                                           ".weight_g_idx",  ".weight",        ".input_scale",   ".input_zero_point",
                                           ".output_scale",  ".output_zero_point"};
constexpr const char* kMlx[] = {".scales"};
constexpr const char* kMlxUsed[] = {".weight", ".scales", ".biases"};
constexpr const char* kFourBit[] = {".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4"};
constexpr const char* kFourBitUsed[] = {
    ".weight",           ".weight.absmax",           ".weight.quant_map", ".weight.nested_absmax",
    ".weight.nested_quant_map", kFourBit[0], kFourBit[1]};
constexpr const char* kEight[] = {".SCB"};
constexpr const char* kEightUsed[] = {".weight", ".SCB", ".weight_format"};
constexpr const char* kAqlm[] = {".codes"};
constexpr const char* kAqlmUsed[] = {".codes", ".codebooks", ".scales"};
constexpr const char* kQuip[] = {".Qidxs"};
constexpr const char* kQuipUsed[] = {".Qidxs",       ".SU",      ".SV",        ".Wscale",    ".codebook_id",
                                     ".fuse_scales", ".scaleWH", ".had_left", ".had_right", ".rank"};
constexpr KindRow kKinds[] = {
    {Quantization::awq, kWords, kWordsUsed, read_awq},
    {Quantization::gptq, kWords, kWordsUsed, read_gptq},
    {Quantization::compressed_tensors, kCompressed, kCompressedUsed, read_compressed},
    {Quantization::mlx, kMlx, kMlxUsed, read_mlx},
    {Quantization::four_bit_floats, kFourBit, kFourBitUsed, read_four_bit_floats},
    {Quantization::eight_bits, kEight, kEightUsed, read_eight_bits},
    {Quantization::aqlm, kAqlm, kAqlmUsed, read_aqlm},
    {Quantization::quip_sharp, kQuip, kQuipUsed, read_quip_sharp},
};

bool is_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

class QuantizedFiles final : public ModelFiles {
 public:
  explicit QuantizedFiles(std::unique_ptr<ModelFiles> files) : files_(std::move(files)) {}

  Status read(const KindRow& kind, const QuantizationConfig& config);
  std::unique_ptr<ModelFiles> release() { return std::move(files_); }

  Kind kind() const override { return files_->kind(); }
  const char* path() const override { return files_->path(); }
  const TensorView* find(std::string_view name) const override { return table_.find(name); }
  std::span<const TensorView> tensors() const override { return table_.all(); }
  Bytes document(std::string_view name) const override { return files_->document(name); }
  const GgufVocabulary* gguf_vocabulary() const override { return files_->gguf_vocabulary(); }
  std::string_view metadata(std::string_view key) const override { return files_->metadata(key); }
  size_t bytes_total() const override { return files_->bytes_total(); }

 private:
  void add(const MadeMatrix& made);

  std::unique_ptr<ModelFiles> files_;
  OwnedBytes owned_;
  std::deque<std::string> names_;  // of what was made
  TensorTable table_;
};

void QuantizedFiles::add(const MadeMatrix& made) {
  TensorView view;
  view.name = names_.emplace_back(made.name + ".weight");
  view.dtype = made.dtype;
  view.type_name = dtype_layout(made.dtype).name;
  view.rank = 2;
  view.shape[0] = made.rows;
  view.shape[1] = made.columns;
  view.bytes = {made.data, made.rows * made.stride_bytes};
  table_.add(view);
}

Status QuantizedFiles::read(const KindRow& kind, const QuantizationConfig& config) {
  std::set<std::string> layers;  // several of whose tensors may be marks
  std::vector<std::string> used;
  MadeMatrices made;
  for (const TensorView& tensor : files_->tensors()) {
    const auto mark = std::find_if(kind.marks.begin(), kind.marks.end(),
                                   [&](const char* end) { return tensor.name.ends_with(end); });
    if (mark == kind.marks.end()) continue;
    const size_t stem = tensor.name.size() - std::string_view(*mark).size();
    const LayerTensors layer{*files_, config, std::string(tensor.name.substr(0, stem))};
    if (!layers.insert(layer.name).second) continue;
    made.clear();
    MICA_TRY(kind.read(layer, &made, &owned_));
    for (const MadeMatrix& matrix : made) add(matrix);
    for (const char* suffix : kind.used) used.push_back(layer.name + suffix);
    // Some writers give every layer a bias of zeros, where the model has none.
    const TensorView* bias = layer.find(".bias");
    if (bias != nullptr && is_zero(bias->bytes)) used.push_back(layer.name + ".bias");
  }
  std::sort(used.begin(), used.end());
  for (const TensorView& tensor : files_->tensors())
    if (!std::binary_search(used.begin(), used.end(), tensor.name)) table_.add(tensor);
  return table_.finish(path());
}

}  // namespace

Status read_quantized(std::unique_ptr<ModelFiles>* files) {
  if ((*files)->kind() != ModelFiles::Kind::huggingface) return Status::ok();
  Json json;
  MICA_TRY(read_json_document(**files, "config.json", &json));
  QuantizationConfig config;
  // What is not read is told where the config is (config.hpp), after the family, which is the better answer.
  if (!read_quantization_config(json.root(), &config) || config.kind == Quantization::none) return Status::ok();
  if (config.kind == Quantization::static_ranges) return Status::ok();
  const auto row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                [&](const KindRow& each) { return each.kind == config.kind; });
  if (config.rows_too)
    log_message(LogLevel::warning,
                "%s: config.json says that rows of activations, or keys and values, are rounded to fewer bits too; mica"
                " takes them as they are, which is nearer to the model before it was quantized",
                (*files)->path());
  auto view = std::make_unique<QuantizedFiles>(std::move(*files));
  const Status status = view->read(*row, config);
  if (!status) {
    *files = view->release();
    return status;
  }
  *files = std::move(view);
  return Status::ok();
}

}  // namespace mica
