// The kernels of each level, and which of them run here. Not a benchmark: a level is chosen by what it needs alone;
// MICA_ISA and the API override.
#include <cstring>

#include "kernels.hpp"
#include "level_tables.hpp"

namespace mica::simd {

namespace {

#define MICA_NAME(level) #level,
constexpr const char* kNames[] = {MICA_EACH_LEVEL(MICA_NAME)};
#undef MICA_NAME

bool runs_here(const Kernels& kernels) {
  return kernels.needs == 0 || (kernels.needs & ~cpu_features()) == 0;  // asking takes longer than a look-up
}

}  // namespace

const Kernels* kernels_at(Level level) {
  for (const Kernels& kernels : kLevelTables)
    if (kernels.level == level && runs_here(kernels)) return &kernels;
  return nullptr;
}

const Kernels* kernels_best() {
  const Kernels* best = nullptr;
  for (const Kernels& kernels : kLevelTables)
    if (runs_here(kernels)) best = &kernels;
  return best;
}

const Kernels* kernels_named(const char* name) {
  for (const Kernels& kernels : kLevelTables)
    if (std::strcmp(kernels.name, name) == 0) return kernels_at(kernels.level);
  return nullptr;
}

const char* level_name(Level level) { return kNames[static_cast<int>(level)]; }

}  // namespace mica::simd
