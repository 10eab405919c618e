// Tests of calibration sets: what is chosen out of folders, questions and texts, and what is refused.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "calibration_set.hpp"
#include "limits.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

const std::string kPanel = MICA_TEST_DATA "/panel";

CalibrationSet read_set(const std::string& path, CalibrationOptions options = {},
                        const Tokenizer* tokenizer = nullptr) {
  CalibrationSet set;
  const Status status = read_calibration_set(path.c_str(), options, tokenizer, &set);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  return set;
}

Status refusal(const std::string& path, CalibrationOptions options = {}) {
  CalibrationSet set;
  const Status status = read_calibration_set(path.c_str(), options, nullptr, &set);
  CHECK_FALSE(status.is_ok());
  return status;
}

bool says(const Status& status, const std::string& text) { return said(status).find(text) != std::string::npos; }

void copy_picture(const std::string& to) { std::filesystem::copy_file(kPanel + "/000.jpg", to); }

}  // namespace

TEST_CASE("a folder with questions.jsonl is that file; samples are spread evenly") {
  const CalibrationSet all = read_set(kPanel, {.samples = 1000});
  const CalibrationSet same = read_set(kPanel + "/questions.jsonl", {.samples = 1000});
  CHECK(all.samples.size() == all.found);
  CHECK(all.samples.size() == same.samples.size());
  CHECK(all.samples[0].pictures == std::vector<std::string>{kPanel + "/000.jpg"});
  CHECK(all.samples[0].prompt == "Read the dial.");
  CHECK(all.samples[0].answer == "9");
  const CalibrationSet few = read_set(kPanel, {.samples = 10});
  REQUIRE(few.samples.size() == 10);
  CHECK(few.found == all.found);
  std::set<std::string> pictures;
  for (const CalibrationSample& sample : few.samples) pictures.insert(sample.pictures.at(0));
  CHECK(pictures.size() > 7);
}

TEST_CASE("what is held out is not among the samples, nor are its pictures, and leaves most to them") {
  const CalibrationSet all = read_set(kPanel, {.samples = 1000});
  for (const size_t wanted : {size_t{5}, size_t{1000}}) {
    CAPTURE(wanted);
    const CalibrationSet set = read_set(kPanel, {.samples = wanted, .held_out = 2});
    CHECK(set.held_out.size() <= 2);
    CHECK(set.samples.size() == std::min(wanted, all.found - 2));
    std::set<std::string> shown;
    for (const CalibrationSample& sample : set.samples) shown.insert(sample.pictures.at(0));
    for (const CalibrationSample& sample : set.held_out) CHECK_FALSE(shown.contains(sample.pictures.at(0)));
  }
  CHECK(read_set(kPanel, {.samples = 5, .held_out = 2}).held_out.size() == 2);
  // What is chosen does not depend on it where there is enough.
  const CalibrationSet with = read_set(kPanel, {.samples = 5, .held_out = 2}), without = read_set(kPanel, {.samples = 5});
  for (size_t i = 0; i < 5; ++i) CHECK(with.samples[i].prompt == without.samples[i].prompt);
  const TestFolder folder;
  folder.write("few.txt", std::string(2000, 'a'));
  CHECK(read_set(folder.path("few.txt"), {.held_out = 8, .pictures = false}).held_out.empty());
}

TEST_CASE("a folder of pictures gets questions; few pictures get several") {
  const TestFolder folder;
  std::filesystem::create_directory(folder.path("inside"));
  for (const char* name : {"a.JPG", "b.jpeg", "inside/c.jpg"}) copy_picture(folder.path(name));
  folder.write("notes.txt", "no picture");
  const CalibrationSet set = read_set(folder.path(), {.samples = 3});
  REQUIRE(set.samples.size() == 3);
  CHECK(set.samples[2].pictures == std::vector<std::string>{folder.path("inside/c.jpg")});
  CHECK(set.samples[0].prompt != set.samples[1].prompt);
  CHECK(set.samples[0].answer.empty());
  const CalibrationSet more = read_set(folder.path(), {.samples = 9});
  CHECK(more.samples.size() == 9);
  std::set<std::string> asked;
  for (const CalibrationSample& sample : more.samples) asked.insert(sample.pictures[0] + sample.prompt);
  CHECK(asked.size() == 9);
  CHECK(read_set(folder.path(), {.samples = 1000}).samples.size() == 18);  // each with each question
  CHECK(read_set(folder.path("b.jpeg"), {.samples = 2}).samples.size() == 2);
}

TEST_CASE("unreadable pictures give way to readable ones and are counted; without any there is a message") {
  const TestFolder folder;
  folder.write("a.jpg", "no picture");
  folder.write("b.png", "\x89PNG cut");
  CHECK(refusal(folder.path()).code() == Code::not_found);
  CHECK(says(refusal(folder.path()), "none of its"));
  CHECK(says(refusal(folder.path()), "a.jpg"));
  copy_picture(folder.path("c.jpg"));
  copy_picture(folder.path("d.jpg"));
  const CalibrationSet set = read_set(folder.path(), {.samples = 1});
  REQUIRE(set.samples.size() == 1);
  CHECK(set.samples[0].pictures[0] == folder.path("c.jpg"));
  CHECK(set.unreadable == 2);
  CHECK(set.first_unreadable.find("a.jpg") != std::string::npos);
  const TestFolder empty;
  CHECK(refusal(empty.path()).code() == Code::not_found);
  CHECK(says(refusal(empty.path()), "questions.jsonl"));
}

TEST_CASE("lines of questions: both spellings, several pictures, none; a bad one is named") {
  const TestFolder folder;
  for (const char* name : {"a.jpg", "b.jpg"}) copy_picture(folder.path(name));
  const std::string path = folder.write("q.jsonl", "{\"images\": [\"a.jpg\", \"" + folder.path("b.jpg") +
                                                       "\"], \"prompt\": \"What differs?\"}\r\n"
                                                       "\n"
                                                       "{\"question\": \"No picture?\", \"answer\": \"None.\"}");
  const CalibrationSet set = read_set(path);
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[0].pictures == std::vector<std::string>{folder.path("a.jpg"), folder.path("b.jpg")});
  CHECK(set.samples[1].prompt == "No picture?");
  CHECK(set.samples[1].answer == "None.");
  for (const char* line :
       {"{\"image\": \"a.jpg\"}", "{", "[]", "7", "{\"question\": 7}", "{\"question\": \"q\", \"answer\": []}",
        "{\"question\": \"q\", \"image\": \"\"}", "{\"question\": \"q\", \"image\": \"a\\u0000b\"}",
        "{\"question\": \"q\", \"images\": \"a.jpg\"}", "{\"question\": \"q\", \"images\": [7]}",
        "{\"question\": \"\xFF\"}", "{\"question\": \"q\"} x"}) {
    CAPTURE(line);
    const std::string bad = folder.write("bad.jsonl", std::string("{\"question\": \"q\"}\n") + line);
    CHECK(says(refusal(bad), "bad.jsonl line 2"));
  }
  CHECK(says(refusal(folder.write("none.jsonl", "\n \n")), "no questions"));
  CHECK(says(refusal(folder.write("bad.jsonl", "\n{\"image\": \"a.jpg\"}")), "bad.jsonl line 2: question is missing"));
  const std::string longest(limits::kCalibrationLineBytesMax - 16, 'q');
  CHECK(read_set(folder.write("long.jsonl", "{\"question\": \"" + longest + "\"}")).samples.size() == 1);
  CHECK(refusal(folder.write("longer.jsonl", "{\"question\": \"" + longest + "q\"}")).code() == Code::limit_exceeded);
}

TEST_CASE("texts are cut at the ends of lines, or of words, and nothing is lost between pieces") {
  const TestFolder folder;
  std::string text;
  for (int line = 0; line < 300; ++line) text += "line " + std::to_string(line) + " caf\xC3\xA9\n";
  const std::string path = folder.write("t.txt", text);
  const CalibrationOptions options{.samples = 1000, .tokens = 64, .pictures = false};
  const CalibrationSet set = read_set(path, options);
  REQUIRE(set.samples.size() > 10);
  std::string joined;
  for (const CalibrationSample& sample : set.samples) {
    CHECK(sample.prompt.empty());
    CHECK(sample.answer.size() <= 256);
    CHECK(sample.answer.back() == '\n');
    joined += sample.answer;
  }
  CHECK(text.starts_with(joined));
  CHECK(text.size() - joined.size() < 64);
  std::filesystem::create_directory(folder.path("more"));
  folder.write("more/u.TXT", std::string(300, 'u'));
  CHECK(read_set(folder.path(), options).found == set.found + 1);
  const TestFolder notes;
  for (const char* name : {"a.txt", "b.txt", "c.txt"}) notes.write(name, "A short note.\n");
  CHECK(read_set(notes.path(), options).samples.size() == 3);
  const std::string unbroken = folder.write("more/v.txt", std::string(1000, 'x') + "\xC3\xA9");
  for (const CalibrationSample& sample : read_set(unbroken, {.samples = 1000, .tokens = 1, .pictures = false}).samples)
    CHECK((static_cast<uint8_t>(sample.answer[0]) & 0xC0) != 0x80);
  CHECK(says(refusal(folder.write("w.txt", "a\nb\xFF"), options), "w.txt: not valid UTF-8 in line 2"));
}

TEST_CASE("what is neither of these is refused by name") {
  const TestFolder folder;
  CHECK(refusal(folder.path("absent")).code() == Code::not_found);
  CHECK(says(refusal(folder.write("a.csv", "a")), "neither"));
  CHECK(refusal(folder.path(), {.samples = 0}).code() == Code::invalid_argument);
  CHECK(refusal(folder.path(), {.samples = limits::kCalibrationSamplesMax + 1}).code() == Code::invalid_argument);
  CHECK(says(refusal(kPanel, {.pictures = false}), "sees none"));
  CHECK(says(refusal(folder.path(), {.pictures = false}), ".txt"));
}
