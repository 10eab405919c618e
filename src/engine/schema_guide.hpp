// SchemaGuide: which tokens an answer may go on with so that it keeps a JSON schema: the model's tokens walked through the
// schema's automaton. Not the choice among them: sampler.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model.hpp"
#include "schema_automaton.hpp"
#include "status.hpp"
#include "token_trie.hpp"

namespace mica {

class SchemaGuide {
 public:
  // A schema as guides of the model take it, with what the model keeps for all. Takes long for one that asks much. Errors:
  // those of read_json_schema, unsupported without a tokenizer.
  static Status read(std::string_view schema, const Model& model, SchemaProgram* out);
  // `program`: of read(); the model outlives it. Takes all its memory.
  SchemaGuide(const SchemaProgram& program, const Model& model);

  // At the beginning of an answer.
  void begin();
  // The text so far is a whole value, and nothing may follow; or the model has no token by which to say that it ends.
  bool is_over() const { return automaton_.may_end(state_) && (ends_.empty() || !automaton_.may_go_on(state_)); }
  // A bit for each token that may follow, 64 a word, valid until the next call; those that end an answer are among them
  // where the text so far is whole. Errors: unsupported where the model has no token for what must follow.
  Status allowed(const uint64_t** mask);
  // The bytes of the token that was chosen. Errors: internal for one that was not allowed.
  Status take(int32_t token);

 private:
  static constexpr size_t kMasks = 64;  // kept: 1.2 MB with 150,000 tokens
  static constexpr uint32_t kNoMask = UINT32_MAX;

  struct Mask {
    uint32_t state = SchemaAutomaton::kDead;
    bool has_token = false;
  };

  void forget(uint32_t* other);
  uint32_t step_anew(uint32_t* from, size_t depth, uint8_t byte);
  bool walk(uint32_t from, uint64_t* mask);

  const Model& model_;
  const TokenTrie& trie_;
  SchemaAutomaton automaton_;
  std::vector<int32_t> ends_;  // tokens that end an answer
  uint32_t state_;
  size_t words_;
  std::vector<uint64_t> bits_;  // [kMasks][words]
  Mask masks_[kMasks];
  size_t next_mask_ = 0;
  // Of a walk: the states and bytes on the way to the node.
  uint32_t states_[TokenTrie::kBytesMax + 1] = {};
  uint8_t bytes_[TokenTrie::kBytesMax + 1] = {};
};

}  // namespace mica
