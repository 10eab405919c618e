// Calibration texts: files cut into pieces, and the search for files in a folder. Not a reader of any markup.
#include <sys/stat.h>

#include <algorithm>

#include "calibration_sources.hpp"
#include "folder_names.hpp"
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
  const size_t before = out->size();
  while (!text.empty()) {
    const size_t end = piece_end(text, bytes);
    // A rest that is much shorter than a piece would weigh as much as one; of a text without any other it is all.
    if (end >= bytes / 4 || out->size() == before) {
      if (out->size() == limits::kCalibrationFilesMax)
        return Status::error(Code::limit_exceeded, "%s: more than %zu pieces", path.c_str(),
                             limits::kCalibrationFilesMax);
      out->emplace_back().answer = text.substr(0, end);
    }
    text.remove_prefix(end);
  }
  return Status::ok();
}

// Of a folder and the folders in it, but not those behind links, which may lead in circles.
Status add_files(const std::string& folder, int depth, std::span<const std::string_view> endings, size_t* seen,
                 std::vector<std::string>* out) {
  std::vector<std::string> names;
  const Status status = list_folder(folder, limits::kCalibrationFilesMax - *seen + 1, &names);
  if (status.code() == Code::permission_denied && depth > 0) return Status::ok();
  if (!status) return status;
  *seen += names.size();
  if (*seen > limits::kCalibrationFilesMax)
    return Status::error(Code::limit_exceeded, "%s: more than %zu files", folder.c_str(), limits::kCalibrationFilesMax);
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    struct stat about;
    if (lstat(path.c_str(), &about) != 0) continue;
    if (S_ISDIR(about.st_mode)) {
      if (depth < limits::kCalibrationFolderDepthMax) MICA_TRY(add_files(path, depth + 1, endings, seen, out));
    } else if (has_ending(path, endings) && stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode)) {
      out->push_back(path);
    }
  }
  return Status::ok();
}

}  // namespace

Status list_files(const char* folder, std::span<const std::string_view> endings, std::vector<std::string>* out) {
  size_t seen = 0;
  MICA_TRY(add_files(folder, 0, endings, &seen, out));
  std::sort(out->begin(), out->end());
  return Status::ok();
}

Status read_texts(const std::vector<std::string>& paths, size_t tokens, const Tokenizer* tokenizer,
                  std::vector<CalibrationSample>* out) {
  for (const std::string& path : paths) MICA_TRY(read_text(path, tokens, tokenizer, out));
  return Status::ok();
}

}  // namespace mica
