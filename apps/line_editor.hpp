// LineEditor: a line typed at a terminal, with editing, history and completion. libedit does the work and is seen by
// line_editor.cpp alone; in a build without it open() finds none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "line_input.hpp"

namespace app {

class LineEditor {
 public:
  virtual ~LineEditor() = default;
  // As LineInput::read.
  virtual LineInput::Result read(std::string& line) = 0;

  // Null where the terminal cannot do it (TERM=dumb) or the program was built without.
#ifdef MICA_WITH_LINE_EDITING
  static std::unique_ptr<LineEditor> open(const std::string& prompt, std::vector<std::string> words);
#else
  static std::unique_ptr<LineEditor> open(const std::string&, const std::vector<std::string>&) { return nullptr; }
#endif
};

}  // namespace app
