// CharacterStream: see tokenizer.hpp. Cuts a stream of token bytes into whole characters.
#include <cstring>

#include "tokenizer.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

size_t put(std::string_view bytes, char* out) {
  std::memcpy(out, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace

size_t CharacterStream::push(std::string_view token, char* out) {
  size_t written = 0;
  // A held start is continued byte by byte until it is whole or known to be invalid. In the latter case the new byte
  // is not a part of it and is looked at again.
  while (held_count_ > 0 && !token.empty()) {
    held_[held_count_] = static_cast<uint8_t>(token.front());
    const std::string_view held(reinterpret_cast<const char*>(held_), held_count_ + 1u);
    const Utf8Step step = utf8_step(held);
    if (step.kind == Utf8Step::Kind::invalid) {
      written += put(kUtf8Replacement, out + written);
      held_count_ = 0;
      break;
    }
    token.remove_prefix(1);
    ++held_count_;
    if (step.kind == Utf8Step::Kind::whole) {
      written += put(held, out + written);
      held_count_ = 0;
    }
  }
  while (!token.empty()) {
    const Utf8Step step = utf8_step(token);
    const std::string_view bytes = token.substr(0, step.bytes);
    if (step.kind == Utf8Step::Kind::cut) {
      std::memcpy(held_, bytes.data(), bytes.size());
      held_count_ = step.bytes;
      break;
    }
    written += put(step.kind == Utf8Step::Kind::whole ? bytes : kUtf8Replacement, out + written);
    token.remove_prefix(step.bytes);
  }
  return written;
}

size_t CharacterStream::finish(char* out) {
  if (held_count_ == 0) return 0;
  held_count_ = 0;
  return put(kUtf8Replacement, out);
}

}  // namespace mica
