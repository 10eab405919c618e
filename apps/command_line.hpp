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
  const char* default_note = "";  // stands before the default in --help
  bool required = false;
};

// One dash and several letters, as llama.cpp has them (-sys): not what CLI11 takes for a name.
struct SingleDash {
  std::string spelling;
  std::string name;  // the long one, "--system-prompt"
};

class CommandLine {
 public:
  // The only argument that makes parse() throw Description.
  static constexpr const char* kDescribe = "__describe";

  // `name` is what the usage line begins with, `about` a line, `examples` the foot of --help.
  CommandLine(const std::string& name, const std::string& about, const std::string& examples);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;

  // The target must outlive the parsing. Arguments that are known by their place come in the order of adding; where the
  // target is a vector, all that are left.
  void add(const Argument& argument, Target target);
  // Of options by name: both cannot be given; the first wants the second too.
  void exclude(const std::string& name, const std::string& other);
  void need(const std::string& name, const std::string& other);
  void describe(const std::string& name, const std::string& help);

  // Sets the targets; of an option with one value that is given twice, the last counts. Throws HelpWanted when --help
  // stands among the arguments, Description, and UsageError.
  void parse(const std::vector<std::string>& arguments);
  // After parse(): whether an option stood there, and what is to be said about options that were left out.
  bool given(const std::string& name) const;
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Row {
    std::vector<std::string> names;  // all of them, as typed; one without dashes is known by its place
    bool takes_value;
    bool repeats;  // each time that it is given counts
    Argument argument;
    std::string initial;  // the default as --help shows it
  };
  class Speller;

  const Row* find(const std::string& name) const;
  std::string description() const;

  std::unique_ptr<CLI::App> app_;
  std::vector<Row> rows_;
  std::vector<SingleDash> single_dash_;
  std::vector<std::string> notes_;
};

// --help was asked for: the text of it.
struct HelpWanted {
  std::string text;
};

// The command's arguments as a JSON object, for those who make manual pages and completions of them: {"arguments":
// [{"names": ["-n", "--predict"], "value": "N", "help", "group", "default", "choices": [], "required", "repeats"}]}. A
// flag has no value; a name without dashes is known by its place; what repeats may be given several times.
struct Description {
  std::string json;
};

}  // namespace app
