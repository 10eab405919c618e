// SchemaAutomaton: states, their readings and frames, each kept once; see schema_automaton.hpp.
#include "schema_automaton.hpp"

#include <algorithm>
#include <tuple>

#include "limits.hpp"

namespace mica {

namespace {

constexpr size_t kStates = 4096, kReadings = 1u << 15, kFrames = 1u << 15;
// Instructions gone through for one state. What is then left is not followed, as with too many readings.
constexpr size_t kWorkMax = 8 * limits::kSchemaReadingsMax;

using Op = SchemaProgram::Op;

uint32_t mix(uint32_t hash, uint32_t value) {
  hash = (hash ^ value) * 0x9E3779B1u;
  return hash ^ hash >> 15;
}

}  // namespace

SchemaAutomaton::SchemaAutomaton(SchemaProgram&& program) : program_(std::move(program)) {
  find_classes();
  steps_.reserve(kStates * classes_);
  states_.reserve(kStates);
  readings_.reserve(kReadings);
  frames_.reserve(kFrames);
  state_table_.assign(2 * kStates, kNone);
  frame_table_.assign(2 * kFrames, kNone);
  found_.reserve(limits::kSchemaReadingsMax);
  open_.reserve(kWorkMax);
}

// Bytes that no instruction tells apart are one class.
void SchemaAutomaton::find_classes() {
  bool starts[257] = {};
  const auto mark = [&](size_t first, size_t last) { starts[first] = starts[last + 1] = true; };
  for (const char byte : program_.literals) mark(static_cast<uint8_t>(byte), static_cast<uint8_t>(byte));
  for (const SchemaProgram::Instruction& instruction : program_.code) {
    if (instruction.op != Op::string && instruction.op != Op::plain) continue;
    const std::vector<char32_t>& classes = program_.regulars[instruction.first].starts;
    for (const char32_t start : classes)
      if (start < 0x80) starts[start] = true;
    // Digits, letters that stand behind a backslash, and first bytes of characters.
    for (const char byte : std::string_view("\"/\\bfnrtu0123456789abcdefABCDEF"))
      mark(static_cast<uint8_t>(byte), static_cast<uint8_t>(byte));
    for (const size_t byte : {0x20, 0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5})
      starts[byte] = true;
    const bool tells_more = std::any_of(classes.begin(), classes.end(), [](char32_t start) {
      return start >= 0x80 && start != kSurrogateMin && start != kSurrogateMax + 1;
    });
    for (size_t byte = 0x80; tells_more && byte <= 0xFF; ++byte) starts[byte] = true;
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    classes_ += byte == 0 || starts[byte];
    class_of_[byte] = static_cast<uint8_t>(classes_ - 1);
  }
}

// ---- kept once ------------------------------------------------------------------------------------------------------

void SchemaAutomaton::index_frame(uint32_t frame) {
  const Frame& f = frames_[frame];
  size_t slot = mix(mix(mix(mix(0, f.below), f.at), f.min), f.max) & (frame_table_.size() - 1);
  while (frame_table_[slot] != kNone) slot = (slot + 1) & (frame_table_.size() - 1);
  frame_table_[slot] = frame;
}

uint32_t SchemaAutomaton::push(const Frame& f) {
  size_t slot = mix(mix(mix(mix(0, f.below), f.at), f.min), f.max) & (frame_table_.size() - 1);
  for (; frame_table_[slot] != kNone; slot = (slot + 1) & (frame_table_.size() - 1))
    if (frames_[frame_table_[slot]] == f) return frame_table_[slot];
  if (frames_.size() == kFrames) {
    has_room_ = false;
    return kNone;
  }
  frames_.push_back(f);
  frame_table_[slot] = static_cast<uint32_t>(frames_.size() - 1);
  return frame_table_[slot];
}

uint32_t SchemaAutomaton::hash(const State& state) const {
  uint32_t hash = state.count;
  for (uint32_t i = 0; i < state.count; ++i) {
    const Reading& r = readings_[state.first + i];
    for (const uint32_t part : {r.at, r.frame, r.offset, r.string.value, r.string.state,
                                static_cast<uint32_t>(r.string.within) * 16u + r.string.left})
      hash = mix(hash, part);
  }
  return hash;
}

void SchemaAutomaton::index_state(uint32_t state) {
  size_t slot = hash(states_[state]) & (state_table_.size() - 1);
  while (state_table_[slot] != kNone) slot = (slot + 1) & (state_table_.size() - 1);
  state_table_[slot] = state;
}

// The state of the readings that were found.
uint32_t SchemaAutomaton::intern() {
  if (has_room_ && found_.empty()) return kDead;
  if (!has_room_ || states_.size() == kStates || readings_.size() + found_.size() > kReadings) return kNoRoom;
  const auto key = [](const Reading& r) {
    return std::tuple(r.at, r.frame, r.offset, r.string.state, r.string.value, r.string.within, r.string.left,
                      r.string.is_settled);
  };
  std::sort(found_.begin(), found_.end(), [&](const Reading& a, const Reading& b) { return key(a) < key(b); });
  State made{static_cast<uint32_t>(readings_.size()), static_cast<uint32_t>(found_.size()), false};
  for (const Reading& reading : found_) {
    made.may_end = made.may_end || program_.code[reading.at].op == Op::end;
    readings_.push_back(reading);
  }
  const auto is_same = [&](const State& other) {
    return other.count == made.count && std::equal(readings_.begin() + other.first,
                                                   readings_.begin() + other.first + other.count,
                                                   readings_.begin() + made.first);
  };
  size_t slot = hash(made) & (state_table_.size() - 1);
  for (; state_table_[slot] != kNone; slot = (slot + 1) & (state_table_.size() - 1)) {
    if (!is_same(states_[state_table_[slot]])) continue;
    readings_.resize(made.first);
    return state_table_[slot];
  }
  states_.push_back(made);
  steps_.resize(steps_.size() + classes_, kUnknown);
  state_table_[slot] = static_cast<uint32_t>(states_.size() - 1);
  return state_table_[slot];
}

void SchemaAutomaton::forget(std::span<uint32_t*> kept) {
  // Readings and frames move forward: what is kept of them stays in order, frames behind those below them.
  std::sort(kept.begin(), kept.end(), [](const uint32_t* a, const uint32_t* b) { return *a < *b; });
  std::fill(frame_table_.begin(), frame_table_.end(), kNone);  // for the new numbers of frames, in their own places
  std::fill(state_table_.begin(), state_table_.end(), kNone);
  uint32_t* numbers = frame_table_.data();
  for (const uint32_t* state : kept)
    for (uint32_t i = 0; i < states_[*state].count; ++i)
      for (uint32_t f = readings_[states_[*state].first + i].frame; f != kNone && numbers[f] == kNone;
           f = frames_[f].below)
        numbers[f] = 0;
  uint32_t frames = 0;
  for (uint32_t f = 0; f < frames_.size(); ++f) {
    if (numbers[f] == kNone) continue;
    const Frame moved = frames_[f];
    numbers[f] = frames;
    frames_[frames] = moved;
    if (moved.below != kNone) frames_[frames].below = numbers[moved.below];
    ++frames;
  }
  uint32_t readings = 0, states = 0, last = kNone;
  for (uint32_t* state : kept) {
    const uint32_t old = *state;
    *state = old == last ? states - 1 : states;
    if (old == last) continue;
    last = old;
    const State from = states_[old];
    for (uint32_t i = 0; i < from.count; ++i) {
      Reading reading = readings_[from.first + i];
      if (reading.frame != kNone) reading.frame = numbers[reading.frame];
      readings_[readings + i] = reading;
    }
    states_[states++] = {readings, from.count, from.may_end};
    readings += from.count;
  }
  frames_.resize(frames);
  readings_.resize(readings);
  states_.resize(states);
  steps_.assign(states * classes_, kUnknown);
  std::fill(frame_table_.begin(), frame_table_.end(), kNone);
  for (uint32_t f = 0; f < frames; ++f) index_frame(f);
  for (uint32_t state = 0; state < states; ++state) index_state(state);
}

// ---- readings -------------------------------------------------------------------------------------------------------

uint32_t SchemaAutomaton::start() {
  found_.clear();
  has_room_ = true;
  work_ = 0;
  follow({program_.start, kNone, 0, {}});
  return intern();
}

uint32_t SchemaAutomaton::find_step(uint32_t state, uint8_t byte) {
  found_.clear();
  has_room_ = true;
  work_ = 0;
  const State from = states_[state];
  for (uint32_t i = 0; i < from.count; ++i) {
    Reading reading = readings_[from.first + i];
    if (take_byte(&reading, byte)) follow(reading);
  }
  const uint32_t to = intern();
  if (to != kNoRoom) steps_[state * classes_ + class_of_[byte]] = to;
  return to;
}

bool SchemaAutomaton::take_byte(Reading* reading, uint8_t byte) const {
  const SchemaProgram::Instruction& instruction = program_.code[reading->at];
  if (instruction.op == Op::string)
    return read_string_byte(program_.regulars[instruction.first], byte, program_.spells_plainly, &reading->string);
  if (instruction.op == Op::plain) return read_plain_byte(program_.regulars[instruction.first], byte, &reading->string);
  if (instruction.op != Op::literal) return false;
  return static_cast<uint8_t>(program_.literals[instruction.first + reading->offset++]) == byte;
}

bool SchemaAutomaton::has_depth(uint32_t at, uint32_t frame) const {
  const uint32_t depth = frame == kNone ? 0 : frames_[frame].depth;
  return depth + program_.depth_needed[at] <= limits::kSchemaDepthMax;
}

void SchemaAutomaton::keep(const Reading& reading) {
  if (found_.size() == limits::kSchemaReadingsMax) return;
  if (std::find(found_.begin(), found_.end(), reading) == found_.end()) found_.push_back(reading);
}

// At a repeat's frame: once more, or behind it.
void SchemaAutomaton::follow_repeat(uint32_t frame) {
  const Frame f = frames_[frame];
  const SchemaProgram::Instruction& repeat = program_.code[f.at];
  if (f.min == 0) open_.push_back({repeat.next, f.below, 0, {}});
  if (f.max > 0) open_.push_back({repeat.first, frame, 0, {}});
}

// Keeps the readings that `first` leads to without a further byte.
void SchemaAutomaton::follow(const Reading& first) {
  open_.assign(1, first);
  while (!open_.empty() && has_room_ && ++work_ < kWorkMax) {
    const Reading reading = open_.back();
    open_.pop_back();
    const SchemaProgram::Instruction& instruction = program_.code[reading.at];
    const uint32_t depth = reading.frame == kNone ? 1 : frames_[reading.frame].depth + 1;
    if (!has_depth(reading.at, reading.frame)) continue;
    switch (instruction.op) {
      case Op::literal:
        if (reading.offset < instruction.count) keep(reading);
        else open_.push_back({instruction.next, reading.frame, 0, {}});
        break;
      case Op::string:
      case Op::plain: {
        const Regular& regular = program_.regulars[instruction.first];
        const bool is_between = reading.string.within == StringReading::Within::nothing;
        if (is_between && regular.accepts[reading.string.state])
          open_.push_back({instruction.next, reading.frame, 0, {}});
        if (!is_between || regular.leads_on(reading.string.state)) keep(reading);
        break;
      }
      case Op::split:
        for (uint32_t i = instruction.count; i-- > 0;)
          open_.push_back({program_.targets[instruction.first + i], reading.frame, 0, {}});
        break;
      case Op::call:
        if (const uint32_t frame = push({reading.frame, reading.at, 0, 0, depth}); frame != kNone)
          open_.push_back({program_.rules[instruction.first], frame, 0, {}});
        break;
      case Op::enter: open_.push_back({program_.rules[instruction.first], reading.frame, 0, {}}); break;
      case Op::leave: {
        const Frame& frame = frames_[reading.frame];
        open_.push_back({program_.code[frame.at].next, frame.below, 0, {}});
        break;
      }
      case Op::repeat:
        if (const uint32_t frame = push({reading.frame, reading.at, instruction.min, instruction.max, depth});
            frame != kNone)
          follow_repeat(frame);
        break;
      case Op::again: {
        Frame next = frames_[reading.frame];
        next.min -= next.min > 0;
        next.max -= next.max != kUnbounded;
        if (const uint32_t frame = push(next); frame != kNone) follow_repeat(frame);
        break;
      }
      case Op::end: keep(reading); break;
      case Op::fail: break;
    }
  }
}

// ---- counts that are far away ---------------------------------------------------------------------------------------

uint32_t SchemaAutomaton::near_frame(uint32_t frame, uint32_t bytes) {
  uint32_t way[limits::kSchemaDepthMax + 1];
  size_t count = 0;
  for (; frame != kNone; frame = frames_[frame].below) way[count++] = frame;
  uint32_t below = kNone;
  while (count > 0 && has_room_) {
    Frame made = frames_[way[--count]];
    made.below = below;
    made.min = std::min(made.min, bytes + 1);
    if (made.max > bytes) made.max = kUnbounded;
    below = push(made);
  }
  return below;
}

uint32_t SchemaAutomaton::near(uint32_t state, uint32_t bytes) {
  found_.clear();
  has_room_ = true;
  const State from = states_[state];
  for (uint32_t i = 0; i < from.count && has_room_; ++i) {
    Reading reading = readings_[from.first + i];
    reading.frame = near_frame(reading.frame, bytes);
    keep(reading);
  }
  return intern();
}

}  // namespace mica
