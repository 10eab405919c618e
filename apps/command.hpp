// What a command of mica is: a name, a line for the list, examples, and a function. The list itself is in main.cpp.
#pragma once

#include <string>
#include <vector>

#include "command_line.hpp"

namespace app {

struct Command {
  const char* name;
  const char* summary;   // one line, for the list of commands and the head of its --help
  const char* examples;  // the foot of its --help, one indented line each
  // Adds its options to `line`, parses, works. Returns the exit status; failures are thrown.
  int (*run)(CommandLine& line, const std::vector<std::string>& arguments);
};

extern const Command kRunCommand;
extern const Command kChatCommand;
extern const Command kWatchCommand;
extern const Command kInspectCommand;
extern const Command kCheckCommand;
extern const Command kBenchCommand;
extern const Command kEvalCommand;
extern const Command kPerplexityCommand;
extern const Command kVerifyCommand;
extern const Command kPullCommand;
extern const Command kListCommand;
extern const Command kRemoveCommand;
extern const Command kServeCommand;     // where the program is built with the server
extern const Command kQuantizeCommand;  // where the program is built with the quantizer

}  // namespace app
