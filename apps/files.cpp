// Text files and lists of pictures, see files.hpp.
#include "files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <utility>

#include "pasted_paths.hpp"

namespace app {
namespace {

constexpr size_t kTextFileBytesMax = 64u << 20;

// Documents that people take for their text.
constexpr std::pair<const char*, const char*> kNoTexts[] = {
    {"%PDF", "a PDF document"}, {"PK\x03\x04", "a zip archive (or a document in one, as .docx)"},
    {"\x1F\x8B", "a gzip archive"}, {"GGUF", "a model (GGUF)"}};

struct FileCloser {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

std::string read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, FileCloser> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  const std::string name = path == "-" ? "standard input" : path;
  if (!file) throw Failure(name + ": " + std::strerror(errno), MICA_NOT_FOUND);
  std::string text;
  char block[65536];
  for (;;) {
    const size_t count = std::fread(block, 1, sizeof block, file.get());
    text.append(block, count);
    if (text.size() > kTextFileBytesMax) throw Failure(name + ": larger than 64 MiB", MICA_LIMIT_EXCEEDED);
    if (count < sizeof block) break;
  }
  if (std::ferror(file.get()) != 0) throw Failure(name + ": " + std::strerror(errno), MICA_IO_ERROR);
  return text;
}

std::string read_text(const std::string& path) {
  std::string text = read_file(path);
  const std::string name = path == "-" ? "standard input" : path;
  if (text.rfind("version https://git-lfs.github.com/spec/", 0) == 0)
    throw Failure(name + " is a Git LFS pointer to a file, not the file: fetch it by `git lfs install` and "
                  "`git lfs pull` in its folder, or download it", MICA_CORRUPT_FILE);
  if (is_picture(text)) throw Failure(name + " is a picture, where a text is wanted; --image takes pictures",
                                      MICA_INVALID_ARGUMENT);
  for (const auto& [start, what] : kNoTexts) {
    if (text.rfind(start, 0) == 0)
      throw Failure(name + " is " + what + ", where a text is wanted", MICA_INVALID_ARGUMENT);
  }
  return text;
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n\f\v") == std::string::npos; }

NamedPicture open_picture(const std::string& path) {
  if (path != "-") return {path, open_handle<Picture>(mica_picture_open, path.c_str())};
  const std::string bytes = read_file(path);
  mica_picture* picture = nullptr;
  mica_error error{};
  const mica_status status = mica_picture_decode(bytes.data(), bytes.size(), &picture, &error);
  if (status != MICA_OK) throw Failure(std::string("standard input: ") + error.message, status);
  return {"standard input", Picture(picture)};
}

std::vector<const mica_picture*> video_at(std::span<const NamedPicture> pictures, size_t first) {
  std::vector<const mica_picture*> frames;
  if (!pictures[first].begins_video) return frames;
  for (size_t i = first; i < pictures.size() && pictures[i].is_frame && (i == first || !pictures[i].begins_video); ++i)
    frames.push_back(pictures[i].picture.get());
  return frames;
}

std::vector<NamedPicture> open_pictures(const std::vector<std::string>& arguments) {
  std::vector<NamedPicture> pictures;
  auto open = [&, input_taken = false](const std::string& path) mutable {
    if (path == "-" && std::exchange(input_taken, true))
      throw Failure("standard input is one picture: - stands for it once", MICA_INVALID_ARGUMENT);
    pictures.push_back(open_picture(path));
  };
  for (const std::string& argument : arguments) {
    std::error_code ignored;
    if (argument.find(',') == std::string::npos || std::filesystem::exists(argument, ignored)) {
      open(argument);
      continue;
    }
    std::istringstream list(argument);
    for (std::string path; std::getline(list, path, ',');) {
      if (!path.empty()) open(path);
    }
  }
  return pictures;
}

}  // namespace app
