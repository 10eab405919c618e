// KernelChoice: names for simd's table. Not CPU detection: simd/cpu_features.cpp.
#include "kernel_choice.hpp"

#include "kernels.hpp"

namespace mica {

const simd::Kernels* find_kernels(const char* level) {
  return level ? simd::kernels_named(level) : simd::kernels_best();
}

const simd::Kernels& definition_kernels() { return *simd::kernels_at(simd::Level::scalar); }

const char* level_of(const simd::Kernels& kernels) { return kernels.name; }

size_t kernel_level_count() { return static_cast<size_t>(simd::Level::count); }

KernelLevel kernel_level(size_t index) {
  const auto level = static_cast<simd::Level>(index);
  return {simd::level_name(level), simd::kernels_at(level) != nullptr};
}

}  // namespace mica
