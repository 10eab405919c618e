// Plots of a quantization report as SVG: text that a page takes in. Colours are the page's, by class.
#pragma once

#include <string>

#include "quantize.hpp"

namespace app {

// Text as it may stand in HTML and SVG, in quotes too.
std::string escape(const std::string& text);
// A number in three digits: "0.0123", "4.56", "1.2e+05".
std::string three_digits(double value);

// Each gives a row of small plots, one for each kind of place, or nothing where there is nothing to show.
std::string range_plots(const mica::QuantizeReport& report, bool vision);
std::string outlier_plots(const mica::QuantizeReport& report, bool vision);
// A map of layers (across) and kinds (down), shaded by error.
std::string error_map(const mica::QuantizeReport& report, bool vision);

}  // namespace app
