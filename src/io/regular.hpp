// Regular: a set of texts as a deterministic automaton over characters, from which every state can still reach an end.
// Not a reader of patterns (pattern.hpp), and not bytes: how JSON writes a character is string_reading.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "limits.hpp"
#include "status.hpp"

namespace mica {

inline constexpr char32_t kCharacterMax = 0x10FFFF, kSurrogateMin = 0xD800, kSurrogateMax = 0xDFFF;

struct Regular {
  static constexpr uint32_t kDead = UINT32_MAX;

  std::vector<char32_t> starts;   // of classes of characters, ascending from 0: each reaches to the next one's start
  std::vector<uint32_t> next;     // [state][class]: a state or kDead; state 0 is the first
  std::vector<uint8_t> accepts;   // [state]: a text may end here

  // No text at all.
  bool is_empty() const { return accepts.empty(); }
  size_t class_of(char32_t character) const;
  uint32_t step(uint32_t state, char32_t character) const { return next[state * starts.size() + class_of(character)]; }
  // Whether some character leads on, or one of [first, last].
  bool leads_on(uint32_t state) const { return leads_on(state, 0, kCharacterMax); }
  bool leads_on(uint32_t state, char32_t first, char32_t last) const;
  // Whether all of [first, last] lead to one state, which may be kDead.
  bool leads_alike(uint32_t state, char32_t first, char32_t last, uint32_t* target) const;
};

// Sorted starts of classes that tell `starts` apart, and surrogates, which are no characters, from the others.
std::vector<char32_t> with_surrogates(std::vector<char32_t> starts);
// States that reach no end are taken out.
void trim(Regular* regular);

// Steps gone through for all automata of one schema, also those that come to nothing: bounded, so that its reading ends soon.
struct RegularWork {
  size_t steps = 0;
  bool is_too_much() const { return steps > limits::kRegularWorkMax; }
};

// The automaton of which `first` is the first state; step(state, character, &next) is false where nothing follows; each
// character stands for its class. Errors: limit_exceeded (kRegularStatesMax, kRegularEntriesMax, kRegularWorkMax).
template <class State, class Step, class Accepts>
Status explore(std::vector<char32_t> starts, const State& first, const Step& step, const Accepts& accepts,
               RegularWork* work, Regular* out) {
  constexpr size_t kEntrySteps = 4;
  Regular made;
  made.starts = with_surrogates(std::move(starts));
  std::map<State, uint32_t> numbers{{first, 0}};
  std::vector<State> states{first};
  for (size_t at = 0; at < states.size(); ++at) {
    made.accepts.push_back(accepts(states[at]));
    for (const char32_t start : made.starts) {
      State following = states[at];
      uint32_t number = Regular::kDead;
      if (start != kSurrogateMin && step(states[at], start, &following)) {
        const auto [found, is_new] = numbers.try_emplace(following, static_cast<uint32_t>(states.size()));
        if (is_new) states.push_back(following);
        number = found->second;
      }
      made.next.push_back(number);
    }
    if (states.size() > limits::kRegularStatesMax || made.next.size() > limits::kRegularEntriesMax)
      return Status::error(Code::limit_exceeded, "takes more than %zu states", limits::kRegularStatesMax);
    work->steps += made.starts.size() * kEntrySteps;
    if (work->is_too_much()) return Status::error(Code::limit_exceeded, "takes too long to be read, with all before it");
  }
  trim(&made);
  *out = std::move(made);
  return Status::ok();
}

// Texts that are in both. Errors: limit_exceeded.
Status intersect(const Regular& a, const Regular& b, RegularWork* work, Regular* out);
// Any text of `min` to `max` characters; kUnbounded: of any length.
inline constexpr uint32_t kUnbounded = UINT32_MAX;
Status lengths(uint32_t min, uint32_t max, RegularWork* work, Regular* out);
// The words, which are UTF-8, or with `but` all texts beside them. Errors: limit_exceeded.
Status words(const std::vector<std::string_view>& list, bool but, RegularWork* work, Regular* out);

}  // namespace mica
