// SchemaProgram: what a JSON schema allows, as instructions that take a text byte by byte, several readings of it at once.
// Not their running: schema_automaton.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "regular.hpp"
#include "status.hpp"

namespace mica {

struct SchemaProgram {
  enum class Op : uint8_t {
    literal,  // the `count` bytes at `first` of `literals`, then `next`
    string,   // characters that regulars[first] takes, as a JSON string writes them, then `next`
    plain,    // the same as they are
    split,    // any of the `count` instructions from `first` of `targets`
    call,     // rule `first`, and behind it `next`
    enter,    // rule `first`, and no return
    leave,    // behind what called this rule
    repeat,   // `first`, which ends in `again`, `min` to `max` times, then `next`
    again,
    fail,     // nothing fits
    end,      // the text may end
  };
  struct Instruction {
    Op op = Op::fail;
    uint32_t next = 0, first = 0, count = 0;
    uint32_t min = 0, max = 0;
  };

  std::vector<Instruction> code;
  std::vector<uint32_t> targets;
  std::string literals;
  std::vector<Regular> regulars;
  std::vector<uint32_t> rules;         // where each begins
  std::vector<uint32_t> depth_needed;  // by instruction: frames that what follows in its rule takes at least
  uint32_t start = 0;
  // Characters of strings stand as they are, and escaped only where JSON has no other way: for who can write any byte.
  bool spells_plainly = false;
};

// `text`: a JSON schema (draft 2020-12, what mica_schema.h lists of it). Every keyword is kept or refused by its name and
// place. Errors: corrupt_file for what is no JSON, invalid_argument, unsupported, limit_exceeded.
Status read_json_schema(std::string_view text, SchemaProgram* out);

// Fills depth_needed. Errors: invalid_argument where no text fits, or a rule is itself before it takes a byte.
Status check_schema_program(SchemaProgram* program);

}  // namespace mica
