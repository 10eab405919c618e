// KernelChoice: the kernels that a program may run by, chosen by name. What Compute::kernels points to. Not the list of
// levels: simd/levels.list.
#pragma once

#include <cstddef>

#include "simd_names.hpp"

namespace mica {

// The kernels of a level by its name ("avx2"), null: of the best level that this processor runs. Null when the name is
// unknown, or the level does not run here.
const simd::Kernels* find_kernels(const char* level);
// Those that all others are compared with: scalar, on every processor.
const simd::Kernels& definition_kernels();
const char* level_of(const simd::Kernels& kernels);

// Every level of the list, those of other processors too.
struct KernelLevel {
  const char* name;
  bool available;  // here
};
size_t kernel_level_count();
KernelLevel kernel_level(size_t index);

}  // namespace mica
