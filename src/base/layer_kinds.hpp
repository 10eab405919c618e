// Kinds of norms and activation functions: words that the spec of a model and the ops share. Not their arithmetic.
#pragma once

#include <cstdint>

namespace mica {

enum class Activation : uint8_t { silu, gelu, gelu_tanh, quick_gelu };
enum class Norm : uint8_t { rms, layer };

namespace limits {
inline constexpr uint32_t kConvolutionTapsMax = 16;  // of convolutions over the rows of a text; published ones have 4
}

}  // namespace mica
