// Paths completed by a shell's rules for quotes and backslashes, see path_completion.hpp.
#include "path_completion.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "pasted_paths.hpp"

namespace app {
namespace {

namespace fs = std::filesystem;

// The last word of a line that is being typed.
struct OpenWord {
  std::string value;  // without quotes and backslashes
  char quote = 0;     // that is open: ', " or 0
  bool tilde = false;  // begins with one that is not quoted
};

OpenWord last_word(const std::string& typed) {
  OpenWord word;
  for (size_t at = 0; at < typed.size(); at++) {
    const char c = typed[at];
    if (word.quote == 0 && (c == ' ' || c == '\t')) word = {};
    else if (word.quote == 0 && (c == '\'' || c == '"')) word.quote = c;
    else if (c == word.quote) word.quote = 0;
    else if (c == '\\' && word.quote != '\'' && at + 1 < typed.size()) word.value += typed[++at];
    else {
      if (word.value.empty() && word.quote == 0 && c == '~') word.tilde = true;
      word.value += c;
    }
  }
  return word;
}

std::string quoted(const std::string& text, char quote) {
  const std::string special = quote == '"' ? "\"\\" : quote == 0 ? " \t'\"\\" : "";
  std::string out;
  for (const char c : text) {
    if (quote == '\'' && c == '\'') out += "'\\'";  // closed, a quote, and open again
    else if (special.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

// Paths in `folder` whose names begin with `start`; hidden ones only where that is asked for.
std::vector<fs::path> beginning_with(const fs::path& folder, const std::string& start) {
  std::vector<fs::path> fitting;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.rfind(start, 0) == 0 && (name[0] != '.' || !start.empty())) fitting.push_back(entry->path());
  }
  return fitting;
}

}  // namespace

std::string path_completion(const std::string& typed) {
  const OpenWord word = last_word(typed);
  const std::string path = word.tilde ? expand_path(word.value) : word.value;
  if (path.empty()) return "";
  const size_t slash = path.rfind('/');
  const std::string start = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::vector<fs::path> fitting =
      beginning_with(slash == std::string::npos ? "." : path.substr(0, slash + 1), start);
  if (fitting.empty()) return "";
  std::string common = fitting.front().filename().string();
  for (const fs::path& other : fitting) {
    const std::string name = other.filename().string();
    common.erase(std::mismatch(common.begin(), common.end(), name.begin(), name.end()).first, common.end());
  }
  while (!common.empty() && (static_cast<unsigned char>(common.back()) & 0x80) != 0 && fitting.size() > 1)
    common.pop_back();  // no part of a character
  std::string added = common.size() > start.size() ? quoted(common.substr(start.size()), word.quote) : "";
  if (fitting.size() > 1) return added;
  std::error_code ignored;
  if (fs::is_directory(fitting.front(), ignored)) return added + '/';
  if (word.quote != 0) added += word.quote;
  return added + ' ';
}

}  // namespace app
