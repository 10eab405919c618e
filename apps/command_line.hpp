// CommandLine: the arguments of one command, described as data, and their parsing; what --help prints. Knows no
// command; what is shared by several is in options.hpp. CLI11 does the work and is seen by command_line.cpp alone: it
// is large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace app {

// What an argument sets.
using Target = std::variant<bool*, std::string*, std::vector<std::string>*, uint32_t*, int64_t*, size_t*, float*,
                            double*, std::vector<uint32_t>*>;

struct Argument {
  const char* names;  // "-c,--ctx-size"; without a dash it is known by its place
  const char* value;  // what stands for it in --help; one that ends in ",..." takes several with commas between
  std::string help;
  const char* group = "Options";  // heading in --help; this one is for a command's own
  double low = 0, high = 0;       // bounds of a number; both 0: any
  const char* choices = "";       // the words allowed, with '|' between; none: any
  const char* initial = nullptr;  // the default that --help shows; null: the value that the target has
  bool required = false;
};

class CommandLine {
 public:
  // `name` is what the usage line begins with, `about` a line, `examples` the foot of --help.
  CommandLine(const std::string& name, const std::string& about, const std::string& examples);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;

  // The target must outlive the parsing.
  void add(const Argument& argument, Target target);
  // Of options by name: both cannot be given; the first wants the second too.
  void exclude(const std::string& name, const std::string& other);
  void need(const std::string& name, const std::string& other);
  void describe(const std::string& name, const std::string& help);

  // Sets the targets. Throws HelpWanted when --help stands among the arguments, and UsageError.
  void parse(const std::vector<std::string>& arguments);

 private:
  std::unique_ptr<CLI::App> app_;
};

// --help was asked for: the text of it.
struct HelpWanted {
  std::string text;
};

}  // namespace app
