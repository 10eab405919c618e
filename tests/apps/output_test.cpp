// What the program prints when all is well: answers, scores and tables that people and other programs read.
// The model is the panel checkpoint; what it should answer was recorded from its reference.
#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "program.hpp"

using program::data;
using program::Outcome;
using Json = nlohmann::json;

namespace {

const std::string kModel = data("panel/model");
const std::string kPicture = data("panel/000.jpg");

Json run_json(program::Arguments arguments) {
  arguments.insert(arguments.end(), {"-o", "json"});
  const Outcome outcome = program::run(arguments);
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  return Json::parse(outcome.out);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("run prints the answer alone to standard output") {
  const Outcome outcome = program::run({"run", "-m", kModel, "--image", kPicture, "-p", "Which unit is this?"});
  CHECK(outcome.status == 0);
  CHECK(outcome.out == "SOLAR 1\n");
  CHECK(contains(outcome.err, "picture:  " + kPicture + " (224 x 112, 32 tokens)\nquestion: Which unit is this?\n"));
  for (const char* part : {"load ", " | image ", " | prefill ", " | decode ", " tokens/s", "peak memory ", "KV "}) {
    CHECK_MESSAGE(contains(outcome.err, part), part);
  }
}

TEST_CASE("run reads its question from a file or standard input") {
  const std::string question = "Which unit is this?\n";
  const Outcome piped = program::run({"run", "-m", kModel, "--image", kPicture, "-f", "-"}, question);
  CHECK(piped.out == "SOLAR 1\n");
}

TEST_CASE("the same seed gives the same text, also with other threads; -v prints the seed") {
  const program::Arguments question = {"run",    "-m", kModel,    "--image", kPicture,  "-p", "Read the display.",
                                       "--temp", "3",  "--top-k", "0",       "--top-p", "1",  "--min-p",
                                       "0",      "-n", "12"};
  const auto ask = [&](const program::Arguments& more) {
    program::Arguments all = question;
    all.insert(all.end(), more.begin(), more.end());
    return program::run(all);
  };
  const std::string first = ask({"-s", "7", "-t", "1"}).out;
  CHECK(ask({"-s", "7", "-t", "2"}).out == first);
  bool other = false;
  for (const char* seed : {"8", "9", "10", "11"}) other = other || ask({"-s", seed}).out != first;
  CHECK(other);
  const Outcome random = ask({"-v"});
  const size_t place = random.err.find("seed ");
  REQUIRE(place != std::string::npos);
  const std::string seed = random.err.substr(place + 5, random.err.find('\n', place) - place - 5);
  CHECK(ask({"-s", seed}).out == random.out);
}

TEST_CASE("-n bounds the answer, several pictures may be listed") {
  const Outcome outcome = program::run({"run", "-m", kModel, "--image", kPicture + "," + data("panel/012.jpg"),
                                        "--image", data("panel/024.jpg"), "-p", "Read the dial.", "-n", "1"});
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.err, "panel/012.jpg (224 x 112"));
  CHECK(contains(outcome.err, "panel/024.jpg (224 x 112"));
}

TEST_CASE("eval gives the reference's score and answers") {
  const Json result = run_json({"eval", "-m", kModel, data("panel")});
  std::ifstream file(data("panel/reference.jsonl"));
  size_t equal = 0, index = 0;
  for (std::string line; std::getline(file, line); index++) {
    const Json reference = Json::parse(line);
    REQUIRE(index < result["answers"].size());
    const Json& answer = result["answers"][index];
    CHECK(answer["question"] == reference["question"]);
    CHECK(answer["correct"] == (answer["answer"] == answer["expected"]));
    equal += answer["answer"] == reference["answer"] ? 1 : 0;
  }
  CHECK(index == 100);
  CHECK(equal >= 99);
  CHECK(result["score"].get<double>() == doctest::Approx(0.97).epsilon(0.011));
  size_t questions = 0, correct = 0;
  for (const auto& [kind, count] : result["by_kind"].items()) {
    questions += count["questions"].get<size_t>();
    correct += count["correct"].get<size_t>();
  }
  CHECK(result["by_kind"].size() == 4);
  CHECK(questions == 100);
  CHECK(result["correct"] == correct);
}

TEST_CASE("eval prints a line a kind, and --limit asks fewer questions") {
  const Outcome outcome = program::run({"eval", "-m", kModel, "--limit", "4", data("panel/questions.jsonl")});
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.out, "\ndisplay "));
  CHECK(contains(outcome.out, "exact match"));
  CHECK(contains(outcome.out, " of 4\n"));
  CHECK(outcome.err.empty());  // no progress bar in a pipe
}

TEST_CASE("bench prints llama-bench's table and the same rows as JSON and CSV") {
  const program::Arguments bench = {
      "bench", "-m", kModel, "-p", "16", "-n", "4", "-pg", "8,2", "-r", "2", "-t", "1,2", "--picture-size", "224x112"};
  const Json rows = run_json(bench);
  REQUIRE(rows.size() == 8);
  const char* const tests[] = {"enc 224x112", "pp16", "tg4", "pp8+tg2"};
  for (size_t i = 0; i < rows.size(); i++) {
    CHECK(rows[i]["test"] == tests[i % 4]);
    CHECK(rows[i]["n_threads"] == 1 + i / 4);
    CHECK(rows[i]["avg_ts"].get<double>() > 0);
    CHECK(rows[i]["samples_ns"].size() == 2);
  }
  CHECK(rows[0]["n_picture"] == 32);
  const Outcome table = program::run(bench);
  CHECK(contains(table.out, "| backend"));
  CHECK(contains(table.out, " ± "));
  CHECK(std::count(table.out.begin(), table.out.end(), '\n') == 10);
  CHECK(table.err.empty());
  program::Arguments csv = bench;
  csv.insert(csv.end(), {"-o", "csv"});
  const std::string lines = program::run(csv).out;
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 9);
}

TEST_CASE("bench says how near to the memory's speed an answer is written, where no cache holds the weights") {
  const program::Arguments bench = {"bench", "--arch", "smollm2-135m", "--weights", "w4a8", "-p", "0",
                                    "-n", "2", "-r", "1", "-t", "1"};
  const Json row = run_json(bench)[0];
  CHECK(row["token_bytes"].get<uint64_t>() > 64u << 20);
  CHECK(row["token_bytes"].get<uint64_t>() < row["model_size"].get<uint64_t>());
  CHECK(row["plain_read_bytes_per_s"].get<double>() > 0);
  CHECK(contains(program::run(bench).out, "tg2, 1 thread: a token reads "));
}

TEST_CASE("perplexity follows llama.cpp's form; a text of one symbol is easier than a mixed one") {
  const std::string mixed = data("panel/questions.jsonl");
  const Outcome outcome = program::run({"perplexity", "-m", kModel, "-f", mixed, "-c", "64", "--chunks", "3"});
  CHECK(outcome.status == 0);
  CHECK(outcome.out.rfind("[1]", 0) == 0);
  CHECK(contains(outcome.out, ",[3]"));
  CHECK(contains(outcome.out, "Final estimate: PPL = "));
  const Json whole = run_json({"perplexity", "-m", kModel, "-f", mixed, "-c", "64", "--chunks", "3"});
  CHECK(whole["chunks"] == 3);
  CHECK(whole["tokens_scored"] == 3 * 31);
  const Json pieces = run_json({"perplexity", "-m", kModel, "-f", mixed, "-c", "64", "--chunks", "3", "-b", "5"});
  CHECK(pieces["perplexity"].get<double>() == doctest::Approx(whole["perplexity"].get<double>()).epsilon(1e-3));
}

TEST_CASE("inspect describes the model as a page and as JSON") {
  const Outcome page = program::run({"inspect", kModel});
  CHECK(page.status == 0);
  CHECK(contains(page.out, "qwen2_vl"));
  CHECK(contains(page.out, "4.67 M"));
  const Json document = run_json({"inspect", kModel, "--tensors"});
  CHECK(document["family"] == "qwen2_vl");
  CHECK(document["tensors"].size() > 50);
  CHECK(document["session"]["memory_bytes"].get<size_t>() > 0);
  const Json processor = run_json({"inspect", "--cpu"});
  CHECK(processor["levels"].size() > 1);
}

TEST_CASE("a forced level reaches oneDNN too") {
  const Json processor = run_json({"inspect", "--cpu", "--isa", "scalar"});
  CHECK(processor["chosen"] == "scalar");
  if (processor["float_products"] == "mica tiles" || processor["architecture"] != "x86_64") return;
  const std::string isa = processor["float_products_isa"];
  CHECK((isa == "sse4.1" || isa == "portable"));
}

TEST_CASE("check marks what is out of bounds and exits with 1") {
  const std::string goldens = data("golden/qwen2_vl");
  const Outcome good = program::run({"check", goldens});
  CHECK(good.status == 0);
  CHECK(contains(good.out, "4 of 4 cases within bounds"));
  const Outcome strict = program::run({"check", "--tolerance", "0", goldens});
  CHECK(strict.status == 1);
  CHECK(contains(strict.out, "OUT OF BOUNDS: logits"));
  const Outcome other = program::run({"check", "-m", kModel, goldens});
  CHECK(other.status == 1);
  CHECK(contains(other.out, "another vocabulary"));
}

TEST_CASE("chat in a pipe answers each line and goes on after errors") {
  const std::string lines = "/image no/such.jpg\n/image " + kPicture + "\nRead the dial.\n/clear\n/dance\n/image " +
                            kPicture + "\nWhich unit is this?\n/exit\nnever read\n";
  const Outcome outcome = program::run({"chat", "-m", kModel, "--temp", "0"}, lines);
  CHECK(outcome.status == 1);  // something failed, and nobody was there to see it
  CHECK(outcome.out == "9\nSOLAR 1\n");
  CHECK(contains(outcome.err, "no/such.jpg: No such file"));
  CHECK(contains(outcome.err, "mica: error: there is no /dance"));
}
