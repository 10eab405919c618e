// How --help looks, see help_format.hpp.
#include "help_format.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace app {
namespace {

constexpr size_t kHelpColumns = 100;

// Headings in the order in which people need them; "Options" are the command's own.
constexpr const char* kGroups[] = {"Options", "Frames", "Message", "Answer",  "Model",           "Calibration",
                                   "Storage", "Method",  "Session", "Keys and values", "Process"};

// Several things by their place, as "[PICTURE...] [QUESTION]": more than the one name that CLI11 shows.
bool is_spelled_out(const CLI::Option* option) { return option->get_option_text().rfind('[', 0) == 0; }

// Breaks text at spaces so that no line is longer than `columns`.
std::string wrap(const std::string& text, size_t columns) {
  std::istringstream words(text);
  std::string word, wrapped;
  size_t used = 0;
  while (words >> word) {
    if (used != 0) {
      const bool fits = used + 1 + word.size() <= columns;
      wrapped += fits ? ' ' : '\n';
      used = fits ? used + 1 : 0;
    }
    wrapped += word;
    used += word.size();
  }
  return wrapped;
}

}  // namespace

std::string HelpFormat::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const {
  std::string help = make_description(app) + make_usage(app, name);
  help += make_positionals(app);
  std::vector<std::string> groups(std::begin(kGroups), std::end(kGroups));
  for (const std::string& group : app->get_groups()) {  // one that kGroups forgot is shown all the same
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  for (const std::string& group : groups) {
    const auto options = app->get_options(
        [&](const CLI::Option* option) { return option->get_group() == group && option->nonpositional(); });
    if (!options.empty()) help += make_group(group, false, options);
  }
  return help + '\n' + make_footer(app);
}

std::string HelpFormat::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = "\nUsage: " + (name.empty() ? app->get_name() : name) + " [options]";
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_positional()) continue;
    usage += ' ' + (is_spelled_out(option) ? option->get_option_text() : make_option_usage(option));
  }
  return usage + '\n';
}

std::string HelpFormat::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return is_spelled_out(option) ? "" : option->get_name(true, false);
  std::string names;
  const auto append = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  for (const std::string& name : option->get_snames()) append('-' + name);
  for (const std::string& name : option->get_lnames()) {
    for (const SingleDash& entry : single_dash_) {
      if ("--" + name == entry.name) append(entry.spelling);
    }
    append("--" + name);
  }
  return names;
}

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  if (is_spelled_out(option)) return option->get_option_text();
  return option->get_option_text().empty() ? "" : ' ' + option->get_option_text();
}

std::string HelpFormat::make_option_desc(const CLI::Option* option) const {
  std::string description = option->get_description();
  if (!option->get_default_str().empty()) description += " (default: " + option->get_default_str() + ")";
  return wrap(description, kHelpColumns - get_column_width());
}

}  // namespace app
