// Rows of mica bench in the forms that llama-bench has: a Markdown table, JSON, JSON lines, CSV.
// Formats only; the measuring is in bench.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace app {

struct BenchRow {
  std::string model;
  uint64_t model_bytes = 0;
  uint64_t parameters = 0;
  std::string backend;  // the instruction set in use
  uint32_t threads = 0;
  uint32_t batch = 0;
  std::string test;             // "pp512", "enc 448x448"
  uint32_t picture_tokens = 0;  // of an enc test; otherwise 0
  uint32_t prompt = 0, generated = 0, depth = 0, depth_visual = 0;
  uint32_t sessions = 1;        // that write at once; tokens and bytes are those of all
  uint64_t kv_text_bytes = 0, kv_visual_bytes = 0;  // in use at the end
  uint64_t memory_peak_bytes = 0;  // of the process so far, without what a plain read of memory takes
  std::vector<double> seconds;  // one a repetition
  std::vector<double> rates;    // tokens/s, likewise
  // Of tests that only write: the bytes that a token moves, weights and keys and values, and how fast a plain read of
  // memory was beside each repetition, in bytes/s.
  uint64_t token_bytes = 0;
  std::vector<double> read_rates;
};

// Prints rows as they come where the form allows it, else at the end.
class BenchReport {
 public:
  // `format`: md, json, jsonl or csv. The columns are the widths of the longest names in a table.
  BenchReport(std::string format, size_t model_columns, size_t test_columns);
  void add(const BenchRow& row);
  void finish();

 private:
  void add_markdown(const BenchRow& row) const;
  void add_note(const BenchRow& row);
  void print_cells(const std::vector<std::string>& cells) const;
  void add_csv(const nlohmann::ordered_json& fields);

  std::string format_;
  std::vector<size_t> columns_;  // of a table, in characters
  size_t rows_ = 0;
  std::vector<std::string> notes_;  // what stands beneath a table
  nlohmann::ordered_json all_ = nlohmann::ordered_json::array();
};

}  // namespace app
