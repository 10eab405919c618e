// The lists of steps in tokenizer.json: "normalizer", "pre_tokenizer", "post_processor", "decoder". Not the model and
// the added tokens, which tokenizer_json.cpp reads.
#pragma once

#include "json.hpp"
#include "status.hpp"
#include "tokenizer.hpp"
#include "tokenizer_decode.hpp"
#include "tokenizer_normalize.hpp"
#include "tokenizer_pretokenize.hpp"
#include "tokenizer_vocabulary.hpp"

namespace mica {

// Each takes the value of its key, which may be absent or null (no steps). A type that mica does not run is
// `unsupported`, by name; a field that is missing or of another kind, not_found or corrupt_file with its place.
Status read_normalizer(JsonValue value, Normalizer* out);
// *implies_nfc becomes true when a split has the pattern of a family that normalises to NFC.
Status read_pre_tokenizer(JsonValue value, PreTokenizer* out, bool* implies_nfc);
Status read_decoder(JsonValue value, Decoder* out);
// "post_processor": the tokens around a text, which must be tokens of `vocabulary`; appended to *out. Read in
// tokenizer_template.cpp. What concerns pairs of texts and offsets is passed over.
Status read_post_processor(JsonValue value, const Vocabulary& vocabulary, TextTokens* out);

// The failure for a value whose "type" is one that mica does not run.
Status unsupported_type(JsonValue value, std::string_view type);

}  // namespace mica
