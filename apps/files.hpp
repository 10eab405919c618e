// Text files and lists of pictures that the commands read. Model files are the library's business.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "handles.hpp"

namespace app {

// The whole file; "-" is standard input. Throws Failure, also beyond 64 MiB.
std::string read_file(const std::string& path);

// The same for what must be text: throws Failure, too, for a Git LFS pointer, a picture or another document.
std::string read_text(const std::string& path);
// True for a text of white space alone, and for none.
bool is_blank(const std::string& text);

// The document in a file; throws Failure with the file's name and the place of the fault.
nlohmann::json read_json(const std::string& path);
// The same for text at hand; `source` is what the message names.
nlohmann::json parse_json(const std::string& text, const std::string& source);

// A field of a document; throws Failure with `source` and the field's name.
template <typename T>
T json_field(const nlohmann::json& object, const char* name, const std::string& source) {
  try {
    return object.at(name).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Failure(source + ": field \"" + name + "\" is missing or of another type", MICA_CORRUPT_FILE);
  }
}

struct NamedPicture {
  std::string path;
  Picture picture;
  bool is_frame = false;  // of a video, as are those that follow it at once
};

// "-" is standard input. Throws Failure.
NamedPicture open_picture(const std::string& path);

// Opens what --image was given; an entry that is no file itself may be a list FILE,FILE. Throws Failure.
std::vector<NamedPicture> open_pictures(const std::vector<std::string>& arguments);

}  // namespace app
