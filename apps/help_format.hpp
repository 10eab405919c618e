// How --help looks: CLI11's help with names spelt as llama.cpp spells them (-sys), wrapped text and visible defaults.
// Knows nothing of any command.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace app {

// llama.cpp has options of one dash and several letters, which CLI11 would read as clusters of short ones. Replaces
// them by their long names, up to a "--".
std::vector<std::string> spell_out_single_dash(const std::vector<std::string>& arguments);

class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat() { column_width(34); }
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace app
