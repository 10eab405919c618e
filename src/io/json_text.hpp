// json_text: strings as JSON writes them. Not a document builder: the few documents that mica writes are laid out by
// those who write them.
#pragma once

#include <string>
#include <string_view>

namespace mica {

// Appends `text` in quotes, with quotes, backslashes and control characters escaped. UTF-8 is kept as it is and not
// checked.
void append_json_string(std::string_view text, std::string* out);

}  // namespace mica
