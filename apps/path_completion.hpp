// What completes the path that somebody is typing: ~/pic, 'my pics/a, my\ pics/a. Reads folders, opens no file; how
// keys come and lines are shown is the line editor's.
#pragma once

#include <string>

namespace app {

// What to add behind `typed` so that the path in its last word is complete, or as far as all paths that begin like it
// agree: quoted as the word is, with '/' behind a folder, and the quote closed and a blank behind a file. Empty when
// there is nothing to add.
std::string path_completion(const std::string& typed);

}  // namespace app
