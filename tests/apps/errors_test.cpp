// What the program says when it is called wrongly or given bad input: one table of cases.
// Bad bytes inside files are tests/fault/; here is the way from a status to what the user reads.
#include <doctest/doctest.h>

#include "program.hpp"

using program::Arguments;
using program::data;
using program::Outcome;

namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

struct Case {
  Arguments arguments;
  int status;
  std::string message;  // a part of standard error
};

std::string joined(const Arguments& arguments) {
  std::string line = "mica";
  for (const std::string& argument : arguments) line += ' ' + argument;
  return line;
}

// Each must fail with the status and message, print nothing else, and not fall back on doing something.
void check(const std::vector<Case>& cases) {
  for (const Case& row : cases) {
    CAPTURE(joined(row.arguments));
    const Outcome outcome = program::run(row.arguments);
    CHECK(outcome.status == row.status);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.rfind("mica: error: ", 0) == 0);
    CHECK_MESSAGE(outcome.err.find(row.message) != std::string::npos, outcome.err);
    CHECK((outcome.err.find("--help") != std::string::npos) == (row.status == kUsage));
  }
}

const std::string kModel = data("panel/model");
const std::string kPicture = data("panel/000.jpg");

}  // namespace

TEST_CASE("a wrong command line exits with 2 and points to --help") {
  check({
      {{"rnu"}, kUsage, "there is no command 'rnu'"},
      {{"-p", "x"}, kUsage, "the command comes first"},
      {{"run"}, kUsage, "there is no question"},
      {{"run", "-p", "x", "--tmp", "3"}, kUsage, "there is no option --tmp"},
      {{"run", "x", "-p", "y"}, kUsage, "unexpected argument x"},
      {{"run", "-p"}, kUsage, "--prompt wants a value"},
      {{"run", "-p", "x", "-f", "y"}, kUsage, "--prompt excludes --file"},
      {{"run", "-p", "x", "--temp", "hot"}, kUsage, "--temp: wants a number from 0 to 100, not hot"},
      {{"run", "-p", "x", "--temp", "-1"}, kUsage, "--temp: wants a number"},
      {{"run", "-p", "x", "--top-p", "1.5"}, kUsage, "--top-p: wants a number from 0 to 1"},
      {{"run", "-p", "x", "-n", "0"}, kUsage, "-n 0"},
      {{"run", "-p", "x", "-s", "1.5"}, kUsage, "--seed: wants a whole number"},
      {{"run", "-p", "x", "-t", "257"}, kUsage, "--threads: wants a whole number from 0 to 256"},
      {{"check"}, kUsage, "wants one of DIR and --tokenizer DIR"},
      {{"check", kModel, "--tokenizer", kModel}, kUsage, "wants one of DIR and --tokenizer DIR"},
      {{"eval"}, kUsage, "questions is required"},
      {{"eval", data("panel"), "--limit", "0"}, kUsage, "--limit"},
      {{"perplexity"}, kUsage, "--file is required"},
      {{"perplexity", "-m", kModel, "-f", kModel + "/config.json", "-c", "4"}, kUsage, "-c 4"},
      {{"bench", "--weights", "w4a8"}, kUsage, "--weights requires --arch"},
      {{"bench", "-o", "sql"}, kUsage, "--output"},
      {{"bench", "-m", kModel, "--picture-size", "12"}, kUsage, "--picture-size 12"},
      {{"bench", "-m", kModel, "-pg", "512"}, kUsage, "-pg 512"},
      {{"bench", "-m", kModel, "-p", "0", "-n", "0", "--picture-size", "0"}, kUsage, "nothing to measure"},
  });
}

TEST_CASE("what cannot be done exits with 1 and names the file or field") {
  check({
      {{"run", "-m", "no/such/model", "-p", "x"}, kFailure, "no/such/model"},
      {{"run", "-m", data("panel"), "-p", "x"}, kFailure, "config.json"},
      {{"run", "-m", kPicture, "-p", "x"}, kFailure, "000.jpg"},
      {{"run", "-m", kModel, "-p", "x", "--image", "no.jpg"}, kFailure, "no.jpg"},
      {{"run", "-m", kModel, "-p", "x", "--image", kPicture + ",no.jpg"}, kFailure, "no.jpg"},
      {{"run", "-m", kModel, "-p", "x", "--image", kModel}, kFailure, kModel},
      {{"run", "-m", kModel, "-p", "x", "--image", kModel + "/config.json"}, kFailure, "config.json"},
      {{"run", "-m", kModel, "-f", "no.txt"}, kFailure, "no.txt: No such file"},
      {{"run", "-m", kModel, "-f", kModel}, kFailure, "Is a directory"},
      {{"run", "-m", kModel, "-f", kPicture}, kFailure, "UTF-8"},
      {{"run", "-m", kModel, "-p", "x", "-c", "4"}, kFailure, "context"},
      {{"run", "-m", kModel, "-p", "x", "--isa", "mmx"}, kFailure, "mmx"},
      {{"run", "-m", data("golden/qwen2"), "-p", "x"}, kFailure, "tokenizer"},
      {{"run", "-m", data("golden/qwen2"), "-p", "x", "--image", kPicture}, kFailure, "reads text only"},
      {{"inspect", "no/such/model"}, kFailure, "no/such/model"},
      {{"verify", "no/such/model"}, kFailure, "no/such/model"},
      {{"check", "no/such/folder"}, kFailure, "no/such/folder"},
      {{"check", kModel}, kFailure, "there is no golden_*.safetensors"},
      {{"check", "--tokenizer", kModel}, kFailure, "encodings.json"},
      {{"eval", "no.jsonl"}, kFailure, "no.jsonl"},
      {{"eval", "-m", kModel, kModel + "/config.json"}, kFailure, "config.json line 1"},
      {{"perplexity", "-m", kModel, "-f", kModel + "/chat_template.jinja", "-c", "4096"},
       kFailure,
       "less than one chunk"},
      {{"perplexity", "-m", data("golden/qwen2"), "-f", kModel + "/config.json"}, kFailure, "no tokenizer"},
      {{"bench", "--arch", "gpt-5"}, kFailure, "gpt-5"},
  });
}

TEST_CASE("output that cannot be written is a failure") {
  const Outcome outcome = program::run({"inspect", kModel}, "", "/dev/full");
  CHECK(outcome.status == kFailure);
  CHECK(outcome.err.find("standard output") != std::string::npos);
}

TEST_CASE("help and version succeed and print to standard output") {
  const Arguments commands = {"run", "chat", "inspect", "check", "bench", "eval", "perplexity", "verify"};
  const Outcome overview = program::run({});
  CHECK(overview.status == 0);
  CHECK(overview.out == program::run({"--help"}).out);
  for (const std::string& command : commands) {
    CAPTURE(command);
    CHECK(overview.out.find("\n  " + command + ' ') != std::string::npos);
    const Outcome help = program::run({command, "--help"});
    CHECK(help.status == 0);
    CHECK(help.err.empty());
    CHECK(help.out.find("Examples:\n  mica " + command) != std::string::npos);
    CHECK(help.out == program::run({"help", command}).out);
  }
  for (const char* command : {"run", "chat", "eval", "bench"})
    CHECK(program::run({command, "--help"}).out.find("\n  --kv-visual 1|2|4|16") != std::string::npos);
  CHECK(program::run({"--version"}).out == "mica " MICA_VERSION "\n");
}
