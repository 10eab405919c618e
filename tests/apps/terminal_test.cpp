// The program in a terminal: what a person sees, and what Ctrl-C does.
#include <doctest/doctest.h>

#include "program.hpp"

using program::data;
using program::Terminal;

namespace {

const std::string kModel = data("panel/model");
const std::string kPicture = data("panel/000.jpg");

// Greedy text of this model ends soon; hot text without bounds goes on for the whole context.
const program::Arguments kEndless = {"chat", "-m",      kModel, "--temp", "50",   "--top-k", "0", "--top-p",
                                     "1",    "--min-p", "0",    "-c",     "4096", "-s",      "1"};

}  // namespace

TEST_CASE("run shows the picture, the question, the answer and the timings") {
  Terminal terminal({"run", "-m", kModel, "--image", kPicture, "-p", "Which unit is this?"});
  CHECK(terminal.shows("picture:  " + kPicture));
  CHECK(terminal.shows("question: Which unit is this?"));
  CHECK(terminal.shows("answer:   SOLAR 1"));
  CHECK(terminal.shows("peak memory"));
  CHECK(terminal.status() == 0);
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
  REQUIRE(terminal.shows_more());  // the answer has begun
  terminal.type("\x03");
  CHECK(terminal.shows("(stopped)"));
  REQUIRE(terminal.shows("> "));
  terminal.type("/help\n");
  CHECK(terminal.shows("/clear"));
  REQUIRE(terminal.shows("> "));
  terminal.type("\x03");
  CHECK(terminal.status() == 0);
}
