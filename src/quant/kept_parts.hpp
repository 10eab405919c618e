// KeptParts: what of a model stays as it is stored when it is quantized, and which models stay as a whole. Not how the
// rest is rounded: quantize.cpp.
#pragma once

#include <set>
#include <string>

#include "model.hpp"
#include "packed_tensors.hpp"
#include "quantize.hpp"
#include "status.hpp"
#include "tensor_source.hpp"

namespace mica {

// Error: invalid_argument for a packed file with static scales, and a checkpoint whose matrices have static ranges.
Status check_unquantized(const Model& model);

// Parts that read rows without a quant point, or whose rows are kept within bounds, keep their type: the options ask no
// longer for them, and the report says why.
void keep_parts(const ModelSpec& spec, QuantizeOptions* options, QuantizeReport* report);

// What a matrix's name in a checkpoint may end in.
inline constexpr const char* kMatrixSuffixes[] = {"", ".weight", ".bias"};
struct FoldedParts {
  bool decoder, vision;  // whose norms and scales are in their matrices
};
// Adds every tensor of the family that is not `replaced`: names by slot and layer, so that what no loop reads stays
// behind.
void add_kept_tensors(const Model& model, const FileTensors& names, const FoldedParts& folded,
                      std::set<std::string> replaced, PackedTensors* tensors);

}  // namespace mica
