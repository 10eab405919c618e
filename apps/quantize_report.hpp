// What `mica quantize` did, for people and for programs. The numbers are QuantizeReport's; nothing is measured here.
#pragma once

#include <string>
#include <vector>

#include "quantize.hpp"

namespace app {

// A report and what it is about.
struct QuantizeRun {
  std::string model, output;  // as given
  mica::QuantizeOptions options;
  mica::QuantizeReport report;
};

std::string format_name(mica::WeightFormat format);  // "W4A8"

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

// Bits of a weight on average over the decoder's layers, by the kind of matrix, in the order of the first layer.
struct KindBits {
  std::string name;
  double bits;
};
std::vector<KindBits> bits_by_kind(const mica::QuantizeReport& report);
double mean_bits(const mica::QuantizeReport& report);  // of all of them; 0: there are none
std::string bits_text(double bits);  // "2.56"

std::string report_json(const QuantizeRun& run);
// A page that needs nothing but itself.
std::string report_page(const QuantizeRun& run);

// Writes the report in the form that the path's ending names, .json or .html. Throws Failure.
void write_report(const QuantizeRun& run, const std::string& path);
bool is_report_path(const std::string& path);

}  // namespace app
