// Decoder: see tokenizer_decode.hpp. Each step makes a list of tokens from a list of tokens, as in tokenizers.
#include "tokenizer_decode.hpp"

#include "byte_level.hpp"
#include "limits.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

Status too_long() {
  return Status::error(Code::limit_exceeded, "the decoded text has more than %zu bytes", limits::kNormalizedBytesMax);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// True for <0x00> to <0xFF>, with the byte.
bool is_byte_token(std::string_view token, char* byte) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return false;
  const int high = hex_value(token[3]), low = hex_value(token[4]);
  if (high < 0 || low < 0) return false;
  *byte = static_cast<char>(high * 16 + low);
  return true;
}

// The bytes of a token of the byte-level alphabet; a token with other characters is text as it stands.
void append_byte_level(std::string_view token, std::string* bytes) {
  if (!byte_level_bytes(token, bytes)) *bytes += token;
}

void join(std::string_view separator, std::vector<std::string>* tokens) {
  std::string all;
  for (size_t i = 0; i < tokens->size(); ++i) {
    if (i > 0) all += separator;
    all += (*tokens)[i];
  }
  tokens->assign(1, std::move(all));
}

void join_byte_level(std::vector<std::string>* tokens) {
  std::string bytes, text;
  for (const std::string& token : *tokens) append_byte_level(token, &bytes);
  utf8_append_lossy(bytes, &text);
  tokens->assign(1, std::move(text));
}

void join_byte_tokens(std::vector<std::string>* tokens) {
  std::vector<std::string> out;
  std::string bytes;
  const auto end_run = [&] {
    if (utf8_invalid_at(bytes) == bytes.size()) {
      if (!bytes.empty()) out.push_back(bytes);
    } else {
      for (size_t i = 0; i < bytes.size(); ++i) out.emplace_back(kUtf8Replacement);
    }
    bytes.clear();
  };
  for (std::string& token : *tokens) {
    char byte = 0;
    if (is_byte_token(token, &byte)) {
      bytes += byte;
      continue;
    }
    end_run();
    out.push_back(std::move(token));
  }
  end_run();
  tokens->swap(out);
}

void strip(const DecodeStep& step, std::string* token) {
  const std::string& unit = step.content;
  std::string_view rest = *token;
  for (size_t i = 0; i < step.start && rest.starts_with(unit); ++i) rest.remove_prefix(unit.size());
  for (size_t i = 0; i < step.stop && rest.ends_with(unit); ++i) rest.remove_suffix(unit.size());
  *token = std::string(rest);
}

Status replace(const DecodeStep& step, std::string_view by, PatternScratch* scratch, std::string* token) {
  std::string out;
  MICA_TRY(step.pattern.replace_all(*token, by, limits::kNormalizedBytesMax, scratch, &out));
  token->swap(out);
  return Status::ok();
}

// What a match becomes in the token at `index` of a text.
std::string_view replacement(const DecodeStep& step, size_t index) {
  return index == 0 && step.drop_first ? std::string_view() : std::string_view(step.content);
}

Status replace_in_all(const DecodeStep& step, PatternScratch* scratch, std::vector<std::string>* tokens) {
  size_t total = 0;
  for (size_t i = 0; i < tokens->size(); ++i) {
    MICA_TRY(replace(step, replacement(step, i), scratch, &(*tokens)[i]));
    total += (*tokens)[i].size();
    if (total > limits::kNormalizedBytesMax) return too_long();
  }
  return Status::ok();
}

Status apply_step(const DecodeStep& step, PatternScratch* scratch, std::vector<std::string>* tokens) {
  switch (step.kind) {
    case DecodeStep::Kind::byte_level: join_byte_level(tokens); break;
    case DecodeStep::Kind::byte_fallback: join_byte_tokens(tokens); break;
    case DecodeStep::Kind::fuse: join("", tokens); break;
    case DecodeStep::Kind::join: join(step.content, tokens); break;
    case DecodeStep::Kind::strip:
      for (std::string& token : *tokens) strip(step, &token);
      break;
    case DecodeStep::Kind::replace: return replace_in_all(step, scratch, tokens);
  }
  return Status::ok();
}

}  // namespace

Status Decoder::decode(std::vector<std::string>* tokens, std::string* text) const {
  if (tokens->empty()) return Status::ok();
  PatternScratch scratch;
  for (const DecodeStep& step : steps_) MICA_TRY(apply_step(step, &scratch, tokens));
  for (const std::string& token : *tokens) *text += token;
  return Status::ok();
}

Status Decoder::decode_one(std::string_view token, PatternScratch* scratch, std::string* bytes) const {
  std::string current(token);
  bool joined = false;  // from here on the steps see the whole text, whose ends are not this token's
  for (const DecodeStep& step : steps_) {
    char byte = 0;
    switch (step.kind) {
      case DecodeStep::Kind::byte_level: {
        std::string mapped;
        append_byte_level(current, &mapped);
        current.swap(mapped);
        joined = true;
        break;
      }
      case DecodeStep::Kind::byte_fallback:
        if (is_byte_token(current, &byte)) current.assign(1, byte);
        break;
      case DecodeStep::Kind::fuse: joined = true; break;
      case DecodeStep::Kind::join:
        current += step.content;
        joined = true;
        break;
      case DecodeStep::Kind::strip:
        if (!joined) strip(step, &current);
        break;
      case DecodeStep::Kind::replace:
        // A byte that is no character on its own is no text that a pattern could match.
        if (utf8_invalid_at(current) == current.size()) MICA_TRY(replace(step, step.content, scratch, &current));
        break;
    }
  }
  *bytes += current;
  return Status::ok();
}

}  // namespace mica
