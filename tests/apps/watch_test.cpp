// mica watch as its users meet it: frames by a pipe, whole and broken, and answers that are those of mica run. Its
// camera and the parts by themselves: watch_parts_test.cpp.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include <sys/resource.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "program.hpp"
#include "test_folder.hpp"

using mica::TestFolder;
using program::contains;
using program::data;
using program::Outcome;
using Json = nlohmann::json;

namespace {

const std::string kQuestion = "Which unit is this?";

std::string read_picture(const std::string& name) {
  std::ifstream file(data("panel/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A pipe with a name, and a thread that writes into it.
class Stream {
 public:
  explicit Stream(std::string bytes) : path_(folder_.path() + "/frames"), bytes_(std::move(bytes)) {
    REQUIRE(mkfifo(path_.c_str(), 0600) == 0);
    writer_ = std::thread([this] {
      std::ofstream pipe(path_, std::ios::binary);
      pipe.write(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    });
  }
  ~Stream() { writer_.join(); }
  const std::string& path() const { return path_; }

 private:
  TestFolder folder_;
  const std::string path_, bytes_;
  std::thread writer_;
};

struct Watched {
  Outcome outcome;
  std::vector<Json> lines;
};

Watched watch(const std::string& bytes, program::Arguments arguments) {
  const Stream stream(bytes);
  program::Arguments all = {"watch", "--frames", stream.path()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Watched watched{program::run(all), {}};
  std::istringstream out(watched.outcome.out);
  for (std::string line; std::getline(out, line);) watched.lines.push_back(Json::parse(line));
  return watched;
}

struct Picture {
  std::string bytes, answer;
};

// Pictures of different units, with what mica run says of them.
std::vector<Picture> pictures() {
  std::vector<Picture> all;
  for (const char* name : {"000.jpg", "012.jpg", "024.jpg", "036.jpg"}) {
    const Outcome outcome = program::run({"run", data(std::string("panel/") + name), kQuestion, "-q"});
    REQUIRE(outcome.status == 0);
    all.push_back({read_picture(name), outcome.out.substr(0, outcome.out.size() - 1)});
  }
  return all;
}

// Frames of a camera with a bad cable: some break off, some are no picture inside, and there is noise between.
struct Frames {
  std::string bytes;
  std::map<uint64_t, std::string> answers;  // by the number of the frame, of those that are whole
  uint64_t count = 0;
};

Frames frames_of_bad_cable(const std::vector<Picture>& pictures, size_t count) {
  Frames frames;
  for (size_t i = 0; i < count; ++i) {
    const Picture& picture = pictures[i * 7 % pictures.size()];
    std::string bytes = picture.bytes;
    ++frames.count;
    if (i % 10 == 3) {
      bytes.resize(bytes.size() * (i % 7 + 1) / 9);
    } else if (i % 10 == 6) {
      bytes[bytes.find("\xFF\xDB") + 4] = '\x7F';  // a table that there cannot be
    } else {
      frames.answers[frames.count] = picture.answer;
    }
    frames.bytes += bytes;
    if (i % 10 == 8) frames.bytes += std::string(100, '\0') + "noise \xFF";
  }
  return frames;
}

// The number in front of the word, in the last line that mica watch prints.
double number_before(const std::string& text, const std::string& word) {
  const size_t end = text.rfind(word);
  REQUIRE(end != std::string::npos);
  const size_t begin = text.find_last_of(' ', end - 2);
  return std::stod(text.substr(begin + 1, end - begin));
}

}  // namespace

TEST_CASE("every whole frame of a bad stream is answered as mica run answers, and memory does not grow") {
  const std::vector<Picture> known = pictures();
  double memory[2] = {};
  for (const size_t few : {0, 1}) {
    const Frames frames = frames_of_bad_cable(known, few == 0 ? 100 : 1000);
    const Watched watched = watch(frames.bytes, {"--all", kQuestion});
    CAPTURE(watched.outcome.err);
    REQUIRE(watched.outcome.status == 0);
    std::map<uint64_t, std::string> answers;
    for (const Json& line : watched.lines) answers[line["frame"]] = line["answer"];
    CHECK(answers == frames.answers);
    CHECK(watched.lines.size() == frames.answers.size());
    CHECK(contains(watched.outcome.err, " " + std::to_string(frames.count) + " frames, "));
    CHECK(contains(watched.outcome.err, "damaged frames were skipped"));
    memory[few] = number_before(watched.outcome.err, " MiB");
  }
#ifndef MICA_INSTRUMENTED  // what was freed is kept for a while there
  CHECK(memory[1] < memory[0] + 1);
#endif
}

TEST_CASE("a line says when, which frame, what, how likely and how long") {
  const Watched watched = watch(read_picture("000.jpg"), {kQuestion});
  REQUIRE(watched.lines.size() == 1);
  const Json& line = watched.lines[0];
  CHECK(line["answer"] == "SOLAR 1");
  CHECK(line["frame"] == 1);
  const std::string time = line["time"];
  CHECK(time.size() == std::string("2026-11-30T17:02:03.456Z").size());
  CHECK(time.back() == 'Z');
  CHECK(line["probability"].get<double>() > 0.9);
  CHECK(line["probability"].get<double>() <= 1);
  CHECK(line["seconds"].get<double>() > 0);
  CHECK(!line.contains("stop"));
  const Watched cut = watch(read_picture("000.jpg"), {kQuestion, "-n", "2"});
  REQUIRE(cut.lines.size() == 1);
  CHECK(cut.lines[0]["stop"] == "tokens");
}

TEST_CASE("old frames make way for new ones") {
  const std::vector<Picture> known = pictures();
  const Frames frames = frames_of_bad_cable(known, 400);
  const Watched watched = watch(frames.bytes, {"--every", "0", "-q", kQuestion});
  REQUIRE(watched.outcome.status == 0);
  REQUIRE(!watched.lines.empty());
  CHECK(watched.lines.size() < frames.answers.size());
  uint64_t before = 0;
  for (const Json& line : watched.lines) {
    const uint64_t number = line["frame"];
    CHECK(number > before);
    before = number;
    REQUIRE(frames.answers.count(number) == 1);
    CHECK(line["answer"] == frames.answers.at(number));
  }
}

TEST_CASE("--every and --rest leave time between questions") {
  const std::string twice = read_picture("000.jpg") + read_picture("012.jpg");
  for (const program::Arguments& pause :
       {program::Arguments{"--rest", "0.4", "--every", "0"}, {"--rest", "0.4", "--all"}}) {
    program::Arguments all = pause;
    all.push_back(kQuestion);
    const Watched watched = watch(twice + twice, all);
    CHECK(watched.outcome.status == 0);
    CHECK(watched.lines.size() <= 4);  // nothing is waited for once the stream has ended
    CHECK(!watched.lines.empty());
  }
}

TEST_CASE("with --on-change a picture that stays is asked about once") {
  std::string bytes;
  for (const char* name : {"000.jpg", "000.jpg", "000.jpg", "012.jpg", "012.jpg", "000.jpg"})
    bytes += read_picture(name);
  const Watched watched = watch(bytes, {"--all", "--on-change", "8", kQuestion});
  REQUIRE(watched.lines.size() == 3);
  CHECK(watched.lines[0]["frame"] == 1);
  CHECK(watched.lines[1]["frame"] == 4);
  CHECK(watched.lines[1]["answer"] == "WATER 4");
  CHECK(watched.lines[2]["frame"] == 6);
  CHECK(watch(bytes, {"--all", "--on-change", "255", kQuestion}).lines.size() == 1);
}

TEST_CASE("an answer that keeps a schema is a value") {
  const Watched watched = watch(read_picture("000.jpg"), {kQuestion, "-j", R"({"enum": ["BOILER", "SOLAR 1"]})"});
  REQUIRE(watched.lines.size() == 1);
  CHECK(watched.lines[0]["answer"] == "SOLAR 1");
  const Watched number = watch(read_picture("000.jpg"), {"Read the dial.", "-j", R"({"type": "integer"})"});
  REQUIRE(number.lines.size() == 1);
  CHECK(number.lines[0]["answer"].is_number_integer());
}

TEST_CASE("frames of cameras that leave out the usual tables of JPEG are read") {
  std::string bytes = read_picture("000.jpg");
  for (size_t at = 0; (at = bytes.find("\xFF\xC4")) != std::string::npos;) {
    const size_t length = size_t{static_cast<uint8_t>(bytes[at + 2])} << 8 | static_cast<uint8_t>(bytes[at + 3]);
    bytes.erase(at, 2 + length);
  }
  const Watched watched = watch(bytes, {kQuestion});
  CAPTURE(watched.outcome.err);
  REQUIRE(watched.lines.size() == 1);
  CHECK(watched.lines[0]["answer"] == "SOLAR 1");
}

TEST_CASE("raw frames are as long as their size says, and one that is not whole is told") {
  const std::string frame(64 * 48 * 3 / 2, '\x80');
  for (const char* format : {"nv12", "i420"}) {
    const Watched watched =
        watch(frame + frame + "end", {"--all", "--format", format, "--size", "64x48", "-n", "1", kQuestion});
    CAPTURE(watched.outcome.err);
    CHECK(watched.lines.size() == 2);
    CHECK(contains(watched.outcome.err, "3 frames, 2 answers"));
    CHECK(contains(watched.outcome.err, "ends in the middle of it"));
  }
  const Watched strided = watch(std::string(48 * 200, '\x80'),
                                {"--format", "yuyv", "--size", "64x48", "--stride", "200", "-n", "1", "-q", kQuestion});
  CHECK(strided.lines.size() == 1);
  CHECK(strided.outcome.err.empty());
}

TEST_CASE("signals end it") {
  const TestFolder folder;
  const std::string path = folder.path() + "/frames";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  for (const int signal : {SIGTERM, SIGINT}) {
    program::Terminal terminal({"watch", "--frames", path, kQuestion});
    std::ofstream pipe(path, std::ios::binary);
    const std::string frame = read_picture("000.jpg");
    pipe.write(frame.data(), static_cast<std::streamsize>(frame.size())).flush();
    REQUIRE(terminal.shows("SOLAR 1"));
    terminal.signal(signal);
    CHECK(terminal.status() == (signal == SIGINT ? 130 : 0));
    CHECK(contains(terminal.seen(), "1 frames, 1 answers"));
  }
}

// The sanitizers' own address space is beyond any limit.
#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !HAS_FEATURE(address_sanitizer) && \
    !HAS_FEATURE(thread_sanitizer)
TEST_CASE("a session beyond the memory that there is, is refused with a context that fits, before anything is read") {
  rlimit before{}, limited{};
  getrlimit(RLIMIT_AS, &before);
  limited = before;
  limited.rlim_cur = rlim_t{1} << 30;
  REQUIRE(setrlimit(RLIMIT_AS, &limited) == 0);
  const std::string picture = data("panel/000.jpg");
  const Outcome outcome = program::run({"watch", "--frames", picture, "-c", "4000000", kQuestion});
  const Outcome ran = program::run({"run", picture, "-c", "4000000", kQuestion});
  const Outcome fits = program::run({"watch", "--frames", picture, kQuestion});
  setrlimit(RLIMIT_AS, &before);
  for (const Outcome& refused : {outcome, ran}) {
    CAPTURE(refused.err);
    CHECK(refused.status == 1);
    CHECK(contains(refused.err, "a session of 4000000 tokens takes "));
    CHECK(contains(refused.err, " left; -c "));
    const uint64_t context = std::stoul(refused.err.substr(refused.err.rfind("-c ") + 3));
    CHECK(context > 4096);
    CHECK(context < 4000000);
  }
  CHECK(fits.status == 0);
}
#endif

TEST_CASE("what cannot be watched is told") {
  struct Case {
    program::Arguments arguments;
    int status;
    const char* part;
  };
  const Case cases[] = {
      {{"x"}, 2, "there is nothing to watch"},
      {{"--frames", "-"}, 2, "there is no question"},
      {{"--frames", "-", "x", "-p", "y"}, 2, "there are two questions"},
      {{"--frames", "-", "-f", "-"}, 2, "standard input is the frames"},
      {{"--frames", "-", "--image", "-", "x"}, 2, "standard input is the frames"},
      {{"--frames", "-", "--all", "--every", "2", "x"}, 2, "--every"},
      {{"--frames", "-", "--format", "nv12", "x"}, 2, "wants --size"},
      {{"--frames", "-", "--size", "12", "x"}, 2, "wants width and height"},
      {{"--frames", "-", "--size", "64x48x", "x"}, 2, "wants width and height"},
      {{"--frames", "-", "--size", "0x48", "x"}, 2, "wants width and height"},
      {{"--frames", "/nowhere/frames", "x"}, 1, "/nowhere/frames: No such file"},
      {{"--frames", "-", "x"}, 1, "there was no frame"},
      {{"--frames", "-", "-m", data("golden/llama"), "x"}, 1, "sees no pictures"},
  };
  for (const Case& each : cases) {
    program::Arguments all = {"watch"};
    all.insert(all.end(), each.arguments.begin(), each.arguments.end());
    const Outcome outcome = program::run(all);
    CAPTURE(outcome.err);
    CHECK(outcome.status == each.status);
    CHECK(contains(outcome.err, each.part));
    CHECK(outcome.out.empty());
  }
}
