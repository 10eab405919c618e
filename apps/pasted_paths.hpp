// Paths as people type them and terminals paste them: ~/a.jpg, my\ pics/a.jpg, 'it'\''s.jpg', file:///x/my%20a.jpg, and
// pictures named inside a question. Opens nothing: a picture is known by its first bytes or its name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace app {

// True for a file that begins as a picture does or is named as one (also a pipe, as from <(cat a.jpg)), and for what
// people take for one and opening refuses by name: a.pdf, a.heic.
bool is_picture_file(const std::string& path);
// True for a file's content that begins as a picture does.
bool is_picture(std::string_view content);
// True for a name that ends as pictures' do; the file need not be there.
bool is_picture_name(const std::string& path);

// True for what a person means as a file where a picture or a question may stand: it is there, or it is one word with a
// suffix or a folder in it.
bool looks_like_path(const std::string& text);

// The path with ~ and file:// undone.
std::string expand_path(const std::string& path);

// The files that are meant: the text itself where such a file is there, else its words by a shell's rules for blanks,
// quotes and backslashes, with ~ and file:// undone.
std::vector<std::string> pasted_paths(const std::string& text);

// A question that may name pictures.
struct TypedQuestion {
  std::string text;                   // with "the picture" or "picture 2" in the place of names within a sentence
  std::vector<std::string> pictures;  // files that are there
  std::vector<std::string> missing;   // named as pictures in a folder are, but not there; left in the text
  bool begins_with_picture = false;
};
TypedQuestion find_pictures(const std::string& question);

}  // namespace app
