// CommandLine on CLI11: names spelt as llama.cpp spells them (-sys), visible defaults, bounds in plain words. How
// --help looks: help_format.hpp.
#include "command_line.hpp"

#include <cmath>
#include <cstdio>
#include <string_view>

#include <nlohmann/json.hpp>

#include "foreign_flags.hpp"
#include "handles.hpp"
#include "help_format.hpp"
#include "words.hpp"

namespace app {
namespace {

// "1e3", "2.0": a number, if not in digits alone.
bool number_form(const std::string& text) {
  double value = 0;
  return text.find_first_of("eE.") != std::string::npos && CLI::detail::lexical_cast(text, value) &&
         std::floor(value) == value;
}

// As CLI::Range, which spells its bounds with six decimals and knows no whole numbers.
CLI::Validator number_between(double low, double high, bool whole) {
  const auto check = [low, high, whole](const std::string& text) {
    double value = 0;
    int64_t digits = 0;  // "1e3" is a number, but no whole one as CLI11 reads them
    const bool number = CLI::detail::lexical_cast(text, value) && (!whole || CLI::detail::lexical_cast(text, digits));
    if (number && value >= low && value <= high) return std::string();
    char bounds[96];
    std::snprintf(bounds, sizeof bounds, "wants a %snumber from %.15g to %.15g%s, not ", whole ? "whole " : "", low,
                  high, whole && number_form(text) ? " in digits" : "");
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
    return "unexpected argument " + app.remaining().front();
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&fault) != nullptr) {
    return message.substr(0, message.find(':')) + " wants a value";
  }
  return message;
}

bool is_single_dash(const std::string& name) { return name.size() > 2 && name[0] == '-' && name[1] != '-'; }

bool is_number(const std::string& text) {
  double value = 0;
  return CLI::detail::lexical_cast(text, value);
}

}  // namespace

// Goes over what was typed before CLI11 does: long names for -sys, an answer to what other programs call by another
// name, and a suggestion for slips. One dash and several letters are one name here, never a cluster: "-temp 1" must not
// become the threads "emp".
class CommandLine::Speller {
 public:
  Speller(CommandLine& line, const std::vector<std::string>& typed) : line_(line), typed_(typed) {
    for (at_ = 0; at_ < typed.size(); at_++) {
      const std::string& word = typed[at_];
      if (word == "--") {
        spelled.insert(spelled.end(), typed.begin() + static_cast<std::ptrdiff_t>(at_), typed.end());
        return;
      }
      if (word.size() < 2 || word[0] != '-') spelled.push_back(word);
      else if (!spell(word)) refuse(word);
    }
  }

  std::vector<std::string> spelled;
  std::string fault;  // the first
  bool help = false;

 private:
  bool spell(const std::string& word) {
    const size_t equals = std::min(word.find('='), word.size());
    const std::string name = word.substr(0, equals);
    const bool has_value = equals < word.size();
    const std::string value = has_value ? word.substr(equals + 1) : "";
    if (name == "-h" || name == "--help") return help = true;
    if (const Row* row = line_.find(name)) {
      spelled.push_back(long_name(name));
      if (!row->takes_value && has_value) spelled.back() += '=' + value;
      if (row->takes_value && has_value) spelled.push_back(value);
      if (row->takes_value && !has_value && at_ + 1 < typed_.size()) spelled.push_back(typed_[++at_]);
      return true;
    }
    if (answer_foreign(name, has_value, value)) return true;
    const Row* attached = line_.find(word.substr(0, 2));  // -n8
    if (attached == nullptr || !attached->takes_value || !is_number(word.substr(2))) return false;
    spelled.push_back(word);
    return true;
  }

  std::string long_name(const std::string& name) const {
    for (const SingleDash& entry : line_.single_dash_) {
      if (entry.spelling == name) return entry.name;
    }
    return name;
  }

  bool answer_foreign(const std::string& name, bool has_value, std::string value) {
    const std::string next = at_ + 1 < typed_.size() ? typed_[at_ + 1] : "";
    const ForeignFlag* flag = find_foreign_flag(name, has_value ? value : next);
    if (flag == nullptr) return false;
    const bool takes_next = flag->takes == ForeignFlag::Takes::value ||
                            (flag->takes == ForeignFlag::Takes::maybe && is_switch_word(next));
    if (!has_value && takes_next) {
      value = next;
      at_++;
    }
    const std::string text = foreign_flag_text(*flag, name, value);
    if (flag->answer == ForeignFlag::Answer::note) line_.notes_.push_back(text);
    else if (fault.empty()) fault = text;
    return true;
  }

  void refuse(const std::string& word) {
    if (!fault.empty()) return;
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> names;
    for (const Row& row : line_.rows_) names.insert(names.end(), row.names.begin(), row.names.end());
    const std::string nearest = contains(names, '-' + name) ? '-' + name : nearest_word(name, names);
    fault = "there is no option " + name;
    if (!nearest.empty()) fault += ": did you mean " + nearest + '?';
  }

  CommandLine& line_;
  const std::vector<std::string>& typed_;
  size_t at_ = 0;
};

CommandLine::CommandLine(const std::string& name, const std::string& about, const std::string& examples)
    : app_(std::make_unique<CLI::App>(name + ": " + about, name)) {
  auto format = std::make_shared<HelpFormat>(single_dash_);
  format->label("Positionals", "Arguments");
  app_->formatter(format);
  app_->get_help_ptr()->group("Process")->description("prints this");
  app_->footer("Examples:\n" + examples);
}

CommandLine::~CommandLine() = default;

void CommandLine::add(const Argument& argument, Target target) {
  const bool repeats = std::holds_alternative<std::vector<std::string>*>(target) ||
                       std::holds_alternative<std::vector<uint32_t>*>(target);
  Row row{split(argument.names, ','), !std::holds_alternative<bool*>(target), repeats, argument, ""};
  std::string names;
  const auto full = std::find_if(row.names.begin(), row.names.end(),
                                 [](const std::string& name) { return name.starts_with("--"); });
  for (const std::string& name : row.names) {
    if (is_single_dash(name)) single_dash_.push_back({name, *full});
    else names += (names.empty() ? "" : ",") + name;
  }
  CLI::Option* option = std::visit(
      [&](auto* value) -> CLI::Option* {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return app_->add_flag(names, *value, argument.help);
        } else {
          CLI::Option* added = app_->add_option(names, *value, argument.help);
          constexpr bool kWhole = std::is_integral_v<Value> || std::is_same_v<Value, std::vector<uint32_t>>;
          if (argument.low != argument.high) added->check(number_between(argument.low, argument.high, kWhole));
          if (std::string_view(argument.value).ends_with(",...")) added->delimiter(',');
          if (!repeats) added->take_last();
          row.initial = argument.default_note + (argument.initial ? argument.initial : default_text(*value));
          return added->default_str(row.initial)->allow_extra_args(repeats && added->get_positional());
        }
      },
      target);
  option->group(argument.group)->option_text(argument.value)->required(argument.required);
  if (*argument.choices != '\0') option->check(CLI::IsMember(CLI::detail::split(argument.choices, '|')));
  rows_.push_back(std::move(row));
}

const CommandLine::Row* CommandLine::find(const std::string& name) const {
  for (const Row& row : rows_) {
    if (name[0] == '-' && contains(row.names, name)) return &row;
  }
  return nullptr;
}

void CommandLine::exclude(const std::string& name, const std::string& other) {
  app_->get_option(name)->excludes(app_->get_option(other));
}

void CommandLine::need(const std::string& name, const std::string& other) {
  app_->get_option(name)->needs(app_->get_option(other));
}

void CommandLine::describe(const std::string& name, const std::string& help) {
  app_->get_option(name)->description(help);
  for (Row& row : rows_) {
    if (contains(row.names, name)) row.argument.help = help;
  }
}

bool CommandLine::given(const std::string& name) const {
  const CLI::Option* option = app_->get_option_no_throw(name);
  return option != nullptr && option->count() != 0;
}

std::string CommandLine::description() const {
  nlohmann::json arguments = nlohmann::json::array();
  for (const Row& row : rows_) {
    arguments.push_back({{"names", row.names},
                         {"value", row.argument.value},
                         {"help", row.argument.help},
                         {"group", row.argument.group},
                         {"default", row.initial},
                         {"choices", nlohmann::json::array()},
                         {"required", row.argument.required},
                         {"repeats", row.repeats}});
    if (*row.argument.choices != '\0') arguments.back()["choices"] = split(row.argument.choices, '|');
  }
  return nlohmann::json({{"arguments", std::move(arguments)}}).dump();
}

void CommandLine::parse(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{kDescribe}) throw Description{description()};
  const Speller speller(*this, arguments);
  if (speller.help) throw HelpWanted{app_->help()};
  if (!speller.fault.empty()) throw UsageError(speller.fault);
  try {
    app_->parse(std::vector<std::string>(speller.spelled.rbegin(), speller.spelled.rend()));
  } catch (const CLI::ParseError& fault) {
    throw UsageError(explain(*app_, fault));
  }
}

}  // namespace app
