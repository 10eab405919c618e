// The shared options, see options.hpp: the table first, then what reads it.
#include "options.hpp"

#include <cmath>
#include <cstdio>
#include <random>
#include <variant>

#include "files.hpp"
#include "help_format.hpp"
#include "terminal.hpp"

namespace app {
namespace {

using Target = std::variant<std::string Options::*, std::vector<std::string> Options::*, bool Options::*,
                            uint32_t Options::*, int64_t Options::*, float mica_sampling::*, uint32_t mica_sampling::*>;

struct Flag {
  unsigned set;
  const char* group;  // heading in --help
  const char* names;
  const char* value;  // what stands for the value in --help
  const char* help;
  Target target;
  double low = 0, high = 0;       // range of a number; both 0: not checked here
  const char* choices = nullptr;  // the values allowed, with a space between
};

constexpr double kSeedMax = 4294967295.0;  // 32 bits, as in llama.cpp: short enough to type again

const Flag kFlags[] = {
    {kModelOptions, "Model", "-m,--model", "PATH",
     "folder of a Hugging Face checkpoint, .gguf or .mica file; without it the default model inside the program",
     &Options::model},
    {kMessageOptions, "Message", "--image", "FILE",
     "a picture (JPEG, PNG) for the question; several: once each, or FILE,FILE", &Options::images},
    {kMessageOptions, "Message", "-p,--prompt", "TEXT", "the question", &Options::prompt},
    {kMessageOptions, "Message", "-f,--file", "FILE", "reads the question from a file; - is standard input",
     &Options::prompt_file},
    {kSystemOption, "Message", "--system-prompt", "TEXT", "a system turn before the first question", &Options::system},
    {kPredictOption, "Answer", "-n,--predict,--n-predict", "N",
     "the most tokens to generate; -1: until the answer or the context ends", &Options::predict, -1, kCountMax},
    {kSamplingOptions, "Answer", "--temp,--temperature", "T", "0 always takes the likeliest token (greedy)",
     &mica_sampling::temperature, 0, 100},
    {kSamplingOptions, "Answer", "--top-k", "N", "samples among the N likeliest tokens; 0: all", &mica_sampling::top_k,
     0, kCountMax},
    {kSamplingOptions, "Answer", "--top-p", "P", "samples among the likeliest tokens of total probability P; 1: all",
     &mica_sampling::top_p, 0, 1},
    {kSamplingOptions, "Answer", "--min-p", "P", "leaves out tokens less likely than P times the likeliest; 0: none",
     &mica_sampling::min_p, 0, 1},
    {kSamplingOptions, "Answer", "--repeat-penalty", "X", "makes repeated tokens less likely; 1: off",
     &mica_sampling::repeat_penalty, 0.01, 100},
    {kSamplingOptions, "Answer", "--repeat-last-n", "N", "how many tokens back the penalty looks",
     &mica_sampling::repeat_last, 0, kCountMax},
    {kSamplingOptions, "Answer", "-s,--seed", "N", "the same seed gives the same text; -1: by chance, -v prints it",
     &Options::seed, -1, kSeedMax},
    {kContextOption, "Session", "-c,--ctx-size", "N",
     "tokens that the session can hold; 0: what the model was trained for, at most 4096", &Options::context, 0,
     kCountMax},
    {kBatchOption, "Session", "-b,--batch-size", "N", "tokens that pass through the decoder at once", &Options::batch,
     1, kCountMax},
    {kThreadsOption, "Session", "-t,--threads", "N", "0: as many as the processor has", &Options::threads, 0, 256},
    {kKvOptions, "Keys and values", "--kv-visual", "1|2|4|16",
     "bits that visual tokens' keys and values keep; without it what the model's file prefers, else 1", &Options::kv_visual, 0, 0,
     "1 2 4 16"},
    {kKvOptions, "Keys and values", "--kv-levels", "RULE",
     "how: token (a scale a token, after a rotation), centroid, quantile=ALPHA, calibquant", &Options::kv_levels},
    {kKvOptions, "Keys and values", "--kv-visual-layers", "LAYERS", "exceptions by layer, as 0-3=4,27=2",
     &Options::kv_visual_layers},
    {kKvOptions, "Keys and values", "--kv-text", "16|4", "bits that text tokens' keep", &Options::kv_text, 0, 0, "16 4"},
    {kKvOptions, "Keys and values", "--ctx-text", "N",
     "of -c, how many tokens may be text: the rest, packed pictures, take little memory; 0: all", &Options::context_text, 0,
     kCountMax},
    {kModelOptions, "Process", "--isa", "LEVEL",
     "forces an instruction set (mica inspect --cpu lists them); so does the environment's MICA_ISA", &Options::isa},
    {kModelOptions, "Process", "-v,--verbose", "", "prints what the library reports, and the seed", &Options::verbose},
};

// The value that the member has now, as --help shows it; empty where there is nothing to say.
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

void add_flag(CLI::App& app, Options& options, const Flag& flag) {
  const auto add = [&](auto& value) -> CLI::Option* {
    using Value = std::remove_reference_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, bool>) {
      return app.add_flag(flag.names, value, flag.help);
    } else {
      CLI::Option* option = app.add_option(flag.names, value, flag.help)->default_str(default_text(value));
      if (flag.low != flag.high) option->check(number_between(flag.low, flag.high, std::is_integral_v<Value>));
      return option;
    }
  };
  CLI::Option* option = std::visit(
      [&](auto member) {
        if constexpr (std::is_invocable_v<decltype(member), Options&>) {
          return add(options.*member);
        } else {
          return add(options.sampling.*member);
        }
      },
      flag.target);
  option->group(flag.group)->option_text(flag.value)->allow_extra_args(false);
  if (flag.choices != nullptr) option->check(CLI::IsMember(CLI::detail::split(flag.choices, ' ')));
}

void print_log(void* user, int level, const char* message) {
  const bool verbose = *static_cast<const bool*>(user);
  if (level > MICA_LOG_WARNING && !verbose) return;
  std::fprintf(stderr, "mica: %s%s\n", level == MICA_LOG_WARNING ? "warning: " : "", message);
}

}  // namespace

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

void add_options(CLI::App& app, Options& options, unsigned sets) {
  for (const Flag& flag : kFlags) {
    if ((flag.set & sets) != 0) add_flag(app, options, flag);
  }
  if ((sets & kMessageOptions) != 0) app.get_option("--prompt")->excludes("--file");
}

void parse(CLI::App& app, const std::vector<std::string>& arguments, const Options& options) {
  const std::vector<std::string> spelled = spell_out_single_dash(arguments);
  app.parse(std::vector<std::string>(spelled.rbegin(), spelled.rend()));
  static bool verbose;  // the log callback outlives the command's options
  verbose = options.verbose;
  mica_set_log(print_log, &verbose);
  mica_error error{};
  if (!options.isa.empty()) require(mica_set_isa(options.isa.c_str(), &error), error);
}

Model open_model(const Options& options) {
  Progress progress("loading");
  mica_model_options model_options = mica_model_options_default();
  model_options.progress = Progress::callback;
  model_options.progress_user = &progress;
  const char* path = options.model.empty() ? nullptr : options.model.c_str();
  return open_handle<Model>(mica_model_open, path, &model_options);
}

mica_session_options session_options(const Options& options) {
  mica_session_options session = mica_session_options_default();
  session.context = options.context;
  session.batch = options.batch;
  session.threads = options.threads;
  session.context_text = options.context_text;
  if (!options.kv_visual.empty()) session.kv_visual_bits = static_cast<uint32_t>(std::stoul(options.kv_visual));
  session.kv_text_bits = static_cast<uint32_t>(std::stoul(options.kv_text));
  session.kv_levels = options.kv_levels.c_str();
  session.kv_visual_layers = options.kv_visual_layers.c_str();
  return session;
}

mica_sampling sampling_options(const Options& options) {
  mica_sampling sampling = options.sampling;
  sampling.seed = static_cast<uint64_t>(options.seed);
  if (options.seed < 0) sampling.seed = std::random_device{}();
  if (options.verbose && sampling.temperature > 0) {
    std::fprintf(stderr, "mica: seed %llu\n", static_cast<unsigned long long>(sampling.seed));
  }
  if (options.predict == 0) throw UsageError("-n 0: wants the number of tokens, or -1 for no bound");
  sampling.tokens_max = options.predict < 0 ? 0 : static_cast<uint32_t>(options.predict);
  return sampling;
}

std::string read_prompt(const Options& options) {
  if (options.prompt_file.empty()) return options.prompt;
  std::string text = read_file(options.prompt_file);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

void add_output_option(CLI::App& app, std::string& format, const std::vector<std::string>& choices) {
  format = choices.front();
  app.add_option("-o,--output", format, "form of the output")
      ->option_text(join(choices, "|"))
      ->default_str(format)
      ->check(CLI::IsMember(choices));
}

}  // namespace app
