// Base64 (RFC 4648), as pictures come in requests. Not their decoding: the library's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace app::serve {

// The bytes; the alphabet of URLs is read too, and line ends and the padding may be missing. Nothing for other text.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace app::serve
