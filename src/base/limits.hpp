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
inline constexpr size_t kFolderNamesMax = 4096;      // read to find shards without an index, and for messages
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
inline constexpr size_t kPaddedPixelsMax = 400u * 1000 * 1000;  // a panorama of 20,000 pixels made square: 1 s
inline constexpr int kJpegScansMax = 100;            // Cure53: scan bombs; real progressive files have about 10
// The coefficients of a progressive picture of kPicturePixelsMax, three components in full, are 600 MB.
inline constexpr size_t kJpegMemoryBytesMax = 640u << 20;
inline constexpr size_t kPngChunkBytesMax = 16u << 20;  // metadata, inflated; colour profiles of printers have 3 MB

// What a model may ask of a picture: four times the largest published value of each.
inline constexpr uint32_t kPictureRuleSideMax = 16384;
inline constexpr uint32_t kPictureRulePixelsMax = 1000u * 1000 * 1000;  // published: 16,384 tokens of 28 x 28 pixels
inline constexpr uint32_t kPictureTilesMax = 256;
inline constexpr uint32_t kPatchesRoomMax = 1u << 20;  // of a tile; published: 1,024
inline constexpr uint32_t kPositionSideMax = 256;      // of a square of learned positions; published: 70
inline constexpr uint32_t kPictureGridsMax = 64;       // published: 36
inline constexpr uint32_t kPatchSideMax = 256;
inline constexpr uint32_t kPatchMergeMax = 16;
inline constexpr uint32_t kPatchTemporalMax = 16;
inline constexpr uint32_t kFeatureStatesMax = 16;  // of a tower that a projector reads beside each other; published: 4
inline constexpr uint32_t kTapsMax = 16;  // layers of a tower that the decoder is given beside the last; published: 3
inline constexpr size_t kPixelValuesMax = 320u * 1000 * 1000;  // Qwen2-VL: 16,384 tokens of 28 x 28 pixels, 77 million

// --- videos ----------------------------------------------------------------------------------------------------------
inline constexpr size_t kVideoFileBytesMax = size_t{4} << 30;  // mapped, read twice
inline constexpr uint32_t kFramesTogetherMax = 8;              // of a video, in one patch
inline constexpr uint32_t kVideoStepsMax = 1 << 24;            // positions of its time; float32 knows no more apart
inline constexpr double kVideoSecondsMax = 1e6;                // eleven days
inline constexpr size_t kVideoFramesMax = 256;                 // that are seen; pictures that may wait in a session
inline constexpr size_t kVideoPacketsMax = 1u << 20;           // that there are: five hours, 60 a second
inline constexpr size_t kVideoBytesMax = size_t{1} << 30;      // of the pixels that are seen: 170 frames of 1080 lines
inline constexpr int kVideoStreamsMax = 64;                    // pictures, sound and titles of a container

// --- text ------------------------------------------------------------------------------------------------------------
inline constexpr size_t kPromptBytesMax = 16u << 20;
inline constexpr size_t kChatTemplateBytesMax = 1u << 20;  // larger ones are unknown; the largest published has 20 KB
inline constexpr size_t kSystemTurnBytesMax = 4096;        // of a default system turn in a template; known: 300
// What a chat template may cost, whoever wrote it. Published ones nest 12 deep, and a conversation of 1,000 turns takes
// half a million steps and 20 MB.
inline constexpr uint32_t kTemplateNestingMax = 200;      // blocks and brackets in each other, operators in a chain
inline constexpr uint32_t kTemplateDepthMax = 800;        // evaluation, macros in macros: 400 bytes of stack each
inline constexpr uint64_t kTemplateStepsMax = 30u << 20;  // nodes, items and blocks of 16 bytes gone through: 2 s
inline constexpr size_t kTemplateMemoryBytesMax = 256u << 20;
inline constexpr size_t kTemplateRangeMax = 100000;       // as in the reference's sandbox
inline constexpr int kTemplateDecimalsMax = 512;          // of a number that is printed with a precision
inline constexpr size_t kVocabularyMax = 1u << 20;
inline constexpr size_t kMergesMax =
    2 * kVocabularyMax;                              // byte-level BPE has one a token; room for tokens with several
inline constexpr size_t kTokenBytesMax = 4096;       // one vocabulary entry
inline constexpr size_t kVocabularyBytesMax = 64u << 20;  // all entries; the largest known, of 256 k, have 3 MB
// What a prompt may become before encoding (a marked space has 3 bytes, a byte-level one 2), and a decoded text.
inline constexpr size_t kNormalizedBytesMax = 4 * kPromptBytesMax;
inline constexpr size_t kEndTokensMax = 256;         // ids that end an answer; published files have up to 5
inline constexpr size_t kTokenizerStepsMax = 64;     // normalizers, pre-tokenizers or decoders of a file; known: 6
inline constexpr size_t kTextTokensMax = 16;         // that a file has around a text; known: 2
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

// --- packed models ----------------------------------------------------------------------------------------------------
inline constexpr size_t kDescriptionBytesMax = 1024;  // a line or two for people

// --- answers ----------------------------------------------------------------------------------------------------------
inline constexpr size_t kStopTextsMax = 64;       // of one answer; servers of others take 4 to 16
inline constexpr size_t kStopTextBytesMax = 256;  // as much of an answer may be held back

// What a JSON schema may ask of an answer, whoever wrote it. Published ones have up to 100 KB and nest 20 deep.
inline constexpr size_t kSchemaBytesMax = 256u << 10;
inline constexpr size_t kSchemaPropertiesMax = 1024;     // of one object
inline constexpr size_t kSchemaWorkMax = 200000;         // schemas joined with others, by allOf and branches
inline constexpr size_t kSchemaRulesMax = 8192;          // values that differ in what they may be
inline constexpr size_t kSchemaInstructionsMax = 1u << 17;
inline constexpr size_t kSchemaChoicesMax = 256;         // of one place: branches, properties that may be left out
inline constexpr size_t kSchemaItemsMax = 1u << 24;      // counts and lengths; a context has as many tokens
inline constexpr uint32_t kSchemaDepthMax = 64;          // values in values and lists of them, in an answer: kJsonDepthMax
inline constexpr size_t kSchemaReadingsMax = 512;        // of a text that is not whole; more are not followed
inline constexpr size_t kSchemaMultipleMax = 1000;       // multipleOf: as many states
inline constexpr size_t kRegularStatesMax = 4096;        // of a pattern, a list of words, a bound of numbers
inline constexpr size_t kRegularEntriesMax = 1u << 20;   // states times classes of characters: 4 MB
inline constexpr size_t kRegularEntriesTotalMax = 4u << 20;  // of one schema
inline constexpr size_t kPatternNodesMax = 4096;         // steps of a pattern, repeats unrolled
inline constexpr size_t kPatternDepthMax = 64;
inline constexpr size_t kRegularWorkMax = 20u << 20;     // steps gone through to read all of one schema: half a second

// --- running ---------------------------------------------------------------------------------------------------------
inline constexpr uint32_t kThreadsMax = 256;
inline constexpr uint32_t kSessionsTogetherMax = 256;  // what a step keeps of each lies on the stack: 20 KB
inline constexpr uint32_t kPicturesPerPromptMax = 4096;

}  // namespace mica::limits
