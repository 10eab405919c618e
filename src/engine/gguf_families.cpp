// The families of models/ as io reads GGUF files by them.
#include "gguf_families.hpp"

#include <algorithm>

#include "family.hpp"

namespace mica {

namespace {

// What stands before a name for an order.
constexpr struct {
  char mark;
  GgufOrder order;
} kOrders[] = {
    {'~', GgufOrder::pairs_together},        {'^', GgufOrder::turned},
    {'%', GgufOrder::colors_apart},          {'&', GgufOrder::axes_exchanged},
    {'-', GgufOrder::negative_exponentials}, {'#', GgufOrder::vector_colors_apart},
};

constexpr const char* kBounds[] = {".input_min", ".input_max", ".output_min", ".output_max"};

// Of a place the last row counts, as it does for the loader.
void add_names(const Family& family, std::vector<GgufTensorName>* out) {
  for (size_t table = 0; table < family.tensors.size(); ++table)
    for (const TensorName& name : family.tensors[table]) {
      const auto replaces = [&](const TensorName& other) {
        return other.section == name.section && other.slot == name.slot;
      };
      const bool is_replaced =
          std::any_of(family.tensors.begin() + static_cast<ptrdiff_t>(table) + 1, family.tensors.end(),
                      [&](const auto& later) { return std::any_of(later.begin(), later.end(), replaces); });
      const std::string root = family.roots[static_cast<size_t>(name.section)][0];
      if (name.gguf == nullptr || is_replaced) continue;
      GgufTensorName& row = out->emplace_back(GgufTensorName{name.gguf, root + name.pattern});
      for (const auto& one : kOrders)
        if (name.gguf[0] == one.mark) row.gguf.erase(0, 1), row.order = one.order;
      // A matrix's bounds stand beside the module that it is a part of.
      for (const char* bound : kBounds)
        if (name.bounds != nullptr) out->push_back({name.gguf + std::string(bound), root + name.bounds + bound});
    }
}

}  // namespace

std::vector<GgufFamily> gguf_families() {
  std::vector<GgufFamily> out;
  for (const Family* family : kFamilies) {
    const GgufKind& kind = family->gguf;
    if (kind.architecture == nullptr && kind.projector == nullptr) continue;
    GgufFamily& row = out.emplace_back();
    if (kind.architecture != nullptr) row.architecture = kind.architecture;
    if (kind.projector != nullptr) {
      row.projector = kind.projector;
      row.config = kind.config;
      if (kind.told_by != nullptr) row.told_by = kind.told_by;
      row.processor = kind.processor;
    }
    row.class_name = family->architectures[0];
    row.rope_interleaved = kind.rope_interleaved;
    row.text = kind.text;
    add_names(*family, &row.names);
  }
  return out;
}

}  // namespace mica
