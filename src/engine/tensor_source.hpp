// TensorSource: where the loader takes each slot's tensor from: a model file, by the family's name tables, or thin air
// for published shapes. Not the order of loading: weights.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "family.hpp"
#include "matrix.hpp"
#include "model_files.hpp"
#include "own_bytes.hpp"
#include "status.hpp"
#include "stored_matrix.hpp"
#include "weight_tags.hpp"
#include "weights.hpp"

namespace mica {

// The row of a family's names for each place.
class NamesOfPlaces {
 public:
  void set(const TensorName& name) { at(name.section, name.slot) = &name; }
  // Null where the family has none.
  const TensorName* of(const Place& place) const { return at(place.section, place.slot); }

 private:
  static constexpr size_t kSlots = static_cast<size_t>(Slot::count);
  const TensorName*& at(Section section, Slot slot) {
    return names_[static_cast<size_t>(section)][static_cast<size_t>(slot)];
  }
  const TensorName* at(Section section, Slot slot) const {
    return names_[static_cast<size_t>(section)][static_cast<size_t>(slot)];
  }
  const TensorName* names_[static_cast<size_t>(Section::count)][kSlots] = {};
};

// Of a matrix, and of the stored one that it may be a part of.
struct MatrixShape {
  size_t rows = 0, columns = 0;
  FusedShape fused = {};
};

class TensorSource {
 public:
  explicit TensorSource(OwnedBytes* owned) : owned_(owned) {}
  virtual ~TensorSource() = default;

  virtual Status choose_roots(const ModelSpec& spec) = 0;
  // What the file says about its streams (static_format.hpp), before any tensor is loaded.
  virtual Status transforms(const ModelSpec&, Weights*) { return Status::ok(); }
  // The scales of quant points and what depends on all tensors, after they are loaded.
  virtual Status static_parts(const ModelSpec& spec, Weights* weights) {
    quant_points(spec, weights);
    return Status::ok();
  }
  // The matrix of a slot, with its bias if there is one; no rows when the family or the file has none and needs none.
  virtual Status matrix(const Place& place, const MatrixShape& shape, Matrix* out) = 0;
  // The matrix in front of that of a slot (FirstFactor): no rows where the file has none. `shape` is that of both together.
  virtual Status first_factor(const Place&, const MatrixShape&, Matrix* out) {
    *out = Matrix{};
    return Status::ok();
  }
  // A vector as floats, null likewise. `suffix`: ".weight", ".bias", or "" for a parameter without one.
  virtual Status vector(const Place& place, const char* suffix, size_t count, const float** out) = 0;

  // The bounds of what enters and leaves the matrix of a slot.
  virtual Status bounds(const Place& place, const RowBounds** out) = 0;

  // True where biases and norms may be folded into what the config says has none.
  virtual bool packed() const { return true; }
  virtual const char* path() const { return ""; }
  virtual bool stored(const Place&) const { return false; }
  // True where embedding and head are stored with the same bytes.
  virtual bool same_vocabulary() { return false; }
  virtual Status missing(const Place&) const { return Status::ok(); }

  uint64_t parameters() const { return parameters_; }
  uint64_t bytes() const { return bytes_; }

 protected:
  // Memory that lives as long as the weights, 64-byte aligned; null when there is none left.
  uint8_t* own(size_t bytes) { return own_bytes(bytes, owned_); }

  OwnedBytes* owned_;
  uint64_t parameters_ = 0;
  uint64_t bytes_ = 0;
};

class FileTensors : public TensorSource {
 public:
  FileTensors(const ModelFiles& files, OwnedBytes* owned) : TensorSource(owned), files_(files) {}
  Status choose_roots(const ModelSpec& spec) override;
  Status matrix(const Place& place, const MatrixShape& shape, Matrix* out) override;
  Status first_factor(const Place& place, const MatrixShape& shape, Matrix* out) override;
  Status vector(const Place& place, const char* suffix, size_t count, const float** out) override;
  Status bounds(const Place& place, const RowBounds** out) override;
  Status transforms(const ModelSpec& spec, Weights* weights) override;
  Status static_parts(const ModelSpec& spec, Weights* weights) override;
  // Of bound `index` of a place, of kBoundCount; empty when the family has none there.
  static constexpr size_t kBoundCount = 4;
  std::string bound_name(const Place& place, size_t index) const;
  bool packed() const override { return files_.kind() == ModelFiles::Kind::packed; }
  const char* path() const override { return files_.path(); }
  bool stored(const Place& place) const override { return find(place, ".weight") != nullptr; }
  bool same_vocabulary() override;
  // After all are loaded: a warning to the log with names of stored tensors that were not read, as a tower beside a
  // decoder that is opened alone, layers that the config does not count, or a bias that such a model has not.
  void warn_of_unread(const ModelSpec& spec) const;
  Status missing(const Place& place) const override { return missing(stored_name(place, ".weight")); }
  // A place's tensor after choose_roots, as it is called with `suffix` behind it; empty when the family has none.
  std::string stored_name(const Place& place, const char* suffix) const {
    return names_.of(place) ? full_name(*names_.of(place), place.layer, suffix) : std::string();
  }
  // What it is called in a packed file where it is quantized: the same, but for parts of a stored matrix.
  std::string name(const Place& place, const char* suffix) const;
  // What is added to a norm's stored weight.
  float plus(const Place& place) const { return names_.of(place) && !norms_whole_ ? names_.of(place)->plus : 0; }

 private:
  bool stands_under(const ModelSpec& spec, size_t section, const char* root);
  const TensorView* find(const Place& place, const char* suffix) const {
    const TensorView* own = files_.find(name(place, suffix));
    return own != nullptr ? own : files_.find(stored_name(place, suffix));
  }
  Status load_bias(const Place& place, const MatrixShape& shape, Matrix* out);
  Status floats(const TensorView& tensor, const Place& place, const MatrixShape& shape, Matrix* out);
  // Of a checkpoint with static ranges; `found` is false where the slot's matrix is not of one.
  Status static_ranges(const Place& place, const MatrixShape& shape, Matrix* out, bool* found);
  Status read_steps(const std::string& base, RowSteps* out);
  Status panels(const TensorView& tensor, const std::string& name, size_t rows, size_t columns, Matrix* out);
  Status levels(const std::string& base, Matrix* out);
  Status kept_channels(const std::string& base, size_t rows, size_t columns, Matrix* out);
  Status check_finite(const std::string& name, const float* values, size_t count) const;
  std::string full_name(const TensorName& name, uint32_t layer, const char* suffix) const {
    return full_name(name.section, name.pattern, layer, suffix);
  }
  std::string full_name(Section section, const char* pattern, uint32_t layer, const char* suffix) const;
  Status missing(const std::string& name) const;
  Status widen(const TensorView& tensor, const std::string& name, size_t count, const float** out);

  const ModelFiles& files_;
  WeightTags tags_;  // after transforms()
  NamesOfPlaces names_;
  bool norms_whole_ = false;  // DecoderSpec's
  std::vector<const TensorView*> read_;  // those that became weights, or are the same as one that did
  const char* roots_[static_cast<size_t>(Section::count)] = {"", "", "", "", "", "", ""};
};

// Random values of a size that keeps activations in range; norms of one, no biases. Packed storage comes with what the
// static format does online (rotations, scales of quant points), so that a shape measures what a packed model would.
class RandomTensors : public TensorSource {
 public:
  // `present`: false tells of matrices without making them, for a model that is asked what it would take.
  RandomTensors(WeightFormat text, WeightFormat vision, bool present, OwnedBytes* owned)
      : TensorSource(owned), formats_{text, text, vision, vision, vision, vision, vision}, present_(present) {}
  Status choose_roots(const ModelSpec& spec) override;
  Status matrix(const Place& place, const MatrixShape& shape, Matrix* out) override;
  Status vector(const Place& place, const char* suffix, size_t count, const float** out) override;
  Status bounds(const Place& place, const RowBounds** out) override;
  Status transforms(const ModelSpec& spec, Weights* weights) override;
  Status static_parts(const ModelSpec& spec, Weights* weights) override;
  bool stored(const Place& place) const override { return names_.of(place) != nullptr; }
  bool same_vocabulary() override { return true; }

 private:
  Status brain_floats(size_t rows, size_t columns, Matrix* out);
  Status panels(size_t rows, size_t columns, WeightFormat format, Matrix* out);

  WeightFormat formats_[static_cast<size_t>(Section::count)];
  bool present_;
  NamesOfPlaces names_;
  std::vector<uint16_t> pattern_;
};

}  // namespace mica
