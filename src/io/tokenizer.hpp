// Tokenizer: text to token ids and back, driven by tokenizer.json or by the vocabulary in a GGUF file, never by a
// model's name. Not a chat format: roles and picture places are put around text by the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model_files.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// What stands before a text that is encoded. Tokenizers that put a space before a text (SentencePiece's "dummy prefix")
// do so at the start, some also after a control token, and none in the middle of a text.
enum class TextBefore : uint8_t { nothing, control_token, text };

// The tokens that a tokenizer's file puts around a text (add_special_tokens of the tokenizers library): <s> and the
// like, mostly one or none.
struct TextTokens {
  std::vector<int32_t> before, after;
};

class Tokenizer {
 public:
  // `json`: the content of tokenizer.json (borrowed only during the call). `name` is for messages.
  static Status load(Bytes json, const char* name, std::unique_ptr<Tokenizer>* out);
  static Status load(const GgufVocabulary& vocabulary, const char* name, std::unique_ptr<Tokenizer>* out);
  virtual ~Tokenizer() = default;

  // One more than the largest id.
  virtual size_t size() const = 0;
  // The id whose content is exactly `content`: added tokens first, then the vocabulary; -1 when there is none.
  virtual int32_t id_of(std::string_view content) const = 0;
  // True for added tokens that are marked special: they are control, not text.
  virtual bool is_special(int32_t id) const = 0;

  // What belongs before and after a text that stands alone; encode() adds neither.
  virtual const TextTokens& around_text() const = 0;

  // Appends the ids of `text`, which is UTF-8 (else invalid_argument, with the offset) of at most kPromptBytesMax
  // bytes, without template tokens such as <s>. With parse_special, strings of special tokens become those tokens;
  // without, they are plain text: text of a user never becomes a control token. Non-special added tokens are matched in
  // both cases. encode(text, true, TextBefore::nothing) equals tokenizers' encode(text, add_special_tokens=False). On
  // failure *ids is as before. Safe to call from several threads.
  virtual Status encode(std::string_view text, bool parse_special, TextBefore before,
                        std::vector<int32_t>* ids) const = 0;

  // The text of `ids`, as the decoder in the file says; special tokens are left out with skip_special. Ids below size()
  // that no token has give nothing; others are invalid_argument. Safe to call from several threads.
  virtual Status decode(std::span<const int32_t> ids, bool skip_special, std::string* text) const = 0;

  // The bytes of one token in the middle of a text, before they are joined to characters: what a stream prints.
  // Empty for special tokens and for ids that no token has. Views live as long as the tokenizer.
  virtual std::string_view token_bytes(int32_t id) const = 0;
};

// Joins the bytes of a stream of tokens into whole characters: push() returns the text that has become complete, and
// holds back a started character until it ends or is known to be invalid (then U+FFFD). No allocation.
class CharacterStream {
 public:
  // What push() of a token of so many bytes can write at most: each of them may turn out to be invalid.
  static constexpr size_t bytes_max(size_t token_bytes) { return 3 * token_bytes + 3; }

  // `out` has room for bytes_max(token.size()); returns how many were written.
  size_t push(std::string_view token, char* out);
  // At the end of the text: what is held back, as U+FFFD (at most 3 bytes). The stream is then empty again.
  size_t finish(char* out);

 private:
  uint8_t held_[4] = {};
  uint8_t held_count_ = 0;
};

}  // namespace mica
