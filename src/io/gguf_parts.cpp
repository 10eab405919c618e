// gguf_parts: by the names that llama.cpp's programs give.
#include "gguf_parts.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "folder_names.hpp"
#include "limits.hpp"

namespace mica {
namespace {

constexpr std::string_view kEnding = ".gguf";
constexpr size_t kDigits = 5;

bool are_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Status gguf_part_path(const std::string& path, uint32_t part, uint32_t parts, std::string* out) {
  constexpr std::string_view kOf = "-of-";
  constexpr size_t kTail = 1 + kDigits + kOf.size() + kDigits + kEnding.size();  // "-00001-of-00003.gguf"
  const std::string_view name(path);
  const std::string_view tail = name.size() > kTail ? name.substr(name.size() - kTail) : std::string_view();
  if (tail.empty() || tail[0] != '-' || !are_digits(tail.substr(1, kDigits)) ||
      tail.substr(1 + kDigits, kOf.size()) != kOf || !are_digits(tail.substr(1 + kDigits + kOf.size(), kDigits)) ||
      !tail.ends_with(kEnding)) {
    return Status::error(Code::unsupported,
                         "%s is one of %u parts of a model (split.count), and its name does not say how the others are "
                         "called: name them NAME-00001-of-%05u.gguf and so on, or put them together by "
                         "`llama-gguf-split --merge FIRST-PART WHOLE.gguf`",
                         path.c_str(), parts, parts);
  }
  char text[kTail + 1];
  snprintf(text, sizeof text, "-%05u-of-%05u.gguf", part % 100000, parts % 100000);
  *out = path.substr(0, path.size() - kTail) + text;
  return Status::ok();
}

Status gguf_part_count(const GgufFile& file, uint32_t* out) {
  uint32_t count = 1;
  if (file.has("split.count")) MICA_TRY(file.get_u32("split.count", 0, UINT16_MAX, &count));
  if (count > limits::kShardsMax)
    return file.error(Code::limit_exceeded, "split.count", "has more parts than mica reads");
  *out = count == 0 ? 1 : count;
  return Status::ok();
}

std::string gguf_projector_beside(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  std::string found;
  for (const std::string& name : folder_names(folder)) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.find("mmproj") == std::string::npos || !lower.ends_with(kEnding)) continue;
    if (!found.empty()) return {};
    found = slash == std::string::npos ? name : folder + name;
  }
  return found == path ? std::string() : found;
}

}  // namespace mica
