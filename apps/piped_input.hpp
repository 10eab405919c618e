// What waits on standard input beside a question that came otherwise. It is looked at and not taken: it may belong to
// somebody else, as the lines of a shell's loop do.
#pragma once

namespace app {

enum class PipedInput {
  kNone,     // a terminal, nothing, or its end
  kPicture,  // bytes of a picture, or of another file that is no text
  kText,
  kSilent,  // a pipe that is open and gave nothing for a second
};

PipedInput look_at_input();

}  // namespace app
