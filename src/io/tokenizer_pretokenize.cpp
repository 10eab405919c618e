// PreTokenizer: see tokenizer_pretokenize.hpp. The order of effects, also on empty matches, is that of tokenizers.
#include "tokenizer_pretokenize.hpp"

#include <algorithm>

#include "byte_level.hpp"
#include "limits.hpp"

namespace mica {

namespace {

// A part of a piece: matched by the pattern or between two matches.
struct Part {
  size_t begin, end;
  bool matched;
};

// All of [0, size) in order, matches and what lies between them.
void cover(const std::vector<Pattern::Match>& matches, size_t size, bool invert, std::vector<Part>* parts) {
  parts->clear();
  size_t at = 0;
  for (const Pattern::Match& match : matches) {
    if (at != match.begin) parts->push_back({at, match.begin, invert});
    parts->push_back({match.begin, match.end, !invert});
    at = match.end;
  }
  if (at != size) parts->push_back({at, size, invert});
}

// Joins each part for which joins(part, the part before) holds to the result before it.
template <class Joins>
void join(Joins joins, std::vector<Part>* parts) {
  size_t count = 0;
  bool previous_matched = false;
  for (const Part& part : *parts) {
    const bool matched = part.matched;
    if (count > 0 && joins(matched, previous_matched)) {
      Part& last = (*parts)[count - 1];
      last = {std::min(last.begin, part.begin), std::max(last.end, part.end), false};
    } else {
      (*parts)[count++] = {part.begin, part.end, false};
    }
    previous_matched = matched;
  }
  parts->resize(count);
}

void behave(SplitBehavior behavior, std::vector<Part>* parts) {
  const auto starts_run = [](bool matched, bool previous) { return matched && !previous; };
  switch (behavior) {
    case SplitBehavior::isolated:
      for (Part& part : *parts) part.matched = false;
      return;
    case SplitBehavior::removed: return;
    case SplitBehavior::contiguous:
      join([](bool matched, bool previous) { return matched == previous; }, parts);
      return;
    case SplitBehavior::merged_with_previous: join(starts_run, parts); return;
    case SplitBehavior::merged_with_next:
      std::reverse(parts->begin(), parts->end());
      join(starts_run, parts);
      std::reverse(parts->begin(), parts->end());
      return;
  }
}

Status split(const PreTokenizeStep& step, PatternScratch* scratch, Pieces* pieces) {
  std::vector<Pieces::Span> spans;
  std::vector<Pattern::Match> matches;
  std::vector<Part> parts;
  bool opens = pieces->opens;
  for (size_t i = 0; i < pieces->spans.size(); ++i) {
    const std::string_view piece = pieces->view(i);
    const size_t start = pieces->spans[i].begin;
    MICA_TRY(step.pattern.find_all(piece, scratch, &matches));
    cover(matches, piece.size(), step.invert, &parts);
    behave(step.behavior, &parts);
    for (const Part& part : parts) {
      if (part.matched || part.begin == part.end) continue;
      if (spans.empty()) opens = opens && i == 0 && part.begin == 0;
      spans.push_back({start + part.begin, start + part.end});
    }
  }
  pieces->opens = opens;
  pieces->spans.swap(spans);
  return Status::ok();
}

// Rewrites each piece by append(index, piece, out), which returns a Status; the text between pieces is not kept.
template <class Append>
Status rewrite(Pieces* pieces, Append append) {
  std::string out;
  out.reserve(pieces->text.size());
  for (size_t i = 0; i < pieces->spans.size(); ++i) {
    const size_t begin = out.size();
    MICA_TRY(append(i, pieces->view(i), &out));
    pieces->spans[i] = {begin, out.size()};
    if (out.size() > limits::kNormalizedBytesMax) {
      return Status::error(Code::limit_exceeded, "the text has more than %zu bytes before encoding",
                           limits::kNormalizedBytesMax);
    }
  }
  pieces->text.swap(out);
  return Status::ok();
}

Status add_prefix(const PreTokenizeStep& step, Pieces* pieces) {
  return rewrite(pieces, [&](size_t i, std::string_view piece, std::string* out) {
    const bool wanted = step.scheme == PreTokenizeStep::Prefix::always || (i == 0 && pieces->opens);
    const bool allowed = i > 0 || pieces->prefix;
    if (wanted && allowed && !piece.starts_with(step.content)) *out += step.content;
    *out += piece;
    return Status::ok();
  });
}

Status apply_step(const PreTokenizeStep& step, PatternScratch* scratch, Pieces* pieces) {
  switch (step.kind) {
    case PreTokenizeStep::Kind::split: return split(step, scratch, pieces);
    case PreTokenizeStep::Kind::prefix: return add_prefix(step, pieces);
    case PreTokenizeStep::Kind::replace:
      return rewrite(pieces, [&](size_t, std::string_view piece, std::string* out) {
        return step.pattern.replace_all(piece, step.content, limits::kNormalizedBytesMax, scratch, out);
      });
    case PreTokenizeStep::Kind::byte_level:
      return rewrite(pieces, [](size_t, std::string_view piece, std::string* out) {
        byte_level_append(piece, out);
        return Status::ok();
      });
  }
  return Status::ok();
}

}  // namespace

Status PreTokenizer::add_split(std::string_view expression, SplitBehavior behavior, bool invert) {
  PreTokenizeStep step;
  MICA_TRY(Pattern::compile(expression, &step.pattern));
  step.behavior = behavior;
  step.invert = invert;
  add(std::move(step));
  return Status::ok();
}

void PreTokenizer::add_prefix(std::string_view content, PreTokenizeStep::Prefix scheme) {
  PreTokenizeStep step;
  step.kind = PreTokenizeStep::Kind::prefix;
  step.content = content;
  step.scheme = scheme;
  add(std::move(step));
}

void PreTokenizer::add_byte_level() {
  PreTokenizeStep step;
  step.kind = PreTokenizeStep::Kind::byte_level;
  add(std::move(step));
}

Status PreTokenizer::apply(PatternScratch* scratch, Pieces* pieces) const {
  for (const PreTokenizeStep& step : steps_) MICA_TRY(apply_step(step, scratch, pieces));
  return Status::ok();
}

}  // namespace mica
