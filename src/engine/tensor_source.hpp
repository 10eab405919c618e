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
#include "weights.hpp"

namespace mica {

class TensorSource {
 public:
  explicit TensorSource(OwnedBytes* owned) : owned_(owned) {}
  virtual ~TensorSource() = default;

  virtual Status choose_roots(const ModelSpec& spec) = 0;
  // What the file says about its streams (static_format.hpp), before any tensor is loaded.
  virtual Status transforms(const ModelSpec&, Weights*) { return Status::ok(); }
  // The scales of quant points and what depends on all tensors, after they are loaded.
  virtual Status static_parts(const ModelSpec&, Weights* weights) {
    quant_points(weights);
    return Status::ok();
  }
  // The matrix of a slot, with its bias if there is one; no rows when the family or the file has none and needs none.
  virtual Status matrix(Slot slot, uint32_t layer, size_t rows, size_t columns, Matrix* out) = 0;
  // A vector as floats, null likewise. `suffix`: ".weight", ".bias", or "" for a parameter without one.
  virtual Status vector(Slot slot, uint32_t layer, const char* suffix, size_t count, const float** out) = 0;

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
  Status matrix(Slot slot, uint32_t layer, size_t rows, size_t columns, Matrix* out) override;
  Status vector(Slot slot, uint32_t layer, const char* suffix, size_t count, const float** out) override;
  Status transforms(const ModelSpec& spec, Weights* weights) override;
  Status static_parts(const ModelSpec& spec, Weights* weights) override;
  // A slot's tensor after choose_roots, as it is called with `suffix` behind it; empty when the family has none.
  std::string slot_name(Slot slot, uint32_t layer, const char* suffix) const {
    return name_of(slot) ? full_name(*name_of(slot), layer, suffix) : std::string();
  }

 private:
  Status load_bias(const std::string& name, size_t rows, Matrix* out);
  Status panels(const TensorView& tensor, const std::string& name, size_t rows, size_t columns, Matrix* out);
  Status kept_channels(const std::string& base, size_t rows, size_t columns, Matrix* out);
  const TensorName* name_of(Slot slot) const { return names_[static_cast<size_t>(slot)]; }
  Status check_finite(const std::string& name, const float* values, size_t count) const;
  std::string full_name(const TensorName& name, uint32_t layer, const char* suffix) const;
  Status missing(const std::string& name) const;
  Status widen(const TensorView& tensor, const std::string& name, size_t count, const float** out);

  const ModelFiles& files_;
  const TensorName* names_[static_cast<size_t>(Slot::count)] = {};
  const char* roots_[4] = {"", "", "", ""};
};

// Random values of a size that keeps activations in range; norms of one, no biases. Packed storage comes with what the
// static format does online (rotations, scales of quant points), so that a shape measures what a packed model would.
class RandomTensors : public TensorSource {
 public:
  RandomTensors(RandomStorage text, RandomStorage vision, OwnedBytes* owned)
      : TensorSource(owned), storage_{text, text, vision, vision} {}
  Status choose_roots(const ModelSpec& spec) override;
  Status matrix(Slot slot, uint32_t layer, size_t rows, size_t columns, Matrix* out) override;
  Status vector(Slot slot, uint32_t layer, const char* suffix, size_t count, const float** out) override;
  Status transforms(const ModelSpec& spec, Weights* weights) override;
  Status static_parts(const ModelSpec& spec, Weights* weights) override;

 private:
  Status brain_floats(size_t rows, size_t columns, Matrix* out);
  Status panels(size_t rows, size_t columns, MatrixLayout layout, Matrix* out);

  RandomStorage storage_[4];  // by Part
  const TensorName* names_[static_cast<size_t>(Slot::count)] = {};
  std::vector<uint16_t> pattern_;
};

}  // namespace mica
