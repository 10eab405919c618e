// The program in a terminal: what a person sees, and what Ctrl-C does.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "program.hpp"

namespace fs = std::filesystem;
using program::data;
using program::Terminal;

namespace {

const std::string kModel = data("panel/model");
const std::string kPicture = data("panel/000.jpg");

// Greedy text of this model ends soon; hot text without bounds goes on for the whole context.
const program::Arguments kEndless = {"chat", "-m",      kModel, "--temp", "50",   "--top-k", "0", "--top-p",
                                     "1",    "--min-p", "0",    "-c",     "65536", "-s",     "1",
                                     "--ignore-eos"};

}  // namespace

TEST_CASE("run shows the picture, the question, the answer and the timings") {
  Terminal terminal({"run", "-m", kModel, "--image", kPicture, "-p", "Which unit is this?"});
  CHECK(terminal.shows("picture:  " + kPicture));
  CHECK(terminal.shows("question: Which unit is this?"));
  CHECK(terminal.shows("answer:   SOLAR 1"));
  CHECK(terminal.shows("peak memory"));
  CHECK(terminal.status() == 0);
}

TEST_CASE("run with a picture alone waits for a question") {
  Terminal terminal({"run", "-m", kModel, kPicture});
  REQUIRE(terminal.shows("your question: "));
  terminal.type("Which unit is this?\n");
  CHECK(terminal.shows("answer:   SOLAR 1"));
  CHECK(terminal.status() == 0);
  Terminal left({"run", "-m", kModel, kPicture});
  REQUIRE(left.shows("your question: "));
  left.type("\x04");
  CHECK(left.shows("there is no question about the picture"));
  CHECK(left.status() == 2);
}

TEST_CASE("chat takes pictures, survives mistakes and leaves with /exit") {
  Terminal terminal({"chat", "-m", kModel, "--temp", "0"});
  REQUIRE(terminal.shows("> "));
  terminal.type("/image no/such.jpg\n");
  CHECK(terminal.shows("no/such.jpg: No such file"));
  terminal.type("/image '" + kPicture + "'\n");
  CHECK(terminal.shows("32 tokens, goes with the next question"));
  terminal.type("Which unit is thisXX\x7f\x7f?\n");  // Backspace erases
  CHECK(terminal.shows("SOLAR 1"));
  terminal.type("/help\n");
  CHECK(terminal.shows("/clear"));
  terminal.type("/exit\n");
  CHECK(terminal.status() == 0);
}

TEST_CASE("Backspace erases a whole UTF-8 character") {
  Terminal terminal({"chat", "-m", kModel, "--temp", "0"});
  REQUIRE(terminal.shows("> "));
  terminal.type("/helpä\x7f\n");
  CHECK(terminal.shows("attaches a picture"));
  terminal.type("\x04");
  CHECK(terminal.status() == 0);
}

TEST_CASE("Ctrl-C stops the answer, and the conversation goes on; at the prompt it leaves") {
  Terminal terminal(kEndless);
  REQUIRE(terminal.shows("> "));
  terminal.type("Read the dial.\n");
  REQUIRE(terminal.shows("Read the dial.\r\n"));
  REQUIRE(terminal.shows("MOTOR"));  // the answer has begun: its words are any of the vocabulary
  terminal.type("\x03");
  CHECK(terminal.shows("(stopped)"));
  REQUIRE(terminal.shows("> "));
  terminal.type("/help\n");
  CHECK(terminal.shows("/clear"));
  REQUIRE(terminal.shows("> "));
  terminal.type("\x03");
  CHECK(terminal.status() == 0);
}

TEST_CASE("a terminal without editing has a prompt all the same") {
  Terminal terminal({"chat", "-m", kModel, "--temp", "0"}, "dumb");
  REQUIRE(terminal.shows("> "));
  terminal.type("/helpä\x7f\n");
  CHECK(terminal.shows("attaches a picture"));
  terminal.type("\x04");
  CHECK(terminal.status() == 0);
}

TEST_CASE("chat says which model answers and what it reads") {
  Terminal terminal({"chat", "-m", kModel});
  CHECK(terminal.shows(kModel + " (qwen2_vl, 4.6"));
  CHECK(terminal.shows("/image PATH"));
  Terminal other({"chat"});
  CHECK(other.shows("the default model (qwen2_vl"));
  CHECK(other.shows("It reads instrument panels"));
}

TEST_CASE("a question is not sent without its picture unless the person says so again") {
  Terminal terminal({"chat", "-m", kModel, "--temp", "0"});
  REQUIRE(terminal.shows("> "));
  terminal.type("/image ~/no/such.jpg\n");
  CHECK(terminal.shows("/no/such.jpg: No such file"));
  terminal.type("Which unit is this?\n");
  CHECK(terminal.shows("your question was not sent"));
  terminal.type("/image " + kPicture + "\nWhich unit is this?\n");
  CHECK(terminal.shows("32 tokens"));
  CHECK(terminal.shows("SOLAR 1"));
  terminal.type("/image no.jpg\nRead the dial.\n");
  CHECK(terminal.shows("your question was not sent"));
  terminal.type("Read the dial.\n");
  CHECK(terminal.shows("\r\n> Read the dial.\r\n"));
  REQUIRE(terminal.shows("> "));
  terminal.type("/bye\n");
  CHECK(terminal.status() == 0);
}

TEST_CASE("a picture may be dragged into the question") {
  Terminal terminal({"chat", "-m", kModel, "--temp", "0"});
  REQUIRE(terminal.shows("> "));
  terminal.type("Which unit is this? '" + kPicture + "'\n");
  CHECK(terminal.shows("000.jpg, 224 x 112, 32 tokens)"));
  CHECK(terminal.shows("(asked: Which unit is this?)"));
  CHECK(terminal.shows("SOLAR 1"));
  terminal.type("Is " + data("panel/none.jpg") + " a picture?\n");
  CHECK(terminal.shows("there is no picture " + data("panel/none.jpg")));
  terminal.type("/quit\n");
  CHECK(terminal.status() == 0);
}

TEST_CASE("what could reprogram a terminal is shown, not obeyed") {
  // Where the machine is slow, a progress bar has sequences of its own.
  Terminal terminal({"run", "-m", kModel, kPicture, "-p", "Which\x1b]0;title\x07 unit\x9b?", "-n", "1"});
  CHECK(terminal.status() == 1);  // no UTF-8
  Terminal question({"run", "-m", kModel, kPicture, "-p", "Which\x1b]0;title\x07 unit is this?", "-n", "1"});
  CHECK(question.shows("Which\u241B]0;title\u2407 unit is this?"));
  CHECK(question.status() == 0);
  CHECK(question.seen().find("\x1b]0;") == std::string::npos);
  const fs::path folder = program::state_folder() + "_\x1b[31m";
  fs::create_directory_symlink(kModel, folder);
  Terminal page({"inspect", folder});
  CHECK(page.shows("qwen2_vl"));
  CHECK(page.status() == 0);
  CHECK(page.seen().find("\x1b[31m") == std::string::npos);
  Terminal error({"inspect", folder / "no\x1b[2J"});
  CHECK(error.shows("no\u241B[2J"));
  CHECK(error.seen().find("\x1b[2J") == std::string::npos);
  fs::remove(folder);
}

#ifdef MICA_WITH_LINE_EDITING
TEST_CASE("lines are edited, commands and paths are completed") {
  Terminal terminal({"chat", "-m", kModel, "--temp", "0"});
  REQUIRE(terminal.shows("> "));
  terminal.type("/im\t" + kPicture.substr(0, kPicture.size() - 2) + "\t\n");
  CHECK(terminal.shows("000.jpg, 224 x 112"));
  terminal.type("ich unit is thisß?\x02\x02\x04\x01Wh\n");  // two left, delete, to the beginning
  CHECK(terminal.shows("SOLAR 1"));
  terminal.type("/image '" + kPicture.substr(0, kPicture.size() - 2) + "\t\n");  // and its end closes the quote
  CHECK(terminal.shows("000.jpg, 224 x 112"));
  terminal.type("/dance\n");
  CHECK(terminal.shows("there is no /dance"));
  terminal.type("/hel\t\n");
  CHECK(terminal.shows("/clear"));
  terminal.type("\x04");
  CHECK(terminal.status() == 0);
}

TEST_CASE("history lasts, for its owner alone, and has no end of its own") {
  const fs::path history = fs::path(program::state_folder()) / "mica" / "history";
  fs::remove_all(program::state_folder());
  {
    Terminal terminal({"chat", "-m", kModel, "--temp", "0", "-n", "1"});
    REQUIRE(terminal.shows("> "));
    terminal.type("/image " + kPicture + "\nWhich unit is this?\n/exit\n");
    CHECK(terminal.status() == 0);
  }
  CHECK((fs::status(history).permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK((fs::status(history.parent_path()).permissions() & fs::perms::all) == fs::perms::owner_all);
  Terminal terminal({"chat", "-m", kModel, "--temp", "0", "--image", kPicture});
  REQUIRE(terminal.shows("> "));
  terminal.type("\x1b[A\x1b[A\n");  // twice up
  CHECK(terminal.shows("SOLAR 1"));
  for (int i = 0; i < 1010; i++) {
    terminal.type("/no" + std::to_string(i) + "\n");
    REQUIRE(terminal.shows("there is no /no"));
  }
  terminal.type("/exit\n");
  CHECK(terminal.status() == 0);
  std::ifstream file(history);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  CHECK(std::count(text.begin(), text.end(), '\n') == 1001);  // a line that says the file's kind
  fs::remove_all(program::state_folder());
}
#endif
