// SchemaProgram: whether it ends. What no text of bounded depth gets through is found before it is run.
#include "schema_program.hpp"

#include <algorithm>

#include "limits.hpp"

namespace mica {

namespace {

constexpr uint32_t kNever = limits::kSchemaDepthMax + 1;

using Op = SchemaProgram::Op;
using Instruction = SchemaProgram::Instruction;

uint32_t needed(const SchemaProgram& program, const Instruction& instruction) {
  const std::vector<uint32_t>& known = program.depth_needed;
  const auto below = [&](uint32_t at) { return std::min(known[at] + 1, kNever); };
  switch (instruction.op) {
    case Op::literal:
    case Op::string:
    case Op::plain: return known[instruction.next];
    case Op::call: return std::max(below(program.rules[instruction.first]), known[instruction.next]);
    case Op::enter: return known[program.rules[instruction.first]];
    case Op::repeat:
      return instruction.min == 0 ? known[instruction.next]
                                  : std::max(below(instruction.first), known[instruction.next]);
    case Op::split: {
      uint32_t least = kNever;
      for (uint32_t i = 0; i < instruction.count; ++i)
        least = std::min(least, known[program.targets[instruction.first + i]]);
      return least;
    }
    case Op::leave:
    case Op::again:
    case Op::end: return 0;
    case Op::fail: break;
  }
  return kNever;
}

// The least that all instructions need: what never ends stays at kNever. Forth and back, since what an instruction needs
// may stand on either side of it.
void find_depths(SchemaProgram* program) {
  const size_t count = program->code.size();
  program->depth_needed.assign(count, kNever);
  bool changed = true;
  for (bool backwards = false; changed; backwards = !backwards) {
    changed = false;
    for (size_t i = 0; i < count; ++i) {
      const size_t at = backwards ? count - 1 - i : i;
      const uint32_t depth = needed(*program, program->code[at]);
      changed = changed || depth != program->depth_needed[at];
      program->depth_needed[at] = depth;
    }
  }
}

// Goes through what comes before the first byte of each rule.
class LeftSearch {
 public:
  explicit LeftSearch(const SchemaProgram& program) : program_(program), states_(program.rules.size(), State::unseen) {}

  // A rule that comes before its own first byte is on the way to itself.
  bool finds_itself(uint32_t rule) {
    std::vector<Visit> way;
    open(rule, &way);
    while (!way.empty()) {
      Visit& visit = way.back();
      if (visit.at == visit.rules.size()) {
        states_[visit.rule] = State::done;
        way.pop_back();
        continue;
      }
      const uint32_t next = visit.rules[visit.at++];
      if (states_[next] == State::open) return true;
      if (states_[next] == State::unseen) open(next, &way);
    }
    return false;
  }

 private:
  enum class State : uint8_t { unseen, open, done };
  struct Visit {
    uint32_t rule;
    std::vector<uint32_t> rules;
    size_t at = 0;
  };

  void open(uint32_t rule, std::vector<Visit>* way) {
    if (states_[rule] == State::done) return;
    states_[rule] = State::open;
    Visit visit{rule, {}};
    std::vector<uint32_t> open{program_.rules[rule]};
    while (!open.empty()) {
      const Instruction& instruction = program_.code[open.back()];
      open.pop_back();
      if (instruction.op == Op::call || instruction.op == Op::enter) visit.rules.push_back(instruction.first);
      if (instruction.op == Op::repeat) open.push_back(instruction.first);
      for (uint32_t i = 0; instruction.op == Op::split && i < instruction.count; ++i)
        open.push_back(program_.targets[instruction.first + i]);
    }
    way->push_back(std::move(visit));
  }

  const SchemaProgram& program_;
  std::vector<State> states_;
};

}  // namespace

Status check_schema_program(SchemaProgram* program) {
  find_depths(program);
  if (program->depth_needed[program->start] == kNever)
    return Status::error(Code::invalid_argument,
                         "schema: no value keeps it: what it requires contradicts itself, or has no end");
  LeftSearch search(*program);
  for (uint32_t rule = 0; rule < program->rules.size(); ++rule)
    if (search.finds_itself(rule))
      return Status::error(Code::invalid_argument, "schema: a $ref leads to itself with no value in between");
  return Status::ok();
}

}  // namespace mica
