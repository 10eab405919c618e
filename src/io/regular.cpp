// Regular: what is asked of an automaton over characters, and the plain ones; see regular.hpp.
#include "regular.hpp"

#include <algorithm>

#include "utf8.hpp"

namespace mica {

size_t Regular::class_of(char32_t character) const {
  return static_cast<size_t>(std::upper_bound(starts.begin(), starts.end(), character) - starts.begin()) - 1;
}

bool Regular::leads_on(uint32_t state, char32_t first, char32_t last) const {
  const uint32_t* row = next.data() + state * starts.size();
  for (size_t i = class_of(first); i < starts.size() && starts[i] <= last; ++i)
    if (row[i] != kDead) return true;
  return false;
}

bool Regular::leads_alike(uint32_t state, char32_t first, char32_t last, uint32_t* target) const {
  const uint32_t* row = next.data() + state * starts.size();
  size_t i = class_of(first);
  *target = row[i];
  for (++i; i < starts.size() && starts[i] <= last; ++i)
    if (row[i] != *target) return false;
  return true;
}

std::vector<char32_t> with_surrogates(std::vector<char32_t> starts) {
  starts.insert(starts.end(), {0, kSurrogateMin, kSurrogateMax + 1});
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  // A class that begins among surrogates would be all of them but some.
  std::erase_if(starts, [](char32_t start) { return start > kSurrogateMin && start <= kSurrogateMax; });
  while (starts.back() > kCharacterMax) starts.pop_back();
  return starts;
}

void trim(Regular* regular) {
  const size_t count = regular->accepts.size(), classes = regular->starts.size();
  std::vector<std::vector<uint32_t>> before(count);
  for (size_t state = 0; state < count; ++state)
    for (size_t i = 0; i < classes; ++i)
      if (const uint32_t to = regular->next[state * classes + i]; to != Regular::kDead)
        if (before[to].empty() || before[to].back() != state) before[to].push_back(static_cast<uint32_t>(state));
  std::vector<uint32_t> ends;
  std::vector<uint8_t> lives(regular->accepts);
  for (size_t state = 0; state < count; ++state)
    if (lives[state]) ends.push_back(static_cast<uint32_t>(state));
  while (!ends.empty()) {
    const uint32_t state = ends.back();
    ends.pop_back();
    for (const uint32_t from : before[state])
      if (!lives[from]) {
        lives[from] = 1;
        ends.push_back(from);
      }
  }
  if (count == 0 || !lives[0]) {
    *regular = {};
    return;
  }
  std::vector<uint32_t> number(count, Regular::kDead);
  uint32_t kept = 0;
  for (size_t state = 0; state < count; ++state)
    if (lives[state]) number[state] = kept++;
  for (size_t state = 0; state < count; ++state) {
    if (!lives[state]) continue;
    regular->accepts[number[state]] = regular->accepts[state];
    for (size_t i = 0; i < classes; ++i) {
      const uint32_t to = regular->next[state * classes + i];
      regular->next[number[state] * classes + i] = to == Regular::kDead ? to : number[to];
    }
  }
  regular->accepts.resize(kept);
  regular->next.resize(kept * classes);
}

Status intersect(const Regular& a, const Regular& b, RegularWork* work, Regular* out) {
  if (a.is_empty() || b.is_empty()) {
    *out = {};
    return Status::ok();
  }
  using Both = std::pair<uint32_t, uint32_t>;
  std::vector<char32_t> starts = a.starts;
  starts.insert(starts.end(), b.starts.begin(), b.starts.end());
  const auto step = [&](const Both& from, char32_t character, Both* to) {
    *to = {a.step(from.first, character), b.step(from.second, character)};
    return to->first != Regular::kDead && to->second != Regular::kDead;
  };
  const auto accepts = [&](const Both& state) { return a.accepts[state.first] && b.accepts[state.second]; };
  return explore(std::move(starts), Both{0, 0}, step, accepts, work, out);
}

Status lengths(uint32_t min, uint32_t max, RegularWork* work, Regular* out) {
  const uint32_t most = max == kUnbounded ? min : max;
  const auto step = [&](uint32_t length, char32_t, uint32_t* to) {
    *to = length < most ? length + 1 : length;
    return length < most || max == kUnbounded;
  };
  return explore({}, uint32_t{0}, step, [&](uint32_t length) { return length >= min && length <= most; }, work, out);
}

// States are the beginnings of words, and with `but` what is no beginning of any.
Status words(const std::vector<std::string_view>& list, bool but, RegularWork* work, Regular* out) {
  struct Node {
    std::map<char32_t, uint32_t> next;
    bool ends = false;
  };
  std::vector<Node> nodes(1);
  std::vector<char32_t> starts;
  for (const std::string_view word : list) {
    uint32_t at = 0;
    for (size_t offset = 0; offset < word.size();) {
      const char32_t character = utf8_next(word, &offset);
      starts.insert(starts.end(), {character, character + 1});
      const auto [found, is_new] = nodes[at].next.try_emplace(character, static_cast<uint32_t>(nodes.size()));
      at = found->second;
      if (is_new) nodes.emplace_back();
    }
    nodes[at].ends = true;
  }
  const auto other = static_cast<uint32_t>(nodes.size());
  const auto step = [&](uint32_t at, char32_t character, uint32_t* to) {
    *to = other;
    if (at == other) return true;
    const auto found = nodes[at].next.find(character);
    if (found == nodes[at].next.end()) return but;
    *to = found->second;
    return true;
  };
  return explore(std::move(starts), uint32_t{0}, step,
                 [&](uint32_t at) { return (at != other && nodes[at].ends) != but; }, work, out);
}

}  // namespace mica
