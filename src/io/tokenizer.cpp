// Tokenizer: the way of a text through the parts: added tokens in the raw text, normalizer, added tokens in the
// normalised text, pre-tokenizer, byte-pair encoding. Not the parts themselves, each of which has its own file.
#include "tokenizer.hpp"

#include "limits.hpp"
#include "tokenizer_parts.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

// What one call of encode() carries along.
struct EncodeRun {
  bool parse_special;
  TextBefore before;
  PatternScratch pattern;
  BpeScratch bpe;
  std::vector<int32_t>* ids;
};

// A token as the decoder's steps are given it.
std::string_view written(const TokenizerParts& parts, int32_t id) {
  const std::string_view normal_form = parts.added.normal_form(id);
  return normal_form.empty() ? parts.vocabulary.content(id) : normal_form;
}

class PartsTokenizer final : public Tokenizer {
 public:
  explicit PartsTokenizer(std::unique_ptr<TokenizerParts> parts) : parts_(std::move(parts)) {}

  size_t size() const override { return parts_->vocabulary.size(); }
  int32_t id_of(std::string_view content) const override { return parts_->vocabulary.find(content); }
  bool is_special(int32_t id) const override { return parts_->vocabulary.is_special(id); }
  std::string_view token_bytes(int32_t id) const override { return parts_->vocabulary.bytes(id); }
  const TextTokens& around_text() const override { return parts_->around; }

  Status encode(std::string_view text, bool parse_special, TextBefore before, std::vector<int32_t>* ids) const override;
  Status decode(std::span<const int32_t> ids, bool skip_special, std::string* text) const override;

 private:
  Status encode_checked(std::string_view text, EncodeRun* run) const;
  Status encode_raw(std::string_view text, bool first, EncodeRun* run) const;
  Status encode_normalized(std::string_view text, bool first, EncodeRun* run) const;

  std::unique_ptr<TokenizerParts> parts_;
};

Status PartsTokenizer::encode(std::string_view text, bool parse_special, TextBefore before,
                              std::vector<int32_t>* ids) const {
  if (text.size() > limits::kPromptBytesMax) {
    return Status::error(Code::limit_exceeded, "the text has %zu bytes; at most %zu can be encoded at a time",
                         text.size(), limits::kPromptBytesMax);
  }
  MICA_TRY(check_utf8(text));
  const size_t before_count = ids->size();
  EncodeRun run{parse_special, before, {}, {}, ids};
  Status status = encode_checked(text, &run);
  if (!status) ids->resize(before_count);
  return status;
}

// First the added tokens that stand in the raw text.
Status PartsTokenizer::encode_checked(std::string_view text, EncodeRun* run) const {
  std::vector<AddedTokens::Segment> segments;
  MICA_TRY(parts_->added.split(text, /*normalized=*/false, run->parse_special, &run->pattern, &segments));
  for (const AddedTokens::Segment& segment : segments) {
    if (segment.id >= 0) {
      run->ids->push_back(segment.id);
    } else {
      MICA_TRY(encode_raw(text.substr(segment.begin, segment.end - segment.begin), segment.begin == 0, run));
    }
  }
  return Status::ok();
}

// Then those that stand in the normalised text. `first`: nothing of this call stands before `text`.
Status PartsTokenizer::encode_raw(std::string_view text, bool first, EncodeRun* run) const {
  std::string normalized(text);
  const bool prefix = !first || run->before != TextBefore::text;
  MICA_TRY(parts_->normalizer.apply(prefix, &run->pattern, &normalized));
  std::vector<AddedTokens::Segment> segments;
  MICA_TRY(parts_->added.split(normalized, /*normalized=*/true, run->parse_special, &run->pattern, &segments));
  for (const AddedTokens::Segment& segment : segments) {
    if (segment.id >= 0) {
      run->ids->push_back(segment.id);
    } else {
      const std::string_view part = std::string_view(normalized).substr(segment.begin, segment.end - segment.begin);
      MICA_TRY(encode_normalized(part, first && segment.begin == 0, run));
    }
  }
  return Status::ok();
}

Status PartsTokenizer::encode_normalized(std::string_view text, bool first, EncodeRun* run) const {
  Pieces pieces;
  pieces.text = text;
  pieces.spans.push_back({0, text.size()});
  pieces.opens = first && run->before == TextBefore::nothing;
  pieces.prefix = !first || run->before != TextBefore::text;
  MICA_TRY(parts_->pre_tokenizer.apply(&run->pattern, &pieces));
  for (size_t i = 0; i < pieces.spans.size(); ++i) {
    parts_->bpe->encode(pieces.view(i), run->parse_special, &run->bpe, run->ids);
  }
  return Status::ok();
}

Status PartsTokenizer::decode(std::span<const int32_t> ids, bool skip_special, std::string* text) const {
  const Vocabulary& vocabulary = parts_->vocabulary;
  std::vector<std::string> tokens;
  size_t total = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[i];
    if (id < 0 || static_cast<size_t>(id) >= vocabulary.size()) {
      return Status::error(Code::invalid_argument, "token %d at place %zu; ids are 0 to %zu", id, i,
                           vocabulary.size() - 1);
    }
    if (!vocabulary.has(id) || (skip_special && vocabulary.is_special(id))) continue;
    tokens.emplace_back(written(*parts_, id));
    total += tokens.back().size();
    if (total > limits::kNormalizedBytesMax) {
      return Status::error(Code::limit_exceeded, "the tokens have more than %zu bytes of text",
                           limits::kNormalizedBytesMax);
    }
  }
  return parts_->decoder.decode(&tokens, text);
}

}  // namespace

Status finish_tokenizer(std::unique_ptr<TokenizerParts> parts, std::unique_ptr<Tokenizer>* out) {
  if (parts->vocabulary.size() == 0) return Status::error(Code::corrupt_file, "the vocabulary is empty");
  PatternScratch scratch;
  std::string bytes;
  const auto count = static_cast<int32_t>(parts->vocabulary.size());
  for (int32_t id = 0; id < count; ++id) {
    if (!parts->vocabulary.has(id) || parts->vocabulary.is_special(id)) continue;
    bytes.clear();
    MICA_TRY(parts->decoder.decode_one(written(*parts, id), &scratch, &bytes));
    MICA_TRY(parts->vocabulary.set_bytes(id, bytes));
  }
  *out = std::make_unique<PartsTokenizer>(std::move(parts));
  return Status::ok();
}

}  // namespace mica
