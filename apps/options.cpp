// The shared options, see options.hpp: the table first, then what reads it.
#include "options.hpp"

#include <cstdio>
#include <random>
#include <variant>

#include "files.hpp"
#include "terminal.hpp"

namespace app {
namespace {

using Member = std::variant<std::string Options::*, std::vector<std::string> Options::*, bool Options::*,
                            uint32_t Options::*, int64_t Options::*, float mica_sampling::*, uint32_t mica_sampling::*>;

struct Flag {
  unsigned set;
  const char* group;  // heading in --help
  const char* names;
  const char* value;  // what stands for the value in --help
  const char* help;
  Member member;
  double low = 0, high = 0;       // range of a number; both 0: not checked here
  const char* choices = "";       // the values allowed, with '|' between
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
     "bits that visual tokens' keys and values keep; without it what the model's file prefers, else 1",
     &Options::kv_visual, 0, 0, "1|2|4|16"},
    {kKvOptions, "Keys and values", "--kv-levels", "RULE",
     "how: token (a scale a token, after a rotation), centroid, quantile=ALPHA, calibquant", &Options::kv_levels},
    {kKvOptions, "Keys and values", "--kv-visual-layers", "LAYERS", "exceptions by layer, as 0-3=4,27=2",
     &Options::kv_visual_layers},
    {kKvOptions, "Keys and values", "--kv-text", "16|8|4", "bits that text tokens' keep", &Options::kv_text, 0, 0,
     "16|8|4"},
    {kKvOptions, "Keys and values", "--ctx-text", "N",
     "of -c, how many tokens may be text: the rest, packed pictures, take little memory; 0: all",
     &Options::context_text, 0, kCountMax},
    {kModelOptions, "Process", "--isa", "LEVEL",
     "forces an instruction set (mica inspect --cpu lists them); so does the environment's MICA_ISA", &Options::isa},
    {kModelOptions, "Process", "-v,--verbose", "", "prints what the library reports, and the seed", &Options::verbose},
};

void print_log(void* user, int level, const char* message) {
  const bool verbose = *static_cast<const bool*>(user);
  if (level > MICA_LOG_WARNING && !verbose) return;
  std::fprintf(stderr, "mica: %s%s\n", level == MICA_LOG_WARNING ? "warning: " : "", message);
}

}  // namespace

void add_options(CommandLine& line, Options& options, unsigned sets) {
  for (const Flag& flag : kFlags) {
    if ((flag.set & sets) == 0) continue;
    const Target target = std::visit(
        [&](auto member) -> Target {
          if constexpr (std::is_invocable_v<decltype(member), Options&>) {
            return &(options.*member);
          } else {
            return &(options.sampling.*member);
          }
        },
        flag.member);
    line.add({.names = flag.names,
              .value = flag.value,
              .help = flag.help,
              .group = flag.group,
              .low = flag.low,
              .high = flag.high,
              .choices = flag.choices},
             target);
  }
  if ((sets & kMessageOptions) != 0) line.exclude("--prompt", "--file");
}

void parse(CommandLine& line, const std::vector<std::string>& arguments, const Options& options) {
  line.parse(arguments);
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

void add_output_option(CommandLine& line, std::string& format, const char* choices) {
  format = std::string(choices).substr(0, std::string(choices).find('|'));
  line.add({.names = "-o,--output", .value = choices, .help = "form of the output", .choices = choices}, &format);
}

}  // namespace app
