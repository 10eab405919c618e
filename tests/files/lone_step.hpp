// A step of an automaton for one who keeps no other state. Not what an answer does: engine/schema_guide.hpp.
#pragma once

#include "schema_automaton.hpp"

namespace mica::test {

// Where there is no room all other states are forgotten; `state` may get another number then. kNoRoom: even so.
inline uint32_t lone_step(SchemaAutomaton* automaton, uint32_t* state, uint8_t byte) {
  const uint32_t to = automaton->step(*state, byte);
  if (to != SchemaAutomaton::kNoRoom) return to;
  uint32_t* kept[] = {state};
  automaton->forget(kept);
  return automaton->step(*state, byte);
}

}  // namespace mica::test
