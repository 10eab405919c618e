// SVG plots of a quantization report: small plots over layers on a log scale, and the map of errors. Not their page.
#include "quantize_plots.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <span>
#include <vector>

#include "quantize_report.hpp"

namespace app {
namespace {

__attribute__((format(printf, 1, 2))) std::string print(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

// ---- one small plot --------------------------------------------------------------------------------------------

struct Series {
  const char* style;  // the class of its line and dots
  const char* name;
  std::vector<double> x, y;
  std::vector<double> low, high;  // a band around it, or empty
};

constexpr double kWidth = 264, kHeight = 178, kLeft = 36, kRight = 12, kTop = 28, kBottom = 30;

class Plot {
 public:
  // `first` is the least on the axis along, `along` its name.
  Plot(std::string title, std::vector<Series> series, double first = 0, const char* along = "layer")
      : title_(std::move(title)), series_(std::move(series)), first_(first), along_(along) {
    measure();
  }

  std::string svg() const {
    std::string out = print("<svg class=\"plot\" viewBox=\"0 0 %g %g\" role=\"img\">", kWidth, kHeight);
    out += print("<text class=\"plot-title\" x=\"%g\" y=\"17\">", 12.0) + escape(title_) + "</text>";
    out += axes();
    for (const Series& series : series_) out += band(series);
    for (const Series& series : series_) out += line(series);
    return out + "</svg>";
  }

 private:
  void measure() {
    double low = HUGE_VAL, high = 0;
    for (const Series& series : series_) {
      for (const auto* values : {&series.y, &series.low, &series.high})
        for (double value : *values)
          if (value > 0 && std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
      for (double x : series.x) x_max_ = std::max(x_max_, x);
    }
    if (high == 0) low = high = 1;
    low_ = std::log10(low) - 0.06;
    high_ = std::log10(high) + 0.06;
    if (high_ - low_ < 0.7) {  // a line of nearly one height is not stretched over the whole plot
      const double middle = (low_ + high_) / 2;
      low_ = middle - 0.35, high_ = middle + 0.35;
    }
  }

  double place_x(double x) const {
    return kLeft + (kWidth - kLeft - kRight) * (x_max_ > first_ ? (x - first_) / (x_max_ - first_) : 0.5);
  }
  double place_y(double value) const {
    const double share = (std::log10(std::max(value, 1e-30)) - low_) / (high_ - low_);
    return kHeight - kBottom - (kHeight - kTop - kBottom) * std::clamp(share, 0.0, 1.0);
  }

  std::string axes() const {
    std::string out;
    const double span = high_ - low_;
    for (int power = static_cast<int>(std::floor(low_)); power <= static_cast<int>(std::ceil(high_)); ++power) {
      for (int digit : {1, 2, 5}) {
        if ((span > 1.6 && digit != 1) || (span > 4 && power % 2 != 0)) continue;
        const double value = digit * std::pow(10.0, power);
        if (std::log10(value) < low_ || std::log10(value) > high_) continue;
        const double y = place_y(value);
        out +=
            print("<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>", kLeft, kWidth - kRight, y, y);
        const std::string tick = power < -2 ? print("%de%d", digit, power) : print("%g", value);
        out += print("<text class=\"tick\" text-anchor=\"end\" x=\"%g\" y=\"%.1f\">", kLeft - 6, y + 3.5) + tick +
               "</text>";
      }
    }
    const int step = std::max(1, static_cast<int>(std::ceil((x_max_ - first_) / 7)));
    for (int x = static_cast<int>(std::ceil(first_)); x <= static_cast<int>(x_max_); x += step)
      out += print("<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%g\">%d</text>", place_x(x),
                   kHeight - 14, x);
    return out + print("<text class=\"tick\" text-anchor=\"end\" x=\"%g\" y=\"%g\">%s</text>", kWidth - kRight,
                       kHeight - 3, along_);
  }

  std::string band(const Series& series) const {
    if (series.low.size() != series.x.size() || series.x.size() < 2) return "";
    std::string points;
    for (size_t i = 0; i < series.x.size(); ++i)
      points += print("%.1f,%.1f ", place_x(series.x[i]), place_y(series.high[i]));
    for (size_t i = series.x.size(); i-- > 0;)
      points += print("%.1f,%.1f ", place_x(series.x[i]), place_y(series.low[i]));
    return print("<polygon class=\"band %s\" points=\"", series.style) + points + "\"/>";
  }

  std::string line(const Series& series) const {
    std::string points, dots;
    const double radius = series.x.size() > 40 ? 1.4 : 2.2;
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (!(series.y[i] > 0) || !std::isfinite(series.y[i])) continue;
      const double x = place_x(series.x[i]), y = place_y(series.y[i]);
      points += print("%.1f,%.1f ", x, y);
      dots += print("<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"><title>", series.style, x, y, radius) +
              escape(series.name) + print(", %s %.3g: ", along_, series.x[i]) + three_digits(series.y[i]) +
              "</title></circle>";
    }
    return print("<polyline class=\"line %s\" points=\"", series.style) + points + "\"/>" + dots;
  }

  std::string title_;
  std::vector<Series> series_;
  double first_;
  const char* along_;
  double x_max_ = 0, low_ = 0, high_ = 1;
};

// Kinds in the order in which they first come.
template <typename Entry>
std::vector<std::pair<std::string, std::vector<const Entry*>>> by_kind(const std::vector<Entry>& entries, bool vision) {
  std::vector<std::pair<std::string, std::vector<const Entry*>>> kinds;
  for (const Entry& entry : entries) {
    const PlaceName place = place_of(entry.name);
    if (place.vision != vision || place.layer < 0) continue;
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.first == place.kind; });
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), {place.kind, {}});
    kind->second.push_back(&entry);
  }
  return kinds;
}

std::string show_row(const std::vector<Plot>& plots) {
  if (plots.empty()) return "";
  std::string out = "<div class=\"plots\">";
  for (const Plot& plot : plots) out += plot.svg();
  return out + "</div>\n";
}

void add_rows(const char* style, const char* name, const std::vector<const mica::PointReport*>& points,
              float mica::PointReport::*greatest, std::vector<float> mica::PointReport::*quantiles,
              std::vector<Series>& out) {
  Series series{style, name, {}, {}, {}, {}};
  for (const mica::PointReport* point : points) {
    if (!(point->*greatest > 0)) continue;
    series.x.push_back(place_of(point->name).layer);
    series.y.push_back(point->*greatest);
    if ((point->*quantiles).empty()) continue;
    series.low.push_back((point->*quantiles).front());
    series.high.push_back((point->*quantiles).back());
  }
  if (!series.x.empty()) out.push_back(std::move(series));
}

// ---- maps of layers and kinds ----------------------------------------------------------------------------------

// A cell: the class that fills it, and what is said of it.
struct Cell {
  std::string style, text;
};
using CellOf = Cell (*)(const mica::LinearReport& layer, double largest);

// Six shades, a factor of two apart in the middle of what errors of 4-bit layers are, in percent.
constexpr double kErrorShades[] = {1, 2, 4, 8, 16};
// Of what the fewest bits would cost, in percent of the largest such cost.
constexpr double kSensitivityShades[] = {2, 5, 10, 20, 40};

std::string shade_of(double value, std::span<const double> bounds) {
  const auto above = std::count_if(bounds.begin(), bounds.end(), [&](double bound) { return value >= bound; });
  return print("shade-%d", static_cast<int>(above));
}

Cell error_cell(const mica::LinearReport& layer, double) {
  if (layer.format == mica::WeightFormat::floats) return {"cell-float", "16 bits"};
  return {shade_of(percent_error(layer), kErrorShades), three_digits(percent_error(layer)) + " %"};
}

Cell bits_cell(const mica::LinearReport& layer, double) {
  const int bits = mica::facts_of(layer.format).bits;
  return {print("bits-%d", bits), storage_name(layer) + ", " + bits_text(layer.bits) + " bits with its scales"};
}

Cell sensitivity_cell(const mica::LinearReport& layer, double largest) {
  const double share = largest > 0 ? 100 * layer.sensitivity / largest : 0;
  return {shade_of(share, kSensitivityShades), three_digits(layer.sensitivity) + " with the fewest bits"};
}

std::string draw_cell(const mica::LinearReport& layer, const Cell& cell, double x, double y, double width,
                      double height) {
  std::string out =
      print("<rect class=\"cell %s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" rx=\"2\"><title>",
            cell.style.c_str(), x, y, width, height);
  out += escape(layer.name + ": " + cell.text) + "</title></rect>";
  if (layer.suppressed || layer.fallback)
    out += print("<circle class=\"%s\" cx=\"%.2f\" cy=\"%.2f\" r=\"2.2\"/>",
                 layer.fallback ? "mark-fallback" : "mark-rms", x + width / 2, y + height / 2);
  return out;
}

std::string map_of(const mica::QuantizeReport& report, bool vision, CellOf cell_of) {
  const auto kinds = by_kind(report.layers, vision);
  int last = 0;
  double largest = 0;
  for (const auto& [kind, layers] : kinds)
    for (const mica::LinearReport* layer : layers) {
      last = std::max(last, place_of(layer->name).layer);
      largest = std::max(largest, layer->sensitivity);
    }
  if (kinds.empty()) return "";
  constexpr double kNames = 70, kWide = 1040, kRow = 22;
  const double width = std::min((kWide - kNames) / (last + 1), 40.0);
  const double height = kRow * static_cast<double>(kinds.size());
  const double used = kNames + width * (last + 1);
  std::string out = print("<svg class=\"map\" style=\"max-width: %.0fpx\" viewBox=\"0 0 %.1f %g\" role=\"img\">", used,
                          used, height + 22);
  double y = 0;
  for (const auto& [kind, layers] : kinds) {
    out += print("<text class=\"map-kind\" text-anchor=\"end\" x=\"%g\" y=\"%g\">", kNames - 8, y + 15) + escape(kind) +
           "</text>";
    for (const mica::LinearReport* layer : layers)
      out += draw_cell(*layer, cell_of(*layer, largest), kNames + width * place_of(layer->name).layer + 1, y + 1,
                       width - 2, kRow - 2);
    y += kRow;
  }
  const int step = std::max(1, static_cast<int>(std::ceil(24 / width)));
  for (int layer = 0; layer <= last; layer += step)
    out += print("<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%g\">%d</text>",
                 kNames + width * (layer + 0.5), height + 16, layer);
  return out + "</svg>\n";
}

}  // namespace

std::string escape(const std::string& text) {
  std::string out;
  for (char character : text) {
    switch (character) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(character) < 0x20 && character != '\n' ? ' ' : character;
    }
  }
  return out;
}

std::string three_digits(double value) {
  if (!std::isfinite(value)) return "-";
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return "0";
  if (magnitude >= 1e5 || magnitude < 1e-3) return print("%.2g", value);
  const int decimals = std::clamp(2 - static_cast<int>(std::floor(std::log10(magnitude))), 0, 5);
  return print("%.*f", decimals, value);
}

std::string range_plots(const mica::QuantizeReport& report, bool vision) {
  std::vector<Plot> plots;
  for (const auto& [kind, points] : by_kind(report.points, vision)) {
    std::vector<Series> series;
    add_rows("visual", "visual rows", points, &mica::PointReport::max_visual, &mica::PointReport::visual, series);
    add_rows("text", "text rows", points, &mica::PointReport::max_text, &mica::PointReport::text, series);
    if (!series.empty()) plots.emplace_back(kind, std::move(series));
  }
  return show_row(plots);
}

std::string outlier_plots(const mica::QuantizeReport& report, bool vision) {
  std::vector<Plot> plots;
  for (const auto& [kind, layers] : by_kind(report.layers, vision)) {
    Series came{"came", "as it came", {}, {}, {}, {}}, rotated{"rotated", "rotated", {}, {}, {}, {}},
        kept{"kept", "with RMS", {}, {}, {}, {}};
    for (const mica::LinearReport* layer : layers) {
      const int x = place_of(layer->name).layer;
      for (Series* series : {&came, &rotated, &kept}) series->x.push_back(x);
      came.y.push_back(layer->outlier);
      rotated.y.push_back(layer->outlier_rotated);
      kept.y.push_back(layer->suppressed ? layer->outlier_suppressed : 0);
    }
    plots.emplace_back(kind, std::vector<Series>{came, rotated, kept});
  }
  return show_row(plots);
}

std::string error_map(const mica::QuantizeReport& report, bool vision) { return map_of(report, vision, error_cell); }

std::string bits_map(const mica::QuantizeReport& report, bool vision) { return map_of(report, vision, bits_cell); }

std::string sensitivity_map(const mica::QuantizeReport& report, bool vision) {
  return map_of(report, vision, sensitivity_cell);
}

std::string loss_plot(const mica::ExpectedLoss& expected, double bits, double measured) {
  if (expected.curve.empty()) return "";
  Series curve{"came", "expected", {}, {}, {}, {}}, here{"rotated", "expected here", {bits}, {expected.loss}, {}, {}};
  for (const auto& at : expected.curve) {
    curve.x.push_back(at.bits);
    curve.y.push_back(at.loss);
  }
  std::vector<Series> series = {curve, here};
  if (measured > 0) series.push_back({"text", "measured", {bits}, {measured}, {}, {}});
  return show_row({Plot("loss over bits a weight", std::move(series), expected.curve.front().bits, "bits")});
}

}  // namespace app
