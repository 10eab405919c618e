// Text files and lists of pictures that the commands read. Model files are the library's business.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "handles.hpp"

namespace app {

// The whole file; "-" is standard input. Throws Failure, also beyond 64 MiB.
std::string read_file(const std::string& path);

// The same for what must be text: throws Failure, too, for a Git LFS pointer, a picture or another document.
std::string read_text(const std::string& path);
// True for a text of white space alone, and for none.
bool is_blank(const std::string& text);

struct NamedPicture {
  std::string path;
  Picture picture;
  bool is_frame = false;      // of a video, as are those that follow it at once
  bool begins_video = false;  // it is the first of one
};
// The frames of the video that begins there; none where none does.
std::vector<const mica_picture*> video_at(std::span<const NamedPicture> pictures, size_t first);

// "-" is standard input. Throws Failure.
NamedPicture open_picture(const std::string& path);

// Opens what --image was given; an entry that is no file itself may be a list FILE,FILE. Throws Failure.
std::vector<NamedPicture> open_pictures(const std::vector<std::string>& arguments);

}  // namespace app
