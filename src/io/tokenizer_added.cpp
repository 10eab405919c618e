// AddedTokens: see tokenizer_added.hpp. Matches and their side effects are those of tokenizers' added_vocabulary.
#include "tokenizer_added.hpp"

#include <algorithm>

#include "utf8.hpp"

namespace mica {

namespace {

// The characters that Rust's regular expressions call \w, by which tokenizers finds the edges of words.
constexpr std::string_view kWordCharacter = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200C\\u200D]";

// Where the white space begins that ends at `end`, not before `from`.
size_t space_before(std::string_view text, size_t from, size_t end) {
  while (end > from) {
    const size_t start = utf8_start_before(text, end);
    size_t next = start;
    if (!is_white_space(utf8_next(text, &next))) break;
    end = start;
  }
  return end;
}

size_t space_behind(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    size_t next = begin;
    if (!is_white_space(utf8_next(text, &next))) break;
    begin = next;
  }
  return begin;
}

}  // namespace

void StringSet::add(std::string content, uint32_t value) { entries_.push_back({std::move(content), value}); }

void StringSet::finish() {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.content < b.content; });
  by_byte_.fill(0);
  for (const Entry& entry : entries_) ++by_byte_[static_cast<uint8_t>(entry.content.front()) + 1u];
  for (size_t byte = 0; byte < 256; ++byte) by_byte_[byte + 1] += by_byte_[byte];
}

// Narrows the range of entries byte by byte; those that end at the current depth stand first in it.
bool StringSet::longest_at(std::string_view text, size_t at, size_t* bytes, uint32_t* value) const {
  const auto first_byte = static_cast<uint8_t>(text[at]);
  auto low = entries_.begin() + by_byte_[first_byte];
  auto high = entries_.begin() + by_byte_[first_byte + 1u];
  bool found = false;
  for (size_t depth = 1; low != high; ++depth) {
    if (low->content.size() == depth) {
      found = true;
      *bytes = depth;
      *value = low->value;
      while (low != high && low->content.size() == depth) ++low;
    }
    if (at + depth >= text.size()) break;
    const auto byte = static_cast<uint8_t>(text[at + depth]);
    const auto byte_at_depth = [depth](const Entry& entry) { return static_cast<uint8_t>(entry.content[depth]); };
    low = std::partition_point(low, high, [&](const Entry& entry) { return byte_at_depth(entry) < byte; });
    high = std::partition_point(low, high, [&](const Entry& entry) { return byte_at_depth(entry) == byte; });
  }
  return found;
}

Status AddedTokens::build(std::vector<AddedToken> tokens, const Normalizer& normalizer) {
  tokens_ = std::move(tokens);
  PatternScratch scratch;
  bool single_word = false;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    single_word = single_word || token.single_word;
    std::string content = token.content;
    if (token.normalized) MICA_TRY(normalizer.apply(true, &scratch, &content));
    if (content.empty()) continue;
    if (content != token.content) normal_forms_.push_back({token.id, content});
    (token.normalized ? normalized_ : raw_).add(std::move(content), static_cast<uint32_t>(i));
  }
  std::stable_sort(normal_forms_.begin(), normal_forms_.end(),
                   [](const NormalForm& a, const NormalForm& b) { return a.id < b.id; });
  raw_.finish();
  normalized_.finish();
  return single_word ? Pattern::compile(kWordCharacter, &word_) : Status::ok();
}

std::string_view AddedTokens::normal_form(int32_t id) const {
  const auto found = std::lower_bound(normal_forms_.begin(), normal_forms_.end(), id,
                                      [](const NormalForm& form, int32_t wanted) { return form.id < wanted; });
  return found != normal_forms_.end() && found->id == id ? std::string_view(found->text) : std::string_view();
}

// No word character directly before `begin` or at `end`.
Status AddedTokens::stands_alone(std::string_view text, size_t begin, size_t end, PatternScratch* scratch,
                                 bool* alone) const {
  std::vector<Pattern::Match> matches;
  const size_t before = begin == 0 ? 0 : utf8_start_before(text, begin);
  size_t behind = end;
  if (behind < text.size()) utf8_next(text, &behind);
  MICA_TRY(word_.find_all(text.substr(before, begin - before), scratch, &matches));
  *alone = matches.empty();
  MICA_TRY(word_.find_all(text.substr(end, behind - end), scratch, &matches));
  *alone = *alone && matches.empty();
  return Status::ok();
}

Status AddedTokens::split(std::string_view text, bool normalized, bool parse_special, PatternScratch* scratch,
                          std::vector<Segment>* segments) const {
  const StringSet& set = normalized ? normalized_ : raw_;
  segments->clear();
  size_t done = 0;  // everything before is in a segment
  for (size_t at = 0; at < text.size();) {
    size_t bytes = 0;
    uint32_t index = 0;
    if (!set.longest_at(text, at, &bytes, &index)) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[index];
    size_t begin = at, end = at + bytes;
    at = end;
    if (token.special && !parse_special) continue;
    if (token.single_word) {
      bool alone = false;
      MICA_TRY(stands_alone(text, begin, end, scratch, &alone));
      if (!alone) continue;
    }
    if (token.lstrip) begin = std::max(space_before(text, std::min(done, begin), begin), done);
    if (token.rstrip) end = space_behind(text, end);
    if (done < begin) segments->push_back({done, begin, -1});
    segments->push_back({begin, end, token.id});
    done = end;
  }
  if (done != text.size()) segments->push_back({done, text.size(), -1});
  return Status::ok();
}

}  // namespace mica
