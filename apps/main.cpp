// mica: the program. Finds the command, catches what it throws, and decides the exit status:
// 0 done, 1 failed or out of bounds, 2 a wrong command line, 130 stopped by Ctrl-C.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "command.hpp"
#include "handles.hpp"
#include "terminal.hpp"

namespace app {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

const Command* const kCommands[] = {
    &kRunCommand,   &kChatCommand, &kInspectCommand,    &kCheckCommand,
    &kBenchCommand, &kEvalCommand, &kPerplexityCommand, &kVerifyCommand,
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

void print_overview() {
  std::puts("mica answers questions about pictures, on the CPU and offline.\n\nUsage: mica COMMAND [options]\n");
  for (const Command* command : kCommands) std::printf("  %-11s %s\n", command->name, command->summary);
  std::puts(
      "\nExamples:\n"
      "  mica run --image panel.jpg -p \"Read the display.\"\n"
      "  mica chat -m Qwen2-VL-2B-Instruct\n\n"
      "mica COMMAND --help shows the options of a command, mica --version the version.");
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

int dispatch(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "help") {  // mica help run
    arguments.erase(arguments.begin());
    if (!arguments.empty()) arguments = {arguments[0], "--help"};
  }
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_overview();
    return 0;
  }
  if (arguments[0] == "--version") {
    std::printf("mica %s\n", mica_version());
    return 0;
  }
  const Command* command = find_command(arguments[0]);
  if (command == nullptr && arguments[0][0] == '-') {
    return refuse("the command comes first, as in: mica run " + arguments[0] + " ...", "");
  }
  if (command == nullptr) return refuse("there is no command '" + arguments[0] + "'", "");
  arguments.erase(arguments.begin());
  return run_command(*command, arguments);
}

// GCC's OpenMP lets a thread that waits spin for milliseconds, and on a machine that does other work too the thread it
// waits for is not running: decoding then takes a hundred times as long. Its library reads the environment before main,
// so the program begins again with a short spin. Whoever set a policy is left alone; where this fails, all goes on as
// it was.
void limit_spinning(char** values) {
  constexpr const char* kSpins = "1000";  // a few microseconds: what an idle machine's threads need to meet
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  if (setenv("GOMP_SPINCOUNT", kSpins, 1) == 0) execv("/proc/self/exe", values);
}

}  // namespace
}  // namespace app

int main(int count, char** values) {
  app::limit_spinning(values);
  const int status = app::dispatch(std::vector<std::string>(values + (count > 0 ? 1 : 0), values + count));
  // What was printed is work too: a full disk must not look like success.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return app::fail(std::string("standard output: ") + std::strerror(errno));
  }
  return status;
}
