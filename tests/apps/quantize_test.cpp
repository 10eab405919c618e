// mica quantize as its users meet it: a model goes in, a file that every command opens comes out, with its report; and
// what is said when it cannot be done.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "program.hpp"
#include "test_folder.hpp"

using program::Arguments;
using program::data;
using program::Outcome;

namespace {

const std::string kModel = data("panel/model");

Outcome quantize(const Arguments& arguments) {
  Arguments all = {"quantize"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return program::run(all);
}

std::string read_text(const std::string& path) {
  const std::vector<uint8_t> bytes = mica::read_all(path);
  return {bytes.begin(), bytes.end()};
}

// The panel model, quantized with both reports, once for all cases.
struct Quantized {
  mica::TestFolder folder;
  std::string path = folder.path("m.mica"), page = folder.path("r.html"), numbers = folder.path("r.json");
  Outcome outcome = quantize({"-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "4", "--report",
                              page, "--report", numbers});
};
const Quantized& quantized() {
  static const Quantized once;
  REQUIRE_MESSAGE(once.outcome.status == 0, once.outcome.err);
  return once;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the summary says where the file is, how large it is, what was worst and what to try") {
  const Quantized& run = quantized();
  CHECK(run.outcome.err.empty());
  for (const char* part : {"m.mica", "of weights before", "W4A8", "GPTQ, rotation, MSQ, AIFS, RMS in", "4 samples",
                           "at the median", "the mean cosine with the checkpoint's is ", "peak memory", "Try it:  mica run -m "})
    CHECK_MESSAGE(has(run.outcome.out, part), run.outcome.out);
  CHECK(run.folder.names() == "m.mica r.html r.json");
  CHECK(std::filesystem::file_size(run.path) <
        0.36 * static_cast<double>(std::filesystem::file_size(kModel + "/model.safetensors")));
}

TEST_CASE("points that get more bits are named on the screen, in numbers and on the page") {
  const mica::TestFolder folder;
  std::string text;
  for (int i = 0; i < 1500; i++) text += static_cast<char>('!' + i * i * 7 % 89);
  const std::string texts = folder.write("t.txt", text), path = folder.path("m.mica");
  const std::string numbers = folder.path("r.json"), page = folder.path("r.html");
  const Arguments all = {"-m",       data("golden/lfm2"), "-o",       path, "--calib", texts,
                         "--report", numbers,             "--report", page};
  const Outcome raised = quantize(all);
  REQUIRE_MESSAGE(raised.status == 0, raised.err);
  CHECK_MESSAGE(has(raised.out, "more bits than was asked for"), raised.out);
  CHECK(has(raised.out, "layers.0.output_in: "));
  CHECK(has(read_text(page), "<code>layers.0.output_in</code>"));
  nlohmann::json report = nlohmann::json::parse(read_text(numbers));
  CHECK(report["logits"]["mean_cosine"] >= 0.98);
  CHECK(report["logits_before_raises"]["mean_cosine"] < 0.98);
  CHECK(!report["raises"].empty());
  Arguments as_asked = all;
  as_asked.insert(as_asked.end(), {"--least-cosine", "0"});
  REQUIRE(quantize(as_asked).status == 0);
  report = nlohmann::json::parse(read_text(numbers));
  CHECK(report["logits"].is_null());
  CHECK(report["raises"].empty());
}

TEST_CASE("bits are allotted as they are asked for, are told, and leave a model that answers") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica"), numbers = folder.path("r.json");
  const std::string page = folder.path("r.html");
  for (const char* how : {"error", "influence", "uniform"}) {
    CAPTURE(how);
    const Outcome run = quantize({"-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "4", "--bits",
                                  "3.5", "--bits-vision", "3.5", "--held-out", "2", "--allocation", how, "--report",
                                  numbers, "--report", page});
    REQUIRE_MESSAGE(run.status == 0, run.err);
    CHECK_MESSAGE(has(run.out, " on average: query "), run.out);
    CHECK_MESSAGE(has(run.out, " on average: qkv "), run.out);
    CHECK_MESSAGE(has(run.out, "on 2 samples kept out of calibration: KL "), run.out);
    const nlohmann::json report = nlohmann::json::parse(read_text(numbers));
    CHECK(report["verdict"]["samples"] == 2);
    CHECK(report["verdict"]["divergence"].get<double>() < 0.5);
    CHECK(report["bits_vision"].get<double>() <= 3.6);
    CHECK(report["bits_vision"].get<double>() > 2.8);
    const bool weighed = std::string(how) == "error";
    for (const char* part : {"expected", "expected_vision"}) CHECK(report[part].is_null() != weighed);
    const std::string shown = read_text(page);
    CHECK(has(shown, "<h2>Bits</h2>"));
    CHECK(has(shown, "of the expected loss") == weighed);
    CHECK(report["bits"].get<double>() <= 3.6);  // and what is kept in float
    CHECK(report["bits"].get<double>() > 2.8);
    CHECK(report["options"]["allocation"] == how);
    const Outcome answer =
        program::run({"run", "-m", path, "--image", data("panel/000.jpg"), "-p", "Which unit is this?"});
    CHECK(answer.status == 0);
    CHECK(has(answer.out, "SOLAR"));
  }
  const Outcome few =
      quantize({"-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "2", "--bits", "2"});
  CHECK(few.status != 0);
  CHECK_MESSAGE(has(few.err, "bits on average: with its scales this model needs"), few.err);
}

TEST_CASE("two bits by vectors of a lattice are taken where they are asked for, and leave a model that answers") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica"), numbers = folder.path("r.json");
  const Arguments ways[] = {{"--bits", "2.6", "--two-bits", "w2a8-e8p"},
                            {"--text", "w2a8-e8p", "--shared-heads", "w2a8-e8p", "--vision", "w2a8-e8p"}};
  for (const Arguments& way : ways) {
    Arguments all = {"-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "6", "--held-out", "0",
                     "--least-cosine", "0", "--report", numbers};
    all.insert(all.end(), way.begin(), way.end());
    const Outcome run = quantize(all);
    REQUIRE_MESSAGE(run.status == 0, run.err);
    const nlohmann::json report = nlohmann::json::parse(read_text(numbers));
    size_t vectors = 0, pairs = 0;
    for (const nlohmann::json& layer : report["layers"]) {
      vectors += layer["storage"] == "W2A8-E8P";
      pairs += layer["storage"] == "W2A8";
    }
    CHECK(vectors > 4);
    CHECK(pairs == 0);
    CHECK(has(program::run({"inspect", path}).out, "w2a8-e8p"));
    CHECK(has(program::run({"verify", path}).out, "every checksum agrees"));
    const Outcome answer =
        program::run({"run", "-m", path, "--image", data("panel/000.jpg"), "-p", "Which unit is this?"});
    CHECK(answer.status == 0);
    CHECK_MESSAGE(has(answer.out, "SOLAR"), answer.out);
  }
}

TEST_CASE("query and key matrices become two, which is told, and the model answers") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica"), numbers = folder.path("r.json"), page = folder.path("r.html");
  const Arguments ways[] = {{"--low-rank", "0.5"},
                            {"--low-rank", "0.5", "--bits", "2.5", "--allocation", "uniform"},
                            {"--low-rank", "auto", "--bits", "2.5"}};
  for (const Arguments& way : ways) {
    Arguments all = {"-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "6", "--vision", "f16",
                     "--held-out", "0", "--report", numbers, "--report", page};
    all.insert(all.end(), way.begin(), way.end());
    const Outcome run = quantize(all);
    REQUIRE_MESSAGE(run.status == 0, run.err);
    CHECK_MESSAGE(has(run.out, "low rank"), run.out);
    const nlohmann::json report = nlohmann::json::parse(read_text(numbers));
    size_t factored = 0;
    for (const nlohmann::json& layer : report["layers"]) factored += layer["rank"].get<int>() > 0;
    const bool chosen = way[1] == "auto";
    if (!chosen) CHECK(factored == 8);
    if (way.size() > 2) CHECK(report["bits"].get<double>() <= 2.6);
    CHECK(report["options"]["low_rank"].is_string() == chosen);
    if (!chosen) CHECK(has(read_text(page), "rank "));
    const nlohmann::json facts = nlohmann::json::parse(program::run({"inspect", path, "-o", "json"}).out);
    CHECK(facts["static"]["decoder"].contains("low_rank") == (factored > 0));
    CHECK(has(program::run({"verify", path}).out, "every checksum agrees"));
    const Outcome answer =
        program::run({"run", "-m", path, "--image", data("panel/000.jpg"), "-p", "Which unit is this?"});
    CHECK(answer.status == 0);
    CHECK_MESSAGE(has(answer.out, "SOLAR"), answer.out);
  }
}

TEST_CASE("embedding and head may have fewer bits, in a smaller file that answers") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica");
  size_t before = SIZE_MAX;
  for (const char* head : {"w8", "w4a8-levels", "w4a8", "w3a8"}) {
    CAPTURE(head);
    const Outcome run = quantize({"-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "4",
                                  "--vision", "f16", "--held-out", "0", "--head", head});
    REQUIRE_MESSAGE(run.status == 0, run.err);
    const nlohmann::json facts = nlohmann::json::parse(program::run({"inspect", path, "-o", "json"}).out);
    const std::string name = std::string(head) == "w8" ? "w8a8" : head;
    const auto bytes = facts["static"]["head"][name + "_bytes"].get<size_t>();
    CHECK(bytes < before);
    before = bytes;
    const Outcome answer =
        program::run({"run", "-m", path, "--image", data("panel/000.jpg"), "-p", "Which unit is this?"});
    CHECK(answer.status == 0);
    CHECK_MESSAGE(has(answer.out, "SOLAR"), answer.out);
  }
}

TEST_CASE("the packed file verifies, explains itself and answers") {
  const std::string& path = quantized().path;
  CHECK(has(program::run({"verify", path}).out, "every checksum agrees"));
  const nlohmann::json facts = nlohmann::json::parse(program::run({"inspect", path, "-o", "json"}).out);
  CHECK(facts["container"] == "packed");
  const nlohmann::json& fixed = facts["static"];
  CHECK(fixed["visual_rows_first"] == true);
  CHECK(fixed["decoder"]["residual_rotated"] == true);
  CHECK(fixed["decoder"]["w4a8_bytes"].get<size_t>() > 100000);
  CHECK(fixed["head"]["w8a8_bytes"].get<size_t>() > 1000);
  CHECK(fixed["tower"]["norms_folded"] == true);
  CHECK(has(program::run({"inspect", path}).out, "\nstatic\n"));
  const Outcome answer =
      program::run({"run", "-m", path, "--image", data("panel/000.jpg"), "-p", "Which unit is this?"});
  CHECK(answer.status == 0);
  CHECK(has(answer.out, "SOLAR 1"));
}

TEST_CASE("the report in numbers has every layer and point") {
  const nlohmann::json report = nlohmann::json::parse(read_text(quantized().numbers));
  CHECK(report["format"] == "mica quantize");
  CHECK(report["samples"] == 4);
  CHECK(report["tokens_visual"].get<int>() > 50);
  CHECK(report["options"]["text"] == "W4A8");
  CHECK(report["bytes_after"].get<size_t>() == std::filesystem::file_size(quantized().path));
  REQUIRE(report["layers"].size() > 10);
  for (const nlohmann::json& layer : report["layers"]) {
    CHECK(layer["error"].is_number());
    if (layer["storage"] != "F16") CHECK(layer["error"].get<double>() < 0.2);
  }
  std::set<std::string> points;
  for (const nlohmann::json& point : report["points"]) points.insert(point["name"].get<std::string>());
  CHECK(points.count("layers.0.down_in") == 1);
  CHECK(points.count("vision.layers.0.attention_in") == 1);
}

TEST_CASE("the page is whole, escapes what it is given and loads nothing") {
  const std::string page = read_text(quantized().page);
  CHECK(page.rfind("<!doctype html>", 0) == 0);
  CHECK(page.size() > 20000);
  CHECK(has(page, "</script></body></html>"));
  for (const char* part :
       {"<svg class=\"plot\"", "<svg class=\"map\"", "layers.0.down_in", "prefers-color-scheme: dark"})
    CHECK(has(page, part));
  for (const char* part : {"http:", "https:", "src=", "href=", "@import", "url("}) CHECK_FALSE(has(page, part));
  const mica::TestFolder folder;
  const std::string strange = folder.path("a<b>&\"c'.mica");
  REQUIRE(quantize({"-m", kModel, "-o", strange, "--vision", "f16", "--text", "f16", "--head", "f16", "--report",
                    folder.path("r.html")})
              .status == 0);
  const std::string other = read_text(folder.path("r.html"));
  CHECK(has(other, "a&lt;b&gt;&amp;&quot;c&#39;.mica"));
  CHECK_FALSE(has(other, "a<b>"));
}

TEST_CASE("with 16 bits everywhere it only packs, and the answers are those of the checkpoint") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica");
  const Outcome packed = quantize({"-m", kModel, "-o", path, "--vision", "f16", "--text", "f16", "--head", "f16",
                                   "--describe", "reads dials \u2013 nothing else"});
  REQUIRE_MESSAGE(packed.status == 0, packed.err);
  CHECK(has(packed.out, "decoder F16, head F16"));
  CHECK(has(program::run({"inspect", path}).out, "reads dials \u2013 nothing else"));
  const Arguments question = {"--image", data("panel/012.jpg"), "-p", "Read the display."};
  Arguments one = {"run", "-m", path}, other = {"run", "-m", kModel};
  one.insert(one.end(), question.begin(), question.end());
  other.insert(other.end(), question.begin(), question.end());
  CHECK(program::run(one).out == program::run(other).out);
}

TEST_CASE("without a standard output what is printed lands in no file") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica"), other = folder.path("n.mica");
  const Arguments one = {"quantize", "-m", kModel, "-o", path, "--vision", "f16", "--text", "f16", "--head", "f16"};
  const Arguments two = {"quantize", "-m", kModel, "-o", other, "--only-pack"};
  const Outcome outcome = program::run(one, "", program::kClosed);
  CHECK(outcome.status == 1);  // its summary was work too
  CHECK_MESSAGE(has(outcome.err, "standard output"), outcome.err);
  REQUIRE(program::run(two).status == 0);
  CHECK(mica::read_all(path) == mica::read_all(other));
  CHECK(program::run({"verify", path}).status == 0);
}

TEST_CASE("a file says how many bits visual keys and values keep, and a session may say otherwise") {
  const mica::TestFolder folder;
  const std::string packed = folder.path("packed.mica"), whole = folder.path("whole.mica");
  const Arguments options = {"-m", kModel, "--kv-visual", "2", "--kv-visual-layers", "0-1=4,3=16"};
  Arguments all = options;
  all.insert(all.end(), {"-o", packed, "--vision", "f16", "--text", "f16", "--head", "f16"});
  REQUIRE(quantize(all).status == 0);
  all = options;
  all.insert(all.end(), {"-o", whole, "--calib", data("panel"), "--calib-samples", "1", "--rounding", "nearest"});
  REQUIRE(quantize(all).status == 0);
  for (const std::string& path : {packed, whole}) {
    const auto visual_bytes = [&](Arguments more) {
      Arguments bench = {"bench", "-m", path, "-p", "0", "-n", "0", "-r", "1", "-o", "json"};
      bench.insert(bench.end(), {"--picture-size", "448x448"});
      bench.insert(bench.end(), more.begin(), more.end());
      return nlohmann::json::parse(program::run(bench).out)[0]["kv_visual_bytes"].get<size_t>();
    };
    // 256 tokens of two heads of 64, keys and values: in 4 and 2 bits with scales and means, in float16 without.
    const auto layer = [](size_t bits) { return bits == 16 ? 256 * 512 : size_t{2} * (256 * (16 * bits + 2) + 256); };
    CHECK(visual_bytes({}) == 2 * layer(4) + layer(2) + layer(16));
    CHECK(visual_bytes({"--kv-visual", "1"}) == 4 * layer(1));
    CHECK(has(program::run({"inspect", path}).out, "2 in 1 layers, 4 in 2 layers, 16 in 1 layers"));
  }
}

TEST_CASE("what is wrong is said, with what to do, before any work") {
  const mica::TestFolder folder;
  const std::string path = folder.path("m.mica");
  folder.write("not.jpg", "no picture");
  struct Case {
    Arguments arguments;
    int status;
    const char* message;
  };
  const Case cases[] = {
      {{}, 2, "-m PATH is missing"},
      {{"-m", kModel}, 2, "-o FILE is missing"},
      {{"-m", kModel, "-o", path}, 2, "--calib PATH is missing"},
      {{"-m", kModel, "-o", path}, 2, "--only-pack packs without"},
      {{"-m", kModel, "-o", path, "--only-pack", "--text", "w8a8"}, 2, "--text excludes --only-pack"},
      {{"-m", kModel, "-o", folder.path()}, 2, "is a folder: name a file, as in"},
      {{"-m", kModel, "-o", folder.path("no/m.mica")}, 1, "there is no folder"},
      {{"-m", kModel, "-o", "/dev/full"}, 1, "not a regular file"},
      {{"-m", kModel, "-o", path, "--report", "r.txt"}, 2, "must end in .html or .json"},
      {{"-m", kModel, "-o", path, "--report", folder.path("no/r.html")}, 1, "there is no folder"},
      {{"-m", kModel, "-o", path, "--text", "w5a8"}, 2, "--text: w5a8 not in"},
      {{"-m", kModel, "-o", path, "--calib-samples", "0"}, 2, "--calib-samples"},
      {{"-m", kModel, "-o", path, "--bits", "3", "--text", "f16"}, 2, "a decoder of 16 bits has none to allot"},
      {{"-m", kModel, "-o", path, "--bits-vision", "3", "--vision", "f16"}, 2, "a tower of 16 bits has none"},
      {{"-m", kModel, "-o", path, "--two-bits", "w2a8-e8p"}, 2, "give one of them too; all matrices in this format: --text"},
      {{"-m", kModel, "-o", path, "--low-rank", "2"}, 2, "--low-rank 2: wants a share from 0.05 to 0.95, auto or off"},
      {{"-m", kModel, "-o", path, "--low-rank", "half"}, 2, "--low-rank half: wants a share"},
      {{"-m", kModel, "-o", path, "--low-rank", "auto"}, 2, "give --bits too"},
      {{"-m", kModel, "-o", path, "--low-rank", "0.5", "--text", "f16"}, 2, "--low-rank and --text f16"},
      {{"-m", data("golden/llama"), "-o", path, "--bits-vision", "3"}, 2, "this model has no vision tower"},
      {{"-m", kModel, "-o", path, "--calib", data("panel"), "--kv-visual-layers", "4=1"}, 1, "layers below 4, bits"},
      {{"-m", kModel, "-o", path, "--calib", folder.path("no")}, 1, "there is no such file or folder"},
      {{"-m", kModel, "-o", path, "--calib", folder.path()}, 1, "none of its 1 pictures can be read"},
      {{"-m", quantized().path, "-o", path, "--calib", data("panel")}, 1, "is packed already"},
      {{"-m", kModel, "-o", path, "--calib", data("panel"), "--describe", "two\nlines"}, 2, "--describe"},
      {{"-m", "no/model", "-o", path, "--calib", data("panel")}, 1, "no/model"},
  };
  for (const Case& row : cases) {
    CAPTURE(row.message);
    const Outcome outcome = quantize(row.arguments);
    CHECK(outcome.status == row.status);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(has(outcome.err, row.message), outcome.err);
    CHECK(folder.names() == "not.jpg");
  }
}

TEST_CASE("Ctrl-C stops it, and the old file stays") {
  const mica::TestFolder folder;
  const std::string path = folder.write("m.mica", "old");
  program::Terminal terminal({"quantize", "-m", kModel, "-o", path, "--calib", data("panel"), "--calib-samples", "60"});
  REQUIRE(terminal.shows("quantizing ["));
  terminal.type("\x03");
  CHECK(terminal.shows("stopped; " + path + " was not written"));
  CHECK(terminal.status() == 130);
  CHECK(read_text(path) == "old");
  CHECK(folder.names() == "m.mica");
}

TEST_CASE("help stands in the list and has examples") {
  CHECK(has(program::run({}).out, "\n  quantize "));
  const Outcome help = program::run({"quantize", "--help"});
  CHECK(help.status == 0);
  for (const char* part :
       {"Examples:\n  mica quantize", "--calib PATH", "--vision w4a8|w8a8|w4a8-levels|w3a8|w2a8|w2a8-e8p|f16",
        "--bits X", "--bits-vision X", "--two-bits w2a8|w2a8-e8p", "--held-out N", "--least-cosine X",
        "--low-rank KEEP|auto|off", "--no-msq", "--report"})
    CHECK_MESSAGE(has(help.out, part), help.out);
}

TEST_CASE("mica quantize leaves the checkpoint as it is, whatever way leads to it") {
  const mica::TestFolder folder, elsewhere;
  const std::string model = folder.path();
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(data(std::string("golden/llama/") + name), folder.path(name));
  std::filesystem::create_symlink(folder.path("model.safetensors"), elsewhere.path("link.mica"));
  std::filesystem::create_hard_link(folder.path("config.json"), elsewhere.path("hard.mica"));
  std::filesystem::create_directory_symlink(model, elsewhere.path("folder"));
  const std::vector<uint8_t> before = mica::read_all(folder.path("model.safetensors"));
  const std::pair<std::string, std::string> cases[] = {
      {model, folder.path("model.safetensors")},
      {model, folder.path("config.json")},
      {model, folder.path("model-00001-of-00002.safetensors")},
      {model, elsewhere.path("link.mica")},
      {model, elsewhere.path("hard.mica")},
      {model, elsewhere.path("folder/model.safetensors")},
      {elsewhere.path("folder"), folder.path("model.safetensors")},
  };
  for (const auto& row : cases) {
    const auto& [from, to] = row;
    CAPTURE(row.second);
    const Outcome outcome = program::run({"quantize", "-m", from, "-o", to});
    CHECK(outcome.status == 2);
    CHECK_MESSAGE(outcome.err.find("is a file of the model itself") != std::string::npos, outcome.err);
  }
  std::filesystem::create_directory(elsewhere.path("cal"));
  elsewhere.write("cal/questions.jsonl", std::string_view("{}\n"));
  const std::string samples = elsewhere.path("cal/questions.jsonl"), packed = elsewhere.path("new.json");
  const std::pair<program::Arguments, const char*> losses[] = {
      {{"-o", packed, "--report", folder.path("config.json")}, "is a file of the model itself"},
      {{"-o", packed, "--report", elsewhere.path("cal/../new.json")}, "are the same file"},
      {{"-o", samples, "--calib", samples}, "is one of the samples"},
      {{"-o", samples, "--calib", elsewhere.path("cal")}, "is one of the samples"},
  };
  for (const auto& row : losses) {
    program::Arguments line = {"quantize", "-m", model};
    line.insert(line.end(), row.first.begin(), row.first.end());
    const Outcome outcome = program::run(line);
    CHECK(outcome.status == 2);
    CHECK_MESSAGE(outcome.err.find(row.second) != std::string::npos, outcome.err);
  }
  CHECK(mica::read_all(folder.path("model.safetensors")) == before);
}
