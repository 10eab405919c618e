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
// Maps of layers (across) and kinds (down), shaded by error, by bits, and by what the fewest bits would cost.
std::string error_map(const mica::QuantizeReport& report, bool vision);
std::string bits_map(const mica::QuantizeReport& report, bool vision);
std::string sensitivity_map(const mica::QuantizeReport& report, bool vision);
// The loss that is expected at other averages and at `bits`, and what was measured there (0: nothing was).
std::string loss_plot(const mica::ExpectedLoss& expected, double bits, double measured);

}  // namespace app
