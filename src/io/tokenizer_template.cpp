// "post_processor" of tokenizer.json: the tokens that stand around a text, such as <s>. Not chat templates, and not the
// offsets and types that the same object has for pairs of texts.
#include <utility>

#include "limits.hpp"
#include "tokenizer_json_steps.hpp"
#include "tokenizer_parts.hpp"

namespace mica {

namespace {

Status check_id(JsonValue from, std::string_view path, const Vocabulary& vocabulary, int32_t id) {
  return vocabulary.has(id) ? Status::ok() : from.error(Code::corrupt_file, "is no token of the vocabulary", path);
}

// The ids of one "SpecialToken" piece: looked up in the processor's own table.
Status read_ids(JsonValue processor, JsonValue piece, const Vocabulary& vocabulary, std::vector<int32_t>* out) {
  std::string_view name;
  std::vector<uint32_t> ids;
  MICA_TRY(get_string(piece, "id", &name));
  const JsonValue token = processor.find("special_tokens").find(name);
  if (!token.is_object()) return piece.error(Code::corrupt_file, "is not among special_tokens", "id");
  MICA_TRY(get_u32_array(token, "ids", 1, limits::kTextTokensMax, 0, limits::kVocabularyMax - 1, &ids));
  for (uint32_t id : ids) {
    MICA_TRY(check_id(token, "ids", vocabulary, static_cast<int32_t>(id)));
    out->push_back(static_cast<int32_t>(id));
  }
  return Status::ok();
}

// "single": tokens, the text once, tokens.
Status read_template(JsonValue processor, const Vocabulary& vocabulary, TextTokens* out) {
  JsonValue single;
  MICA_TRY(get_array(processor, "single", 1, limits::kTextTokensMax, &single));
  bool text_seen = false;
  for (JsonValue piece : single) {
    const JsonValue token = piece.find("SpecialToken");
    if (token.is_set()) {
      MICA_TRY(read_ids(processor, token, vocabulary, text_seen ? &out->after : &out->before));
      continue;
    }
    std::string_view which;
    MICA_TRY(get_string(piece, "Sequence.id", &which));
    if (which != "A" || text_seen) return piece.error(Code::unsupported, "must be the text A, once");
    text_seen = true;
  }
  return text_seen ? Status::ok() : single.error(Code::unsupported, "leaves the text out");
}

// ["</s>", 2]
Status read_pair(JsonValue processor, const char* key, const Vocabulary& vocabulary, std::vector<int32_t>* out) {
  JsonValue pair;
  uint32_t id = 0;
  MICA_TRY(get_array(processor, key, 2, 2, &pair));
  MICA_TRY(get_u32(pair.at(1), {}, 0, limits::kVocabularyMax - 1, &id));
  MICA_TRY(check_id(pair.at(1), {}, vocabulary, static_cast<int32_t>(id)));
  out->push_back(static_cast<int32_t>(id));
  return Status::ok();
}

Status read_one(JsonValue processor, std::string_view type, const Vocabulary& vocabulary, TextTokens* out) {
  if (type == "ByteLevel") return Status::ok();  // moves offsets, which nobody asks for
  if (type == "TemplateProcessing") return read_template(processor, vocabulary, out);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    MICA_TRY(read_pair(processor, "cls", vocabulary, &out->before));
    return read_pair(processor, "sep", vocabulary, &out->after);
  }
  return unsupported_type(processor, type);
}

}  // namespace

Status read_post_processor(JsonValue value, const Vocabulary& vocabulary, TextTokens* out) {
  if (!value.is_set()) return Status::ok();
  std::string_view type;
  MICA_TRY(get_string(value, "type", &type));
  if (type == "Sequence") {
    JsonValue list;
    MICA_TRY(get_array(value, "processors", 0, limits::kTokenizerStepsMax, &list));
    for (JsonValue step : list) MICA_TRY(read_post_processor(step, vocabulary, out));
    return Status::ok();
  }
  TextTokens own;
  MICA_TRY(read_one(value, type, vocabulary, &own));
  const auto adds = [](const TextTokens& tokens) { return !tokens.before.empty() || !tokens.after.empty(); };
  if (!adds(own)) return Status::ok();
  // The tokenizers library takes the tokens of the first and the text for a pair then, which nobody means.
  if (adds(*out)) return value.error(Code::unsupported, "is the second that adds tokens to a text");
  *out = std::move(own);
  return Status::ok();
}

}  // namespace mica
