// The byte-level alphabet of GPT-2: every byte as one printable character, so that vocabularies of bytes are text. Not
// a character encoding: it is known only inside tokenizers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mica {

// Appends the characters that stand for `bytes`: printable Latin-1 for itself, the others from U+0100 on.
void byte_level_append(std::string_view bytes, std::string* text);

// Appends the bytes that `text` stands for; false, and nothing appended, when a character is not of the alphabet.
bool byte_level_bytes(std::string_view text, std::string* bytes);

}  // namespace mica
