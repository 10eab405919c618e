// Limits: the named bounds of everything that comes from outside. Not tuning knobs: each bound is tested on both sides
// in tests/, and each says why it has its value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::limits {

// --- files -----------------------------------------------------------------------------------------------------------
// The published limit of the safetensors format is 100 MB; the largest header that we know of (a sharded 72B) is 200
// KB. Packed models keep their tokenizer in the header (12 MB for the Qwen2 vocabulary), hence not less.
inline constexpr size_t kSafetensorsHeaderBytesMax = 64u << 20;
inline constexpr size_t kTensorsMax = 65536;         // tensors in one file; the largest published has 2,000
inline constexpr size_t kTensorRankMax = 8;          // as in the format's reference implementation
inline constexpr size_t kTensorNameBytesMax = 512;
inline constexpr size_t kShardsMax = 1024;
inline constexpr size_t kGgufKeysMax = 65536;        // the most that we know of is 70
inline constexpr size_t kGgufKeyBytesMax = 65535;    // the format's own limit
inline constexpr int kGgufArrayDepthMax = 4;         // arrays in arrays; published files have none
inline constexpr uint32_t kGgufAlignmentMax = 65536; // published files have 32
inline constexpr size_t kJsonBytesMax = 64u << 20;   // tokenizer.json of a 256 k vocabulary is 33 MB
inline constexpr size_t kJsonDepthMax = 64;          // the deepest published document has 9 levels
inline constexpr size_t kJsonValuesMax = 8u << 20;   // the largest tokenizer.json has 1.8 million; 192 MB of nodes

// --- pictures --------------------------------------------------------------------------------------------------------
inline constexpr size_t kPictureFileBytesMax = 256u << 20;
inline constexpr uint32_t kPictureSideMax = 65535;   // what JPEG can say
inline constexpr size_t kPicturePixelsMax = 100u * 1000 * 1000;  // 300 MB of RGB; the largest phone cameras give 200 MP
inline constexpr int kJpegScansMax = 100;            // Cure53: scan bombs; real progressive files have about 10
// The coefficients of a progressive picture of kPicturePixelsMax, three components in full, are 600 MB.
inline constexpr size_t kJpegMemoryBytesMax = 640u << 20;
inline constexpr size_t kPngChunkBytesMax = 16u << 20;  // metadata, inflated; colour profiles of printers have 3 MB

// What a model may ask of a picture: four times the largest published value of each.
inline constexpr uint32_t kPictureRuleSideMax = 16384;
inline constexpr uint32_t kPictureTilesMax = 256;
inline constexpr uint32_t kPatchSideMax = 256;
inline constexpr uint32_t kPatchMergeMax = 16;
inline constexpr uint32_t kPatchTemporalMax = 16;
inline constexpr size_t kPixelValuesMax = 320u * 1000 * 1000;  // Qwen2-VL: 16,384 tokens of 28 x 28 pixels, 77 million

// --- text ------------------------------------------------------------------------------------------------------------
inline constexpr size_t kPromptBytesMax = 16u << 20;
inline constexpr size_t kVocabularyMax = 1u << 20;
inline constexpr size_t kMergesMax =
    2 * kVocabularyMax;                              // byte-level BPE has one a token; room for tokens with several
inline constexpr size_t kTokenBytesMax = 4096;       // one vocabulary entry
inline constexpr size_t kVocabularyBytesMax = 64u << 20;  // all entries; the largest known, of 256 k, have 3 MB
// What a prompt may become before encoding (a marked space has 3 bytes, a byte-level one 2), and a decoded text.
inline constexpr size_t kNormalizedBytesMax = 4 * kPromptBytesMax;
inline constexpr size_t kTokenizerStepsMax = 64;     // normalizers, pre-tokenizers or decoders of a file; known: 6
inline constexpr size_t kPatternBytesMax = 16384;    // one regular expression; the longest known has 700
// One search: the usual patterns take one step back a byte of white space; a pattern that explodes takes 2^n.
inline constexpr size_t kPatternStepsMax = 1000000;
inline constexpr size_t kPatternStepsPerByte = 4;
inline constexpr size_t kPatternHeapBytesMax = 64u << 20;
inline constexpr size_t kMergedTokenBytesMax = 512;  // an entry whose merges are derived, at square cost; known: 96

// --- calibration -----------------------------------------------------------------------------------------------------
inline constexpr size_t kCalibrationSamplesMax = 65536;    // papers use 128 to 512
inline constexpr size_t kCalibrationFilesMax = 1u << 20;   // files of a folder, lines of a file, pieces of texts
inline constexpr int kCalibrationFolderDepthMax = 16;
inline constexpr size_t kCalibrationFileBytesMax = size_t{1} << 30;
inline constexpr size_t kCalibrationLineBytesMax = 1u << 20;
// Tokens of one sample that a model is calibrated with: one chunk, whose buffers are those of a large batch.
inline constexpr uint32_t kCalibrationTokensMax = 4096;

// --- model shapes: four times the largest published value of each ----------------------------------------------------
inline constexpr uint32_t kLayersMax = 512;
inline constexpr uint32_t kHiddenMax = 65536;
inline constexpr uint32_t kFeedForwardMax = 262144;
inline constexpr uint32_t kHeadsMax = 1024;
inline constexpr uint32_t kHeadDimMax = 512;
inline constexpr uint32_t kContextMax = 1u << 24;

// --- running ---------------------------------------------------------------------------------------------------------
inline constexpr uint32_t kThreadsMax = 256;
inline constexpr uint32_t kPicturesPerPromptMax = 4096;

}  // namespace mica::limits
