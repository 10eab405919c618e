// Loading of tokenizer.json, the format of Hugging Face's tokenizers library: its model and added tokens. The lists of
// steps are read in tokenizer_json_steps.cpp and tokenizer_template.cpp; "truncation" and "padding" concern batches,
// which mica does not take from here.
#include <string>

#include "json.hpp"
#include "limits.hpp"
#include "tokenizer_gguf.hpp"
#include "tokenizer_json_steps.hpp"
#include "tokenizer_parts.hpp"

namespace mica {

namespace {

// Fields that would change every result, and that no byte-pair tokenizer of a supported family sets.
Status refuse_unsupported_options(JsonValue model) {
  std::string_view text;
  MICA_TRY(get_string_or(model, "type", "BPE", &text));
  if (text != "BPE") return unsupported_type(model, text);
  double dropout = 0;
  MICA_TRY(get_double_or(model, "dropout", 0, 1, 0, &dropout));
  if (dropout > 0) return model.error(Code::unsupported, "must be null: encoding is not random", "dropout");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    MICA_TRY(get_string_or(model, key, "", &text));
    if (!text.empty()) return model.error(Code::unsupported, "is not supported", key);
  }
  return Status::ok();
}

Status read_vocabulary(JsonValue model, const char* name, Vocabulary* out) {
  JsonValue vocabulary;
  MICA_TRY(get_object(model, "vocab", &vocabulary));
  for (JsonValue token : vocabulary) {
    uint64_t id = 0;
    if (!token.as_u64(&id)) return token.error(Code::corrupt_file, "must be a token id");
    const Status status = out->add(id, token.key(), Vocabulary::kInModel);
    if (!status) return status.in(name);
  }
  return Status::ok();
}

Status read_options(JsonValue model, const Vocabulary& vocabulary, Bpe::Options* out) {
  MICA_TRY(get_bool_or(model, "fuse_unk", false, &out->fuse_unknown));
  MICA_TRY(get_bool_or(model, "byte_fallback", false, &out->byte_fallback));
  MICA_TRY(get_bool_or(model, "ignore_merges", false, &out->ignore_merges));
  if (!model.find("unk_token").is_set()) return Status::ok();
  std::string_view unknown;
  MICA_TRY(get_string(model, "unk_token", &unknown));
  out->unknown = vocabulary.find_in_model(unknown);
  if (out->unknown < 0) return model.error(Code::corrupt_file, "is no token of the vocabulary", "unk_token");
  return Status::ok();
}

// A merge is "left right" or ["left", "right"].
Status read_merge(JsonValue merge, uint32_t rank, Bpe* out) {
  std::string_view left, right;
  if (merge.as_string(&left)) return out->add_merge(left, rank);
  if (merge.size() == 2 && merge.at(0).as_string(&left) && merge.at(1).as_string(&right)) {
    return out->add_merge(left, right, rank);
  }
  return Status::error(Code::corrupt_file, "must be a string or two strings");
}

// A merge ranks by its place, or, in a file made of a GGUF vocabulary, with the others of its run (tokenizer_gguf.hpp).
Status read_merges(JsonValue model, Bpe* out) {
  JsonValue merges;
  MICA_TRY(get_array(model, "merges", 0, limits::kMergesMax, &merges));
  std::vector<uint32_t> runs;
  if (model.find(kMergeRunsKey).is_set()) {
    MICA_TRY(get_u32_array(model, kMergeRunsKey, 0, merges.size(), 1, limits::kMergesMax, &runs));
  }
  uint32_t rank = 0, in_rank = 0;
  for (JsonValue merge : merges) {
    const Status status = read_merge(merge, rank, out);
    if (!status) return merge.error(status.code(), status.message());
    const uint32_t run = rank < runs.size() ? runs[rank] : 1;
    if (++in_rank < run) continue;
    ++rank;
    in_rank = 0;
  }
  if (in_rank == 0 && (runs.empty() || rank == runs.size())) return Status::ok();
  return model.error(Code::corrupt_file, "must add up to the number of merges", kMergeRunsKey);
}

Status read_added_token(JsonValue value, const char* name, Vocabulary* vocabulary, std::vector<AddedToken>* out) {
  AddedToken token;
  uint32_t id = 0;
  std::string_view content;
  MICA_TRY(get_u32(value, "id", 0, limits::kVocabularyMax - 1, &id));
  MICA_TRY(get_string(value, "content", &content));
  MICA_TRY(get_bool_or(value, "single_word", false, &token.single_word));
  MICA_TRY(get_bool_or(value, "lstrip", false, &token.lstrip));
  MICA_TRY(get_bool_or(value, "rstrip", false, &token.rstrip));
  MICA_TRY(get_bool_or(value, "normalized", false, &token.normalized));
  MICA_TRY(get_bool_or(value, "special", false, &token.special));
  if (content.empty()) return value.error(Code::corrupt_file, "must not be empty", "content");
  token.id = static_cast<int32_t>(id);
  token.content = content;
  const uint8_t flags = Vocabulary::kAdded | (token.special ? Vocabulary::kSpecial : 0);
  const Status status = vocabulary->add(id, content, flags);
  if (!status) return status.in(name);
  out->push_back(std::move(token));
  return Status::ok();
}

Status read_added_tokens(JsonValue root, const char* name, TokenizerParts* parts) {
  std::vector<AddedToken> tokens;
  if (root.find("added_tokens").is_set()) {
    JsonValue list;
    MICA_TRY(get_array(root, "added_tokens", 0, limits::kVocabularyMax, &list));
    for (JsonValue value : list) MICA_TRY(read_added_token(value, name, &parts->vocabulary, &tokens));
  }
  const Status status = parts->added.build(std::move(tokens), parts->normalizer);
  return status ? status : status.in(name);
}

// A file that was made from a GGUF has no normalizer, since GGUF has no field for it; Transformers then takes the one
// of the family. The family shows in the pattern.
void restore_normalizer(JsonValue root, bool implies_nfc, Normalizer* out) {
  if (!root.find("normalizer").is_set() && implies_nfc) out->add(NormalizeStep{});  // NFC
}

}  // namespace

Status Tokenizer::load(Bytes json, const char* name, std::unique_ptr<Tokenizer>* out) {
  Json document;
  MICA_TRY(parse_json(json, name, &document));
  const JsonValue root = document.root();
  std::string_view version;
  MICA_TRY(get_string_or(root, "version", "1.0", &version));
  if (version != "1.0") return root.error(Code::unsupported, "must be 1.0", "version");

  auto parts = std::make_unique<TokenizerParts>();
  bool implies_nfc = false;
  MICA_TRY(read_normalizer(root.find("normalizer"), &parts->normalizer));
  MICA_TRY(read_pre_tokenizer(root.find("pre_tokenizer"), &parts->pre_tokenizer, &implies_nfc));
  MICA_TRY(read_decoder(root.find("decoder"), &parts->decoder));
  restore_normalizer(root, implies_nfc, &parts->normalizer);

  JsonValue model;
  MICA_TRY(get_object(root, "model", &model));
  MICA_TRY(refuse_unsupported_options(model));
  MICA_TRY(read_vocabulary(model, name, &parts->vocabulary));
  Bpe::Options options;
  MICA_TRY(read_options(model, parts->vocabulary, &options));
  parts->bpe = std::make_unique<Bpe>(&parts->vocabulary, options);
  MICA_TRY(read_merges(model, parts->bpe.get()));
  MICA_TRY(read_added_tokens(root, name, parts.get()));
  MICA_TRY(read_post_processor(root.find("post_processor"), parts->vocabulary, &parts->around));
  const Status status = finish_tokenizer(std::move(parts), out);
  return status ? status : status.in(name);
}

}  // namespace mica
