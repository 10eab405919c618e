// mica: the program. Finds the command, catches what it throws, and decides the exit status:
// 0 done, 1 failed or out of bounds, 2 a wrong command line, 130 stopped by Ctrl-C.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "handles.hpp"
#include "terminal.hpp"
#include "words.hpp"

namespace app {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

const Command* const kCommands[] = {
    &kRunCommand,   &kChatCommand, &kInspectCommand,    &kCheckCommand,
    &kBenchCommand, &kEvalCommand, &kPerplexityCommand, &kVerifyCommand,
    &kPullCommand,  &kListCommand, &kRemoveCommand,     &kWatchCommand,
#ifdef MICA_WITH_SERVER
    &kServeCommand,
#endif
#ifdef MICA_WITH_QUANTIZER
    &kQuantizeCommand,
#endif
};

const Command* find_command(const std::string& name) {
  for (const Command* command : kCommands) {
    if (name == command->name) return command;
  }
  return nullptr;
}

// Commands of other programs, and what does that here.
struct ForeignWord {
  const char* names;
  const char* answer;
};
constexpr ForeignWord kForeignWords[] = {
    {"download,fetch,get", "mica pull OWNER/NAME fetches a model"},
    {"rm,delete", "mica remove OWNER/NAME removes a model from the cache"},
#ifdef MICA_WITH_SERVER
    {"server,start", "mica serve answers other programs"},
    {"ps,stop", "mica serve runs where it was started, until Ctrl-C"},
#else
    {"serve,server,start,ps,stop", "this mica was built without a server; mica run answers one question, mica chat several"},
#endif
    {"ls,models", "mica list shows the models of the cache; mica inspect PATH describes any"},
    {"show,info", "mica inspect PATH describes a model"},
    {"ask,generate,cli,completion,prompt", "mica run answers a question"},
#ifdef MICA_WITH_QUANTIZER
    {"create,convert,pack", "mica quantize packs a checkpoint into one file"},
#else
    {"quantize,create,convert,pack", "this mica was built without the quantizer; one of a Debian package has it, and what it "
     "packs runs here"},
#endif
};

void print_overview() {
  std::puts("mica answers questions about pictures, on the CPU and offline.\n\nUsage: mica COMMAND [options]\n");
  for (const Command* command : kCommands) std::printf("  %-11s %s\n", command->name, command->summary);
  std::puts(
      "\nExamples:\n"
      "  mica run panel.jpg \"Read the display.\"\n"
      "  mica chat -m Qwen2-VL-2B-Instruct\n\n"
      "mica COMMAND --help shows the options of a command, mica --version the version.\n"
      "Exit status: 0 done, 1 failed, 2 a wrong command line, 130 stopped by Ctrl-C.");
}

int fail(const std::string& message) {
  print_error(message);
  return kExitFailure;
}

int refuse(const std::string& message, const std::string& command) {
  print_error(message);
  std::fprintf(stderr, "See: mica %s--help\n", command.empty() ? "" : (command + ' ').c_str());
  return kExitUsage;
}

int run_command(const Command& command, const std::vector<std::string>& arguments) {
  CommandLine line(std::string("mica ") + command.name, command.summary, command.examples);
  try {
    return command.run(line, arguments);
  } catch (const HelpWanted& help) {
    std::fputs(help.text.c_str(), stdout);
    return 0;
  } catch (const UsageError& fault) {
    return refuse(fault.what(), command.name);
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& fault) {
    return fail(fault.what());
  }
}

// For those who make manual pages and completions: what CommandLine's Description says, of every command.
int describe_commands() {
  nlohmann::json commands = nlohmann::json::array();
  for (const Command* command : kCommands) {
    CommandLine line(std::string("mica ") + command->name, command->summary, command->examples);
    try {
      command->run(line, {CommandLine::kDescribe});
    } catch (const Description& description) {
      commands.push_back(nlohmann::json::parse(description.json));
      commands.back().update({{"name", command->name}, {"summary", command->summary}, {"examples", command->examples}});
    }
  }
  std::puts(nlohmann::json({{"version", mica_version()}, {"commands", std::move(commands)}}).dump(1).c_str());
  return 0;
}

int refuse_command(const std::string& name) {
  const std::string flag = name[0] != '-' ? "" : nearest_word(name, {"--version", "--help"});
  if (!flag.empty()) return refuse("there is no " + name + ": did you mean " + flag + '?', "");
  if (name[0] == '-') return refuse("the command comes first, as in: mica run " + name + " ...", "");
  for (const ForeignWord& word : kForeignWords) {
    if (contains(split(word.names, ','), name)) {
      return refuse("there is no command '" + name + "': " + word.answer, "");
    }
  }
  std::vector<std::string> names;
  for (const Command* command : kCommands) names.push_back(command->name);
  const std::string nearest = nearest_word(name, names);
  if (!nearest.empty()) return refuse("there is no command '" + name + "': did you mean " + nearest + '?', "");
  return refuse("there is no command '" + name + "'; the command comes first, as in: mica run " + name + " ...", "");
}

int dispatch(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "help") {  // mica help run
    arguments.erase(arguments.begin());
    if (!arguments.empty()) arguments = {arguments[0], "--help"};
  }
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_overview();
    return 0;
  }
  if (arguments[0] == "--version" || arguments[0] == "version") {
    std::printf("mica %s\n", mica_version());
    return 0;
  }
  if (arguments[0] == "__describe-commands") return describe_commands();
  const Command* command = find_command(arguments[0]);
  if (command == nullptr) return refuse_command(arguments[0]);
  arguments.erase(arguments.begin());
  return run_command(*command, arguments);
}

// A file that the program opens must not get the number of a standard stream that was closed: what is printed would
// land in it. The places are taken by something that cannot be used in the stream's direction, so that it still fails.
void occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    const int opened = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened >= 0 && opened != stream) close(opened);
  }
}

}  // namespace
}  // namespace app

int main(int count, char** values) {
  app::occupy_standard_streams();
  std::signal(SIGPIPE, SIG_DFL);  // whoever reads the answer may leave: then there is nothing to say, to anybody
  const int status = app::dispatch(std::vector<std::string>(values + (count > 0 ? 1 : 0), values + count));
  // What was printed is work too: a full disk must not look like success.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return app::fail(std::string("standard output: ") + std::strerror(errno));
  }
  return status;
}
