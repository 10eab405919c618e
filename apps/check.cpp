// mica check: a model against recorded cases of its reference, a tokenizer against recorded encodings, a chat template
// against recorded renderings, or quantized formats against recorded values.
// Decides what is out of bounds; the measuring is in golden.cpp.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "command.hpp"
#include "format_cases.hpp"
#include "golden.hpp"
#include "json_files.hpp"
#include "options.hpp"
#include "template_cases.hpp"
#include "terminal.hpp"
#include "tokens.hpp"

namespace app {
namespace {

namespace fs = std::filesystem;

// Processors compute in float; beyond this the picture was cut or resampled in another way.
constexpr double kPixelErrorMax = 1e-5;
constexpr size_t kDifferencesShown = 5;
// Of a checkpoint's values, whose references multiply in the orders of their libraries. Those of blocks have to be
// equal.
constexpr double kFormatErrorMax = 1e-5;
// Of published files: a token may differ where the reference's two best logits are as near as this, and perplexity by
// this share: activations that meet blocks of weights are rounded to 16 bits.
constexpr double kGapMax = 1e-2, kPerplexityErrorMax = 2e-3;

struct CheckOptions {
  Options shared;
  std::string folder;
  std::string tokenizer_folder;
  std::string template_folder;
  std::string formats_folder;
  double tolerance = 1e-3;
  double cosine_min = 0;  // 0: the tolerance decides
};

std::vector<fs::path> find_goldens(const std::string& folder) {
  std::error_code fault;
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, fault)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("golden_", 0) == 0 && entry.path().extension() == ".safetensors") paths.push_back(entry.path());
  }
  if (fault) throw Failure(folder + ": " + fault.message(), MICA_NOT_FOUND);
  if (paths.empty()) throw Failure(folder + ": there is no golden_*.safetensors", MICA_NOT_FOUND);
  std::sort(paths.begin(), paths.end());
  return paths;
}

// What is out of bounds, empty when nothing is.
std::string find_faults(const GoldenDifference& difference, const CheckOptions& options) {
  std::vector<std::string> faults;
  const auto note = [&](bool bad, const char* name) {
    if (bad) faults.push_back(name);
  };
  // Negated comparisons, so that a NaN is out of bounds.
  note(difference.pixels.has_value() && !(*difference.pixels <= kPixelErrorMax), "pixels");
  if (options.cosine_min > 0) {
    note(!(difference.cosine >= options.cosine_min), "cosine");
  } else {
    note(!(difference.relative <= options.tolerance), "logits");
    note(difference.greedy_equal != difference.greedy, "greedy tokens");
  }
  return join(faults, ", ");
}

bool check_golden(const Model& model, const CheckOptions& options, const fs::path& path) {
  const std::string name = path.stem().string();
  GoldenDifference difference;
  try {
    difference = compare_golden(model, session_options(options.shared), path.string());
  } catch (const Failure& failure) {
    std::printf("%-12s failed: %s\n", name.c_str(), failure.what());
    return false;
  }
  char pixels[16] = "-";
  if (difference.pixels) std::snprintf(pixels, sizeof pixels, "%.1e", *difference.pixels);
  const std::string faults = find_faults(difference, options);
  std::printf("%-12s %8s %9.1e %10.7f %5u/%u  %s\n", name.c_str(), pixels, difference.relative, difference.cosine,
              difference.greedy_equal, difference.greedy, faults.empty() ? "ok" : ("OUT OF BOUNDS: " + faults).c_str());
  std::fflush(stdout);
  return faults.empty();
}

int check_model(CheckOptions& options) {
  const std::vector<fs::path> paths = find_goldens(options.folder);
  if (options.shared.model.empty() && fs::exists(fs::path(options.folder) / "config.json")) {
    options.shared.model = options.folder;
  }
  // As the reference keeps them: what is compared is the model, not a cache of fewer bits.
  if (options.shared.kv_visual.empty() && options.shared.kv_visual_layers.empty() && options.shared.kv_text.empty())
    options.shared.kv_visual = "32";
  const Model model = open_model(options.shared);
  std::printf("%-12s %8s %9s %10s %7s\n", "case", "pixels", "logits", "cosine", "greedy");
  size_t good = 0;
  for (const fs::path& path : paths) good += check_golden(model, options, path) ? 1 : 0;
  std::printf("%zu of %zu cases within bounds\n", good, paths.size());
  return good == paths.size() ? 0 : 1;
}

// Text as it can be read in one line: control characters and quotes as JSON writes them.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <typename T>
void print_difference(size_t index, const std::string& text, const char* what, const T& is, const T& should) {
  std::printf("case %zu, text %s\n  %s is     %s\n  %*s should %s\n", index, quoted(text).c_str(), what,
              nlohmann::json(is).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str(),
              static_cast<int>(std::string(what).size()), "", nlohmann::json(should).dump().c_str());
}

int check_tokenizer(const CheckOptions& options) {
  const fs::path folder = options.tokenizer_folder;
  const std::string& place = options.shared.model.empty() ? options.tokenizer_folder : options.shared.model;
  const Tokenizer tokenizer = open_handle<Tokenizer>(mica_tokenizer_open, place.c_str());
  const std::string path = (folder / "encodings.json").string();
  const nlohmann::json cases = read_json(path);
  size_t encoded = 0, decoded = 0, shown = 0;
  for (size_t i = 0; i < cases.size(); i++) {
    const std::string source = path + " case " + std::to_string(i);
    const auto text = json_field<std::string>(cases[i], "text", source);
    const auto ids_should = json_field<std::vector<int32_t>>(cases[i], "ids", source);
    const auto text_should = json_field<std::string>(cases[i], "decoded", source);
    const std::vector<int32_t> ids = tokenize(tokenizer.get(), text, MICA_TOKENIZE_SPECIAL);
    const std::string back = detokenize(tokenizer.get(), ids_should, false);
    encoded += ids == ids_should ? 1 : 0;
    decoded += back == text_should ? 1 : 0;
    if ((ids == ids_should && back == text_should) || ++shown > kDifferencesShown) continue;
    if (ids != ids_should) print_difference(i, text, "ids", ids, ids_should);
    if (back != text_should) print_difference(i, text, "decoded", back, text_should);
  }
  std::printf("%s: %zu of %zu texts encode equally, %zu decode equally\n", path.c_str(), encoded, cases.size(),
              decoded);
  return encoded == cases.size() && decoded == cases.size() ? 0 : 1;
}

// Where two texts part, and what stands there in both.
void print_rendering(const TemplateCase& one) {
  constexpr size_t kBefore = 40, kShown = 160;
  const auto first_other = std::mismatch(one.is.begin(), one.is.end(), one.should.begin(), one.should.end()).first;
  const size_t at = one.failed || one.should_fail ? 0 : static_cast<size_t>(first_other - one.is.begin());
  const size_t begin = at > kBefore ? at - kBefore : 0;
  const auto part = [&](const std::string& text) { return quoted(text.substr(std::min(begin, text.size()), kShown)); };
  std::printf("case %zu, from byte %zu\n  %s %s\n  %s %s\n", one.place, at, one.failed ? "fails  " : "text is",
              part(one.is).c_str(), one.should_fail ? "should fail" : "should ", part(one.should).c_str());
}

int check_template(const CheckOptions& options) {
  const std::vector<TemplateCase> cases = compare_templates(options.template_folder);
  size_t equal = 0, shown = 0, texts = 0;
  for (const TemplateCase& one : cases) {
    equal += one.equal ? 1 : 0;
    texts += one.should_fail ? 0 : 1;
    if (!one.equal && ++shown <= kDifferencesShown) print_rendering(one);
  }
  std::printf("%s: %zu of %zu renderings are equal (%zu texts, %zu refusals)\n", options.template_folder.c_str(), equal,
              cases.size(), texts, cases.size() - texts);
  return equal == cases.size() ? 0 : 1;
}

// A row of a published file; true when it is within bounds.
bool print_published(const FormatCase& one) {
  const PublishedDifference& difference = *one.published;
  const double error = std::fabs(difference.perplexity / difference.recorded - 1);
  std::vector<std::string> faults;
  if (difference.prompts_equal != difference.prompts) faults.push_back("tokens of prompts");
  if (difference.gap >= kGapMax) faults.push_back("greedy tokens");
  if (!(error <= kPerplexityErrorMax)) faults.push_back("perplexity");
  std::printf("%-36s prompts %zu/%zu, greedy %zu/%zu, perplexity %.4f for %.4f  %s\n", one.path.c_str(),
              difference.prompts_equal, difference.prompts, difference.greedy_equal, difference.greedy,
              difference.perplexity, difference.recorded,
              faults.empty() ? "ok" : ("OUT OF BOUNDS: " + join(faults, ", ")).c_str());
  std::fflush(stdout);
  return faults.empty();
}

// A row of a format; true when it is within bounds.
bool print_format(const FormatCase& one, const CheckOptions& options) {
  if (one.published) return print_published(one);
  if (!one.failure.empty()) {
    std::printf("%-36s failed: %s\n", one.path.c_str(), one.failure.c_str());
    return false;
  }
  char equal[48] = "-", logits[16] = "-", greedy[32] = "-";
  if (one.values != 0) std::snprintf(equal, sizeof equal, "%zu/%zu", one.equal, one.values);
  const bool near = one.golden.has_value() && one.relative <= kFormatErrorMax;
  std::string faults = one.equal == one.values || near ? "" : "values";
  if (one.golden) {
    std::snprintf(logits, sizeof logits, "%.1e", one.golden->relative);
    std::snprintf(greedy, sizeof greedy, "%u/%u", one.golden->greedy_equal, one.golden->greedy);
    const std::string others = find_faults(*one.golden, options);
    if (!others.empty()) faults += (faults.empty() ? "" : ", ") + others;
  }
  std::printf("%-36s %15s %9.1e %9s %7s  %s\n", one.path.c_str(), equal, one.relative, logits, greedy,
              faults.empty() ? "ok" : ("OUT OF BOUNDS: " + faults).c_str());
  std::fflush(stdout);
  return faults.empty();
}

int check_formats(const CheckOptions& options) {
  size_t good = 0, cases = 0;
  std::vector<std::string> absent;
  compare_formats(options.formats_folder, options.shared, [&](const FormatCase& one) {
    if (!one.absent.empty()) absent.push_back(one.absent);
    if (!one.absent.empty()) return;
    if (cases == 0) std::printf("%-36s %15s %9s %9s %7s\n", "case", "equal values", "error", "logits", "greedy");
    good += print_format(one, options) ? 1 : 0;
    cases++;
  });
  if (!absent.empty())
    std::printf("not here, so not compared: %s; -m FOLDER says where published files lie\n",
                join(absent, ", ").c_str());
  std::printf("%zu of %zu cases within bounds\n", good, cases);
  return good == cases ? 0 : 1;
}

int check(CommandLine& line, const std::vector<std::string>& arguments) {
  CheckOptions options;
  line.add({.names = "folder",
            .value = "DIR",
            .help = "holds golden_*.safetensors; pictures they name are looked for here and in images/, ../images/ and "
                    "../../images/"},
           &options.folder);
  line.add({.names = "--tokenizer",
            .value = "DIR",
            .help = "instead checks the tokenizer in DIR (or of -m) against encodings.json there"},
           &options.tokenizer_folder);
  line.add({.names = "--template",
            .value = "DIR",
            .help = "instead checks the chat template in DIR against renderings.json there"},
           &options.template_folder);
  line.add({.names = "--formats",
            .value = "DIR",
            .help = "instead checks every block type, quantized checkpoint and published file in DIR (or, of these, in "
                    "-m FOLDER) against what is recorded there"},
           &options.formats_folder);
  line.add({.names = "--tolerance",
            .value = "X",
            .help = "bound of the logits' relative error: largest |a - b| over largest |b|, over all rows",
            .low = 0,
            .high = 1e9},
           &options.tolerance);
  line.add(
      {.names = "--cosine",
       .value = "MIN",
       .help = "judges by the smallest cosine of a row of logits instead of tolerance and greedy tokens: for packed "
               "models",
       .low = 0,
       .high = 1,
       .initial = ""},
      &options.cosine_min);
  add_options(line, options.shared, kModelOptions | kBatchOption | kThreadsOption | kContextOption);
  parse(line, arguments, options.shared);
  if (!options.folder.empty() + !options.tokenizer_folder.empty() + !options.template_folder.empty() +
          !options.formats_folder.empty() !=
      1) {
    throw UsageError("wants one of DIR, --tokenizer DIR, --template DIR and --formats DIR");
  }
  if (!options.formats_folder.empty()) return check_formats(options);
  if (!options.template_folder.empty()) return check_template(options);
  return options.folder.empty() ? check_tokenizer(options) : check_model(options);
}

}  // namespace

const Command kCheckCommand = {
    "check", "compares a model with its reference's recorded outputs",
    "  mica check tests/data/golden/qwen2_vl              the checkpoint beside its goldens\n"
    "  mica check -m qwen2_vl.mica --cosine 0.98 tests/data/golden/qwen2_vl\n"
    "  mica check --tokenizer tests/data/tokenizers/smollm2\n"
    "  mica check --template tests/data/templates/qwen3_vl_like\n"
    "  mica check --formats tests/data/formats\n"
    "\n"
    "A row shows the largest error of pixel_values, the relative error and the smallest cosine of the\n"
    "logits, and how many greedy tokens agree from the first. The exit status is 1 when any row is out\n"
    "of bounds: pixels beyond 1e-5, logits beyond --tolerance, or another greedy token.",
    check};

}  // namespace app
