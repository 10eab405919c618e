// mica quantize: a checkpoint and samples in, one packed file and a report out. The method is src/quant's; here are its
// options, its progress and what is said about it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include <unistd.h>

#include "calibration_set.hpp"
#include "command.hpp"
#include "interrupt.hpp"
#include "kv_settings.hpp"
#include "model.hpp"
#include "options.hpp"
#include "pack_float.hpp"
#include "quantize_verdict.hpp"
#include "terminal.hpp"

namespace app {
namespace {

namespace fs = std::filesystem;

struct QuantizeArguments {
  std::string output, samples;
  std::string vision = "w4a8", text = "w4a8", shared_heads = "w8a8", head = "w8", rounding = "gptq";
  std::string kv_visual, kv_visual_layers, description;
  double bits = 0, bits_vision = 0;
  std::string two_bits = "w2a8", allocation = "error", low_rank = "off";
  double least_cosine = 0.98;
  bool only_pack = false;
  bool no_rms = false, no_aifs = false, no_msq = false, no_rotation = false;
  mica::CalibrationOptions calibration{.held_out = 8};
  uint32_t seed = 42;
  std::vector<std::string> reports;
};

void require_ok(const mica::Status& status) {
  if (!status) throw Failure(status.message(), static_cast<mica_status>(status.code()));
}

// ---- the command line -----------------------------------------------------------------------------------------------

// "w4a8|w8a8": the names of the packed formats.
std::string packed_names() {
  std::vector<std::string> names;
  for (const mica::WeightFormatFacts& facts : mica::kWeightFormats)
    if (*facts.tag != '\0') names.push_back(facts.name);
  return join(names, "|");
}

void add_arguments(CommandLine& line, QuantizeArguments& arguments) {
  static const std::string packed = packed_names(), all = packed + "|f16", head = "w8|" + all;
  const auto choice = [&](const char* name, std::string& value, const char* help, const char* choices,
                          const char* group) {
    line.add({.names = name, .value = choices, .help = help, .group = group, .choices = choices}, &value);
  };
  const auto off = [&](const char* name, bool& value, const char* help) {
    line.add({.names = name, .value = "", .help = help, .group = "Method"}, &value);
  };
  line.add({.names = "-o,--output", .value = "FILE", .help = "the packed file to write", .group = "Model"},
           &arguments.output);
  line.add(
      {.names = "--calib",
       .value = "PATH",
       .help = "what the model is shown to measure its activations: a folder of pictures, a questions.jsonl (or the "
               "folder that holds one), for text models a .txt file or a folder of them",
       .group = "Calibration"},
      &arguments.samples);
  line.add({.names = "--calib-samples",
            .value = "N",
            .help = "at most so many of them, evenly spread",
            .group = "Calibration",
            .low = 1,
            .high = 65536},
           &arguments.calibration.samples);
  line.add({.names = "--held-out",
            .value = "N",
            .help = "at most so many others, a ninth of all at most, on which the file is judged in the end; 0: it is "
                    "not",
            .group = "Calibration",
            .low = 0,
            .high = 4096},
           &arguments.calibration.held_out);
  line.add({.names = "--least-cosine",
            .value = "X",
            .help = "how near logits have to be to the checkpoint's on what was kept out, as the cosine of every row, or "
                    "as their mean where few rows lose far more than others: where they are not, matrices whose integers "
                    "cost most get a table of levels, 8 or 16 bits and are named; 0: none does. With --bits, --low-rank "
                    "and formats of 2 and 3 bits only where it is given",
            .group = "Storage",
            .low = 0,
            .high = 0.9999},
           &arguments.least_cosine);
  choice("--vision", arguments.vision, "vision tower and projector", all.c_str(), "Storage");
  choice("--text", arguments.text, "decoder", all.c_str(), "Storage");
  choice("--shared-heads", arguments.shared_heads,
         "value matrices of a decoder of fewer than 8 bits whose query heads share them", packed.c_str(), "Storage");
  line.add({.names = "--bits",
            .value = "X",
            .help = "so many bits a weight for the decoder on average, with all scales counted: each matrix gets 2, 3, 4 "
                    "or 8 by what they cost it",
            .group = "Storage",
            .low = 2,
            .high = 8.5,
            .initial = ""},
           &arguments.bits);
  line.add({.names = "--bits-vision",
            .value = "X",
            .help = "likewise for the layers of the vision tower; its projector stays as --vision says",
            .group = "Storage",
            .low = 2,
            .high = 8.5,
            .initial = ""},
           &arguments.bits_vision);
  choice("--two-bits", arguments.two_bits,
         "of matrices that --bits gives 2: pairs by a table, which are read fastest, or vectors of the lattice E8 (QuIP#), "
         "which lose less and take three times as long to read",
         "w2a8|w2a8-e8p", "Storage");
  choice("--allocation", arguments.allocation,
         "who gets these bits: the matrices whose error costs most, the layers that change most (CASP), or all "
         "alike",
         "error|influence|uniform", "Storage");
  line.add({.names = "--low-rank",
            .value = "KEEP|auto|off",
            .help = "query and key matrices of the decoder as two with so large a share of the weights, from 0.05 to 0.95 "
                    "(CASP); auto: each, where that is the best use of --bits",
            .group = "Storage"},
           &arguments.low_rank);
  choice("--head", arguments.head, "embedding and lm_head; w8 is w8a8, and fewer bits are a smaller file and worse words",
         head.c_str(), "Storage");
  line.add({.names = "--only-pack",
            .value = "",
            .help = "every value stays as it is stored, also where that is in 4 bits: nothing is measured",
            .group = "Storage"},
           &arguments.only_pack);
  for (const char* other :
       {"--vision", "--text", "--shared-heads", "--head", "--bits", "--bits-vision", "--two-bits", "--low-rank",
        "--calib", "--least-cosine"})
    line.exclude("--only-pack", other);
  choice("--kv-visual", arguments.kv_visual,
         "bits that visual keys and values keep where a session says nothing else; without it the program's default",
         "1|2|4|16", "Storage");
  line.add({.names = "--kv-visual-layers",
            .value = "LAYERS",
            .help = "exceptions by layer, as 0-3=4,27=2",
            .group = "Storage"},
           &arguments.kv_visual_layers);
  line.add({.names = "--describe",
            .value = "TEXT",
            .help = "what the model is for, in a few words: kept in the file, shown by chat and inspect",
            .group = "Storage"},
           &arguments.description);
  off("--no-msq", arguments.no_msq, "one scale for visual and text rows at each quant point");
  off("--no-aifs", arguments.no_aifs, "rows keep their order: chunks end where pictures begin and end");
  off("--no-rms", arguments.no_rms, "keeps no inflated channel out of the 4-bit matrices");
  off("--no-rotation", arguments.no_rotation, "does not rotate the residual streams and the inputs of down");
  choice("--rounding", arguments.rounding, "how weights are rounded", "gptq|nearest", "Method");
  line.add({.names = "-s,--seed",
            .value = "N",
            .help = "of the random signs in the rotations",
            .group = "Method",
            .low = 0,
            .high = 4294967295.0},
           &arguments.seed);
  line.add({.names = "--report",
            .value = "FILE.html|FILE.json",
            .help = "writes what was measured; the ending says how; several: once each",
            .group = "Model"},
           &arguments.reports);
}

// By a choice of the command line; "w8" is another word for W8A8.
mica::WeightFormat format_of(const std::string& name) {
  mica::WeightFormat format = mica::WeightFormat::s8;
  mica::weight_format_of(name, &mica::WeightFormatFacts::name, &format);
  return format;
}

mica::LowRank low_rank_of(const QuantizeArguments& arguments) {
  const std::string& text = arguments.low_rank;
  if (text == "off") return {};
  if (text == "auto") {
    if (arguments.bits == 0 || arguments.allocation != "error")
      throw UsageError("--low-rank auto: it is the allocation by error that finds where it pays: give --bits too, without "
                       "another --allocation; or a share, as in --low-rank 0.5");
    return {.automatic = true};
  }
  char* end = nullptr;
  const double keep = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(keep >= 0.05 && keep <= 0.95))
    throw UsageError("--low-rank " + text + ": wants a share from 0.05 to 0.95, auto or off");
  if (arguments.text == "f16")
    throw UsageError("--low-rank and --text f16: the factors are rounded together with the rest of the decoder");
  return {.keep = keep};
}

mica::QuantizeOptions options_of(const QuantizeArguments& arguments, uint32_t threads) {
  mica::QuantizeOptions options;
  const auto stored = [&](const std::string& name) {
    return arguments.only_pack ? mica::WeightFormat::floats : format_of(name);
  };
  options.vision = stored(arguments.vision);
  options.text = stored(arguments.text);
  options.head = stored(arguments.head);
  options.shared_heads = format_of(arguments.shared_heads);
  options.bits = arguments.bits;
  options.bits_vision = arguments.bits_vision;
  options.least_cosine = arguments.least_cosine;
  options.two_bits = format_of(arguments.two_bits);
  options.allocation = arguments.allocation == "error"       ? mica::Allocation::error
                       : arguments.allocation == "influence" ? mica::Allocation::influence
                                                             : mica::Allocation::uniform;
  options.low_rank = low_rank_of(arguments);
  options.msq = !arguments.no_msq;
  options.aifs = !arguments.no_aifs;
  options.rms = !arguments.no_rms;
  options.rotation = !arguments.no_rotation;
  options.rounding = arguments.rounding == "gptq" ? mica::Rounding::gptq : mica::Rounding::nearest;
  options.seed = arguments.seed;
  options.threads = threads;
  return options;
}

// Few bits are asked for by those who know that they cost something.
bool asks_for_few_bits(const mica::QuantizeOptions& options) {
  constexpr int kFew = 4;
  return options.bits > 0 || options.bits_vision > 0 || options.low_rank.keep > 0 || mica::facts_of(options.text).bits < kFew ||
         mica::facts_of(options.vision).bits < kFew || mica::facts_of(options.head).bits < kFew;
}

// A file that will be written after long work is refused at once when it could not be.
void check_writable(const std::string& path, const char* option) {
  std::error_code ignored;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  if (fs::is_directory(path, ignored))
    throw UsageError(std::string(option) + " " + path + " is a folder: name a file, as in " +
                     (fs::path(path) / "model.mica").string());
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    throw Failure(path + ": exists and is not a regular file", MICA_INVALID_ARGUMENT);
  if (!fs::is_directory(folder, ignored))
    throw Failure(path + ": there is no folder " + folder.string(), MICA_NOT_FOUND);
  if (access(folder.c_str(), W_OK) != 0)
    throw Failure(path + ": the folder " + folder.string() + " cannot be written to", MICA_PERMISSION_DENIED);
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored) || fs::weakly_canonical(a, ignored) == fs::weakly_canonical(b, ignored);
}

// Is `output` the file `input`, or one in the folder of that name that is there already? What mica writes may be
// written again.
bool replaces(const fs::path& input, const fs::path& output) {
  std::error_code ignored;
  if (same_file(input, output)) return true;
  if (!fs::is_directory(input, ignored)) return false;
  const auto files = fs::recursive_directory_iterator(input, fs::directory_options::skip_permission_denied, ignored);
  for (const auto& entry : files) {
    const std::string kind = entry.path().extension();
    if (kind != ".mica" && kind != ".html" && same_file(entry.path(), output)) return true;
  }
  return false;
}

// Neither the model nor what it is calibrated with may be lost, and each output is a file of its own.
void check_spares_inputs(const Options& options, const QuantizeArguments& arguments) {
  const fs::path model = options.model;
  const std::string packed = (fs::path(arguments.output).parent_path() / "model.mica").string();
  const fs::path folder = fs::path(arguments.output).has_parent_path() ? fs::path(arguments.output).parent_path() : ".";
  if (replaces(model, arguments.output) || (same_file(model, folder) && fs::path(arguments.output).extension() != ".mica"))
    throw UsageError("-o " + arguments.output + " is a file of the model itself: name another, as in -o " + packed);
  for (const std::string& report : arguments.reports) {
    if (replaces(model, report)) throw UsageError("--report " + report + " is a file of the model itself: name another");
    if (same_file(report, arguments.output)) throw UsageError("--report " + report + " and -o are the same file");
  }
  if (arguments.samples.empty()) return;
  std::vector<std::string> outputs = arguments.reports;
  outputs.push_back(arguments.output);
  for (const std::string& output : outputs)
    if (replaces(arguments.samples, output))
      throw UsageError(output + " is one of the samples (--calib): name another file to write");
}

void check_paths(const Options& options, const QuantizeArguments& arguments) {
  if (options.model.empty()) throw UsageError("-m PATH is missing: the checkpoint to quantize");
  if (arguments.output.empty()) throw UsageError("-o FILE is missing: the packed file to write, as in -o model.mica");
  check_writable(arguments.output, "-o");
  for (const std::string& report : arguments.reports) {
    if (!is_report_path(report)) throw UsageError("--report " + report + ": the name must end in .html or .json");
    check_writable(report, "--report");
  }
  check_spares_inputs(options, arguments);
  if (arguments.bits > 0 && arguments.text == "f16")
    throw UsageError("--bits and --text f16: a decoder of 16 bits has none to allot");
  if (arguments.two_bits != "w2a8" && arguments.bits == 0 && arguments.bits_vision == 0)
    throw UsageError("--two-bits says what --bits and --bits-vision choose from: give one of them too; all matrices in this "
                     "format: --text " + arguments.two_bits);
  if (arguments.bits_vision > 0 && arguments.vision == "f16")
    throw UsageError("--bits-vision and --vision f16: a tower of 16 bits has none to allot");
}

// ---- the work -------------------------------------------------------------------------------------------------------

// Is the model changed at all, and does that need samples?
bool needs_samples(const mica::QuantizeOptions& options, bool sees) {
  const auto is_static = [](mica::WeightFormat format) { return format != mica::WeightFormat::floats; };
  return is_static(options.text) || is_static(options.head) || (sees && is_static(options.vision));
}

std::unique_ptr<mica::Model> open_checkpoint(const Options& options) {
  std::unique_ptr<mica::ModelFiles> files;
  const char* projector = options.projector.empty() ? nullptr : options.projector.c_str();
  require_ok(mica::ModelFiles::open(options.model.c_str(), &files, projector));
  if (files->kind() == mica::ModelFiles::Kind::packed)
    throw Failure(options.model + " is packed already: quantize the checkpoint that it was made from", MICA_INVALID_ARGUMENT);
  std::unique_ptr<mica::Model> model;
  require_ok(mica::open_model(std::move(files), &model));
  return model;
}

mica::CalibrationSet read_samples(const QuantizeArguments& arguments, const mica::Model& model) {
  const bool sees = model.spec.has_vision;
  if (arguments.samples.empty())
    throw UsageError(
        std::string("--calib PATH is missing: static scales are measured on ") +
        (sees ? "pictures (a folder of them, or a questions.jsonl)" : "texts (a .txt file, or a folder of them)") +
        "; --only-pack packs without");
  mica::CalibrationOptions options = arguments.calibration;
  options.pictures = sees;
  mica::CalibrationSet set;
  require_ok(mica::read_calibration_set(arguments.samples.c_str(), options, model.tokenizer.get(), &set));
  return set;
}

// The type in which most of the weights are stored, where that is one of few bits; null: it is not.
const char* coarse_type(const mica::ModelFiles& files) {
  constexpr double kBitsMax = 6;  // with their scales, of types whose codes have 5 bits
  std::map<mica::DType, uint64_t> values;
  uint64_t all = 0;
  for (const mica::TensorView& tensor : files.tensors()) {
    const mica::DTypeLayout& layout = mica::dtype_layout(tensor.dtype);
    const uint64_t count = tensor.bytes.size() / layout.block_bytes * layout.block_values;
    all += count;
    if (8.0 * layout.block_bytes / layout.block_values <= kBitsMax) values[tensor.dtype] += count;
  }
  uint64_t coarse = 0;
  for (const auto& [type, count] : values) coarse += count;
  if (2 * coarse <= all) return nullptr;
  const auto most = std::max_element(values.begin(), values.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return mica::dtype_layout(most->first).name;
}

void add_warnings(const mica::CalibrationSet& set, const char* coarse, mica::QuantizeReport& report) {
  if (coarse != nullptr)
    report.warnings.push_back(std::string("the source holds its weights in ") + coarse + ": what that lost stays lost, and "
                              "the errors above come on top of it. A checkpoint of 16 bits gives a better file of the "
                              "same size; --only-pack keeps this one's values");
  const auto fallbacks = std::count_if(report.layers.begin(), report.layers.end(),
                                       [](const mica::LinearReport& layer) { return layer.fallback; });
  if (fallbacks > 0)
    report.warnings.push_back(std::to_string(fallbacks) + (fallbacks == 1 ? " matrix was" : " matrices were") +
                              " rounded to the nearest: GPTQ's matrix was singular there");
  if (set.unreadable == 0) return;
  const std::string count = std::to_string(set.unreadable);
  report.warnings.insert(report.warnings.begin(), count + (set.unreadable == 1 ? " picture was" : " pictures were") +
                                                      " left out, since they cannot be read: " + set.first_unreadable +
                                                      (set.unreadable > 1 ? ", ..." : ""));
}

// Bits of each layer as the file will say them; none where nothing was asked for.
std::vector<uint8_t> preferred_bits(const QuantizeArguments& arguments, const mica::Model& model) {
  if (arguments.kv_visual.empty() && arguments.kv_visual_layers.empty()) return {};
  if (!model.spec.has_vision) throw UsageError("--kv-visual: this model reads no pictures");
  mica::KvOptions wanted;
  if (!arguments.kv_visual.empty()) wanted.visual_bits = static_cast<uint32_t>(std::stoul(arguments.kv_visual));
  wanted.visual_layers = arguments.kv_visual_layers.c_str();
  mica::KvSettings settings;
  require_ok(mica::resolve_kv(model, wanted, &settings));
  return settings.visual_bits;
}

std::string one_line(const std::string& description) {
  constexpr size_t kBytesMax = 1024;  // as much as is read of a file
  const auto is_control = [](char character) { return static_cast<unsigned char>(character) < ' '; };
  if (std::any_of(description.begin(), description.end(), is_control) || description.size() > kBytesMax)
    throw UsageError("--describe: wants one line of at most 1024 bytes");
  return description;
}

void pack(const mica::ModelFiles& files, QuantizeRun& run) {
  const Stopwatch total;
  for (const mica::TensorView& tensor : files.tensors()) run.report.bytes_before += tensor.bytes.size();
  require_ok(mica::pack_float(files, run.options.notes, run.output.c_str()));
  run.report.seconds = total.seconds();
  run.report.peak_bytes = memory_peak();
}

// False when Ctrl-C came first.
bool quantize_model(const QuantizeArguments& arguments, std::unique_ptr<mica::Model> model, QuantizeRun& run,
                    std::vector<mica::CalibrationSample>& held_out) {
  run.options.notes.description = one_line(arguments.description);
  run.options.notes.kv_visual_bits = preferred_bits(arguments, *model);
  if (!needs_samples(run.options, model->spec.has_vision)) {
    pack(*model->files, run);
    return true;
  }
  mica::CalibrationSet set = read_samples(arguments, *model);
  std::unique_ptr<mica::ModelFiles> files = std::move(model->files);
  const char* coarse = coarse_type(*files);
  model.reset();  // its weights are not wanted twice in memory
  const Interrupt interrupt;  // until here Ctrl-C ends the program at once, and nothing has been written
  Progress progress("quantizing");
  const auto tell = [&](const char* stage, double done) {
    progress.update(done, stage);
    return interrupt.requested();
  };
  const mica::Status status =
      mica::quantize(std::move(files), set.samples, run.options, tell, run.output.c_str(), &run.report, set.held_out);
  progress.clear();
  if (status.code() == mica::Code::cancelled && interrupt.requested()) return false;
  require_ok(status);
  add_warnings(set, coarse, run.report);
  held_out = std::move(set.held_out);
  return true;
}

// What a model is called: the last part of its path.
std::string name_of(const std::string& path) {
  fs::path clean = fs::absolute(path).lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  return clean.filename().string();
}

int quantize_command(CommandLine& line, const std::vector<std::string>& words) {
  Options options;
  QuantizeArguments arguments;
  add_options(line, options, kModelOptions | kThreadsOption);
  add_arguments(line, arguments);
  line.describe("--model", "the checkpoint: a Hugging Face folder or a .gguf file");
  parse(line, words, options);
  check_paths(options, arguments);
  QuantizeRun run{options.model, arguments.output, options_of(arguments, options.threads), {}};
  if (!line.given("--least-cosine") && asks_for_few_bits(run.options)) run.options.least_cosine = 0;
  std::unique_ptr<mica::Model> model = open_checkpoint(options);
  const bool sees = model->spec.has_vision;
  if (arguments.bits_vision > 0 && !sees) throw UsageError("--bits-vision: this model has no vision tower");
  std::vector<mica::CalibrationSample> held_out;
  if (!quantize_model(arguments, std::move(model), run, held_out)) {
    std::fprintf(stderr, "mica: stopped; %s was not written\n", run.output.c_str());
    return kExitInterrupted;
  }
  std::error_code ignored;
  run.report.bytes_after = fs::file_size(run.output, ignored);
  run.report.model = name_of(options.model);
  run.verdict = judge(options.model, options.projector, run.output, held_out, options.threads);
  for (const std::string& path : arguments.reports) write_report(run, path);
  print_summary(run, arguments.reports, sees);
  return 0;
}

}  // namespace

const Command kQuantizeCommand = {
    "quantize", "packs a checkpoint into one file that runs with static scales",
    "  mica quantize -m Qwen2-VL-2B-Instruct -o qwen.mica --calib pictures/ --report report.html\n"
    "  mica quantize -m checkpoint -o model.mica --calib panel/questions.jsonl --vision w8a8 --calib-samples 256\n"
    "  mica quantize -m SmolLM2-135M-Instruct.gguf -o smol.mica --calib text.txt\n"
    "  mica quantize -m checkpoint -o close.mica --calib pictures/ --least-cosine 0.995 --report raised.html\n"
    "  mica quantize -m SmolLM2-135M-Instruct.gguf -o small.mica --calib text.txt --bits 2.5 --report bits.html\n"
    "  mica quantize -m Qwen2-VL-2B-Instruct -o small.mica --calib pictures/ --bits 2.5 --bits-vision 3\n"
    "  mica quantize -m Qwen2-VL-2B-Instruct -o least.mica --calib pictures/ --bits 2.2 --bits-vision 2.2 --head w4a8-levels\n"
    "  mica quantize -m llava-1.5-7b-hf -o small.mica --calib pictures/ --bits 2.2 --low-rank auto\n"
    "  mica quantize -m SmolLM2-135M-Instruct.gguf -o small.mica --calib text.txt --bits 2.2 --two-bits w2a8-e8p\n"
    "  mica quantize -m SmolLM2-135M-Instruct-Q4_K_M.gguf -o smol.mica --only-pack\n"
    "\n"
    "W4A8: weights in 4 bits with a scale an output channel, activations in 8 bits with scales that are fixed here;\n"
    "W8A8: both in 8 bits. A line of questions.jsonl: {\"image\": \"000.jpg\", \"question\": \"Read the dial.\",\n"
    "\"answer\": \"9\"}, the picture beside the file; with an answer the rows of generated tokens are seen too. Take\n"
    "samples like those that the model will meet, and others for its evaluation. The method is MQuant's (arXiv\n"
    "2502.00425) with GPTQ (arXiv 2210.17323).",
    quantize_command};

}  // namespace app
