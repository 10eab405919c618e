// What ChatGLM's text family and GLM-4V share beside the decoder. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr const char* kChatGlmRoots[] = {"transformer."};
inline constexpr const ChatFormat* kChatGlmChats[] = {&glm4_turns};

}  // namespace mica::tables
