// What `mica quantize` says in the end: the file, its size, the method, bits, errors, the verdict and warnings.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "handles.hpp"
#include "quantize_report.hpp"
#include "terminal.hpp"
#include "words.hpp"

namespace app {
namespace {

constexpr size_t kWorstShown = 5;
constexpr size_t kRaisesShown = 8;

void print_fact(const char* name, const std::string& value) { std::printf("  %-13s%s\n", name, value.c_str()); }

std::string method_of(const QuantizeRun& run) {
  const mica::QuantizeOptions& options = run.options;
  std::vector<std::string> words;
  if (options.rounding == mica::Rounding::gptq) words.push_back("GPTQ");
  else words.push_back("rounded to the nearest");
  if (options.rotation) words.push_back("rotation");
  if (options.msq) words.push_back("MSQ");
  if (options.aifs) words.push_back("AIFS");
  const auto suppressed = std::count_if(run.report.layers.begin(), run.report.layers.end(),
                                        [](const mica::LinearReport& layer) { return layer.suppressed; });
  if (options.rms) words.push_back("RMS in " + std::to_string(suppressed) + (suppressed == 1 ? " layer" : " layers"));
  return join(words, ", ");
}

std::vector<const mica::LinearReport*> worst_layers(const mica::QuantizeReport& report) {
  std::vector<const mica::LinearReport*> worst;
  for (const mica::LinearReport& layer : report.layers)
    if (layer.format != mica::WeightFormat::floats) worst.push_back(&layer);
  const size_t count = std::min(worst.size(), kWorstShown);
  std::partial_sort(worst.begin(), worst.begin() + static_cast<std::ptrdiff_t>(count), worst.end(),
                    [](const auto* a, const auto* b) { return a->error > b->error; });
  worst.resize(count);
  return worst;
}

void print_errors(const mica::QuantizeReport& report) {
  const std::vector<const mica::LinearReport*> worst = worst_layers(report);
  if (worst.empty()) return;
  char line[160];
  std::snprintf(line, sizeof line, "%.2f %% of a layer's output at the median; the largest:", median_error(report));
  print_fact("error", line);
  for (const mica::LinearReport* layer : worst) {
    std::snprintf(line, sizeof line, "%6.2f %%  %s%s", percent_error(*layer), layer->name.c_str(),
                  layer->fallback ? " (rounded to the nearest)" : "");
    print_fact("", line);
  }
}

void print_logits(const mica::QuantizeReport& report) {
  if (report.closeness.rows > 0) print_fact("logits", closeness_text(report.closeness));
  if (report.closeness_unlike.rows > 0) print_fact("unlike ones", closeness_text(report.closeness_unlike));
  if (report.raises.empty()) return;
  print_fact("raised", raises_text(report));
  for (size_t i = 0; i < std::min(report.raises.size(), kRaisesShown); ++i)
    print_fact("", "  " + report.raises[i].point + ": " + raise_text(report.raises[i]));
  if (report.raises.size() > kRaisesShown)
    print_fact("",
               "  and " + std::to_string(report.raises.size() - kRaisesShown) + " that lose less (--report has all)");
}

// The average, and that of each kind of matrix where they differ.
void print_bits(const mica::QuantizeReport& report, bool vision) {
  std::vector<std::string> kinds;
  for (const KindBits& kind : bits_by_kind(report, vision)) kinds.push_back(kind.name + " " + bits_text(kind.bits));
  print_fact(vision ? "tower's bits" : "bits",
             bits_text(mean_bits(report, vision)) + " on average: " + join(kinds, ", "));
}

// How many matrices became two, and what cutting them off cost at the most.
void print_ranks(const mica::QuantizeReport& report) {
  size_t factored = 0;
  const mica::LinearReport* worst = nullptr;
  for (const mica::LinearReport& layer : report.layers) {
    if (layer.rank == 0) continue;
    ++factored;
    if (worst == nullptr || layer.cut > worst->cut) worst = &layer;
  }
  if (worst == nullptr) return print_fact("low rank", "nowhere: it pays for no matrix");
  char text[200];
  std::snprintf(text, sizeof text, "%zu %s two; the cut alone costs up to %.2f %% of the output (%s, rank %u)", factored,
                factored == 1 ? "matrix is" : "matrices are", 100 * std::sqrt(worst->cut), worst->name.c_str(),
                worst->rank);
  print_fact("low rank", text);
}

}  // namespace

void print_summary(const QuantizeRun& run, const std::vector<std::string>& reports, bool sees) {
  const mica::QuantizeReport& report = run.report;
  const double ratio =
      static_cast<double>(report.bytes_after) / static_cast<double>(std::max<uint64_t>(report.bytes_before, 1));
  char text[160];
  std::snprintf(text, sizeof text, "%s, %.2f of the %s of weights before", format_bytes(report.bytes_after).c_str(),
                ratio, format_bytes(report.bytes_before).c_str());
  std::printf("%s\n", run.output.c_str());
  print_fact("size", text);
  std::string storage =
      std::string("decoder ") + (run.options.bits > 0 ? "by --bits" : format_name(run.options.text)) + ", head " +
      format_name(run.options.head);
  const std::string tower = run.options.bits_vision > 0 ? "by --bits-vision" : format_name(run.options.vision);
  if (sees) storage = "tower " + tower + ", " + storage;
  print_fact("storage", storage);
  if (!report.layers.empty()) {
    print_fact("method", method_of(run));
    print_fact("seen", std::to_string(report.samples) + " samples: " + std::to_string(report.tokens_visual) +
                           " visual and " + std::to_string(report.tokens_text) + " text rows");
  }
  if (run.options.bits_vision > 0 && sees) print_bits(report, true);
  if (run.options.bits > 0) print_bits(report, false);
  if (run.options.low_rank.automatic || run.options.low_rank.keep > 0) print_ranks(report);
  print_errors(report);
  print_logits(report);
  if (run.verdict.samples > 0) print_fact("verdict", verdict_text(run.verdict));
  print_fact("time", format_seconds(report.seconds) + ", peak memory " + format_bytes(report.peak_bytes));
  for (const std::string& path : reports) print_fact("report", path);
  for (const std::string& warning : report.warnings) print_fact("warning", warning);
  const std::string question = sees ? " --image PICTURE -p \"What is in the picture?\"" : " -p \"What is a mica?\"";
  std::printf("\nTry it:  mica run -m %s%s\n", run.output.c_str(), question.c_str());
}

}  // namespace app
