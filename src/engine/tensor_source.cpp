// TensorSource: names, shapes and storage of tensors. What a slot is for: weights.cpp.
#include "tensor_source.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "checked.hpp"
#include "config_table.hpp"
#include "foreign_weights.hpp"
#include "kernel_choice.hpp"
#include "log.hpp"
#include "static_format.hpp"

namespace mica {

uint8_t* own_bytes(size_t bytes, OwnedBytes* owned) {
  constexpr size_t kAlignment = 64;
  std::unique_ptr<uint8_t[]> block(new (std::nothrow) uint8_t[bytes + kAlignment]);
  if (!block) return nullptr;
  const uintptr_t address = reinterpret_cast<uintptr_t>(block.get());
  uint8_t* aligned = block.get() + (round_up(address, kAlignment) - address);
  owned->push_back(std::move(block));
  return aligned;
}

namespace {

Status no_memory(size_t bytes) {
  return Status::error(Code::out_of_memory, "no memory for %zu bytes of weights", bytes);
}

// [2, 3] for messages.
std::string shape_text(const TensorView& tensor) {
  std::string text = "[";
  for (uint32_t i = 0; i < tensor.rank; ++i) text += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

uint64_t element_count(const TensorView& tensor, uint32_t first_dimension = 0) {
  uint64_t count = 1;
  for (uint32_t i = first_dimension; i < tensor.rank; ++i) count *= tensor.shape[i];
  return count;
}

// Rows of a packed file end at whole lines of 64 bytes (DESIGN 4); those of a checkpoint have no padding.
bool fits(const ModelFiles& files, uint64_t stored, size_t wanted) {
  if (files.kind() != ModelFiles::Kind::packed) return stored == wanted;
  return stored >= wanted && stored - wanted < 64;
}

}  // namespace

// ---- files ----------------------------------------------------------------------------------------------------------

std::string FileTensors::full_name(Section section, const char* pattern, uint32_t layer, const char* suffix) const {
  std::string text = roots_[static_cast<size_t>(section)];
  const size_t length = std::strlen(pattern);
  if (length != 0 && pattern[length - 1] == '_' && *suffix == '.') ++suffix;
  const char* place = std::strstr(pattern, "{}");
  if (place == nullptr) return text + pattern + suffix;
  text.append(pattern, place);
  return text + std::to_string(layer) + (place + 2) + suffix;
}

std::string FileTensors::name(const Place& place, const char* suffix) const {
  const TensorName* name = names_.of(place);
  if (name == nullptr || !StoredMatrix::is_part(name->stored)) return stored_name(place, suffix);
  return stored_name(place, ".") + part_of(place.slot).name + suffix;
}

namespace {

// What the published programs do not read either: tables that positions are computed from, counters, the norm behind a
// CLIP tower, whose features are taken before it, and a part that guesses further tokens in training (Qwen3.5).
constexpr std::string_view kReadByNobody[] = {"inv_freq", "position_ids", "rope_freqs.weight", "num_batches_tracked",
                                              "masked_bias", "post_layernorm.weight", "post_layernorm.bias"};

bool is_read_by_nobody(std::string_view name) {
  return name.starts_with("mtp.") || std::any_of(std::begin(kReadByNobody), std::end(kReadByNobody),
                                                 [name](std::string_view end) { return name.ends_with(end); });
}

// "ROOTlayers.N." for an N from `first` to `last`.
bool is_of_layer(std::string_view name, const char* root, uint32_t first, uint32_t last) {
  for (uint32_t layer = first; layer < last; ++layer)
    if (name.starts_with(root + ("layers." + std::to_string(layer) + "."))) return true;
  return false;
}

}  // namespace

void FileTensors::warn_of_unread(const ModelSpec& spec) const {
  if (packed()) return;  // mica's own, with all that its writer put beside the weights
  std::vector<const TensorView*> known = read_;
  // Layers of a tower above the one that its features are taken from: published checkpoints have them too.
  for (const auto& table : name_tables(spec))
    for (const TensorName& name : table)
      for (uint32_t layer = spec.vision.layers_used; layer < spec.vision.layers; ++layer)
        for (const char* suffix : {".weight", ".bias", ""})
          if (is_tower(name.section) && is_layered(name.slot))
            known.push_back(files_.find(full_name(name, layer, suffix)));
  // Keys and values of layers that borrow those of others: published checkpoints may have them.
  for (uint32_t layer = 0; layer < spec.decoder.layers; ++layer)
    for (const PartInfo& part : parts_of_layers())
      if (part.lacking != nullptr && !is_part_of(part, spec.decoder.layer(layer)))
        known.push_back(find({Section::decoder, part.slot, layer}, ".weight"));
  std::sort(known.begin(), known.end());
  constexpr size_t kNamesMax = 3;
  size_t unread = 0;
  std::string names;
  const DecoderSpec& d = spec.decoder;
  const char* root = roots_[static_cast<size_t>(Section::decoder)];
  for (const TensorView& tensor : files_.tensors()) {
    if (matches_any(spec.family->unread, tensor.name) ||
        is_of_layer(tensor.name, root, d.layers, d.layers + d.next_token_layers))
      continue;
    if (is_read_by_nobody(tensor.name) || std::binary_search(known.begin(), known.end(), &tensor)) continue;
    if (unread++ < kNamesMax) names += (names.empty() ? "" : ", ") + std::string(tensor.name);
  }
  if (unread == 0) return;
  log_message(LogLevel::warning,
              "%s: %zu of %zu stored tensors are read by no part of this model (%s%s): if they belong to it, its "
              "config.json is of another one or its kind has what mica does not compute, and answers are off",
              files_.path(), unread, files_.tensors().size(), names.c_str(), unread > kNamesMax ? ", ..." : "");
}

Status FileTensors::missing(const std::string& name) const {
  MICA_TRY(refuse_foreign_weights(files_, name));
  return Status::error(Code::not_found, "%s: there is no tensor \"%s\"; is the checkpoint complete?", files_.path(),
                       name.c_str());
}

bool FileTensors::same_vocabulary() {
  const TensorView* embedding = files_.find(stored_name({Section::decoder, Slot::embedding}, ".weight"));
  const TensorView* head = files_.find(stored_name({Section::head, Slot::lm_head}, ".weight"));
  const bool same = embedding && head && embedding->dtype == head->dtype &&
                    embedding->bytes.size() == head->bytes.size() &&
                    std::memcmp(embedding->bytes.data(), head->bytes.data(), head->bytes.size()) == 0;
  if (same) read_.push_back(head);
  return same;
}

// Whether any of a section's tensors besides those of layers that are counted stands under a root.
bool FileTensors::stands_under(const ModelSpec& spec, size_t section, const char* root) {
  roots_[section] = root;
  for (const auto& table : name_tables(spec))
    for (const TensorName& name : table)
      if (static_cast<size_t>(name.section) == section && (!is_layered(name.slot) || name.section == Section::inner) &&
          files_.find(full_name(name, 0, ".weight")))
        return true;
  return false;
}

Status FileTensors::choose_roots(const ModelSpec& spec) {
  norms_whole_ = spec.decoder.norms_whole || (spec.family->mlx_adds_to_norms && !packed() &&
                                              files_.metadata("format") == "mlx");
  for (const auto& table : name_tables(spec))
    for (const TensorName& name : table) names_.set(name);
  for (size_t section = 0; section < std::size(roots_); ++section) {
    const auto& roots = spec.family->roots[section];
    if (roots.empty()) continue;
    const auto found = std::find_if(roots.begin(), roots.end(),
                                    [&](const char* root) { return stands_under(spec, section, root); });
    roots_[section] = found != roots.end() ? *found : roots[0];
  }
  return Status::ok();
}

Status FileTensors::widen(const TensorView& tensor, const std::string& name, size_t count, const float** out) {
  MICA_TRY(refuse_foreign_weights(files_, name));
  read_.push_back(&tensor);
  // Rows of a packed file end at whole lines, where a parameter of several dimensions is a list here.
  const size_t rows = tensor.rank > 1 && tensor.shape[0] != 0 && count % tensor.shape[0] == 0 ? tensor.shape[0] : 1;
  const uint64_t stored = element_count(tensor) / rows;
  if (element_count(tensor) % rows != 0 || !fits(files_, stored, count / rows))
    return Status::error(Code::corrupt_file, "%s: tensor \"%s\" has shape %s where the config asks for %zu values",
                         files_.path(), name.c_str(), shape_text(tensor).c_str(), count);
  const DTypeLayout& layout = dtype_layout(tensor.dtype);
  if (!layout.weights || count / rows % layout.block_values != 0 || stored % layout.block_values != 0)
    return Status::error(Code::unsupported, "%s: tensor \"%s\" is stored as %s, which cannot be a vector",
                         files_.path(), name.c_str(), layout.name);
  uint8_t* memory = own(count * sizeof(float));
  if (memory == nullptr) return no_memory(count * sizeof(float));
  float* values = reinterpret_cast<float*>(memory);
  for (size_t row = 0; row < rows; ++row)
    widen_row(definition_kernels(), tensor.dtype, values + row * (count / rows),
              tensor.bytes.data() + row * (stored / layout.block_values * layout.block_bytes), count / rows);
  parameters_ += count;
  bytes_ += tensor.bytes.size();
  *out = values;
  return Status::ok();
}

Status FileTensors::vector(const Place& place, const char* suffix, size_t count, const float** out) {
  const TensorName* name = names_.of(place);
  *out = nullptr;
  if (name == nullptr) return Status::ok();
  std::string full = full_name(*name, place.layer, suffix);
  const TensorView* tensor = files_.find(full);
  if (tensor == nullptr && *suffix == '\0') {
    // A table of positions is a parameter of its own in one family and an embedding, with a weight, in another.
    full += ".weight";
    tensor = files_.find(full);
  }
  if (tensor == nullptr) return name->required ? missing(full) : Status::ok();
  MICA_TRY(widen(*tensor, full, count, out));
  const float plus = this->plus(place);
  if (plus == 0 || std::strcmp(suffix, ".weight") != 0) return Status::ok();
  auto* values = const_cast<float*>(*out);  // widened into our own memory
  for (size_t i = 0; i < count; ++i) values[i] += plus;
  return Status::ok();
}

Status FileTensors::matrix(const Place& place, const MatrixShape& shape, Matrix* out) {
  const TensorName* name = names_.of(place);
  *out = Matrix{};
  if (name == nullptr) return Status::ok();
  bool found = false;
  MICA_TRY(static_ranges(place, shape, out, &found));
  if (found) return Status::ok();
  const TensorView* tensor = find(place, ".weight");
  if (tensor == nullptr) tensor = files_.find(stored_name(place, ""));
  if (tensor == nullptr) return name->required ? missing(place) : Status::ok();
  MICA_TRY(refuse_foreign_weights(files_, std::string(tensor->name)));
  read_.push_back(tensor);
  const bool packed =
      files_.kind() == ModelFiles::Kind::packed && (tensor->dtype == DType::u8 || tensor->dtype == DType::i8);
  if (packed)
    MICA_TRY(panels(*tensor, this->name(place, ""), shape.rows, shape.columns, out));
  else
    MICA_TRY(floats(*tensor, place, shape, out));
  // No decoder of ours has one at its vocabulary: the published programs leave it out too.
  if (place.slot == Slot::embedding || place.slot == Slot::lm_head) return Status::ok();
  return load_bias(place, shape, out);
}

std::string FileTensors::bound_name(const Place& place, size_t index) const {
  constexpr const char* kSuffixes[kBoundCount] = {".input_min", ".input_max", ".output_min", ".output_max"};
  const TensorName* name = names_.of(place);
  if (name == nullptr || name->bounds == nullptr) return {};
  return full_name(name->section, name->bounds, place.layer, kSuffixes[index]);
}

Status FileTensors::bounds(const Place& place, const RowBounds** out) {
  auto* made = reinterpret_cast<RowBounds*>(own(sizeof(RowBounds)));
  if (made == nullptr) return no_memory(sizeof(RowBounds));
  float* const values[kBoundCount] = {&made->in_min, &made->in_max, &made->out_min, &made->out_max};
  for (size_t i = 0; i < kBoundCount; ++i) {
    const std::string name = bound_name(place, i);
    const TensorView* tensor = files_.find(name);
    if (tensor == nullptr) return missing(name);
    const float* value = nullptr;
    MICA_TRY(widen(*tensor, name, 1, &value));
    *values[i] = *value;
  }
  if (!(made->in_min <= made->in_max && made->out_min <= made->out_max))
    return Status::error(Code::corrupt_file, "%s: \"%s\" is not below the bound beside it, or is no number",
                         files_.path(), bound_name(place, made->in_min <= made->in_max ? 2 : 0).c_str());
  *out = made;
  return Status::ok();
}

Status FileTensors::floats(const TensorView& tensor, const Place& place, const MatrixShape& shape, Matrix* out) {
  const std::string name(tensor.name);
  const Stored as = tags_.are_floats(this->name(place, "")) ? Stored::as_it_is : names_.of(place)->stored;
  const StoredMatrix stored(as, shape.rows, shape.columns, shape.fused);
  if (tensor.rank < 2 || tensor.shape[0] != stored.rows() ||
      !fits(files_, element_count(tensor, 1), stored.columns()))
    return Status::error(Code::corrupt_file, "%s: tensor \"%s\" has shape %s where the config asks for [%zu, %zu]",
                         files_.path(), name.c_str(), shape_text(tensor).c_str(), stored.rows(), stored.columns());
  const DTypeLayout& layout = dtype_layout(tensor.dtype);
  if (tensor.dtype == DType::nvfp4 && files_.find(stored_name(place, ".scale")) != nullptr)
    return Status::error(Code::unsupported,
                         "%s: tensor \"%s\" has a scale of the whole matrix beside those of its blocks, which mica does "
                         "not multiply by: take a file of another type",
                         files_.path(), name.c_str());
  if (!layout.weights || stored.columns() % layout.block_values != 0)
    return Status::error(Code::unsupported,
                         "%s: tensor \"%s\" is stored as %s with rows of %zu, which mica does not read", files_.path(),
                         name.c_str(), layout.name, stored.columns());
  const size_t stored_stride = tensor.bytes.size() / stored.rows();
  out->rows = shape.rows;
  out->columns = shape.columns;
  out->dtype = tensor.dtype;
  out->stride_bytes = stored_stride;
  if (stored.is_view()) {
    out->data = tensor.bytes.data() + stored.row_of(0) * stored_stride;
  } else if (stored.moves_columns() && layout.block_values != 1) {
    // Values leave their blocks: floats.
    const size_t row_bytes = stored.columns() * sizeof(float);
    uint8_t* wide = own(stored.rows() * row_bytes);
    uint8_t* memory = own(shape.rows * shape.columns * sizeof(float));
    if (wide == nullptr || memory == nullptr) return no_memory(stored.rows() * row_bytes);
    for (size_t row = 0; row < stored.rows(); ++row)
      widen_row(definition_kernels(), tensor.dtype, reinterpret_cast<float*>(wide + row * row_bytes),
                tensor.bytes.data() + row * stored_stride, stored.columns());
    out->dtype = DType::f32;
    out->stride_bytes = shape.columns * sizeof(float);
    stored.copy(wide, row_bytes, sizeof(float), memory, out->stride_bytes);
    out->data = memory;
  } else {
    out->stride_bytes = shape.columns / layout.block_values * layout.block_bytes;
    uint8_t* memory = own(shape.rows * out->stride_bytes);
    if (memory == nullptr) return no_memory(shape.rows * out->stride_bytes);
    stored.copy(tensor.bytes.data(), stored_stride, layout.block_bytes, memory, out->stride_bytes);
    out->data = memory;
  }
  parameters_ += static_cast<uint64_t>(shape.rows) * shape.columns;
  bytes_ += shape.rows * out->stride_bytes;
  return Status::ok();
}

Status FileTensors::load_bias(const Place& place, const MatrixShape& shape, Matrix* out) {
  const std::string own_name = name(place, ".bias"), shared = stored_name(place, ".bias");
  if (const TensorView* bias = files_.find(own_name); bias && own_name != shared)
    return widen(*bias, own_name, shape.rows, &out->bias);
  const TensorView* bias = files_.find(shared);
  if (bias == nullptr) return Status::ok();
  const StoredMatrix stored(names_.of(place)->stored, shape.rows, shape.columns, shape.fused);
  if (!stored.is_part()) return widen(*bias, shared, shape.rows, &out->bias);
  // Its share of a matrix that several slots read.
  const float* all = nullptr;
  MICA_TRY(widen(*bias, shared, stored.rows(), &all));
  parameters_ -= stored.rows() - shape.rows;
  if (stored.is_view()) {
    out->bias = all + stored.row_of(0);
    return Status::ok();
  }
  auto* picked = reinterpret_cast<float*>(own(shape.rows * sizeof(float)));
  if (picked == nullptr) return no_memory(shape.rows * sizeof(float));
  for (size_t row = 0; row < shape.rows; ++row) picked[row] = all[stored.row_of(row)];
  out->bias = picked;
  return Status::ok();
}

// Of what the quantizer writes; weights that a checkpoint brought show by logits that are not finite.
Status FileTensors::check_finite(const std::string& name, const float* values, size_t count) const {
  for (size_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i]))
      return Status::error(Code::corrupt_file, "%s: tensor \"%s\" has %g at channel %zu: quantize the model again",
                           files_.path(), name.c_str(), static_cast<double>(values[i]), i);
  return Status::ok();
}

// Packed integers stay where the file is mapped; `base` is the name without ".weight".
Status FileTensors::panels(const TensorView& tensor, const std::string& base, size_t rows, size_t columns,
                           Matrix* out) {
  WeightFormat format = WeightFormat::floats;
  MICA_TRY(tags_.format_of(base, tensor.dtype, &format));
  const size_t stride = panel_bytes(format, columns);
  if (tensor.bytes.size() != panel_count(rows) * stride || columns > packed_columns_max(format))
    return Status::error(Code::corrupt_file,
                         "%s: tensor \"%s.weight\" has %zu bytes of panels where the config asks for %zu x %zu values",
                         files_.path(), base.c_str(), tensor.bytes.size(), rows, columns);
  out->rows = rows;
  out->columns = columns;
  out->format = format;
  out->data = tensor.bytes.data();
  out->stride_bytes = stride;
  parameters_ += static_cast<uint64_t>(rows) * columns;
  bytes_ += tensor.bytes.size();
  const std::string scale = base + static_format::kScaleSuffix;
  const TensorView* scales = files_.find(scale);
  if (scales == nullptr) return missing(scale);
  MICA_TRY(widen(*scales, scale, rows, &out->scale));
  MICA_TRY(check_finite(scale, out->scale, rows));
  const std::string rank1 = base + static_format::kRank1Suffix;
  const TensorView* terms = files_.find(rank1);
  if (terms != nullptr) {
    MICA_TRY(widen(*terms, rank1, rows, &out->rank1));
    MICA_TRY(check_finite(rank1, out->rank1, rows));
  }
  MICA_TRY(levels(base, out));
  return kept_channels(base, rows, columns, out);
}

Status FileTensors::first_factor(const Place& place, const MatrixShape& shape, Matrix* out) {
  *out = Matrix{};
  if (!packed() || names_.of(place) == nullptr) return Status::ok();
  const std::string base = name(place, static_format::kFirstSuffix), scale = base + static_format::kScaleSuffix;
  const TensorView* tensor = files_.find(base + ".weight");
  if (tensor == nullptr) return Status::ok();
  const TensorView* scales = files_.find(scale);
  if (scales == nullptr) return missing(scale);
  // Its scales are not padded, and so tell how many rows it has.
  const uint64_t rank = element_count(*scales);
  if (rank == 0 || rank % static_format::kRankStep != 0 || rank >= std::min(shape.rows, shape.columns))
    return Status::error(Code::corrupt_file,
                         "%s: \"%s\" is of %llu rows, where the first factor of %zu x %zu values has a multiple of %zu "
                         "that is smaller than both", files_.path(), scale.c_str(),
                         static_cast<unsigned long long>(rank), shape.rows, shape.columns, static_format::kRankStep);
  return panels(*tensor, base, static_cast<size_t>(rank), shape.columns, out);
}

// What the indices of a packed matrix stand for, used where the file is mapped. Kernels rely on their bounds.
Status FileTensors::levels(const std::string& base, Matrix* out) {
  const WeightFormatFacts& facts = facts_of(out->format);
  if (facts.levels == 0) return Status::ok();
  const std::string name = base + static_format::kLevelsSuffix;
  const TensorView* tensor = files_.find(name);
  if (tensor == nullptr) return missing(name);
  if (tensor->dtype != DType::i8 || tensor->bytes.size() < kLevelsMax)
    return Status::error(Code::corrupt_file, "%s: tensor \"%s\" must be I8 of at least %zu values", files_.path(),
                         name.c_str(), kLevelsMax);
  out->levels = reinterpret_cast<const int8_t*>(tensor->bytes.data());
  for (size_t i = 0; i < facts.levels; ++i)
    if (out->levels[i] < facts.code_min || out->levels[i] > facts.code_max)
      return Status::error(Code::corrupt_file, "%s: tensor \"%s\": level %d is not from %d to %d", files_.path(),
                           name.c_str(), out->levels[i], facts.code_min, facts.code_max);
  return Status::ok();
}

// Inputs of a packed matrix that are multiplied in float.
Status FileTensors::kept_channels(const std::string& base, size_t rows, size_t columns, Matrix* out) {
  const std::string name = base + static_format::kKeptChannelsSuffix;
  const TensorView* channels = files_.find(name);
  if (channels == nullptr) return Status::ok();
  const TensorView* weights = files_.find(base + static_format::kKeptSuffix);
  if (weights == nullptr) return missing(base + static_format::kKeptSuffix);
  if (channels->dtype != DType::i32 || weights->dtype != DType::f32 || weights->rank != 2 || weights->shape[0] == 0 ||
      weights->shape[0] > kKeptChannelsMax || weights->shape[0] > element_count(*channels) ||
      weights->shape[1] != round_up(rows, 16))
    return Status::error(Code::corrupt_file, "%s: \"%s\" and its weights do not describe up to %u of %zu inputs",
                         files_.path(), name.c_str(), kKeptChannelsMax, columns);
  const auto count = static_cast<uint32_t>(weights->shape[0]);
  uint8_t* memory = own(count * (sizeof(uint32_t) + rows * sizeof(float)));
  if (memory == nullptr) return no_memory(count * rows * sizeof(float));
  auto* kept = reinterpret_cast<float*>(memory);
  auto* indices = reinterpret_cast<uint32_t*>(kept + count * rows);
  for (uint32_t k = 0; k < count; ++k) {
    int32_t channel = -1;
    std::memcpy(&channel, channels->bytes.data() + k * sizeof channel, sizeof channel);
    if (channel < 0 || static_cast<size_t>(channel) >= columns)
      return Status::error(Code::corrupt_file, "%s: \"%s\": %d is not one of %zu inputs", files_.path(), name.c_str(),
                           channel, columns);
    indices[k] = static_cast<uint32_t>(channel);
    std::memcpy(kept + k * rows, weights->bytes.data() + k * weights->shape[1] * sizeof(float), rows * sizeof(float));
  }
  out->kept_channels = indices;
  out->kept = kept;
  out->kept_count = count;
  return check_finite(base + static_format::kKeptSuffix, kept, count * rows);
}

}  // namespace mica
