// Paths as people type them, see pasted_paths.hpp.
#include "pasted_paths.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include <pwd.h>
#include <sys/stat.h>

#include "words.hpp"

namespace app {
namespace {

constexpr const char* kBlanks = " \t";
constexpr size_t kQuestionBytesMax = 16384;  // a longer text is no question that a file was dragged into

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// "%20" is a blank; a '%' without two digits stands for itself.
std::string decode_percent(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); i++) {
    uint8_t byte = 0;
    const bool room = text[i] == '%' && i + 2 < text.size();
    if (room && std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string home_of(const std::string& user) {
  const char* home = user.empty() ? std::getenv("HOME") : nullptr;
  if (home != nullptr) return home;
  const passwd* entry = user.empty() ? nullptr : getpwnam(user.c_str());
  return entry != nullptr ? entry->pw_dir : "";
}

// The word at the beginning of `text` by a shell's rules, and the bytes that it takes. Nothing when a quote is open.
struct ShellWord {
  std::string value;
  size_t bytes;
};
std::optional<ShellWord> shell_word(std::string_view text) {
  ShellWord word{"", 0};
  char quote = 0;
  size_t& at = word.bytes;
  for (; at < text.size(); at++) {
    const char c = text[at];
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (quote == 0 && std::string_view(kBlanks).find(c) != std::string_view::npos) break;
    if (c == quote) quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"')) quote = c;
    else if (c == '\\' && next != '\0' && (quote == 0 || (quote == '"' && (next == '"' || next == '\\')))) {
      word.value += next;
      at++;
    } else word.value += c;
  }
  if (quote != 0) return std::nullopt;
  const bool tilde = !text.empty() && (text[0] == '~' || word.value.rfind("file:/", 0) == 0);  // a quoted ~ is a name
  if (tilde) word.value = expand_path(word.value);
  return word;
}

// A sentence may go on behind a name: the word without the marks at its end, where that is a picture.
std::optional<ShellWord> named_picture(std::string_view text, bool (*fits)(const ShellWord&)) {
  constexpr std::string_view kMarks = ".,;:!?)";
  constexpr int kMarksMax = 3;
  const std::optional<ShellWord> whole = shell_word(text);
  if (!whole) return std::nullopt;
  for (int left_out = 0; left_out <= kMarksMax; left_out++) {
    if (whole->bytes <= static_cast<size_t>(left_out)) break;
    const size_t bytes = whole->bytes - static_cast<size_t>(left_out);
    const std::optional<ShellWord> word = shell_word(text.substr(0, bytes));
    if (word && fits(*word)) return word;
    if (kMarks.find(text[bytes - 1]) == std::string_view::npos) break;
  }
  return std::nullopt;
}

std::string ending(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

// Names of pictures, and of what people take for one: opening it says what it is and what to convert it to, where as a
// part of the question it would be read as a name.
bool is_shown_by_name(const std::string& path) {
  return is_picture_name(path) || contains({".pdf", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl",
                                            ".jp2", ".svg", ".djvu", ".ico", ".psd"}, ending(path));
}

// A word alone, as "dial", is not the file of that name beside us.
bool is_there(const ShellWord& word) {
  return (word.value.find('/') != std::string::npos || is_shown_by_name(word.value)) && is_picture_file(word.value);
}
bool is_missing(const ShellWord& word) {
  return word.value.find("://") == std::string::npos && is_picture_name(word.value) && !exists(word.value);
}

// What stands for a name in the question. At its beginning and behind a sentence it is no part of one.
std::string substitute(const std::string& before, size_t index, size_t count) {
  const size_t last = before.find_last_not_of(kBlanks);
  if (last == std::string::npos || std::string_view(".?!:").find(before[last]) != std::string_view::npos) return "";
  return count == 1 ? "the picture" : "picture " + std::to_string(index + 1);
}

}  // namespace

std::string expand_path(const std::string& path) {
  for (const std::string_view scheme : {"file://localhost/", "file:///", "file:/"}) {
    if (path.rfind(scheme, 0) == 0) return '/' + decode_percent(std::string_view(path).substr(scheme.size()));
  }
  if (path.empty() || path[0] != '~') return path;
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string home = home_of(path.substr(1, slash - 1));
  return home.empty() ? path : home + path.substr(slash);
}

bool is_picture_name(const std::string& path) { return contains({".jpg", ".jpeg", ".png", ".webp"}, ending(path)); }

bool looks_like_path(const std::string& text) {
  constexpr size_t kSuffixMin = 3, kSuffixMax = 6;  // with its dot: ".js", ".jpegg"; "U.S" is a word
  const std::string word = trim(text, kBlanks);
  if (word.empty()) return false;
  if (exists(word) || exists(expand_path(word))) return true;
  if (word.find_first_of(" \t\r\n") != std::string::npos) return false;
  if (is_shown_by_name(word)) return true;
  const std::string suffix = ending(word);
  const auto is_letter = [](unsigned char c) { return std::isalnum(c) != 0; };
  const bool has_suffix = suffix.size() >= kSuffixMin && suffix.size() <= kSuffixMax && std::isdigit(suffix[1]) == 0 &&
                          std::all_of(suffix.begin() + 1, suffix.end(), is_letter);
  const bool ends_sentence = std::string_view(".?!").find(word.back()) != std::string_view::npos;
  return has_suffix || word[0] == '/' || word[0] == '~' || (word.find('/') != std::string::npos && !ends_sentence);
}

bool is_picture_file(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return false;
  if (is_shown_by_name(path) || S_ISFIFO(status.st_mode)) return true;
  if (!S_ISREG(status.st_mode)) return false;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  char head[12] = {};
  if (!file || std::fread(head, 1, sizeof head, file.get()) != sizeof head) return false;
  return is_picture({head, sizeof head});
}

bool is_picture(std::string_view bytes) {
  return bytes.substr(0, 3) == "\xFF\xD8\xFF" || bytes.substr(0, 8) == "\x89PNG\r\n\x1A\n" ||
         (bytes.substr(0, 4) == "RIFF" && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP");
}

std::vector<std::string> pasted_paths(const std::string& typed) {
  const std::string text = trim(typed, kBlanks);
  for (const std::string& whole : {text, expand_path(text)}) {
    if (exists(whole)) return {whole};
  }
  std::vector<std::string> paths;
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<ShellWord> word = shell_word(rest);
    if (!word) return {text};  // an apostrophe in a name that is not there
    paths.push_back(word->value);
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks, word->bytes), rest.size()));
  }
  if (paths.empty()) return {};
  // None is there: with blanks in it, and nothing quoted, one name was meant.
  if (std::none_of(paths.begin(), paths.end(), exists) && text.find_first_of("\\'\"") == std::string::npos) {
    return {expand_path(text)};
  }
  return paths;
}

TypedQuestion find_pictures(const std::string& question) {
  struct Found {
    size_t begin;
    ShellWord word;
  };
  std::vector<Found> found;
  TypedQuestion result;
  if (question.size() > kQuestionBytesMax) return {.text = question, .pictures = {}, .missing = {}};
  for (size_t at = question.find_first_not_of(kBlanks); at < question.size();) {
    const std::string_view rest = std::string_view(question).substr(at);
    const std::optional<ShellWord> word = named_picture(rest, is_there);
    if (word) found.push_back({at, *word});
    else if (const auto absent = named_picture(rest, is_missing)) result.missing.push_back(absent->value);
    const size_t end = word ? at + word->bytes : question.find_first_of(kBlanks, at);
    at = question.find_first_not_of(kBlanks, end);
  }
  size_t copied = 0;
  for (size_t i = 0; i < found.size(); i++) {
    result.text += question.substr(copied, found[i].begin - copied);
    const std::string instead = substitute(result.text, i, found.size());
    result.text += instead;
    result.pictures.push_back(found[i].word.value);
    copied = found[i].begin + found[i].word.bytes;
    if (instead.empty()) copied = std::min(question.find_first_not_of(kBlanks, copied), question.size());
  }
  result.begins_with_picture = !found.empty() && question.find_first_not_of(kBlanks) == found[0].begin;
  result.text += question.substr(copied);
  if (!found.empty()) result.text = trim(result.text, kBlanks);
  return result;
}

}  // namespace app
