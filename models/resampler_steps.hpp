// What stands behind a tower whose rows learned queries look at (Qwen-VL, MiniCPM-V). Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr Step kResamplerIn = {Op::linear, Slot::resampler_in, &VisionSpec::resampler_widens};
inline constexpr Step kResamplerNorm = {Op::norm, Slot::resampler_norm};
inline constexpr Step kResamplerAttend = {Op::attend, Slot::resampler_queries};
inline constexpr Step kResamplerPostNorm = {Op::norm, Slot::resampler_post_norm};
inline constexpr Step kResamplerOut = {Op::linear, Slot::resampler_out};

}  // namespace mica::tables
