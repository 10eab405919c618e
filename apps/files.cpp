// Text files and lists of pictures, see files.hpp.
#include "files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace app {
namespace {

constexpr size_t kTextFileBytesMax = 64u << 20;

struct FileCloser {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

std::string read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, FileCloser> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) throw Failure(path + ": " + std::strerror(errno), MICA_NOT_FOUND);
  std::string text;
  char block[65536];
  for (;;) {
    const size_t count = std::fread(block, 1, sizeof block, file.get());
    text.append(block, count);
    if (text.size() > kTextFileBytesMax) throw Failure(path + ": larger than 64 MiB", MICA_LIMIT_EXCEEDED);
    if (count < sizeof block) break;
  }
  if (std::ferror(file.get()) != 0) throw Failure(path + ": " + std::strerror(errno), MICA_IO_ERROR);
  return text;
}

nlohmann::json parse_json(const std::string& text, const std::string& source) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& fault) {
    const std::string what = fault.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const size_t bracket = what.find("] ");
    throw Failure(source + ": " + (bracket == std::string::npos ? what : what.substr(bracket + 2)), MICA_CORRUPT_FILE);
  }
}

nlohmann::json read_json(const std::string& path) { return parse_json(read_file(path), path); }

NamedPicture open_picture(const std::string& path) {
  return {path, open_handle<Picture>(mica_picture_open, path.c_str())};
}

std::vector<NamedPicture> open_pictures(const std::vector<std::string>& arguments) {
  std::vector<NamedPicture> pictures;
  for (const std::string& argument : arguments) {
    std::error_code ignored;
    if (argument.find(',') == std::string::npos || std::filesystem::exists(argument, ignored)) {
      pictures.push_back(open_picture(argument));
      continue;
    }
    std::istringstream list(argument);
    for (std::string path; std::getline(list, path, ',');) {
      if (!path.empty()) pictures.push_back(open_picture(path));
    }
  }
  return pictures;
}

}  // namespace app
