// Rows of mica bench, see bench_report.hpp.
#include "bench_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "mica.h"

#include "median.hpp"
#include "terminal.hpp"

namespace app {
namespace {

struct Spread {
  double mean = 0, deviation = 0;  // the deviation of the sample
};

Spread spread_of(const std::vector<double>& values) {
  const double count = static_cast<double>(values.size());
  Spread spread;
  spread.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  if (values.size() > 1) spread.deviation = std::sqrt(squares / (count - 1));
  return spread;
}

std::string spread_text(const std::vector<double>& values, int digits) {
  const Spread spread = spread_of(values);
  char text[64];
  std::snprintf(text, sizeof text, "%.*f ± %.*f", digits, spread.mean, digits, spread.deviation);
  return text;
}

std::vector<int64_t> nanoseconds(const std::vector<double>& seconds) {
  std::vector<int64_t> rounded;
  for (const double value : seconds) rounded.push_back(std::llround(value * 1e9));
  return rounded;
}

// How many bytes/s decode reads, by medians; 0 where a test does not only write.
double decode_rate(const BenchRow& row) { return mica::median(row.rates) * static_cast<double>(row.token_bytes); }

// Named as llama-bench names them where it has the same.
nlohmann::ordered_json fields_of(const BenchRow& row) {
  const Spread time = spread_of(row.seconds), rate = spread_of(row.rates);
  return {{"mica_version", mica_version()},
          {"backends", row.backend},
          {"model_filename", row.model},
          {"model_size", row.model_bytes},
          {"model_n_params", row.parameters},
          {"n_batch", row.batch},
          {"n_threads", row.threads},
          {"test", row.test},
          {"n_picture", row.picture_tokens},
          {"n_prompt", row.prompt},
          {"n_gen", row.generated},
          {"n_depth", row.depth},
          {"n_depth_visual", row.depth_visual},
          {"n_sessions", row.sessions},
          {"kv_text_bytes", row.kv_text_bytes},
          {"kv_visual_bytes", row.kv_visual_bytes},
          {"memory_peak_bytes", row.memory_peak_bytes},
          {"avg_ns", std::llround(time.mean * 1e9)},
          {"stddev_ns", std::llround(time.deviation * 1e9)},
          {"avg_ts", rate.mean},
          {"stddev_ts", rate.deviation},
          {"samples_ns", nanoseconds(row.seconds)},
          {"samples_ts", row.rates},
          {"token_bytes", row.token_bytes},
          {"token_bytes_per_s", decode_rate(row)},
          {"plain_read_bytes_per_s", mica::median(row.read_rates)}};
}

// Pads by characters, not bytes: "±" is two bytes.
std::string pad(const std::string& text, size_t columns, bool right) {
  const auto is_start = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; };
  const size_t used = static_cast<size_t>(std::count_if(text.begin(), text.end(), is_start));
  const std::string space(columns > used ? columns - used : 0, ' ');
  return right ? space + text : text + space;
}

struct Column {
  const char* title;
  size_t columns;
  bool right;
};
constexpr size_t kModelColumn = 0, kTestColumn = 5;
constexpr Column kColumns[] = {{"model", 5, false},  {"size", 10, true}, {"params", 10, true}, {"backend", 12, false},
                               {"threads", 7, true}, {"test", 4, false}, {"t/s", 18, true},    {"seconds", 17, true}};

}  // namespace

BenchReport::BenchReport(std::string format, size_t model_columns, size_t test_columns) : format_(std::move(format)) {
  for (const Column& column : kColumns) columns_.push_back(column.columns);
  columns_[kModelColumn] = std::max(columns_[kModelColumn], model_columns);
  columns_[kTestColumn] = std::max(columns_[kTestColumn], test_columns);
}

void BenchReport::print_cells(const std::vector<std::string>& cells) const {
  std::string line = "|";
  for (size_t i = 0; i < cells.size(); i++) line += ' ' + pad(cells[i], columns_[i], kColumns[i].right) + " |";
  std::puts(line.c_str());
}

void BenchReport::add_markdown(const BenchRow& row) const {
  if (rows_ == 0) {
    std::vector<std::string> titles, rules;
    for (size_t i = 0; i < columns_.size(); i++) {
      titles.push_back(kColumns[i].title);
      rules.push_back(std::string(columns_[i] - 1, '-') + (kColumns[i].right ? ':' : '-'));
    }
    print_cells(titles);
    print_cells(rules);
  }
  print_cells({row.model, format_bytes(row.model_bytes), format_count(row.parameters), row.backend,
               std::to_string(row.threads), row.test, spread_text(row.rates, 2), spread_text(row.seconds, 4)});
}

void BenchReport::add_csv(const nlohmann::ordered_json& fields) {
  std::vector<std::string> titles, values;
  for (const auto& [name, value] : fields.items()) {
    if (value.is_array()) continue;
    titles.push_back(name);
    values.push_back(value.dump());
  }
  if (rows_ == 0) std::puts(join(titles, ",").c_str());
  std::puts(join(values, ",").c_str());
}

void BenchReport::add_note(const BenchRow& row) {
  if (row.read_rates.empty()) return;
  const double rate = decode_rate(row), plain = mica::median(row.read_rates);
  char text[200];
  std::snprintf(text, sizeof text, "%s, %u %s: a token reads %s, %.1f GB/s, %.2f of a plain read of memory (%.1f GB/s)",
                row.test.c_str(), row.threads, row.threads == 1 ? "thread" : "threads",
                format_bytes(row.token_bytes).c_str(), rate * 1e-9, rate / plain, plain * 1e-9);
  notes_.push_back(text);
}

void BenchReport::add(const BenchRow& row) {
  if (format_ == "md") {
    add_markdown(row);
    add_note(row);
  }
  if (format_ == "csv") add_csv(fields_of(row));
  if (format_ == "jsonl") std::puts(fields_of(row).dump().c_str());
  if (format_ == "json") all_.push_back(fields_of(row));
  std::fflush(stdout);
  rows_++;
}

void BenchReport::finish() {
  if (format_ == "json") std::puts(all_.dump(2).c_str());
  if (!notes_.empty()) std::puts("");
  for (const std::string& note : notes_) std::puts(note.c_str());
}

}  // namespace app
