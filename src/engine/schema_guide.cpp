// SchemaGuide: walks and the masks that they gave; see schema_guide.hpp.
#include "schema_guide.hpp"

#include <algorithm>

namespace mica {
namespace {

// Whether every byte of a UTF-8 text of printed characters is a token by itself.
bool writes_any_byte(const TokenTrie& trie) {
  bool has[256] = {};
  uint32_t tokens_begin = 0;
  for (const TokenTrie::Node& node : trie.nodes) {
    if (node.depth == 1) has[node.byte] = node.tokens_end > tokens_begin;
    tokens_begin = node.tokens_end;
  }
  const auto all = [&](int first, int last) { return std::all_of(has + first, has + last + 1, [](bool b) { return b; }); };
  return all(0x20, 0x7E) && all(0x80, 0xBF) && all(0xC2, 0xF4);
}

SchemaProgram spelled_for(const TokenTrie& trie, SchemaProgram program) {
  program.spells_plainly = writes_any_byte(trie);
  return program;
}

}  // namespace

Status SchemaGuide::read(std::string_view schema, const Model& model, SchemaProgram* out) {
  if (model.tokenizer == nullptr)
    return Status::error(Code::unsupported, "this model has no tokenizer, so no answer of it can keep a schema");
  MICA_TRY(read_json_schema(schema, out));
  model.token_trie.get(*model.tokenizer, model.spec.decoder.vocabulary);
  return Status::ok();
}

SchemaGuide::SchemaGuide(const SchemaProgram& program, const Model& model)
    : model_(model),
      trie_(model.token_trie.get(*model.tokenizer, model.spec.decoder.vocabulary)),
      automaton_(spelled_for(trie_, program)),
      state_(automaton_.start()),
      words_((model.spec.decoder.vocabulary + 63) / 64) {
  bits_.resize(kMasks * words_);
  for (uint32_t i = 0; i < model.spec.end_token_count; ++i)
    if (static_cast<uint32_t>(model.spec.end_tokens[i]) < model.spec.decoder.vocabulary)
      ends_.push_back(model.spec.end_tokens[i]);
}

void SchemaGuide::begin() {
  state_ = automaton_.start();
  if (state_ != SchemaAutomaton::kNoRoom) return;
  automaton_.forget({});
  std::fill(std::begin(masks_), std::end(masks_), Mask{});
  state_ = automaton_.start();
}

// All states but the answer's and another, and the masks, which go by states.
void SchemaGuide::forget(uint32_t* other) {
  uint32_t* kept[] = {&state_, other};
  automaton_.forget({kept, other == &state_ ? size_t{1} : size_t{2}});
  std::fill(std::begin(masks_), std::end(masks_), Mask{});
}

// A step for which there was no room: the way to it is made anew. What has no room even so is not allowed.
uint32_t SchemaGuide::step_anew(uint32_t* from, size_t depth, uint8_t byte) {
  forget(from);
  states_[0] = *from;
  for (size_t i = 1; i < depth; ++i) {
    states_[i] = automaton_.step(states_[i - 1], bytes_[i]);
    if (states_[i] >= SchemaAutomaton::kNoRoom) return SchemaAutomaton::kDead;
  }
  const uint32_t to = automaton_.step(states_[depth - 1], byte);
  return to == SchemaAutomaton::kNoRoom ? SchemaAutomaton::kDead : to;
}

bool SchemaGuide::walk(uint32_t from, uint64_t* mask) {
  std::fill_n(mask, words_, 0);
  states_[0] = from;
  bool has_token = false;
  uint32_t tokens_begin = 0;
  for (size_t i = 0; i < trie_.nodes.size();) {
    const TokenTrie::Node& node = trie_.nodes[i];
    uint32_t to = automaton_.step(states_[node.depth - 1], node.byte);
    if (to == SchemaAutomaton::kNoRoom) to = step_anew(&from, node.depth, node.byte);
    if (to == SchemaAutomaton::kDead) {
      i = node.end;
      tokens_begin = trie_.nodes[i - 1].tokens_end;
      continue;
    }
    states_[node.depth] = to;
    bytes_[node.depth] = node.byte;
    for (; tokens_begin < node.tokens_end; ++tokens_begin) {
      const auto token = static_cast<size_t>(trie_.tokens[tokens_begin]);
      mask[token / 64] |= uint64_t{1} << token % 64;
      has_token = true;
    }
    ++i;
  }
  return has_token;
}

Status SchemaGuide::allowed(const uint64_t** mask) {
  uint32_t near = automaton_.near(state_, trie_.bytes_max);
  if (near == SchemaAutomaton::kNoRoom) {
    forget(&state_);
    near = automaton_.near(state_, trie_.bytes_max);
  }
  if (near == SchemaAutomaton::kNoRoom) near = state_;
  auto* found = std::find_if(std::begin(masks_), std::end(masks_), [&](const Mask& m) { return m.state == near; });
  if (found == std::end(masks_)) {
    const size_t chosen = next_mask_++ % kMasks;
    uint64_t* bits = bits_.data() + chosen * words_;
    bool has_token = walk(near, bits);
    for (size_t i = 0; automaton_.may_end(state_) && i < ends_.size(); ++i, has_token = true)
      bits[static_cast<size_t>(ends_[i]) / 64] |= uint64_t{1} << static_cast<size_t>(ends_[i]) % 64;
    found = masks_ + chosen;
    // States that a walk had no room for have other numbers by now.
    *found = {automaton_.near(state_, trie_.bytes_max), has_token};
  }
  *mask = bits_.data() + static_cast<size_t>(found - masks_) * words_;
  if (found->has_token) return Status::ok();
  return Status::error(Code::unsupported,
                       "this model's vocabulary has no token for what its schema asks to come next: allow other text there");
}

Status SchemaGuide::take(int32_t token) {
  for (const char byte : model_.tokenizer->token_bytes(token)) {
    uint32_t to = automaton_.step(state_, static_cast<uint8_t>(byte));
    if (to == SchemaAutomaton::kNoRoom) {
      forget(&state_);
      to = automaton_.step(state_, static_cast<uint8_t>(byte));
    }
    if (to >= SchemaAutomaton::kNoRoom)
      return Status::error(Code::internal, "a token was chosen that the answer's schema does not allow");
    state_ = to;
  }
  return Status::ok();
}

}  // namespace mica
