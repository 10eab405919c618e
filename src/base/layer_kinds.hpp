// Kinds of norms and activation functions: words that the spec of a model and the ops share. Not their arithmetic.
#pragma once

#include <cstdint>

namespace mica {

enum class Activation : uint8_t { silu, gelu, gelu_tanh, quick_gelu };
enum class Norm : uint8_t { rms, layer };

}  // namespace mica
