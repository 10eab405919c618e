// Pictures of a request: a data URL or bare base64, never a place elsewhere.
#pragma once

#include <mutex>
#include <string_view>

#include "question.hpp"

namespace app::serve {

// Throws Refusal. One picture is decoded at a time (`decoding`); its pixels count as held.
Part read_picture(std::string_view source, std::mutex* decoding, Held* held);

}  // namespace app::serve
