// CommandLine on CLI11: names spelt as llama.cpp spells them (-sys), visible defaults, bounds in plain words. How
// --help looks: help_format.hpp.
#include "command_line.hpp"

#include <cmath>
#include <cstdio>
#include <string_view>

#include "handles.hpp"
#include "help_format.hpp"

namespace app {
namespace {

// As CLI::Range, which spells its bounds with six decimals and knows no whole numbers.
CLI::Validator number_between(double low, double high, bool whole) {
  const auto check = [low, high, whole](const std::string& text) {
    double value = 0;
    const bool number = CLI::detail::lexical_cast(text, value);
    if (number && value >= low && value <= high && (!whole || std::floor(value) == value)) return std::string();
    char bounds[80];
    std::snprintf(bounds, sizeof bounds, "wants a %snumber from %.15g to %.15g, not ", whole ? "whole " : "", low,
                  high);
    return bounds + text;
  };
  return CLI::Validator(check, "");
}

// A value as --help shows it; empty where there is nothing to say.
template <typename T>
std::string default_text(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
    return text;
  } else {
    return "";
  }
}

// CLI11's message in the words of the other errors.
std::string explain(const CLI::App& app, const CLI::ParseError& fault) {
  const std::string message = fault.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&fault) != nullptr) {
    for (const std::string& argument : app.remaining()) {
      if (argument[0] == '-') return "there is no option " + argument;
    }
    return "unexpected argument " + app.remaining().front();
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&fault) != nullptr) {
    return message.substr(0, message.find(':')) + " wants a value";
  }
  return message;
}

}  // namespace

CommandLine::CommandLine(const std::string& name, const std::string& about, const std::string& examples)
    : app_(std::make_unique<CLI::App>(name + ": " + about, name)) {
  auto format = std::make_shared<HelpFormat>();
  format->label("Positionals", "Arguments");
  app_->formatter(format);
  app_->get_help_ptr()->group("Process")->description("prints this");
  app_->footer("Examples:\n" + examples);
}

CommandLine::~CommandLine() = default;

void CommandLine::add(const Argument& argument, Target target) {
  CLI::Option* option = std::visit(
      [&](auto* value) -> CLI::Option* {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return app_->add_flag(argument.names, *value, argument.help);
        } else {
          CLI::Option* added = app_->add_option(argument.names, *value, argument.help);
          constexpr bool kWhole = std::is_integral_v<Value> || std::is_same_v<Value, std::vector<uint32_t>>;
          if (argument.low != argument.high) added->check(number_between(argument.low, argument.high, kWhole));
          if (std::string_view(argument.value).ends_with(",...")) added->delimiter(',');
          return added->default_str(argument.initial ? argument.initial : default_text(*value));
        }
      },
      target);
  option->group(argument.group)->option_text(argument.value)->allow_extra_args(false)->required(argument.required);
  if (*argument.choices != '\0') option->check(CLI::IsMember(CLI::detail::split(argument.choices, '|')));
}

void CommandLine::exclude(const std::string& name, const std::string& other) {
  app_->get_option(name)->excludes(app_->get_option(other));
}

void CommandLine::need(const std::string& name, const std::string& other) {
  app_->get_option(name)->needs(app_->get_option(other));
}

void CommandLine::describe(const std::string& name, const std::string& help) {
  app_->get_option(name)->description(help);
}

void CommandLine::parse(const std::vector<std::string>& arguments) {
  const std::vector<std::string> spelled = spell_out_single_dash(arguments);
  try {
    app_->parse(std::vector<std::string>(spelled.rbegin(), spelled.rend()));
  } catch (const CLI::CallForHelp&) {
    throw HelpWanted{app_->help()};
  } catch (const CLI::ParseError& fault) {
    throw UsageError(explain(*app_, fault));
  }
}

}  // namespace app
