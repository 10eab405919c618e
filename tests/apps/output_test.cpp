// What the program prints when all is well: answers, scores and tables that people and other programs read.
// The model is the panel checkpoint; what it should answer was recorded from its reference.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "program.hpp"

using program::contains;
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

TEST_CASE("--stop ends an answer before its text, in run and in chat") {
  const program::Arguments end = {"-m", kModel, "--image", kPicture, "-p", "Which unit is this?", "--temp", "0",
                                  "--stop", "9, or 8", "--stop", "R 1"};
  for (const program::Arguments& begin : {program::Arguments{"run"}, program::Arguments{"chat", "-st"}}) {
    program::Arguments all = begin;
    all.insert(all.end(), end.begin(), end.end());
    CHECK(program::run(all).out == "SOLA\n");
  }
  CHECK(contains(program::run({"run", "-m", kModel, "-p", "x", "--stop", ""}).err, "--stop: stop text 0 is empty"));
  CHECK(contains(
      program::run({"run", "-m", kModel, "-p", "Which unit is this?", "--image", kPicture, "--stop", "A", "-o", "json"})
          .out,
      "\"stop\":\"text\""));
}

TEST_CASE("--json-schema holds an answer to JSON, in run and in chat") {
  const program::Arguments end = {"-m", kModel, "--image", kPicture, "-p", "Which unit is this?", "--temp", "0", "-j",
                                  R"({"enum": ["BOILER", "SOLAR 1", "SOLAR 2"]})"};
  for (const program::Arguments& begin : {program::Arguments{"run"}, program::Arguments{"chat", "-st"}}) {
    program::Arguments all = begin;
    all.insert(all.end(), end.begin(), end.end());
    CHECK(program::run(all).out == "\"SOLAR 1\"\n");
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
  CHECK(ask({"-s", "7", "--top-p", "0"}).out == ask({"--temp", "0"}).out);  // the likeliest remains
  bool other = false;
  for (const char* seed : {"8", "9", "10", "11"}) other = other || ask({"-s", seed}).out != first;
  CHECK(other);
  const Outcome random = ask({"-v"});
  const size_t place = random.err.find("seed ");
  REQUIRE(place != std::string::npos);
  const std::string seed = random.err.substr(place + 5, random.err.find('\n', place) - place - 5);
  CHECK(ask({"-s", seed}).out == random.out);
}

TEST_CASE("a picture may come through a pipe") {
  std::ifstream file(kPicture, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (const char* path : {"-", "/dev/stdin"}) {
    const Outcome outcome = program::run({"run", "-m", kModel, "--image", path, "-p", "Which unit is this?"}, bytes);
    CHECK_MESSAGE(outcome.out == "SOLAR 1\n", outcome.err);
  }
}

TEST_CASE("the tokens that are printed are those that a picture takes; what is made smaller leaves room to answer") {
  const auto tokens = [](const program::Arguments& more) {
    program::Arguments all = {"run", "-m", kModel, "--image", kPicture, "-p", "Which unit is this?", "-o", "json"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome outcome = program::run(all);
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
    return Json::parse(outcome.out)["pictures"][0]["tokens"].get<int>();
  };
  CHECK(tokens({}) == 32);
  CHECK(tokens({"--image-max-tokens", "20"}) <= 20);
  CHECK(tokens({"--image-min-tokens", "100"}) >= 100);
  const int small = tokens({"-c", "48"});
  CHECK(small < 32);
  CHECK(small >= 8);
  const Outcome told = program::run({"run", "-m", kModel, "--image", kPicture, "-p", "Which unit is this?", "-c", "48"});
  CHECK_MESSAGE(contains(told.err, "was made smaller: it takes " + std::to_string(small) + " tokens of 32"), told.err);
  CHECK_MESSAGE(contains(told.err, "has room for all of it and takes"), told.err);
  const Outcome full = program::run({"run", "-m", kModel, "-p", std::string(400, 'x'), "-c", "32"});
  CHECK(full.status == 1);
  CHECK_MESSAGE(contains(full.err, "has room for all of it and takes"), full.err);
}

TEST_CASE("advice about a full context can be followed") {
  const auto told = [](program::Arguments more) {
    more.insert(more.begin(), {"run", "-q"});
    const Outcome outcome = program::run(more);
    CHECK(outcome.status == 1);
    return outcome.err;
  };
  const std::string question = std::string(60, 'x');
  const std::string text = told({"-m", kModel, "-p", question, "--ctx-text", "1", "-c", "4096"});
  CHECK_MESSAGE(contains(text, "(--ctx-text "), text);
  CHECK_MESSAGE(!contains(text, "-c 4096"), text);
  const size_t at = text.find("(--ctx-text ") + 12;
  const std::string enough = text.substr(at, text.find(' ', at) - at);
  CHECK(program::run({"run", "-m", kModel, "-p", question, "-c", "4096", "--ctx-text", enough}).status == 0);
  const std::string twice = told({"-m", kModel, "-p", question, "-c", "8"});
  CHECK_MESSAGE(contains(twice, "(-c "), twice);
  CHECK_MESSAGE(!contains(twice, "(-c)"), twice);
}

TEST_CASE("a context beyond the training and bounds of pictures that change nothing are told, and nothing else is") {
  const auto ask = [](const program::Arguments& more) {
    program::Arguments line = {"run", "-q", "-m", kModel, kPicture, "Which unit is this?"};
    line.insert(line.end(), more.begin(), more.end());
    const Outcome outcome = program::run(line);
    CHECK(outcome.status == 0);
    return outcome.err;
  };
  CHECK(ask({"-c", "4096"}).empty());
  CHECK(contains(ask({"-c", "4097"}), "a context of 4097 tokens is asked for; this model was trained for 4096"));
  CHECK(ask({"--image-max-tokens", "100", "--image-min-tokens", "20"}).empty());
  const std::string rules = " by this model's rules a picture takes 4 to 512 tokens\n";
  CHECK(contains(ask({"--image-max-tokens", "512"}), "--image-max-tokens 512 has no effect:" + rules));
  CHECK(contains(ask({"--image-min-tokens", "4"}), "--image-min-tokens 4 has no effect:" + rules));
  CHECK(contains(ask({"--image-min-tokens", "513"}), "--image-min-tokens 513 is not reached:" + rules));
  const Outcome page = program::run({"inspect", kModel, "-c", "5000", "--image-max-tokens", "100"});
  CHECK(contains(page.err, "-c 5000 is beyond the 4096 tokens that this model was trained for"));
  CHECK(contains(page.out, "context trained         4096\n"));
  CHECK(contains(page.out, "picture tokens most     100\n"));
  const Outcome text = program::run({"inspect", data("golden/llama"), "--image-max-tokens", "100"});
  CHECK(contains(text.err, "--image-max-tokens 100 has no effect: this model reads text only"));
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

TEST_CASE("bench measures the default model, and pictures that are kept as text is") {
  const Outcome table = program::run({"bench", "-p", "8", "-n", "2", "-r", "1", "--no-warmup"});
  CHECK_MESSAGE(table.status == 0, table.err);
  CHECK(contains(table.out, "enc 448x448"));
  CHECK(contains(table.out, "tg2"));
  const Json deep = run_json({"bench", "-m", kModel, "--picture-size", "0", "-p", "0", "-n", "2", "-r", "1",
                              "--depth-visual", "60,100", "--depth-picture", "40"});
  REQUIRE(deep.size() == 2);  // of 40 and 20, of 40, 40 and 20
  CHECK(deep[0]["test"] == "tg2 @ d0+v60");
}

TEST_CASE("bench counts the tokens of all sessions that write at once") {
  const Json rows =
      run_json({"bench", "-m", kModel, "-p", "0", "-n", "4", "-r", "2", "--picture-size", "0", "--sessions", "1,3"});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["test"] == "tg4");
  CHECK(rows[1]["test"] == "tg4 x3");
  CHECK(rows[1]["n_sessions"] == 3);
  CHECK(rows[1]["kv_text_bytes"] == 3 * rows[0]["kv_text_bytes"].get<uint64_t>());
  CHECK(rows[1]["avg_ts"].get<double>() > 0);
}

TEST_CASE("bench says how near to the memory's speed an answer is written, where no cache holds the weights") {
  const program::Arguments bench = {"bench", "--arch", "smollm2-135m", "--weights", "w4a8", "-p", "0",
                                    "-n", "2", "-r", "1", "-t", "1"};
  const Json row = run_json(bench)[0];
  CHECK(row["token_bytes"].get<uint64_t>() > 64u << 20);
  CHECK(row["token_bytes"].get<uint64_t>() < row["model_size"].get<uint64_t>());
  CHECK(row["memory_peak_bytes"].get<uint64_t>() > row["model_size"].get<uint64_t>());
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

TEST_CASE("inspect says what a published shape would take, on a machine that has less") {
  constexpr const char* kLarge = "cogvlm2-19b";
  const Json bf16 = run_json({"inspect", "--arch", kLarge});
  const Json w4a8 = run_json({"inspect", "--arch", kLarge, "--weights", "w4a8", "-c", "4096"});
  CHECK(bf16["weights_bytes"].get<uint64_t>() > 36ull << 30);
  CHECK(w4a8["weights_bytes"].get<uint64_t>() * 3 < bf16["weights_bytes"].get<uint64_t>());
  CHECK(w4a8["session"]["memory_bytes"].get<uint64_t>() > 1ull << 30);
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
  CHECK(contains(good.out, "6 of 6 cases within bounds"));
  const Outcome strict = program::run({"check", "--tolerance", "0", goldens});
  CHECK(strict.status == 1);
  CHECK(contains(strict.out, "OUT OF BOUNDS: logits"));
  const Outcome other = program::run({"check", "-m", kModel, goldens});
  CHECK(other.status == 1);
  CHECK(contains(other.out, "another vocabulary"));
}

TEST_CASE("run takes pictures and a question as plain arguments, and the question from standard input") {
  const std::string question = "Which unit is this?";
  const auto answers = [&](const program::Arguments& more, const std::string& input) {
    program::Arguments line = {"run", "-m", kModel, "-q"};
    line.insert(line.end(), more.begin(), more.end());
    const Outcome outcome = program::run(line, input);
    CAPTURE(outcome.err);
    CHECK(outcome.out == "SOLAR 1\n");
  };
  answers({kPicture, question}, "");
  answers({question, kPicture}, "");
  answers({kPicture + " ", question}, "");
  answers({"'" + kPicture + "' " + question}, "");
  answers({"-p", question + ' ' + kPicture}, "");
  answers({"file://" + kPicture, question}, "");
  answers({kPicture}, question + "\n");
  answers({"--image", kPicture}, question + "\n");
  std::ifstream file(kPicture, std::ios::binary);
  const std::string picture((std::istreambuf_iterator<char>(file)), {});
  REQUIRE(picture.size() < 60000);  // fits into a pipe
  answers({"-", question}, picture);
  answers({"--image", "-", "-p", question}, picture);
  answers({question}, picture);
  answers({"-p", question}, picture);
  const Outcome gif = program::run({"run", "-m", kModel, question}, std::string("GIF89a\x10\0\x10\0\0\0\0", 13));
  CHECK(gif.status == 1);
  CHECK_MESSAGE(contains(gif.err, "standard input"), gif.err);
  const Outcome text = program::run({"run", "-m", kModel, question}, "a letter\n");
  CHECK(text.status == 0);
  CHECK_MESSAGE(contains(text.err, "warning: what is piped in is no picture and is not read"), text.err);
  const Outcome twice = program::run({"run", "-m", kModel, question, "--image", "-,-"}, picture);
  CHECK(twice.status == 1);
  CHECK_MESSAGE(contains(twice.err, "standard input is one picture"), twice.err);
  const Outcome chat = program::run({"chat", "-m", kModel}, picture);
  CHECK(chat.status == 1);
  CHECK_MESSAGE(contains(chat.err, "standard input is a picture, where questions are wanted"), chat.err);
  const Outcome named = program::run({"run", "-m", kModel, "-p", "Is it none.jpg?"});
  CHECK(named.status == 0);
  CHECK_MESSAGE(contains(named.err, "warning: there is no picture none.jpg"), named.err);
}

TEST_CASE("run -o json says the text, its tokens and their probabilities, and nothing else is printed") {
  const program::Arguments question = {"run", "-m", kModel, kPicture, "Which unit is this?"};
  const auto with = [&](const program::Arguments& more) {
    program::Arguments line = question;
    line.insert(line.end(), more.begin(), more.end());
    return line;
  };
  const Outcome outcome = program::run(with({"-o", "json", "-ngl", "9"}));
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.err, "note: -ngl"));
  const Json answer = Json::parse(outcome.out);
  CHECK(outcome.out.find('\n') == outcome.out.size() - 1);
  CHECK(answer["text"] == "SOLAR 1");
  CHECK(answer["stop"] == "end");
  CHECK(answer["question"] == "Which unit is this?");
  CHECK(answer["model"]["path"] == kModel);
  CHECK(answer["model"]["family"] == "qwen2_vl");
  CHECK(answer["pictures"][0]["tokens"] == 32);
  CHECK(answer["pictures"][0]["path"] == kPicture);
  CHECK(answer["sampling"]["temperature"] == 0);
  CHECK(answer["timings"]["decode_tokens"] == answer["tokens"].size());
  CHECK(answer["timings"]["prefill_tokens"].get<int>() > 32);
  std::string text;
  for (const Json& token : answer["tokens"]) {
    text += token["text"].get<std::string>();
    CHECK(token["id"].get<int>() >= 0);
    CHECK(token["probability"].get<double>() > 0.5);  // a sure answer, taken greedily
    CHECK(token["probability"].get<double>() <= 1);
  }
  CHECK(text == "SOLAR 1");
  const Json cut = run_json(with({"-n", "2", "--temp", "1", "-s", "7"}));
  CHECK(cut["stop"] == "tokens");
  CHECK(cut["tokens"].size() == 2);
  CHECK(cut["sampling"]["seed"] == 7);
}

// A model that is the panel's but for its generation_config.json.
TEST_CASE("answers are sampled as the model's generation_config.json asks; flags win") {
  const std::filesystem::path folder = program::state_folder() + "_model";
  std::filesystem::create_directories(folder);
  for (const auto& file : std::filesystem::directory_iterator(kModel)) {
    std::filesystem::create_symlink(file.path(), folder / file.path().filename());
  }
  struct Asked {
    const char* config;
    program::Arguments flags;
    const char* sampling;  // of -o json; a part
  };
  const std::vector<Asked> cases = {
      {"{}", {}, R"({"temperature": 0})"},
      {R"({"do_sample": false, "temperature": 0.6})", {}, R"({"temperature": 0})"},
      {R"({"do_sample": true})", {}, R"({"temperature": 1, "top_k": 50, "top_p": 1, "min_p": 0})"},
      {R"({"temperature": 0.7})", {}, R"({"temperature": 0})"},
      {R"({"temperature": 0.5, "top_p": 0.25, "top_k": 7})", {"--temp", "2"},
       R"({"temperature": 2, "top_k": 7, "top_p": 0.25})"},
      {R"({"do_sample": true, "temperature": 0.5, "top_k": 7})", {}, R"({"temperature": 0.5, "top_k": 7})"},
      {R"({"do_sample": true, "temperature": 0.5})", {"--temp", "0"}, R"({"temperature": 0})"},
      {R"({"do_sample": true, "temperature": 0.5})", {"--top-k", "3"}, R"({"temperature": 0.5, "top_k": 3})"},
      {R"({"repetition_penalty": 1.25})", {}, R"({"temperature": 0, "repeat_penalty": 1.25})"},
      {R"({"temperature": null, "top_k": null})", {"--temp", "2"}, R"({"temperature": 2, "top_k": 40})"},
  };
  for (const Asked& row : cases) {
    CAPTURE(std::string(row.config));
    std::ofstream(folder / "generation_config.json") << row.config;
    program::Arguments line = {"run", "-m", folder.string(), kPicture, "Which unit is this?", "-n", "2"};
    line.insert(line.end(), row.flags.begin(), row.flags.end());
    const Json sampling = run_json(line)["sampling"];
    const Json asked = Json::parse(row.sampling);
    for (const auto& wanted : asked.items()) CHECK_MESSAGE(sampling[wanted.key()] == wanted.value(), wanted.key());
  }
  std::ofstream(folder / "generation_config.json") << R"({"do_sample": true, "temperature": -1})";
  const Outcome bad = program::run({"run", "-m", folder.string(), "-p", "x"});
  CHECK(bad.status == 1);
  CHECK(contains(bad.err, "generation_config.json"));
  CHECK(contains(bad.err, "temperature"));
  std::ofstream(folder / "generation_config.json") << R"({"num_beams": 4, "bad_words_ids": [[1]]})";
  const Outcome beams = program::run({"run", "-m", folder.string(), kPicture, "Which unit is this?", "-q"});
  CHECK(contains(beams.err, "asks for num_beams"));
  CHECK(contains(beams.err, "asks for bad_words_ids"));
  CHECK(beams.out == "SOLAR 1\n");
  const struct {
    const char* config;
    const char* out;
    const char* err;  // null: nothing is said
  } kFields[] = {
      {R"({"stop_strings": "R 1"})", "SOLA\n", nullptr},
      {R"({"stop_strings": ["LAR", "OLA"]})", "S\n", nullptr},
      {R"({"stop_strings": [7]})", "SOLAR 1\n", "stop_strings are not used"},
      {R"({"eos_token_id": "x"})", "SOLAR 1\n", "eos_token_id has what is no token"},
      {R"({"max_new_tokens": 1})", "SOLAR 1\n", "asks for max_new_tokens 1, which is not used: -n bounds"},
      {R"({"max_length": 100000000})", "SOLAR 1\n", nullptr},
      {R"({"forced_eos_token_id": 3, "forced_bos_token_id": null})", "SOLAR 1\n", "asks for forced_eos_token_id"},
      {R"({"exponential_decay_length_penalty": [1, 2]})", "SOLAR 1\n", "asks for exponential_decay_length_penalty"},
      {R"({"num_beams": "4"})", "SOLAR 1\n", "asks for num_beams"},
      {R"({"novel_rule": 1, "unset": null})", "SOLAR 1\n", "has what mica does not know (novel_rule)"},
      {R"({"use_cache": true, "transformers_version": "5", "pad_token_id": 1})", "SOLAR 1\n", nullptr},
  };
  for (const auto& row : kFields) {
    CAPTURE(std::string(row.config));
    std::ofstream(folder / "generation_config.json") << row.config;
    const Outcome said = program::run({"run", "-m", folder.string(), kPicture, "Which unit is this?", "-q"});
    CHECK(said.out == row.out);
    if (row.err != nullptr) CHECK_MESSAGE(contains(said.err, row.err), said.err);
    else CHECK_MESSAGE(said.err.empty(), said.err);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("prompts and pictures may have other threads than answers, with the same text") {
  const Json session = run_json({"inspect", kModel, "-t", "1", "-tb", "3"})["session"];
  CHECK(session["threads"] == 1);
  CHECK(session["threads_batch"] == 3);
  CHECK(run_json({"inspect", kModel, "-t", "2"})["session"]["threads_batch"] == 2);
  const Outcome outcome = program::run({"run", "-m", kModel, kPicture, "Which unit is this?", "-t", "1", "-tb", "3"});
  CHECK(outcome.out == "SOLAR 1\n");
}
