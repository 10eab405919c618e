// The report of `mica quantize` as a page: figures, plots, tables. The page loads nothing: it can be mailed and kept.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "handles.hpp"
#include "quantize_page_style.hpp"
#include "quantize_plots.hpp"
#include "quantize_report.hpp"
#include "terminal.hpp"

namespace app {
namespace {

std::string tag(const char* name, const std::string& content) {
  return std::string("<") + name + ">" + content + "</" + name + ">";
}

std::string tile(const std::string& value, const std::string& label, const std::string& between = "") {
  return "<div class=\"tile\"><b>" + escape(value) + "</b>" + between + "<span>" + escape(label) + "</span></div>\n";
}

const mica::LinearReport* worst_of(const mica::QuantizeReport& report) {
  const mica::LinearReport* worst = nullptr;
  for (const mica::LinearReport& layer : report.layers) {
    if (layer.format == mica::WeightFormat::floats) continue;
    if (worst == nullptr || layer.error > worst->error) worst = &layer;
  }
  return worst;
}

std::string size_tile(const mica::QuantizeReport& report) {
  const double share =
      static_cast<double>(report.bytes_after) / static_cast<double>(std::max<uint64_t>(report.bytes_before, 1));
  char bar[96];
  std::snprintf(bar, sizeof bar, "<div class=\"bar\"><i style=\"width: %.1f%%\"></i></div>",
                std::min(100 * share, 100.0));
  return tile(format_bytes(report.bytes_after),
              three_digits(100 * share) + " % of " + format_bytes(report.bytes_before) + " of weights", bar);
}

std::string tiles(const mica::QuantizeReport& report) {
  std::string out = "<div class=\"tiles\">\n" + size_tile(report);
  if (const mica::LinearReport* worst = worst_of(report)) {
    out += tile(three_digits(median_error(report)) + " %", "error of a layer's output, at the median");
    out += tile(three_digits(percent_error(*worst)) + " %", "the largest: " + worst->name);
  }
  if (report.samples > 0)
    out += tile(std::to_string(report.samples), "samples: " + format_count(report.tokens_visual) + " visual, " +
                                                    format_count(report.tokens_text) + " text rows");
  out += tile(format_seconds(report.seconds), "time");
  return out + tile(format_bytes(report.peak_bytes), "peak memory") + "</div>\n";
}

std::string verdict(const Verdict& verdict) {
  return verdict.samples == 0 ? "" : "<p class=\"verdict\">The packed file beside its checkpoint, " +
                                         escape(verdict_text(verdict)) + ".</p>\n";
}

std::string chip(const std::string& text, bool on = true) {
  return std::string("<span class=\"chip") + (on ? "" : " off") + "\">" + escape(text) + "</span>";
}

std::string chips(const QuantizeRun& run) {
  const mica::QuantizeOptions& options = run.options;
  const bool sees = std::any_of(run.report.points.begin(), run.report.points.end(),
                                [](const mica::PointReport& point) { return place_of(point.name).vision; });
  std::string out = "<div class=\"chips\">";
  const auto storage = [&](double bits, bool vision, mica::WeightFormat format) {
    return bits > 0 ? bits_text(mean_bits(run.report, vision)) + " bits" : format_name(format);
  };
  if (sees) out += chip("tower " + storage(options.bits_vision, true, options.vision));
  out += chip("decoder " + storage(options.bits, false, options.text)) + chip("head " + format_name(options.head));
  out += chip("MSQ", options.msq) + chip("AIFS", options.aifs) + chip("RMS", options.rms) +
         chip("rotation", options.rotation);
  out += chip(options.rounding == mica::Rounding::gptq ? "GPTQ" : "rounded to the nearest");
  return out + chip("seed " + std::to_string(options.seed)) + "</div>\n";
}

std::string raises(const mica::QuantizeReport& report) {
  if (report.closeness.rows == 0) return "";
  std::string out = "<p class=\"verdict\">Logits: " + escape(closeness_text(report.closeness)) + ".</p>\n";
  out += "<p>Of samples unlike these: " + escape(closeness_text(report.closeness_unlike)) + ".</p>\n";
  if (report.raises.empty()) return out;
  out += "<div class=\"warnings\"><strong>" + escape(raises_text(report)) + "</strong><ul>";
  for (const mica::RaiseReport& raise : report.raises)
    out += tag("li", tag("code", escape(raise.point)) + ": " + escape(raise_text(raise)));
  return out + "</ul></div>\n";
}

std::string warnings(const mica::QuantizeReport& report) {
  if (report.warnings.empty()) return "";
  std::string out = "<div class=\"warnings\"><strong>Warnings</strong><ul>";
  for (const std::string& warning : report.warnings) out += tag("li", escape(warning));
  return out + "</ul></div>\n";
}

// ---- sections --------------------------------------------------------------------------------------------------

// The plots of the tower and of the decoder under a heading; nothing where neither has any.
std::string section(const char* title, const char* text, const std::string& legend, const std::string& vision,
                    const std::string& decoder) {
  if (vision.empty() && decoder.empty()) return "";
  std::string out = std::string("<section><h2>") + title + "</h2>\n<p>" + text + "</p>\n";
  out += "<div class=\"legend\">" + legend + "</div>\n";
  if (!vision.empty()) out += "<h3>Vision tower</h3>\n" + vision;
  if (!decoder.empty()) out += (vision.empty() ? "" : "<h3>Decoder</h3>\n") + decoder;
  return out + "</section>\n";
}

std::string key(const char* style, const char* text) {
  return std::string("<span><i class=\"") + style + "\"></i>" + text + "</span>";
}

std::string ranges(const mica::QuantizeReport& report) {
  return section(
      "Activation ranges",
      "What enters the linear layers. The line is the greatest magnitude over all samples; the static "
      "scale reaches to it, or stops below where cutting the rarest values loses less than wider steps would. The "
      "band reaches from the median to the 99.9 % quantile. Where visual and text rows lie apart, one scale for "
      "both would waste bits of one of them.",
      key("visual", "visual rows") + key("text", "text rows"), range_plots(report, true), range_plots(report, false));
}

std::string outliers(const mica::QuantizeReport& report) {
  return section(
      "Weight outliers",
      "The greatest weight of a row over the row's root mean square, mean over the rows: a 4-bit grid must span "
      "it. Rotation spreads outliers; where an online rotation piles up the mean in one channel, RMS keeps that "
      "channel apart.",
      key("came", "as they came") + key("rotated", "rotated") + key("kept", "without the channel that RMS keeps"),
      outlier_plots(report, true), outlier_plots(report, false));
}

std::string errors(const mica::QuantizeReport& report) {
  std::string legend = key("shade-0", "below 1 %") + key("shade-1", "1") + key("shade-2", "2") + key("shade-3", "4") +
                       key("shade-4", "8") + key("shade-5", "16 % and more") + key("cell-float", "16 bits") +
                       key("round mark-rms", "RMS") + key("round mark-fallback", "not GPTQ: its matrix was singular");
  return section(
      "Errors of the linear layers",
      "How far a layer's outputs move on the calibration rows, |WX &minus; QX| over |WX|. Across: layers; point at "
      "a cell for its figure.",
      legend, error_map(report, true), error_map(report, false));
}

// What more bits would do, in words.
std::string advice(const mica::ExpectedLoss& expected) {
  std::string out;
  for (const auto& raise : expected.raises) {
    char text[200];
    std::snprintf(text, sizeof text,
                  ": %s there is %.3f bits more on the average, and %.0f %% of the expected loss less",
                  format_name(raise.format).c_str(), raise.bits_more, 100 * raise.loss_less / expected.loss);
    out += tag("li", tag("code", escape(raise.title)) + escape(text));
  }
  return out.empty() ? "" : "<h3>Where more bits would help most</h3>\n<ul class=\"advice\">" + out + "</ul>\n";
}

std::string bits_of_part(const QuantizeRun& run, bool vision) {
  const double asked = vision ? run.options.bits_vision : run.options.bits;
  const mica::ExpectedLoss& expected = vision ? run.report.expected_vision : run.report.expected;
  if (asked <= 0) return "";
  const double measured = vision ? 0 : run.verdict.divergence;
  std::string out = bits_map(run.report, vision);
  if (expected.curve.empty()) return out;  // nothing was weighed
  out += "<h3>What the fewest bits would cost</h3>\n" + sensitivity_map(run.report, vision);
  return out + loss_plot(expected, mean_bits(run.report, vision), measured) + advice(expected);
}

std::string bits(const QuantizeRun& run) {
  return section(
      "Bits",
      "What each matrix got of the bits that were asked for. Below it, what it would cost the whole to have the fewest "
      "bits there: in the decoder a divergence of its probabilities (KL, nats), in the tower a share of its last rows; "
      "shades begin at 2, 5, 10, 20 and 40 % of the largest cost. "
      "Last, the sum of these over the average of bits.",
      key("bits-2", "2 bits") + key("bits-3", "3") + key("bits-4", "4") + key("bits-8", "8") +
          key("rotated", "expected here") + key("text", "measured on what was kept out of calibration"),
      bits_of_part(run, true), bits_of_part(run, false));
}

// ---- tables ----------------------------------------------------------------------------------------------------

std::string head(std::initializer_list<const char*> names) {
  std::string out;
  for (const char* name : names) out += std::string("<th>") + name + "</th>";
  return "<thead><tr>" + out + "</tr></thead>";
}

std::string number_cell(double value, const char* unit = "") {
  char sort[48];
  std::snprintf(sort, sizeof sort, "<td data-v=\"%.9g\">", value);
  return sort + three_digits(value) + unit + "</td>";
}

std::string layer_row(const mica::LinearReport& layer) {
  std::string out = tag("td", escape(layer.name)) + tag("td", storage_name(layer));
  out += "<td data-v=\"" + std::to_string(layer.rows * layer.columns) + "\">" + std::to_string(layer.rows) +
         " &times; " + std::to_string(layer.columns) + "</td>";
  out += number_cell(layer.bits) + number_cell(layer.sensitivity);
  out += number_cell(percent_error(layer), " %");
  out += layer.rank > 0 ? number_cell(100 * std::sqrt(layer.cut), " %") : "<td data-v=\"0\"></td>";
  out += number_cell(layer.outlier) + number_cell(layer.outlier_rotated);
  out += number_cell(layer.outlier_suppressed) + tag("td", layer.suppressed ? "RMS" : "");
  out += tag("td", layer.kept_channels > 0 ? std::to_string(layer.kept_channels) : "");
  return tag("tr", out + tag("td", layer.fallback ? "nearest" : "")) + "\n";
}

std::string point_row(const mica::PointReport& point) {
  const bool both = point.max_visual > 0 && point.max_text > 0;
  std::string out = tag("td", escape(point.name)) + number_cell(point.max_visual) + number_cell(point.max_text);
  out += both ? number_cell(point.max_visual / point.max_text) : "<td data-v=\"0\"></td>";
  return tag("tr", out + number_cell(point.scale_visual) + number_cell(point.scale_text)) + "\n";
}

std::string tables(const mica::QuantizeReport& report) {
  std::string out;
  if (!report.layers.empty()) {
    out += "<h2>Linear layers</h2>\n<p>Click a column to sort by it.</p>\n<div class=\"scroll\"><table>" +
           head({"layer", "storage", "shape", "bits", "sensitivity", "error", "cut", "outliers", "rotated", "with RMS", "RMS",
                 "float channels", "rounding"}) +
           "<tbody>";
    for (const mica::LinearReport& layer : report.layers) out += layer_row(layer);
    out += "</tbody></table></div>\n";
  }
  if (!report.points.empty()) {
    out +=
        "<h2>Quant points</h2>\n<p>A scale is what one step of the 8-bit integers stands for.</p>\n<div "
        "class=\"scroll\"><table>" +
        head({"quant point", "max visual", "max text", "visual / text", "scale visual", "scale text"}) + "<tbody>";
    for (const mica::PointReport& point : report.points) out += point_row(point);
    out += "</tbody></table></div>\n";
  }
  return out;
}

}  // namespace

std::string report_page(const QuantizeRun& run) {
  const std::string name = escape(run.report.model.empty() ? run.model : run.report.model);
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  out += "<title>" + name + ", quantized</title>\n<style>" + kPageStyle + "</style></head><body><main>\n";
  out += "<header><h1>" + name + "</h1><p>" + escape(run.model) + " &rarr; " + escape(run.output) + "</p></header>\n";
  out += tiles(run.report) + chips(run) + verdict(run.verdict) + raises(run.report) + warnings(run.report);
  out += bits(run) + errors(run.report) + ranges(run.report) + outliers(run.report) + tables(run.report);
  out += std::string("<footer>Written by mica ") + mica_version() +
         ". The method: MQuant (arXiv 2502.00425) with GPTQ (arXiv 2210.17323).</footer>\n";
  return out + "</main><script>" + kPageScript + "</script></body></html>\n";
}

}  // namespace app
