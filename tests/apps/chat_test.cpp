// What chat does when its lines come through a pipe: pictures, questions, answers. A terminal: terminal_test.cpp.
#include <doctest/doctest.h>

#include <filesystem>

#include "program.hpp"

using program::contains;
using program::data;
using program::Outcome;

namespace {

const std::string kModel = data("panel/model");
const std::string kPicture = data("panel/000.jpg");

}  // namespace

TEST_CASE("chat does not encode a picture again, neither in the same conversation nor in a new one") {
  const std::string ask = "/image " + kPicture + "\nWhich unit is this?\n";
  const Outcome outcome = program::run({"chat", "-m", kModel, "--temp", "0", "-v"}, ask + ask + "/clear\n" + ask);
  CHECK(outcome.status == 0);
  CHECK(outcome.out == "SOLAR 1\nSOLAR 1\nSOLAR 1\n");
  CHECK(contains(outcome.err, "image "));     // one in all turns
  CHECK(!contains(outcome.err, "images "));
}

TEST_CASE("chat in a pipe sends no question whose picture failed, until there is a picture again") {
  const std::string lines = "/image no.jpg\nRead the dial.\nAnd now?\n/image " + kPicture + "\nWhich unit is this?\n";
  const Outcome outcome = program::run({"chat", "-m", kModel, "--temp", "0"}, lines);
  CHECK(outcome.status == 1);
  CHECK(outcome.out == "SOLAR 1\n");
  const Outcome other = program::run({"chat", "-m", kModel, "--temp", "0"}, "/img " + kPicture + "\nRead the dial.\n");
  CHECK(other.status == 1);
  CHECK(other.out.empty());
  CHECK_MESSAGE(contains(other.err, "there is no /img (did you mean /image?);"), other.err);
  const Outcome plain = program::run({"chat", "-m", kModel, "--temp", "0"}, "/image no.jpg\n/clear\nRead the dial.\n");
  CHECK(!plain.out.empty());  // without a picture, on purpose
}

TEST_CASE("chat opens pictures as terminals paste their paths, and those that a question names") {
  const std::string folder = program::state_folder() + "/my pics";
  std::filesystem::create_directories(folder);
  const auto overwrite = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(kPicture, folder + "/it's.jpg", overwrite);
  std::filesystem::copy_file(kPicture, folder + "/100%.jpg", overwrite);
  std::string escaped = folder, coded = folder;
  escaped.replace(escaped.find(' '), 1, "\\ ");
  coded.replace(coded.find(' '), 1, "%20");
  const std::vector<std::string> lines = {
      "/image " + folder + "/it's.jpg\nWhich unit is this?\n",
      "/image " + escaped + "/it\\'s.jpg\nWhich unit is this?\n",
      "/image '" + folder + "/it'\\''s.jpg'\nWhich unit is this?\n",
      "/image \"" + folder + "/it's.jpg\"\nWhich unit is this?\n",
      "/image file://" + coded + "/100%25.jpg\nWhich unit is this?\n",
      "'" + folder + "/it'\\''s.jpg' Which unit is this?\n",
      "Which unit is this? " + escaped + "/100%.jpg\n",
      escaped + "/100%.jpg\nWhich unit is this?\n",
  };
  for (const std::string& line : lines) {
    CAPTURE(line);
    const Outcome outcome = program::run({"chat", "-m", kModel, "--temp", "0"}, line);
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "SOLAR 1\n");
    CHECK(outcome.err.empty());
  }
  std::filesystem::remove_all(program::state_folder());
}

TEST_CASE("chat -st answers once and leaves; run -cnv is chat") {
  const std::string lines = "Which unit is this?\nnever read\n";
  const Outcome once = program::run({"chat", "-st", "-m", kModel, "--temp", "0", "--image", kPicture}, lines);
  CHECK(once.out == "SOLAR 1\n");
  const Outcome chat = program::run({"run", "-cnv", "-m", kModel, kPicture}, "Which unit is this?\n/bye\nnever read\n");
  CHECK(chat.out == "SOLAR 1\n");
}

TEST_CASE("chat in a pipe answers each line and goes on after errors") {
  const std::string lines = "/image no/such.jpg\n/image " + kPicture + "\nRead the dial.\n/clear\n/dance\n/image " +
                            kPicture + "\nWhich unit is this?\n/exit\nnever read\n";
  const Outcome outcome = program::run({"chat", "-m", kModel, "--temp", "0"}, lines);
  CHECK(outcome.status == 1);  // something failed, and nobody was there to see it
  CHECK(outcome.out == "SOLAR 1\n");
  CHECK(contains(outcome.err, "no/such.jpg: No such file"));
  CHECK(contains(outcome.err, "the question was not sent: its picture was not opened"));
  CHECK(contains(outcome.err, "mica: error: there is no /dance"));
}
