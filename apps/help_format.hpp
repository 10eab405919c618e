// How --help looks: CLI11's help with names spelt as llama.cpp spells them (-sys), wrapped text and visible defaults.
// Knows nothing of any command.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "command_line.hpp"

namespace app {

class HelpFormat : public CLI::Formatter {
 public:
  // Shows `single_dash`, which must outlive it, beside the names that CLI11 knows.
  explicit HelpFormat(const std::vector<SingleDash>& single_dash) : single_dash_(single_dash) { column_width(34); }
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;

 private:
  const std::vector<SingleDash>& single_dash_;
};

}  // namespace app
