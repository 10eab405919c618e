// Fuzz target: a JSON schema, then a zero byte, then what chooses among the bytes that may follow. Whatever both are, there
// is a status, or a text in which something may always follow until it is whole, and which is JSON then.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "json.hpp"
#include "lone_step.hpp"
#include "schema_automaton.hpp"

using namespace mica;

namespace {

void require(bool promise) {
  if (!promise) __builtin_trap();
}

uint32_t step(SchemaAutomaton* automaton, uint32_t* state, uint8_t byte) {
  const uint32_t to = test::lone_step(automaton, state, byte);
  require(to != SchemaAutomaton::kNoRoom);
  return to;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(input.find('\0'), size);
  SchemaProgram program;
  if (!read_json_schema(input.substr(0, zero), &program)) return 0;
  SchemaAutomaton automaton(std::move(program));
  uint32_t state = automaton.start();
  std::string text;
  for (size_t i = zero + 1; i < size && automaton.may_go_on(state); ++i) {
    // The byte itself or the next that fits.
    int tried = 0;
    for (; tried < 256; ++tried) {
      const auto byte = static_cast<uint8_t>(data[i] + tried);
      const uint32_t to = step(&automaton, &state, byte);
      if (to == SchemaAutomaton::kDead) continue;
      text += static_cast<char>(byte);
      state = to;
      break;
    }
    require(tried < 256);
  }
  Json json;
  if (automaton.may_end(state))
    require(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "fuzz", &json).is_ok());
  return 0;
}
