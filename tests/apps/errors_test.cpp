// What the program says when it is called wrongly or given bad input: one table of cases.
// Bad bytes inside files are tests/fault/; here is the way from a status to what the user reads.
#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "byte_tokenizer.hpp"
#include "program.hpp"
#include "test_folder.hpp"

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
      {{"rnu"}, kUsage, "there is no command 'rnu': did you mean run?"},
      {{"rum", "-p", "x"}, kUsage, "did you mean run?"},
      {{"quantise"}, kUsage, "did you mean quantize?"},
      {{"pull", "qwen"}, kUsage, "\"qwen\" is no repository: wants OWNER/NAME"},
      {{"help", "rum"}, kUsage, "did you mean run?"},
      {{"panel.jpg", "x"}, kUsage, "mica run panel.jpg"},
      {{"-p", "x"}, kUsage, "the command comes first"},
      {{"run"}, kUsage, "there is no question: add one, as in: mica run picture.jpg"},
      {{"run", "-p", "x", "--tmp", "3"}, kUsage, "there is no option --tmp: did you mean --temp?"},
      {{"run", "-p", "x", "-temp", "3"}, kUsage, "there is no option -temp: did you mean --temp?"},
      {{"run", "-predict", "3"}, kUsage, "did you mean --predict?"},
      {{"run", "-p", "x", "-mg", "0", "-xyz"}, kUsage, "there is no option -xyz"},
      {{"run", "x", "-p", "y"}, kUsage, "two questions: \"x\" and that of -p"},
      {{"run", kModel + "/config.json", "x"}, kUsage, "is there, but it is no picture"},
      {{"run", kModel, "x"}, kUsage, "-m takes a model"},
      {{"run", data("panel"), "Read the dial."}, kUsage, "no picture but a folder"},
      {{"run", "nosuch.gif", "x"}, kUsage, "there is no file \"nosuch.gif\""},
      {{"run", "panel.jpgg"}, kUsage, "there is no file \"panel.jpgg\""},
      {{"run", "samples/panel", "Read the dial."}, kUsage, "there is no file \"samples/panel\""},
      {{"run", "panel", "Read the dial."}, kUsage, "there is no picture \"panel\""},
      {{"run", "my panel", "Read the dial."}, kUsage, "there is no picture \"my panel\""},
      {{"run", kPicture, "Which", "unit?"}, kUsage, "the last is the question, in quotes"},
      {{"run", "panel.jpg Read the dial."}, kUsage, "there is no picture \"panel.jpg\", which the question names"},
      {{"run", "", "Read the dial."}, kUsage, "an argument is empty (a variable that is not set?)"},
      {{"run", kPicture, " "}, kUsage, "an argument is blank"},
      {{"run", "nosuch.jpg ", "x"}, kFailure, "nosuch.jpg: No such file"},
      {{"run", "--image", "-", "--image", "-", "-p", "x"}, kFailure, "standard input"},
      {{"run", "--image", "-", "-f", "-"}, kUsage, "standard input cannot be the picture and the question"},
      {{"run", "--image", "-"}, kUsage, "standard input cannot be the picture and the question"},
      {{"chat", "-m", kModel, "--image", "-"}, kUsage, "standard input cannot be the picture and the question"},
      {{"run", "-cnv", "-o", "json", "-p", "x"}, kUsage, "-o json is for one answer"},
      {{"run", "-m", kModel, "-p", "x", "--isa", "mmx"}, kUsage, "--isa: instruction set \"mmx\" is not available"},
      {{"inspect", "a", "b"}, kUsage, "unexpected argument b"},
      {{"run", "-p"}, kUsage, "--prompt wants a value"},
      {{"run", "-p", "x", "-f", "y"}, kUsage, "--prompt excludes --file"},
      {{"run", "-p", "x", "--temp", "hot"}, kUsage, "--temp: wants a number from 0 to 100, not hot"},
      {{"run", "-p", "x", "--temp", "-1"}, kUsage, "--temp: wants a number"},
      {{"run", "-p", "x", "--top-p", "1.5"}, kUsage, "--top-p: wants a number from 0 to 1"},
      {{"run", "-p", "x", "-n", "0"}, kUsage, "-n 0"},
      {{"run", "-p", "x", "-n", "1e3"}, kUsage, "--predict: wants a whole number from -1 to 16777216 in digits, not"},
      {{"run", "-p", "x", "-b", "100000"}, kUsage, "--batch-size: wants a whole number from 1 to 8192"},
      {{"--versoin"}, kUsage, "there is no --versoin: did you mean --version?"},
      {{"--hlep"}, kUsage, "did you mean --help?"},
      {{"run", "-p", "x", "-s", "1.5"}, kUsage, "--seed: wants a whole number"},
      {{"run", "-p", "x", "-t", "257"}, kUsage, "--threads: wants a whole number from 0 to 256"},
      {{"check"}, kUsage, "wants one of DIR, --tokenizer DIR, --template DIR and --formats DIR"},
      {{"check", kModel, "--tokenizer", kModel}, kUsage, "wants one of DIR, --tokenizer DIR, --template DIR and --formats DIR"},
      {{"eval"}, kUsage, "questions is required"},
      {{"eval", data("panel"), "--limit", "0"}, kUsage, "--limit"},
      {{"perplexity"}, kUsage, "--file is required"},
      {{"run", "-m", kModel, "--chat-template", "no/such.jinja", "-p", "a"}, kFailure, "no/such.jinja"},
      {{"perplexity", "-m", kModel, "-f", kModel + "/config.json", "-c", "4"}, kUsage, "-c 4"},
      {{"bench", "--weights", "w4a8"}, kUsage, "--weights requires --arch"},
      {{"bench", "-o", "sql"}, kUsage, "--output"},
      {{"inspect", "--weights", "w4a8"}, kUsage, "--weights requires --arch"},
      {{"inspect", "--arch", "qwen2-vl-2b", "-m", kModel}, kUsage, "--arch"},
      {{"inspect", "--arch", "qwen2-vl-2b", kModel}, kUsage, "--arch"},
      {{"bench", "--arch", "qwen2-vl-2b", "-hf", "a/b"}, kUsage, "--arch"},
      {{"bench", "-m", kModel, "--picture-size", "12"}, kUsage, "--picture-size 12"},
      {{"bench", "-m", kModel, "-pg", "512"}, kUsage, "-pg 512"},
      {{"bench", "-m", kModel, "-p", "0", "-n", "0", "--picture-size", "0"}, kUsage, "nothing to measure"},
  });
}

TEST_CASE("an instruction set that the environment names wrongly is a wrong command line too") {
  setenv("MICA_ISA", "foo", 1);
  check({{{"run", "-m", kModel, "-p", "x"}, kUsage, "MICA_ISA: instruction set \"foo\" is not available here"},
         {{"inspect", "--cpu"}, kUsage, "MICA_ISA"}});
  unsetenv("MICA_ISA");
}

// What llama.cpp and its friends call otherwise, or have and mica has not.
TEST_CASE("a flag of another program that mica has not is named, with what to do instead") {
  check({
      {{"run", "-hf", "Qwen2-VL-2B", "-p", "x"}, kUsage, "\"Qwen2-VL-2B\" is no repository: wants OWNER/NAME"},
      {{"run", "-hff", "x.gguf", "-p", "x"}, kUsage, "add -hf OWNER/NAME"},
      {{"run", "-hf", "a/b", "--offline", "-p", "x"}, kFailure, "--offline lets nothing be fetched"},
      {{"run", "-hft", "secret", "-p", "x"}, kUsage, "set HF_TOKEN"},
      {{"run", "-mm", "a.gguf", "-p", "x"}, kFailure, "a projector (a.gguf) is for a GGUF file, and none is named"},
      {{"run", "-mmu", "a.gguf", "-p", "x"}, kUsage, "is given by --mmproj FILE"},
      {{"run", "-m", kModel, "--mmproj", "a.gguf", "-p", "x"}, kFailure, "is no GGUF file: a projector"},
      {{"run", "-ctk", "q8_0", "-ctv", "q8_0", "-p", "x"},
       kUsage,
       "-ctk: keys and values keep the same bits here. q8_0"},
      {{"run", "-ctv", "iq4_nl", "-p", "x"}, kUsage, "-ctv: there is no iq4_nl here; --kv-text 32, 16, 8 or 4"},
      {{"run", "-i", "-p", "x"}, kUsage, "mica chat"},
      {{"run", "--grammar", "x", "-p", "x"}, kUsage, "--json-schema TEXT holds them to JSON of a kind"},
      {{"run", "-j", "", "-p", "x"}, kUsage, "the JSON schema is empty"},
      {{"run", "-j", "{}", "-jf", "a", "-p", "x"}, kUsage, "--json-schema"},
      {{"run", "-jf", "/nonexistent", "-p", "x"}, kFailure, "/nonexistent"},
      {{"run", "-m", kModel, "-j", "{", "-p", "x"}, kFailure, "schema: not valid JSON"},
      {{"run", "-m", kModel, "-j", R"({"not":{}})", "-p", "x"}, kFailure, "not is a keyword that mica does not keep"},
      {{"run", "-r", "User:", "-p", "x"}, kUsage, "-r: --stop TEXT ends an answer"},
      {{"run", "-sysf", "a.txt", "-p", "x"}, kUsage, "-sysf: a system turn is given as text: -sys \"$(cat a.txt)\""},
      {{"run", "--mirostat", "2", "-p", "x"}, kUsage, "--mirostat: mica samples by --temp"},
      {{"run", "--draft-max", "8", "-p", "x"}, kUsage, "--draft-max: there are no draft models"},
      {{"chat", "--port", "8080"}, kUsage, "--port: that is for the server: mica serve"},
      {{"run", "--lora", "a", "-p", "x"}, kUsage, "--lora: adapters are not applied"},
  });
}

TEST_CASE("a flag that has no meaning on a CPU is left out, with a note; --quiet leaves out the note too") {
  const Arguments flags = {"-ngl", "99", "-fa", "on", "--flash-attn", "--no-mmap", "--mlock", "-ub", "64",
                           "-ctk", "f16", "--jinja", "--n-gpu-layers=3", "--keep", "-1", "-np", "4", "-C", "0xf",
                           "--poll", "50", "-cmoe", "--mirostat", "0", "--presence-penalty", "0.0"};
  Arguments line = {"run", "-m", kModel, kPicture, "Which unit is this?"};
  line.insert(line.begin() + 1, flags.begin(), flags.end());
  const Outcome outcome = program::run(line);
  CHECK(outcome.status == 0);
  CHECK(outcome.out == "SOLAR 1\n");
  for (const char* name : {"-ngl", "-fa", "--flash-attn", "--no-mmap", "--mlock", "-ub", "-ctk", "--jinja",
                           "--n-gpu-layers", "--keep", "-np", "-C", "--poll", "-cmoe", "--mirostat",
                           "--presence-penalty"}) {
    CHECK_MESSAGE(outcome.err.find(std::string("mica: note: ") + name + ": ") != std::string::npos, name);
  }
  line.push_back("--quiet");
  const Outcome quiet = program::run(line);
  CHECK(quiet.out == "SOLAR 1\n");
  CHECK(quiet.err.empty());
}

TEST_CASE("of a value that is given twice the last counts; a value may look like an option") {
  const Outcome twice =
      program::run({"run", "-m", kModel, kPicture, "-p", "No.", "-p", "Which unit is this?", "-n", "1", "-n", "40",
                    "--temp", "2", "--temp", "0", "--temperature", "0"});
  CHECK(twice.out == "SOLAR 1\n");
  const Outcome dash = program::run({"run", "-m", kModel, kPicture, "-n4", "-p", "-sys"});
  CHECK(dash.status == 0);
  CHECK(dash.err.find("question: -sys\n") != std::string::npos);
}

TEST_CASE("nobody reads the answer: the program ends without a word") {
  const Arguments line = {"run", "-q", "-m", kModel, kPicture, "Which unit is this?"};
  const Outcome outcome = program::run(line, "", program::kUnread);
  CHECK(outcome.status == 128 + 13);  // SIGPIPE, as other programs end
  CHECK(outcome.err.empty());
}

TEST_CASE("what cannot be done exits with 1 and names the file or field") {
  check({
      {{"run", "-m", "no/such/model", "-p", "x"}, kFailure, "no/such/model"},
      {{"run", "-m", data("panel"), "-p", "x"}, kFailure, "config.json"},
      {{"run", "-m", kPicture, "-p", "x"}, kFailure, "000.jpg"},
      {{"run", "-m", kModel, "-p", "x", "--image", "no.jpg"}, kFailure, "no.jpg"},
      {{"run", "-m", kModel, "no.jpg", "x"}, kFailure, "no.jpg"},
      {{"run", "-m", kModel, "-", "x"}, kFailure, "standard input"},
      {{"run", "-m", kModel, "-p", "x", "--image", kPicture + ",no.jpg"}, kFailure, "no.jpg"},
      {{"run", "-m", kModel, "-p", "x", "--image", kModel}, kFailure, kModel},
      {{"run", "-m", kModel, "-p", "x", "--image", kModel + "/config.json"}, kFailure, "config.json"},
      {{"run", "-m", kModel, "-f", "no.txt"}, kFailure, "no.txt: No such file"},
      {{"run", "-m", kModel, "-f", kModel}, kFailure, "Is a directory"},
      {{"run", "-m", kModel, "-f", kPicture}, kFailure, "000.jpg is a picture, where a text is wanted"},
      {{"perplexity", "-m", kModel, "-f", kPicture}, kFailure, "000.jpg is a picture, where a text is wanted"},
      {{"eval", "-m", kModel, kPicture}, kFailure, "000.jpg is a picture, where a text is wanted"},
      {{"run", "-m", kModel, "-p", "x", "-c", "4"}, kFailure, "context"},
      {{"run", "-m", data("golden/qwen2"), "-p", "x"}, kFailure, "tokenizer"},
      {{"run", "-m", data("golden/qwen2"), "-p", "x", "--image", kPicture}, kFailure, "reads text only"},
      {{"inspect", "no/such/model"}, kFailure, "no/such/model"},
      {{"verify", "no/such/model"}, kFailure, "no/such/model"},
      {{"check", "no/such/folder"}, kFailure, "no/such/folder"},
      {{"check", kModel}, kFailure, "there is no golden_*.safetensors"},
      {{"check", "--tokenizer", kModel}, kFailure, "encodings.json"},
      {{"check", "--template", "no/such/folder"}, kFailure, "no/such/folder is no folder"},
      {{"check", "--template", kModel}, kFailure, "renderings.json"},
      {{"check", "--formats", "no/such/folder"}, kFailure, "no/such/folder: No such file or directory"},
      {{"check", "--formats", kModel}, kFailure, "neither blocks with recorded values, nor checkpoints"},
      {{"eval", "no.jsonl"}, kFailure, "no.jsonl"},
      {{"eval", "-m", kModel, kModel + "/config.json"}, kFailure, "config.json line 1"},
      {{"perplexity", "-m", kModel, "-f", kModel + "/chat_template.jinja", "-c", "4096"},
       kFailure,
       "less than one chunk"},
      {{"perplexity", "-m", data("golden/qwen2"), "-f", kModel + "/config.json"}, kFailure, "no tokenizer"},
      {{"bench", "--arch", "gpt-5"}, kFailure, "gpt-5"},
  });
}

TEST_CASE("a document in the place of a picture is named, wherever it is given") {
  const mica::TestFolder folder;
  const std::string scan = folder.write("scan.pdf", "%PDF-1.7\n");
  const std::string words = scan + ": PDF files are not read; convert it to JPEG or PNG";
  check({
      {{"run", "-m", kModel, "-p", "x", "--image", scan}, kFailure, words},
      {{"run", "-m", kModel, scan, "What does it say?"}, kFailure, words},
  });
  const Outcome chat = program::run({"chat", "-m", kModel}, "What does " + scan + " say?\n");
  CHECK(chat.status == kFailure);
  CHECK(chat.out.empty());
  CHECK_MESSAGE(chat.err.find(words) != std::string::npos, chat.err);
}

TEST_CASE("a question that is none is refused by name, wherever it comes from") {
  const mica::TestFolder folder;
  const std::string pointer = folder.write("pointer.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  const std::string blank = folder.write("blank.txt", " \n\t\n"), empty = folder.write("empty.txt", "");
  const std::string archive = folder.write("a.docx", "PK\x03\x04"), bytes = folder.write("bytes.txt", "Hi \xFF");
  check({
      {{"run", "-m", kModel, "-f", pointer}, kFailure, pointer + " is a Git LFS pointer to a file, not the file"},
      {{"chat", "-m", kModel, "-f", pointer}, kFailure, pointer + " is a Git LFS pointer to a file, not the file"},
      {{"eval", "-m", kModel, pointer}, kFailure, pointer + " is a Git LFS pointer to a file, not the file"},
      {{"perplexity", "-m", kModel, "-f", pointer}, kFailure, "is a Git LFS pointer"},
      {{"run", "-m", kModel, "-f", blank}, kFailure, blank + " has no question in it, only blanks"},
      {{"run", "-m", kModel, "-f", empty}, kFailure, empty + " has no question in it: it is empty"},
      {{"run", "-m", kModel, "-f", archive}, kFailure, archive + " is a zip archive"},
      {{"run", "-m", kModel, "-f", bytes}, kFailure, "bytes.txt: the text is not valid UTF-8 at byte 3"},
      {{"run", "-m", kModel, "-p", " "}, kUsage, "the question is blank"},
  });
  const Outcome piped = program::run({"run", "-m", kModel}, " \n\n");
  CHECK(piped.status == kFailure);
  CHECK_MESSAGE(piped.err.find("standard input has no question in it, only blanks") != std::string::npos, piped.err);
  const Outcome pointed = program::run({"run", "-m", kModel}, "version https://git-lfs.github.com/spec/v1\n");
  CHECK(pointed.status == kFailure);
  CHECK_MESSAGE(pointed.err.find("standard input is a Git LFS pointer") != std::string::npos, pointed.err);
}

TEST_CASE("chat wants a model whose turns are known, run says that it writes none") {
  const mica::TestFolder folder;
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(data(std::string("golden/llama/") + name), folder.path(name));
  folder.write("tokenizer.json", mica::byte_tokenizer(true));
  const Outcome run = program::run({"run", "-m", folder.path(), "-p", "Hi", "-n", "2"});
  CHECK(run.status == 0);
  CHECK_MESSAGE(run.err.find("warning: " + folder.path() + " has no chat template") != std::string::npos, run.err);
  const Outcome chat = program::run({"chat", "-m", folder.path()}, "Hi\n");
  CHECK(chat.status == kFailure);
  CHECK_MESSAGE(chat.err.find(folder.path() + ": this model has no chat template") != std::string::npos, chat.err);
  CHECK_MESSAGE(chat.err.find("--chat-format: chatml") != std::string::npos, chat.err);
  CHECK_MESSAGE(chat.err.find("warning") == std::string::npos, chat.err);  // once is enough
  const Outcome measured = program::run({"perplexity", "-m", folder.path(), "-c", "32", "-f",
                                         folder.write("text", std::string(100, 'x'))});
  CHECK(measured.status == 0);
  CHECK_MESSAGE(measured.err.empty(), measured.err);  // turns are no matter here
  CHECK(chat.out.empty());
  CHECK(program::run({"chat", "-m", folder.path(), "--chat-format", "llama2", "-n", "2"}, "Hi\n").status == 0);
  const Outcome page = program::run({"inspect", folder.path()});
  CHECK_MESSAGE(page.out.find("template                none") != std::string::npos, page.out);
}

TEST_CASE("a question longer than the window that layers see is answered") {
  const mica::TestFolder folder;
  std::filesystem::copy_file(data("golden/llama/model.safetensors"), folder.path("model.safetensors"));
  folder.write("tokenizer.json", mica::byte_tokenizer(true));
  auto config = nlohmann::json::parse(std::ifstream(data("golden/llama/config.json")));
  config.update({{"model_type", "mistral"}, {"architectures", {"MistralForCausalLM"}}, {"sliding_window", 16}});
  folder.write("config.json", config.dump());
  const Outcome outcome = program::run({"run", "-m", folder.path(), "-p", std::string(60, 'x'), "-n", "2"});
  CHECK_MESSAGE(outcome.status == 0, outcome.err);
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
    CHECK(program::run({command, "--help"}).out.find("\n  --kv-visual 1|2|4|16|32") != std::string::npos);
  CHECK(program::run({"run", "--bogus", "-h"}).out == program::run({"run", "--help"}).out);
  CHECK(program::run({"--version"}).out == "mica " MICA_VERSION "\n");
  CHECK(program::run({"version"}).out == "mica " MICA_VERSION "\n");
}

TEST_CASE("the commands describe themselves as JSON, for manual pages and completions") {
  const auto document = nlohmann::json::parse(program::run({"__describe-commands"}).out);
  CHECK(document["version"] == MICA_VERSION);
  CHECK(document["commands"].size() >= 8);
  for (const auto& command : document["commands"]) {
    const std::string help = program::run({command["name"], "--help"}).out;
    for (const auto& argument : command["arguments"]) {
      CAPTURE(argument.dump());
      CHECK(!argument["help"].get<std::string>().empty());
      const std::string name = argument["names"].back();
      const std::string value = argument["value"];
      CHECK(help.find(value[0] == '[' ? value : name) != std::string::npos);
    }
  }
}
