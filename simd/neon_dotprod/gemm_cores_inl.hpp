// Integer matrix products at level neon_dotprod. Not the tile: dot_tile_inl.hpp.
#pragma once

#include "neon_dotprod/dot_tile_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct LevelCore<PanelFormat::u4> : ArmCore<DotTile<0>, NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : ArmCore<DotTile<0>, ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : ArmCore<DotTile<kFactsOf<PanelFormat::t4>.group>, LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : ArmCore<DotTile<0>, ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : ArmCore<DotTile<0>, PairWeights> {};
template <>
struct LevelCore<PanelFormat::e8p> : ArmCore<DotTile<0>, LatticeWeights> {};

}  // namespace
}  // namespace mica::simd
