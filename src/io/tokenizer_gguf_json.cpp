// make_tokenizer_json: a GGUF vocabulary in the words of tokenizer.json. Not a reader of either.
#include <algorithm>
#include <string>

#include "json_text.hpp"
#include "tokenizer_gguf.hpp"
#include "tokenizer_known.hpp"

namespace mica {

namespace {

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(text, &json);
  return json;
}

// "[a, b]" of the JSON texts of elements.
void append_list(const std::vector<std::string>& elements, std::string* json) {
  *json += '[';
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) *json += ", ";
    *json += elements[i];
  }
  *json += ']';
}

std::string sequence(const char* list_key, const std::vector<std::string>& steps) {
  std::string json = "{\"type\": \"Sequence\", \"" + std::string(list_key) + "\": ";
  append_list(steps, &json);
  return json + "}";
}

// What stands around the model: normalizer, pre-tokenizer, decoder.
struct Steps {
  std::vector<std::string> normalizers, pre_tokenizers, decoders;
  bool ignore_merges = false;
};

Status byte_level_steps(const GgufVocabulary& vocabulary, Steps* out) {
  const KnownPreTokenizer* known = known_pre_tokenizer(vocabulary.pre);
  if (known == nullptr) {
    return Status::error(Code::unsupported, "tokenizer.ggml.pre: the pre-tokenizer \"%.64s\" is not known",
                         std::string(vocabulary.pre).c_str());
  }
  constexpr const char* kByteLevel =
      "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}";
  if (known->nfc) out->normalizers.push_back("{\"type\": \"NFC\"}");
  for (std::string_view pattern : known->patterns) {
    out->pre_tokenizers.push_back("{\"type\": \"Split\", \"pattern\": {\"Regex\": " + quoted(pattern) +
                                  "}, \"behavior\": \"Isolated\", \"invert\": false}");
  }
  out->pre_tokenizers.push_back(kByteLevel);
  out->decoders.push_back(kByteLevel);
  out->ignore_merges = known->ignore_merges;
  return Status::ok();
}

void sentencepiece_steps(const GgufVocabulary& vocabulary, Steps* out) {
  const std::string mark = quoted(kSpaceMark);
  const auto replace = [](const std::string& from, const std::string& to) {
    return "{\"type\": \"Replace\", \"pattern\": {\"String\": " + from + "}, \"content\": " + to + "}";
  };
  if (vocabulary.add_space_prefix) out->normalizers.push_back("{\"type\": \"Prepend\", \"prepend\": " + mark + "}");
  out->normalizers.push_back(replace("\" \"", mark));
  const char* start = vocabulary.add_space_prefix ? "1" : "0";
  out->decoders = {replace(mark, "\" \""), "{\"type\": \"ByteFallback\"}", "{\"type\": \"Fuse\"}",
                   std::string("{\"type\": \"Strip\", \"content\": \" \", \"start\": ") + start + ", \"stop\": 0}"};
}

void append_vocabulary(const GgufVocabulary& vocabulary, std::string* json) {
  *json += "\"vocab\": {";
  bool first = true;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.tokens[id].empty()) continue;
    if (!first) *json += ", ";
    first = false;
    append_json_string(vocabulary.tokens[id], json);
    *json += ": " + std::to_string(id);
  }
  *json += '}';
}

void append_added(const std::vector<AddedToken>& added, std::string* json) {
  std::vector<std::string> tokens;
  for (const AddedToken& token : added) {
    tokens.push_back("{\"id\": " + std::to_string(token.id) + ", \"content\": " + quoted(token.content) +
                     ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, "
                     "\"special\": " +
                     (token.special ? "true}" : "false}"));
  }
  append_list(tokens, json);
}

// A TemplateProcessing: the tokens before a text, the text, and those behind it.
void append_post_processor(const GgufVocabulary& vocabulary, std::string* json) {
  const TextTokens around = gguf_text_tokens(vocabulary);
  std::vector<std::string> single, pair, special;
  const auto add = [&](const std::vector<int32_t>& ids, const char* type_id) {
    for (int32_t id : ids) {
      const std::string name = quoted(vocabulary.tokens[static_cast<size_t>(id)]);
      const std::string piece = "{\"SpecialToken\": {\"id\": " + name + ", \"type_id\": " + type_id + "}}";
      pair.push_back(piece);
      if (*type_id != '0') continue;
      single.push_back(piece);
      if (!special.empty() && ids.data() == around.after.data() && around.before == around.after) continue;
      special.push_back(name + ": {\"id\": " + name + ", \"ids\": [" + std::to_string(id) + "], \"tokens\": [" + name +
                        "]}");
    }
  };
  add(around.before, "0");
  single.push_back(R"({"Sequence": {"id": "A", "type_id": 0}})");
  pair.push_back(single.back());
  add(around.after, "0");
  add(around.before, "1");
  pair.push_back(R"({"Sequence": {"id": "B", "type_id": 1}})");
  add(around.after, "1");
  *json += ", \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": ";
  append_list(single, json);
  *json += ", \"pair\": ";
  append_list(pair, json);
  *json += ", \"special_tokens\": {";
  for (size_t i = 0; i < special.size(); ++i) *json += (i > 0 ? ", " : "") + special[i];
  *json += "}}";
}

// "left right" as GGUF has them.
Status append_listed_merges(const GgufVocabulary& vocabulary, std::string* json) {
  std::vector<std::string> merges;
  for (std::string_view merge : vocabulary.merges) merges.push_back(quoted(merge));
  *json += ", \"merges\": ";
  append_list(merges, json);
  return Status::ok();
}

Status append_derived_merges(const GgufVocabulary& vocabulary, const Vocabulary& tokens, std::string* json) {
  std::vector<GgufMerge> merges;
  MICA_TRY(derive_gguf_merges(vocabulary, tokens, &merges));
  std::stable_sort(merges.begin(), merges.end(),
                   [](const GgufMerge& a, const GgufMerge& b) { return a.rank < b.rank; });
  std::vector<std::string> pairs, runs;
  size_t run = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    pairs.push_back("[" + quoted(tokens.content(merges[i].left)) + "," + quoted(tokens.content(merges[i].right)) + "]");
    ++run;
    if (i + 1 < merges.size() && merges[i + 1].rank == merges[i].rank) continue;
    runs.push_back(std::to_string(run));
    run = 0;
  }
  *json += ", \"merges\": ";
  append_list(pairs, json);
  if (runs.size() == pairs.size()) return Status::ok();
  *json += ", \"" + std::string(kMergeRunsKey) + "\": ";
  append_list(runs, json);
  return Status::ok();
}

Status make_json(const GgufVocabulary& vocabulary, std::string* json) {
  Vocabulary tokens;
  std::vector<AddedToken> added;
  MICA_TRY(read_gguf_tokens(vocabulary, &tokens, &added));
  const bool byte_level = vocabulary.model == kByteLevel, listed = vocabulary.model == kListedSentencePiece;
  Steps steps;
  if (byte_level) MICA_TRY(byte_level_steps(vocabulary, &steps));
  else if (vocabulary.model == "llama" || listed) sentencepiece_steps(vocabulary, &steps);
  else return Status::error(Code::unsupported, "tokenizer.ggml.model is neither gpt2 nor llama nor gemma4");
  std::string text = "{\"version\": \"1.0\", \"added_tokens\": ";
  append_added(added, &text);
  // An empty sequence says that there is no normalizer; a missing one would be guessed from the pattern.
  text += ", \"normalizer\": " + sequence("normalizers", steps.normalizers);
  text += ", \"pre_tokenizer\": " +
          (steps.pre_tokenizers.empty() ? "null" : sequence("pretokenizers", steps.pre_tokenizers));
  append_post_processor(vocabulary, &text);
  text += ", \"decoder\": " + sequence("decoders", steps.decoders) + ", \"model\": {\"type\": \"BPE\", ";
  if (!byte_level) {
    text += "\"fuse_unk\": true, \"byte_fallback\": true, ";
    if (tokens.has(vocabulary.unknown)) text += "\"unk_token\": " + quoted(tokens.content(vocabulary.unknown)) + ", ";
  }
  if (steps.ignore_merges) text += "\"ignore_merges\": true, ";
  append_vocabulary(vocabulary, &text);
  MICA_TRY(byte_level || listed ? append_listed_merges(vocabulary, &text)
                                : append_derived_merges(vocabulary, tokens, &text));
  *json = text + "}}";
  return Status::ok();
}

}  // namespace

Status make_tokenizer_json(const GgufVocabulary& vocabulary, const char* name, std::string* json) {
  const Status status = make_json(vocabulary, json);
  return status ? status : status.in(name);
}

}  // namespace mica
