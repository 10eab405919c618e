// The static format: what a packed file says beyond a checkpoint so that the loops run with fixed scales in integers.
// Written by src/quant, read by weights.cpp. Not the container (io/packed_file) and not the method (research: MQuant).
//
// The transformed model computes what the checkpoint does. With n the residual width and S, R as in
// simd/rotate_kernels.hpp (R with a constant first row, S random signs):
// - rows enter the residual stream as x = R S row, online, after embedding lookup, projector and (tower) pre_norm; so
//   patch embedding, class token and positions stay in their own space, and a tied head stays tied;
// - norms are folded: weight and bias of a norm are in the matrices that read it, W <- W diag(weight), b <- b + W bias;
//   what remains of a LayerNorm in rotated space is x - (u x) u, then the division by the root mean square, where u is
//   R S of the unit vector (1, ..., 1) / sqrt(n);
// - a tower's layer scales (LayerScale) are folded in the matrices that they multiply;
// - matrices that read the stream are W <- W (R S)^T; those that write to it W <- R S W, b <- R S b;
// - values and the inputs of the output matrix are rotated by R of head_dim, head by head, offline;
// - before `down` the activations are rotated online by R of feed_forward without signs, W <- W R^T;
// - with "mixed_rotation", what a layer mixes and no offline rotation reaches (a gate or a norm stands between: short
//   convolutions, the gated delta rule, gated attention) is rotated online by R S of its width before the matrix that
//   brings it to the stream, W <- W (R S)^T; these signs are those of stream_transform.cpp;
// - RMS: where the file has "<down>.rank1", channel 0 of those rotated activations stays float and is added as a rank-1
//   term with these weights, and the packed matrix has zeros there;
// - the head reads the stream rotated back, with the final norm's own weight; with "vocabulary_rotation" those rows are
//   rotated once more, and rows of embedding and lm_head are E <- E F (R S)^T with the diagonal F that suits eight bits:
//   the final norm's weight has its inverse, and so has kEmbeddingColumns.
//
// Tensors, beside those that keep their checkpoint's name and type (norms that were folded are absent):
//   "<name>.weight"  U8 or I8 [panels, bytes]: panels of the format that kFormatsKey gives it (simd/formats/)
//   "<name>.scale"   F32, one an output channel: weight = scale * integer
//   "<name>.levels"  I8 [64], of formats whose panels hold indices: the integers that they stand for, then zeros
//   "<name>.rank1"   F32, one an output channel, unscaled
//   "<name>.bias"    F32
//   "<down>.kept"    F32 [channels, outputs padded to 16], unscaled, with "<down>.kept_channels" I32 [padded to 16, the rest
//                    -1]: inputs that are taken out before the online rotation and multiplied in float (matrix.hpp)
//   "<name>.first.weight", with its scale and levels: a first factor of a query or key matrix of the decoder, of a
//                    multiple of kRankStep rows; "<name>.weight" is the second then, which has as many columns
//   kEmbeddingColumns  F32 [hidden]: embedding rows are multiplied by it, value by value, after the look-up and what
//                    undoes their rotation
//   kPointScales     F32 [2, points padded to 16]: of visual rows, then of text rows, by QuantPoint::index; those of
//                    rows between two factors stand behind all others
//   kDecoderSigns, kVisionSigns   U8: bit i says that channel i is negated; absent: the stream is not rotated
// Metadata kFormatsKey: JSON {TAG: [NAME, ...], ...}: the format (simd/lists/weight_formats.inc) of every packed matrix
// by its name without ".weight", or by a pattern: its name with '*' for each part that is a number. A name counts before
// a pattern. kFloatsTag says of a matrix beside packed ones that it is F16 or F32, in the same space as they are, with
// rows and columns as its slot has them; all matrices that read its quant point are then, and rows enter as floats.
// Absent in files that were written before it was there: U8 is u4 then, I8 is s8.
// Metadata kKvVisualKey: JSON array of the bits that each decoder layer's visual keys and values keep where a session
// does not say otherwise: 1, 2, 4 or 16, one number a layer: [1, 1, 2, ...]. Absent: the program's default.
// Metadata kDescriptionKey: what the model is for, in a few words for people. Absent: nothing is said.
// Metadata kStaticKey: JSON {"aifs": bool, "decoder": {"folded", "head_rotation", "down_rotation", "mixed_rotation",
// "vocabulary_rotation"}, "vision": {the first three, and "attention": "int8" (integer_attention.hpp) or "float", which
// is what an absent one means}}.
#pragma once

#include <cstddef>

namespace mica::static_format {

inline constexpr const char* kStaticKey = "mica.static";
inline constexpr const char* kFormatsKey = "mica.formats";
inline constexpr const char* kFloatsTag = "floats";
inline constexpr const char* kKvVisualKey = "mica.kv_visual";
inline constexpr const char* kDescriptionKey = "mica.description";
inline constexpr const char* kAttention = "attention";
inline constexpr const char* kAttentionInt8 = "int8";
inline constexpr const char* kAttentionFloat = "float";
inline constexpr const char* kPointScales = "mica.points";
inline constexpr const char* kDecoderSigns = "mica.decoder.signs";
inline constexpr const char* kVisionSigns = "mica.vision.signs";
inline constexpr const char* kEmbeddingColumns = "mica.embedding.columns";
inline constexpr const char* kKeptSuffix = ".kept";
inline constexpr const char* kKeptChannelsSuffix = ".kept_channels";
inline constexpr const char* kFirstSuffix = ".first";
inline constexpr size_t kRankStep = 16;
inline constexpr const char* kScaleSuffix = ".scale";
inline constexpr const char* kLevelsSuffix = ".levels";
inline constexpr const char* kRank1Suffix = ".rank1";

}  // namespace mica::static_format
