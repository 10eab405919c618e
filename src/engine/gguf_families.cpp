// The families of models/ as io reads GGUF files by them.
#include "gguf_families.hpp"

#include <algorithm>

#include "family.hpp"

namespace mica {

namespace {

// Of a place the last row counts, as it does for the loader. Before a name "~": GgufTensorName::in_pairs, "^": turned.
void add_names(const Family& family, std::vector<GgufTensorName>* out) {
  for (size_t table = 0; table < family.tensors.size(); ++table)
    for (const TensorName& name : family.tensors[table]) {
      const auto replaces = [&](const TensorName& other) {
        return other.section == name.section && other.slot == name.slot;
      };
      const bool is_replaced = std::any_of(
          family.tensors.begin() + static_cast<ptrdiff_t>(table) + 1, family.tensors.end(),
          [&](const auto& later) { return std::any_of(later.begin(), later.end(), replaces); });
      const std::string root = family.roots[static_cast<size_t>(name.section)][0];
      if (name.gguf == nullptr || is_replaced) continue;
      const bool in_pairs = name.gguf[0] == '~', turned = name.gguf[0] == '^';
      out->push_back({name.gguf + (in_pairs || turned), root + name.pattern, in_pairs, turned});
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
