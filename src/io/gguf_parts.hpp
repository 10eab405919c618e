// gguf_parts: files that belong to a GGUF file: the other parts of a split one, and the projector beside it. Names
// only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf.hpp"
#include "status.hpp"

namespace mica {

// NAME-00002-of-00003.gguf of any part of the same file. Errors: unsupported where `path` is not named so.
Status gguf_part_path(const std::string& path, uint32_t part, uint32_t parts, std::string* out);

// Parts that a file says it has; 1 where it says nothing.
Status gguf_part_count(const GgufFile& file, uint32_t* out);

// The only file beside `path` with "mmproj" in its name that ends with ".gguf"; empty where there is none, or several.
std::string gguf_projector_beside(const std::string& path);

}  // namespace mica
