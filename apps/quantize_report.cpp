// The report of `mica quantize` as JSON, and the file it goes to. The page: quantize_page.cpp.
#include "quantize_report.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "atomic_file.hpp"
#include "handles.hpp"
#include "median.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kReportVersion = 1;
constexpr const char* kAllocations[] = {"error", "influence", "uniform"};  // by mica::Allocation

Json json_of(const mica::QuantizeOptions& options) {
  return {{"text", format_name(options.text)},
          {"vision", format_name(options.vision)},
          {"head", format_name(options.head)},
          {"shared_heads", format_name(options.shared_heads)},
          {"bits", options.bits},
          {"bits_vision", options.bits_vision},
          {"two_bits", format_name(options.two_bits)},
          {"least_cosine", options.least_cosine},
          {"allocation", kAllocations[static_cast<size_t>(options.allocation)]},
          {"low_rank", options.low_rank.automatic ? Json("auto") : Json(options.low_rank.keep)},
          {"msq", options.msq},
          {"aifs", options.aifs},
          {"rms", options.rms},
          {"rotation", options.rotation},
          {"rounding", options.rounding == mica::Rounding::gptq ? "gptq" : "nearest"},
          {"seed", options.seed},
          {"threads", options.threads}};
}

Json json_of(const mica::PointReport& point) {
  return {{"name", point.name},
          {"max_visual", point.max_visual},
          {"max_text", point.max_text},
          {"scale_visual", point.scale_visual},
          {"scale_text", point.scale_text},
          {"loss_visual", point.loss_visual},
          {"loss_text", point.loss_text},
          {"quantiles_visual", point.visual},
          {"quantiles_text", point.text}};
}

Json json_of(const mica::LinearReport& layer) {
  return {{"name", layer.name},
          {"point", layer.point},
          {"storage", format_name(layer.format)},
          {"rows", layer.rows},
          {"columns", layer.columns},
          {"rank", layer.rank},
          {"first_storage", layer.rank > 0 ? Json(format_name(layer.first_format)) : Json(nullptr)},
          {"cut", layer.cut},
          {"bits", layer.bits},
          {"sensitivity", layer.sensitivity},
          {"error", layer.error},
          {"outlier", layer.outlier},
          {"outlier_rotated", layer.outlier_rotated},
          {"outlier_suppressed", layer.outlier_suppressed},
          {"suppressed", layer.suppressed},
          {"kept_channels", layer.kept_channels},
          {"fallback", layer.fallback}};
}

Json json_of(const mica::ExpectedLoss& expected) {
  if (expected.curve.empty()) return nullptr;
  Json curve = Json::array(), raises = Json::array();
  for (const auto& at : expected.curve) curve.push_back({{"bits", at.bits}, {"loss", at.loss}});
  for (const auto& raise : expected.raises)
    raises.push_back({{"name", raise.title},
                      {"storage", format_name(raise.format)},
                      {"bits_more", raise.bits_more},
                      {"loss_less", raise.loss_less}});
  return {{"loss", expected.loss}, {"curve", curve}, {"raises", raises}};
}

Json json_of(const Verdict& verdict) {
  if (verdict.samples == 0) return nullptr;
  return {{"samples", verdict.samples},
          {"rows", verdict.rows},
          {"divergence", verdict.divergence},
          {"divergence_error", verdict.divergence_error},
          {"same_first", verdict.same_first},
          {"perplexity_before", verdict.perplexity_before},
          {"perplexity_after", verdict.perplexity_after}};
}

Json json_of(const mica::Closeness& closeness) {
  if (closeness.rows == 0) return nullptr;
  return {{"least_cosine", closeness.least},
          {"mean_cosine", closeness.mean},
          {"twentieth_cosine", closeness.twentieth},
          {"quarter_cosine", closeness.quarter},
          {"middle_cosine", closeness.middle},
          {"rows", closeness.rows},
          {"samples", closeness.samples}};
}

Json json_of(const std::vector<mica::RaiseReport>& raises) {
  Json out = Json::array();
  for (const mica::RaiseReport& raise : raises)
    out.push_back({{"point", raise.point},
                   {"from", format_name(raise.from)},
                   {"to", format_name(raise.to)},
                   {"lost", raise.lost},
                   {"rows_lost", raise.rows_lost}});
  return out;
}

double parameters(const mica::LinearReport& layer) {
  return static_cast<double>(layer.rows) * static_cast<double>(layer.columns);
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void require_ok(const mica::Status& status) {
  if (!status) throw Failure(status.message(), static_cast<mica_status>(status.code()));
}

}  // namespace

std::string format_name(mica::WeightFormat format) {
  std::string name = mica::facts_of(format).name;
  for (char& letter : name) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return name;
}

std::string storage_name(const mica::LinearReport& layer) {
  const std::string own = format_name(layer.format);
  if (layer.rank == 0) return own;
  return own + " behind " + format_name(layer.first_format) + ", rank " + std::to_string(layer.rank);
}

PlaceName place_of(const std::string& name) {
  const std::string vision = "vision.", layers = "layers.";
  PlaceName place;
  size_t at = 0;
  place.vision = name.compare(0, vision.size(), vision) == 0;
  if (place.vision) at = vision.size();
  if (name.compare(at, layers.size(), layers) == 0) {
    const char* digits = name.c_str() + at + layers.size();
    char* end = nullptr;
    const long layer = std::strtol(digits, &end, 10);
    if (end != digits && *end == '.' && layer >= 0) {
      place.layer = static_cast<int>(layer);
      at = static_cast<size_t>(end + 1 - name.c_str());
    }
  }
  place.kind = name.substr(at);
  return place;
}

double percent_error(const mica::LinearReport& layer) { return 100 * std::sqrt(std::max(layer.error, 0.0)); }

double median_error(const mica::QuantizeReport& report) {
  std::vector<double> errors;
  for (const mica::LinearReport& layer : report.layers)
    if (layer.format != mica::WeightFormat::floats) errors.push_back(percent_error(layer));
  return mica::median(std::move(errors));
}

std::vector<KindBits> bits_by_kind(const mica::QuantizeReport& report, bool vision) {
  std::vector<KindBits> kinds;
  std::vector<double> weights;
  for (const mica::LinearReport& layer : report.layers) {
    const PlaceName place = place_of(layer.name);
    if (place.vision != vision || place.layer < 0) continue;
    const auto found =
        std::find_if(kinds.begin(), kinds.end(), [&](const KindBits& kind) { return kind.name == place.kind; });
    const auto at = static_cast<size_t>(found - kinds.begin());
    if (found == kinds.end()) {
      kinds.push_back({place.kind, 0});
      weights.push_back(0);
    }
    kinds[at].bits += layer.bits * parameters(layer);
    weights[at] += parameters(layer);
  }
  for (size_t i = 0; i < kinds.size(); ++i) kinds[i].bits /= weights[i];
  return kinds;
}

double mean_bits(const mica::QuantizeReport& report, bool vision) {
  double bits = 0, weights = 0;
  for (const mica::LinearReport& layer : report.layers) {
    const PlaceName place = place_of(layer.name);
    if (place.vision != vision || place.layer < 0) continue;
    bits += layer.bits * parameters(layer);
    weights += parameters(layer);
  }
  return weights > 0 ? bits / weights : 0;
}

std::string bits_text(double bits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", bits);
  return text;
}

std::string verdict_text(const Verdict& verdict) {
  char text[160];
  std::string out = "on " + std::to_string(verdict.samples) + (verdict.samples == 1 ? " sample" : " samples") +
                    " kept out of calibration: ";
  if (verdict.perplexity_before > 0) {
    std::snprintf(text, sizeof text, "perplexity %.2f to %.2f (%+.1f %%), ", verdict.perplexity_before,
                  verdict.perplexity_after, 100 * (verdict.perplexity_after / verdict.perplexity_before - 1));
    out += text;
  }
  std::snprintf(text, sizeof text, "KL %.4f +- %.4f, the likeliest token is the same in %.1f %% of %zu rows",
                verdict.divergence, verdict.divergence_error, 100 * verdict.same_first, verdict.rows);
  return out + text;
}

std::string closeness_text(const mica::Closeness& closeness) {
  char text[160];
  std::snprintf(text, sizeof text,
                "the mean cosine with the checkpoint's is %.4f, the smallest %.4f, over %zu rows of %zu %s",
                closeness.mean, closeness.least, closeness.rows, closeness.samples,
                closeness.samples == 1 ? "sample" : "samples");
  return text;
}

std::string raises_text(const mica::QuantizeReport& report) {
  char text[160];
  std::snprintf(text, sizeof text, "%zu quant %s more bits than was asked for: without, the mean cosine was %.4f",
                report.raises.size(), report.raises.size() == 1 ? "point has" : "points have",
                report.closeness_before.mean);
  return text;
}

std::string raise_text(const mica::RaiseReport& raise) {
  char text[160];
  std::snprintf(text, sizeof text, "%s for %s, which alone takes %.2g off the cosine; 8 bits lose %.2g %% of its rows",
                format_name(raise.to).c_str(), format_name(raise.from).c_str(), raise.lost,
                100 * std::sqrt(std::max(raise.rows_lost, 0.0)));
  return text;
}

std::string report_json(const QuantizeRun& run) {
  const mica::QuantizeReport& report = run.report;
  Json points = Json::array(), layers = Json::array();
  for (const mica::PointReport& point : report.points) points.push_back(json_of(point));
  for (const mica::LinearReport& layer : report.layers) layers.push_back(json_of(layer));
  const Json document = {{"format", "mica quantize"},
                         {"version", kReportVersion},
                         {"program", std::string("mica ") + mica_version()},
                         {"model", run.model},
                         {"output", run.output},
                         {"options", json_of(run.options)},
                         {"samples", report.samples},
                         {"tokens_visual", report.tokens_visual},
                         {"tokens_text", report.tokens_text},
                         {"seconds", report.seconds},
                         {"peak_bytes", report.peak_bytes},
                         {"bytes_before", report.bytes_before},
                         {"bytes_after", report.bytes_after},
                         {"bits", mean_bits(report, false)},
                         {"bits_vision", mean_bits(report, true)},
                         {"expected", json_of(report.expected)},
                         {"expected_vision", json_of(report.expected_vision)},
                         {"verdict", json_of(run.verdict)},
                         {"logits", json_of(report.closeness)},
                         {"logits_unlike", json_of(report.closeness_unlike)},
                         {"logits_before_raises", json_of(report.closeness_before)},
                         {"raises", json_of(report.raises)},
                         {"warnings", report.warnings},
                         {"quantiles", mica::kReportQuantiles},
                         {"points", points},
                         {"layers", layers}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_report_path(const std::string& path) { return ends_with(path, ".json") || ends_with(path, ".html"); }

void write_report(const QuantizeRun& run, const std::string& path) {
  const std::string text = ends_with(path, ".html") ? report_page(run) : report_json(run);
  mica::AtomicFile file;
  require_ok(file.create(path.c_str()));
  require_ok(file.write_at(0, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
  require_ok(file.commit());
}

}  // namespace app
