// What people type, by itself: slips, pasted paths, pictures that a question names; and text that a terminal must not
// obey.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "pasted_paths.hpp"
#include "path_completion.hpp"
#include "terminal.hpp"
#include "words.hpp"

using app::find_pictures;
using app::nearest_word;
using app::pasted_paths;
using app::screen_text;
using Strings = std::vector<std::string>;

namespace {

// A home folder with pictures of names that are hard to type; gone with the object.
class Home {
 public:
  Home() : folder_(std::filesystem::temp_directory_path() / ("mica_home_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_ / "my pics");
    for (const char* name :
         {"a.jpg", "my pics/b.png", "it's.jpg", "Größe.webp", "-dash.jpg", "notes.txt", "scan.pdf"}) {
      std::ofstream(folder_ / name) << "text, but only names are looked at";
    }
    std::ofstream(folder_ / "dial") << "\xFF\xD8\xFF\xE0 a picture without an extension";
    setenv("HOME", folder_.c_str(), 1);
    std::filesystem::current_path(folder_);
  }
  ~Home() {
    std::filesystem::current_path("/");
    std::filesystem::remove_all(folder_);
  }
  std::string operator/(const std::string& name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

}  // namespace

TEST_CASE("a slip of the fingers is known, another word is not") {
  const Strings words = {"run", "chat", "quantize", "--temp", "--top-k"};
  CHECK(nearest_word("rum", words) == "run");
  CHECK(nearest_word("rnu", words) == "run");
  CHECK(nearest_word("chatt", words) == "chat");
  CHECK(nearest_word("quantise", words) == "quantize");
  CHECK(nearest_word("--tmp", words) == "--temp");
  CHECK(nearest_word("dance", words).empty());
  CHECK(nearest_word("", words).empty());
  CHECK(nearest_word(std::string(100000, 'r'), words).empty());
}

TEST_CASE("paths are read as people type them and terminals paste them") {
  const Home home;
  const std::string a = home / "a.jpg", b = home / "my pics/b.png", apostrophe = home / "it's.jpg";
  const std::vector<std::pair<std::string, Strings>> cases = {
      {"a.jpg", {"a.jpg"}},
      {"  a.jpg ", {"a.jpg"}},
      {"~/a.jpg", {a}},
      {"'" + a + "'", {a}},
      {"\"" + b + "\"", {b}},
      {"my pics/b.png", {"my pics/b.png"}},  // nothing quoted, and it is there
      {"~/my pics/b.png", {b}},
      {"~/my\\ pics/b.png", {b}},
      {"it's.jpg", {"it's.jpg"}},
      {"'" + (home / "it") + "'\\''s.jpg'", {apostrophe}},
      {"\"it's.jpg\"", {"it's.jpg"}},
      {"file://" + (home / "my%20pics/b.png"), {b}},
      {"file://localhost" + a, {a}},
      {"file:///no/50%.jpg", {"/no/50%.jpg"}},
      {"a.jpg 'my pics/b.png' ~/it\\'s.jpg", {"a.jpg", "my pics/b.png", apostrophe}},
      {"Größe.webp", {"Größe.webp"}},
      {"-dash.jpg", {"-dash.jpg"}},
      {"no such.jpg", {"no such.jpg"}},  // one name, for the message
      {"it's not.jpg", {"it's not.jpg"}},
      {"'~/a.jpg'", {"~/a.jpg"}},  // a shell does not look into quotes
      {"~nobody-of-that-name/a.jpg", {"~nobody-of-that-name/a.jpg"}},
      {"", {}},
  };
  for (const auto& row : cases) {
    CAPTURE(row.first);
    CHECK(pasted_paths(row.first) == row.second);
  }
}

TEST_CASE("what a person means as a file is told from a question") {
  const Home home;
  for (const char* path : {"a.jpg", " a.jpg ", "~/a.jpg", "my pics/b.png", "dial", "none.gif", "none.jpgg", "none.HEIC",
                           "pics/none", "/none", "file:///no/none", "https://example.org/a.jpg"})
    CHECK_MESSAGE(app::looks_like_path(path), path);
  for (const char* words :
       {"", " ", "Read", "Why?", "and/or?", "Read none.jpg", "Read pics/none", "e.g.", "3.14", "U.S"})
    CHECK_MESSAGE(!app::looks_like_path(words), words);
}

TEST_CASE("pictures that a question names are taken out of it") {
  const Home home;
  struct Case {
    std::string typed, text;
    Strings pictures, missing;
  };
  const std::vector<Case> cases = {
      {"What is in ~/a.jpg?", "What is in the picture?", {home / "a.jpg"}, {}},
      {"'" + (home / "a.jpg") + "' What is this?", "What is this?", {home / "a.jpg"}, {}},
      {"Read the dial. my\\ pics/b.png", "Read the dial.", {"my pics/b.png"}, {}},
      {"Read it: a.jpg Now!", "Read it: Now!", {"a.jpg"}, {}},
      {"What's in 'my pics/b.png'?", "What's in the picture?", {"my pics/b.png"}, {}},
      {"Compare a.jpg and my\\ pics/b.png, please",
       "Compare picture 1 and picture 2, please",
       {"a.jpg", "my pics/b.png"},
       {}},
      {"a.jpg", "", {"a.jpg"}, {}},
      {"Is ~/none.jpg there?", "Is ~/none.jpg there?", {}, {home / "none.jpg"}},
      {"How do I name it none.jpg?", "How do I name it none.jpg?", {}, {"none.jpg"}},
      {"See https://example.org/a.jpg", "See https://example.org/a.jpg", {}, {}},
      {"Read the dial", "Read the dial", {}, {}},  // not the file of that name
      {"Read ./dial", "Read the picture", {"./dial"}, {}},
      {"What is in scan.pdf?", "What is in the picture?", {"scan.pdf"}, {}},
      {"How do I write none.pdf?", "How do I write none.pdf?", {}, {}},
      {"What is in notes.txt?", "What is in notes.txt?", {}, {}},
      {"It's fine", "It's fine", {}, {}},
      {"  two  blanks ", "  two  blanks ", {}, {}},
  };
  for (const Case& row : cases) {
    CAPTURE(row.typed);
    const app::TypedQuestion question = find_pictures(row.typed);
    CHECK(question.text == row.text);
    CHECK(question.pictures == row.pictures);
    CHECK(question.missing == row.missing);
  }
  CHECK_FALSE(find_pictures("What is ~/a.jpg").begins_with_picture);
  CHECK(find_pictures((home / "a.jpg") + " what?").begins_with_picture);
  const std::string quotes(100000, '\'');
  CHECK(find_pictures(quotes).text == quotes);
}

TEST_CASE("paths are completed as they are typed: behind ~, in quotes, with blanks in them") {
  const Home home;
  const struct {
    const char* typed;
    const char* added;
  } cases[] = {
      {"What is in ~/a", ".jpg "},
      {"~/my", "\\ pics/"},
      {"my\\ pics/", "b.png "},
      {"'my", " pics/"},
      {"\"my pics/b", ".png\" "},
      {"'it", "'\\''s.jpg' "},
      {"it", "\\'s.jpg "},
      {"Gr", "öße.webp "},
      {"di", "al "},
      {"none", ""},
      {"", ""},
      {"a.jpg ", ""},
  };
  for (const auto& row : cases) {
    CAPTURE(row.typed);
    CHECK(app::path_completion(row.typed) == row.added);
  }
}

TEST_CASE("control characters become visible, all other text stays") {
  CHECK(screen_text("a\x1b[31mred\x1b[0m") == "a\u241B[31mred\u241B[0m");
  CHECK(screen_text("a\rb\bc\x7f") == "a\u240Db\u2408c\u2421");
  CHECK(screen_text(std::string("\0\a", 2)) == "\u2400\u2407");
  CHECK(screen_text("\u009b31m \u0085") == "\uFFFD31m \uFFFD");
  CHECK(screen_text("line\n\ttab, größer, 图片, \u00a0") == "line\n\ttab, größer, 图片, \u00a0");
}
