// Calibration texts: files cut into pieces, and the search for files in a folder. Not a reader of any markup.
#include <algorithm>
#include <filesystem>

#include "calibration_sources.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

constexpr size_t kBytesPerToken = 4;         // of English, where no tokenizer measures
constexpr size_t kMeasuredBytes = 64 << 10;  // of the beginning of a text

size_t whole_characters(std::string_view text, size_t bytes) {
  while (bytes > 0 && bytes < text.size() && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return std::min(bytes, text.size());
}

// How many bytes `tokens` tokens have in this text.
Status piece_bytes(std::string_view text, size_t tokens, const Tokenizer* tokenizer, size_t* bytes) {
  *bytes = std::max<size_t>(tokens * kBytesPerToken, 1);
  if (tokenizer == nullptr) return Status::ok();
  const std::string_view beginning = text.substr(0, whole_characters(text, kMeasuredBytes));
  std::vector<int32_t> ids;
  MICA_TRY(tokenizer->encode(beginning, false, TextBefore::nothing, &ids));
  if (!ids.empty()) *bytes = std::max<size_t>(tokens * beginning.size() / ids.size(), 4);
  return Status::ok();
}

// Where the first piece of `text` ends: behind the last line end in its second half, else the last blank there, else
// between two characters.
size_t piece_end(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text.size();
  for (char border : {'\n', ' '}) {
    const size_t at = text.rfind(border, bytes - 1);
    if (at != std::string_view::npos && at >= bytes / 2) return at + 1;
  }
  return std::max<size_t>(whole_characters(text, bytes), 1);
}

Status read_text(const std::string& path, size_t tokens, const Tokenizer* tokenizer,
                 std::vector<CalibrationSample>* out) {
  MappedFile file;
  MICA_TRY(MappedFile::map(path.c_str(), limits::kCalibrationFileBytesMax, &file));
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const size_t invalid_at = utf8_invalid_at(text);
  if (invalid_at != text.size())
    return Status::error(
        Code::corrupt_file, "%s: not valid UTF-8 in line %zu", path.c_str(),
        1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(invalid_at), '\n')));
  size_t bytes = 0;
  MICA_TRY(piece_bytes(text, tokens, tokenizer, &bytes));
  while (!text.empty()) {
    const size_t end = piece_end(text, bytes);
    // A rest that is much shorter than a piece would weigh as much as one; of a text without any other it is all.
    if (end >= bytes / 4 || out->empty()) {
      if (out->size() == limits::kCalibrationFilesMax)
        return Status::error(Code::limit_exceeded, "%s: more than %zu pieces", path.c_str(),
                             limits::kCalibrationFilesMax);
      out->emplace_back().answer = text.substr(0, end);
    }
    text.remove_prefix(end);
  }
  return Status::ok();
}

}  // namespace

Status list_files(const char* folder, std::span<const std::string_view> endings, std::vector<std::string>* out) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error), end;
  for (size_t seen = 0; !error && entry != end; entry.increment(error)) {
    if (++seen > limits::kCalibrationFilesMax)
      return Status::error(Code::limit_exceeded, "%s has more than %zu files", folder, limits::kCalibrationFilesMax);
    std::error_code ignored;
    if (entry.depth() >= limits::kCalibrationFolderDepthMax) entry.disable_recursion_pending();
    if (has_ending(entry->path().native(), endings) && entry->is_regular_file(ignored))
      out->push_back(entry->path().native());
  }
  if (error) return Status::error(Code::io_error, "%s: cannot be listed: %s", folder, error.message().c_str());
  std::sort(out->begin(), out->end());
  return Status::ok();
}

Status read_texts(const std::vector<std::string>& paths, size_t tokens, const Tokenizer* tokenizer,
                  std::vector<CalibrationSample>* out) {
  for (const std::string& path : paths) MICA_TRY(read_text(path, tokens, tokenizer, out));
  return Status::ok();
}

}  // namespace mica
