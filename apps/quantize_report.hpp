// What `mica quantize` did, for people and for programs. The numbers are QuantizeReport's; nothing is measured here.
#pragma once

#include <string>
#include <vector>

#include "quantize.hpp"

namespace app {

// The packed file beside its checkpoint, on samples kept out of calibration.
struct Verdict {
  size_t samples = 0, rows = 0;        // rows of logits that were compared; no samples: it was not judged
  double divergence = 0, divergence_error = 0;  // mean of KL(before || after), one standard error
  double same_first = 0;               // share of rows whose likeliest token is the same
  double perplexity_before = 0, perplexity_after = 0;  // of texts; 0: there were none
};

// A report and what it is about.
struct QuantizeRun {
  std::string model, output;  // as given
  mica::QuantizeOptions options;
  mica::QuantizeReport report;
  Verdict verdict = {};
};

std::string format_name(mica::WeightFormat format);  // "W4A8"

// "W4A8", or of two matrices "W2A8 behind W4A8, rank 64".
std::string storage_name(const mica::LinearReport& layer);

// "layers.7.down" is down of the decoder's layer 7, "vision.patches_in" patches_in of the tower and of no layer.
struct PlaceName {
  bool vision = false;
  int layer = -1;
  std::string kind;
};
PlaceName place_of(const std::string& name);

// Errors of a linear layer are |W X - Q X|^2 / |W X|^2; people read the root of it, in percent.
double percent_error(const mica::LinearReport& layer);
double median_error(const mica::QuantizeReport& report);  // of the layers that were quantized, in percent; 0: none

// Bits of a weight on average over the layers of the tower or of the decoder, by the kind of matrix, in the order of
// the first layer.
struct KindBits {
  std::string name;
  double bits;
};
std::vector<KindBits> bits_by_kind(const mica::QuantizeReport& report, bool vision);
double mean_bits(const mica::QuantizeReport& report, bool vision);  // of all of them; 0: there are none
std::string bits_text(double bits);  // "2.56"

// "on 8 samples kept out: perplexity 20.1 to 21.4 (+6.5 %), ...".
std::string verdict_text(const Verdict& verdict);

// "the smallest cosine with the checkpoint's is 0.9931, ...", and why there are raises, and each of them.
std::string closeness_text(const mica::Closeness& closeness);
std::string raises_text(const mica::QuantizeReport& report);
std::string raise_text(const mica::RaiseReport& raise);

std::string report_json(const QuantizeRun& run);
// A page that needs nothing but itself.
std::string report_page(const QuantizeRun& run);

// To standard output, for people; `reports` are the paths that were written, `sees` whether the model reads pictures.
void print_summary(const QuantizeRun& run, const std::vector<std::string>& reports, bool sees);

// Writes the report in the form that the path's ending names, .json or .html. Throws Failure.
void write_report(const QuantizeRun& run, const std::string& path);
bool is_report_path(const std::string& path);

}  // namespace app
