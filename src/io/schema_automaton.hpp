// SchemaAutomaton: a SchemaProgram run as a deterministic automaton over bytes, of which states are made when they are
// first met, in memory that is taken once. Not tokens: src/engine/schema_guide.hpp.
//
// A state is the set of readings of the text so far: each an instruction, a place within it, and the frames of what is
// open around it. Every reading by itself can be brought to an end, so a byte that leads anywhere leads to a whole value;
// where there are more than kSchemaReadingsMax, the rest are not followed, and fewer texts are allowed, never wrong ones.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schema_program.hpp"
#include "string_reading.hpp"

namespace mica {

class SchemaAutomaton {
 public:
  static constexpr uint32_t kDead = UINT32_MAX, kNoRoom = UINT32_MAX - 1;

  // Takes its memory.
  explicit SchemaAutomaton(SchemaProgram&& program);

  // States are valid until forget().
  uint32_t start();
  // The state behind a byte: kDead where no value goes on so; kNoRoom: forget() first.
  uint32_t step(uint32_t state, uint8_t byte) {
    const uint32_t known = steps_[state * classes_ + class_of_[byte]];
    return known != kUnknown ? known : find_step(state, byte);
  }
  // A state that allows the same texts of up to `bytes` bytes, whatever counts are open further away; or kNoRoom.
  uint32_t near(uint32_t state, uint32_t bytes);
  bool may_end(uint32_t state) const { return states_[state].may_end; }
  bool may_go_on(uint32_t state) const { return states_[state].count > states_[state].may_end; }
  // All states but these, which get new numbers.
  void forget(std::span<uint32_t*> kept);

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX - 2, kNone = UINT32_MAX;

  struct Frame {
    uint32_t below;  // kNone: the first
    uint32_t at;     // the call or repeat
    uint32_t min, max;  // of a repeat: how many more must and may come
    uint32_t depth;
    bool operator==(const Frame&) const = default;
  };
  struct Reading {
    uint32_t at;
    uint32_t frame;
    uint32_t offset;  // in a literal
    StringReading string;
    bool operator==(const Reading&) const = default;
  };
  struct State {
    uint32_t first, count;  // of readings_
    bool may_end;
  };

  void find_classes();
  uint32_t find_step(uint32_t state, uint8_t byte);
  bool take_byte(Reading* reading, uint8_t byte) const;
  void follow(const Reading& reading);
  void follow_repeat(uint32_t frame);
  void keep(const Reading& reading);
  bool has_depth(uint32_t at, uint32_t frame) const;
  uint32_t push(const Frame& frame);
  uint32_t near_frame(uint32_t frame, uint32_t bytes);
  uint32_t intern();
  uint32_t hash(const State& state) const;
  void index_frame(uint32_t frame);
  void index_state(uint32_t state);

  SchemaProgram program_;
  uint8_t class_of_[256] = {};
  uint32_t classes_ = 0;
  std::vector<uint32_t> steps_;  // [state][class]
  std::vector<State> states_;
  std::vector<Reading> readings_;
  std::vector<Frame> frames_;
  std::vector<uint32_t> state_table_, frame_table_;  // open addressing, a power of two
  std::vector<Reading> found_, open_;  // of the state that is being made
  size_t work_ = 0;                    // done for it
  bool has_room_ = true;
};

}  // namespace mica
