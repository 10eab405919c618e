// Pattern: parsed into a tree, whose repeats are unrolled into steps, of which sets are the automaton's states.
#include "pattern.hpp"

#include <algorithm>
#include <iterator>

#include "utf8.hpp"

namespace mica {

namespace {

struct Range {
  char32_t first, last;
};
using Set = std::vector<Range>;

constexpr Range kDigits[] = {{'0', '9'}};
constexpr Range kWord[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
constexpr Range kSpace[] = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                            {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
constexpr Range kLineEnds[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

bool has(const Set& set, char32_t character) {
  return std::any_of(set.begin(), set.end(),
                     [&](const Range& range) { return range.first <= character && character <= range.last; });
}

Set complement(Set set) {
  std::sort(set.begin(), set.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  Set rest;
  char32_t from = 0;
  for (const Range& range : set) {
    if (range.first > from) rest.push_back({from, range.first - 1});
    from = std::max<char32_t>(from, range.last + 1);
  }
  if (from <= kCharacterMax) rest.push_back({from, kCharacterMax});
  return rest;
}

struct Node {
  enum class Kind : uint8_t { set, sequence, choice, repeat, begin, end };
  Kind kind = Kind::sequence;
  Set set;
  std::vector<Node> parts;
  uint32_t min = 0, max = 0;  // of a repeat
};

Status unsupported(const char* what) {
  return Status::error(Code::unsupported, "has %s, which mica does not keep: write it without", what);
}
Status wrong(const char* what) { return Status::error(Code::invalid_argument, "is no pattern: %s", what); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}
  Status parse(Node* out) {
    MICA_TRY(choice(0, out));
    return at_end() ? Status::ok() : wrong("a ) closes nothing");
  }

 private:
  bool at_end() const { return offset_ == text_.size(); }
  bool is_at(char wanted) const { return !at_end() && text_[offset_] == wanted; }
  bool take(std::string_view wanted) {
    if (!text_.substr(offset_).starts_with(wanted)) return false;
    offset_ += wanted.size();
    return true;
  }

  Status choice(size_t depth, Node* out);
  Status sequence(size_t depth, Node* out);
  Status atom(size_t depth, Node* out);
  Status group(size_t depth, Node* out);
  Status repeats(Node* node);
  Status counts(uint32_t* min, uint32_t* max);
  bool number(uint32_t* out);
  Status set(Set* out);
  Status set_member(Set* out, bool* is_single);
  Status escape(Set* out, bool in_set, bool* is_single);
  Status character_of_digits(char32_t* out);
  bool hexadecimal(size_t digits, char32_t* out);

  std::string_view text_;
  size_t offset_ = 0;
};

Status Parser::choice(size_t depth, Node* out) {
  if (depth > limits::kPatternDepthMax)
    return Status::error(Code::limit_exceeded, "has groups nested deeper than %zu", limits::kPatternDepthMax);
  out->kind = Node::Kind::choice;
  do {
    MICA_TRY(sequence(depth, &out->parts.emplace_back()));
  } while (take("|"));
  return Status::ok();
}

Status Parser::sequence(size_t depth, Node* out) {
  while (!at_end() && !is_at('|') && !is_at(')')) {
    Node& part = out->parts.emplace_back();
    MICA_TRY(atom(depth, &part));
    MICA_TRY(repeats(&part));
  }
  return Status::ok();
}

Status Parser::atom(size_t depth, Node* out) {
  out->kind = Node::Kind::set;
  bool is_single = false;
  if (take("^")) out->kind = Node::Kind::begin;
  else if (take("$")) out->kind = Node::Kind::end;
  else if (take(".")) out->set = complement({std::begin(kLineEnds), std::end(kLineEnds)});
  else if (take("(")) return group(depth, out);
  else if (take("[")) return set(&out->set);
  else if (take("\\")) return escape(&out->set, false, &is_single);
  else if (is_at('*') || is_at('+') || is_at('?')) return wrong("a repeat has nothing before it");
  else if (is_at('{') || is_at('}') || is_at(']')) return wrong("a { } or ] stands for itself only behind a \\");
  else {
    const char32_t character = utf8_next(text_, &offset_);
    out->set = {{character, character}};
  }
  return Status::ok();
}

Status Parser::group(size_t depth, Node* out) {
  if (take("?") && !take(":")) {
    if (!take("<") || is_at('=') || is_at('!')) return unsupported("a group that looks around or sets flags");
    offset_ = std::min(text_.find('>', offset_), text_.size() - 1) + 1;
  }
  *out = {};
  MICA_TRY(choice(depth + 1, out));
  return take(")") ? Status::ok() : wrong("a ( is not closed");
}

Status Parser::repeats(Node* node) {
  uint32_t min = 0, max = 0;
  if (take("*")) max = kUnbounded;
  else if (take("+")) min = 1, max = kUnbounded;
  else if (take("?")) max = 1;
  else if (take("{")) MICA_TRY(counts(&min, &max));
  else return Status::ok();
  take("?");  // how much is taken first does not change which texts fit
  if (is_at('*') || is_at('+') || is_at('?') || is_at('{')) return wrong("a repeat is repeated");
  if (node->kind == Node::Kind::begin || node->kind == Node::Kind::end) return wrong("^ or $ is repeated");
  Node repeated;
  repeated.kind = Node::Kind::repeat;
  repeated.min = min;
  repeated.max = max;
  repeated.parts.push_back(std::move(*node));
  *node = std::move(repeated);
  return Status::ok();
}

Status Parser::counts(uint32_t* min, uint32_t* max) {
  if (!number(min)) return wrong("a { needs a number");
  *max = *min;
  if (take(",") && !number(max)) *max = kUnbounded;
  if (!take("}")) return wrong("a { is not closed");
  if (*max < *min) return wrong("a repeat has its bounds in the wrong order");
  const uint32_t largest = *max == kUnbounded ? *min : *max;
  if (largest > limits::kPatternNodesMax)
    return Status::error(Code::limit_exceeded, "repeats %u times; %zu are the most", largest, limits::kPatternNodesMax);
  return Status::ok();
}

bool Parser::number(uint32_t* out) {
  uint32_t value = 0;
  const size_t begin = offset_;
  for (; !at_end() && text_[offset_] >= '0' && text_[offset_] <= '9'; ++offset_)
    value = std::min<uint32_t>(value * 10 + static_cast<uint32_t>(text_[offset_] - '0'), 1u << 24);
  if (offset_ == begin) return false;
  *out = value;
  return true;
}

Status Parser::set(Set* out) {
  const bool is_other = take("^");
  while (!is_at(']')) {
    if (at_end()) return wrong("a [ is not closed");
    bool is_single = false, ends_single = false;
    MICA_TRY(set_member(out, &is_single));
    if (!is_at('-') || text_.substr(offset_).starts_with("-]")) continue;
    ++offset_;
    if (at_end()) return wrong("a [ is not closed");
    Set end;
    MICA_TRY(set_member(&end, &ends_single));
    if (!is_single || !ends_single) return wrong("a range in [ ] has a class at its end");
    if (end.back().first < out->back().first) return wrong("a range in [ ] has its ends in the wrong order");
    out->back().last = end.back().first;
  }
  ++offset_;
  if (is_other) *out = complement(std::move(*out));
  return Status::ok();
}

Status Parser::set_member(Set* out, bool* is_single) {
  if (take("\\")) return escape(out, true, is_single);
  const char32_t character = utf8_next(text_, &offset_);
  out->push_back({character, character});
  *is_single = true;
  return Status::ok();
}

bool Parser::hexadecimal(size_t digits, char32_t* out) {
  if (text_.size() - offset_ < digits) return false;
  char32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = text_[offset_ + i];
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') value = value * 16 + static_cast<char32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f') value = value * 16 + static_cast<char32_t>(lower - 'a' + 10);
    else return false;
  }
  offset_ += digits;
  *out = value;
  return true;
}

// Behind \u: four digits, or twice four of surrogates.
Status Parser::character_of_digits(char32_t* out) {
  if (!hexadecimal(4, out)) return wrong("\\u wants four hexadecimal digits");
  if (*out < kSurrogateMin || *out > kSurrogateMax) return Status::ok();
  char32_t low = 0;
  if (*out >= 0xDC00 || !take("\\u") || !hexadecimal(4, &low) || low < 0xDC00 || low > kSurrogateMax)
    return wrong("half of a surrogate pair is no character");
  *out = 0x10000 + ((*out - kSurrogateMin) << 10) + (low - 0xDC00);
  return Status::ok();
}

Status Parser::escape(Set* out, bool in_set, bool* is_single) {
  if (at_end()) return wrong("a \\ ends it");
  struct Class {
    char name;
    const Range* begin;
    const Range* end;
  };
  constexpr Class kClasses[] = {{'d', std::begin(kDigits), std::end(kDigits)},
                                {'w', std::begin(kWord), std::end(kWord)},
                                {'s', std::begin(kSpace), std::end(kSpace)}};
  constexpr std::string_view kControls = "t\tn\nr\rf\fv\v";
  const char name = text_[offset_++];
  for (const Class& each : kClasses) {
    if ((name | 0x20) != each.name) continue;
    Set members(each.begin, each.end);
    if (name != each.name) members = complement(std::move(members));
    out->insert(out->end(), members.begin(), members.end());
    return Status::ok();
  }
  char32_t character = static_cast<uint8_t>(name);
  const size_t control = kControls.find(name);
  if (name == 'u') MICA_TRY(character_of_digits(&character));
  else if (name == 'x') {
    if (!hexadecimal(2, &character)) return wrong("\\x wants two hexadecimal digits");
  } else if (control != std::string_view::npos && control % 2 == 0) {
    character = static_cast<uint8_t>(kControls[control + 1]);
  } else if (name == 'b' && in_set) {
    character = '\b';
  } else if (has(Set(std::begin(kWord), std::end(kWord)), character) || character >= 0x80) {
    return unsupported("a \\ before a letter or digit that is no class");
  }
  out->push_back({character, character});
  *is_single = true;
  return Status::ok();
}

// Steps: what may come next, repeats unrolled.
class Steps {
 public:
  enum class Kind : uint8_t { set, split, begin, end, found };
  struct Step {
    Kind kind;
    uint32_t next, other;  // `other` of a split
    const Set* set;
  };

  explicit Steps(const Node& root) {
    found_ = add({Kind::found, 0, 0, nullptr});
    // It may be found anywhere.
    const uint32_t search = add({Kind::split, 0, 0, nullptr});
    const uint32_t skip = add({Kind::set, search, 0, &any_});
    const uint32_t start = emit(root, found_);
    steps_[search].next = start;
    steps_[search].other = skip;
    start_ = search;
  }

  bool is_whole() const { return steps_.size() < limits::kPatternNodesMax; }
  Status determine(RegularWork* work, Regular* out) const;

 private:
  using States = std::vector<uint32_t>;

  uint32_t add(const Step& step) {
    if (is_whole()) steps_.push_back(step);
    return static_cast<uint32_t>(steps_.size() - 1);
  }
  uint32_t emit(const Node& node, uint32_t next);
  uint32_t emit_repeat(const Node& node, uint32_t next);
  void follow(uint32_t step, bool at_begin, bool at_end, std::vector<uint8_t>* seen, States* leaves) const;
  void settle(States* states) const;

  const Set any_ = {{0, kCharacterMax}};
  std::vector<Step> steps_;
  uint32_t found_ = 0, start_ = 0;
};

uint32_t Steps::emit(const Node& node, uint32_t next) {
  if (!is_whole()) return next;
  switch (node.kind) {
    case Node::Kind::set: return add({Kind::set, next, 0, &node.set});
    case Node::Kind::begin: return add({Kind::begin, next, 0, nullptr});
    case Node::Kind::end: return add({Kind::end, next, 0, nullptr});
    case Node::Kind::repeat: return emit_repeat(node, next);
    case Node::Kind::sequence: {
      for (size_t i = node.parts.size(); i-- > 0;) next = emit(node.parts[i], next);
      return next;
    }
    case Node::Kind::choice: break;
  }
  uint32_t entry = emit(node.parts.back(), next);
  for (size_t i = node.parts.size() - 1; i-- > 0;) {
    const uint32_t branch = emit(node.parts[i], next);
    entry = add({Kind::split, branch, entry, nullptr});
  }
  return entry;
}

uint32_t Steps::emit_repeat(const Node& node, uint32_t next) {
  const Node& part = node.parts.front();
  uint32_t entry = next;
  if (node.max == kUnbounded) {
    entry = add({Kind::split, 0, next, nullptr});
    const uint32_t body = emit(part, entry);
    if (is_whole()) steps_[entry].next = body;
  } else {
    for (uint32_t i = node.min; i < node.max && is_whole(); ++i) {
      const uint32_t body = emit(part, entry);
      entry = add({Kind::split, body, next, nullptr});
    }
  }
  for (uint32_t i = 0; i < node.min && is_whole(); ++i) entry = emit(part, entry);
  return entry;
}

// Appends what is reached without a character: sets, ends that are not passed, and where all is found.
void Steps::follow(uint32_t first, bool at_begin, bool at_end, std::vector<uint8_t>* seen, States* leaves) const {
  States open{first};
  while (!open.empty()) {
    const uint32_t at = open.back();
    open.pop_back();
    if ((*seen)[at]) continue;
    (*seen)[at] = 1;
    const Step& step = steps_[at];
    const bool passes = step.kind == Kind::split || (step.kind == Kind::begin && at_begin) ||
                        (step.kind == Kind::end && at_end);
    if (passes) open.push_back(step.next);
    if (step.kind == Kind::split) open.push_back(step.other);
    if (!passes && step.kind != Kind::begin) leaves->push_back(at);
  }
}

// Sorted; where all is found, what follows does not matter.
void Steps::settle(States* states) const {
  std::sort(states->begin(), states->end());
  if (std::binary_search(states->begin(), states->end(), found_)) *states = {found_};
}

Status Steps::determine(RegularWork* work, Regular* out) const {
  std::vector<char32_t> starts;
  for (const Step& step : steps_)
    if (step.set != nullptr)
      for (const Range& range : *step.set) starts.insert(starts.end(), {range.first, range.last + 1});
  const auto advance = [&](const States& from, char32_t character, States* to) {
    to->clear();
    if (from == States{found_}) {
      *to = from;
      return true;
    }
    work->steps += from.size();
    if (work->is_too_much()) return false;
    std::vector<uint8_t> seen(steps_.size());
    for (const uint32_t at : from)
      if (steps_[at].kind == Kind::set && has(*steps_[at].set, character))
        follow(steps_[at].next, false, false, &seen, to);
    settle(to);
    return !to->empty();
  };
  const auto ends = [&](const States& states) {
    States reached;
    std::vector<uint8_t> seen(steps_.size());
    for (const uint32_t at : states) follow(at, false, true, &seen, &reached);
    return std::find(reached.begin(), reached.end(), found_) != reached.end();
  };
  States first;
  std::vector<uint8_t> seen(steps_.size());
  follow(start_, true, false, &seen, &first);
  settle(&first);
  return explore(std::move(starts), first, advance, ends, work, out);
}

}  // namespace

Status read_pattern(std::string_view pattern, RegularWork* work, Regular* out) {
  MICA_TRY(check_utf8(pattern));
  Node root;
  MICA_TRY(Parser(pattern).parse(&root));
  const Steps steps(root);
  if (!steps.is_whole())
    return Status::error(Code::limit_exceeded, "has more than %zu steps, repeats counted", limits::kPatternNodesMax);
  return steps.determine(work, out);
}

}  // namespace mica
