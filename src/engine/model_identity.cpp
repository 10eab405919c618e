// Model: which one it is, for files that belong to it. Not a defence against forgery.
#include "crc32c.hpp"
#include "family.hpp"
#include "model.hpp"

namespace mica {
namespace {

// FNV-1a (RFC draft eastlake-fnv), 64 bits: mixes the checksums of some hundred tensors.
class Digest {
 public:
  void add(const void* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) value_ = (value_ ^ static_cast<const uint8_t*>(bytes)[i]) * 0x100000001b3u;
  }
  template <class T>
  void add(T value) {
    add(&value, sizeof value);
  }
  void add(std::string_view text) { add(text.data(), text.size()); }
  // Not zero, which stands for "not computed yet".
  uint64_t value() const { return value_ == 0 ? 1 : value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace

uint64_t identity_of(const Model& model) {
  if (const uint64_t known = model.identity.load(std::memory_order_relaxed)) return known;
  Digest digest;
  digest.add(std::string_view(model.spec.family->name));
  digest.add(model.weights.parameters);
  digest.add(model.weights.bytes);
  if (model.files) {
    digest.add(crc32c(0, model.files->document("config.json")));
    for (const TensorView& tensor : model.files->tensors()) {
      digest.add(tensor.name);
      digest.add(model.files->checksum(tensor));
    }
  }
  // Threads that come here at once find the same.
  model.identity.store(digest.value(), std::memory_order_relaxed);
  return digest.value();
}

}  // namespace mica
