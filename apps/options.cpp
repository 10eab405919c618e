// The shared options, see options.hpp: the table first, then what reads it.
#include "options.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <variant>

#include "context.hpp"
#include "files.hpp"
#include "hub_model.hpp"
#include "terminal.hpp"
#include "words.hpp"

namespace app {
namespace {

using Member = std::variant<std::string Options::*, std::vector<std::string> Options::*, bool Options::*,
                            uint32_t Options::*, int64_t Options::*,
                            float Options::*, float mica_sampling::*, uint32_t mica_sampling::*>;

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
    {kModelOptions, "Model", "-hf,-hfr,--hf-repo", "OWNER/NAME[:KIND]",
     "a model of huggingface.co, from the cache or fetched into it (mica pull); KIND as Q4_K_M where it has GGUF files",
     &Options::repository},
    {kModelOptions, "Model", "-hff,--hf-file", "FILE", "of -hf: this GGUF file", &Options::repository_file},
    {kModelOptions, "Model", "--offline", "", "of -hf: only what the cache has", &Options::offline},
    {kModelOptions, "Model", "-mm,--mmproj", "FILE",
     "of a .gguf model: the .gguf file with its vision tower; without it the only *mmproj*.gguf beside the model's",
     &Options::projector},
    {kModelOptions, "Model", "--chat-format", "FORMAT",
     "how turns are written: chatml, llama2, llama3, llama3.1, vicuna, internvl2, internvl2.5, internvl2-phi3, glm4, "
     "cogvlm2, cogvlm2-short, qwen-vl, gemma, gemma4 or paligemma; without it by the model's chat template",
     &Options::chat_format},
    {kModelOptions, "Model", "--chat-template,--chat-template-file", "FILE",
     "a chat template (Jinja) that is run in place of the model's", &Options::chat_template},
    {kMessageOptions, "Message", "--image", "FILE",
     "a picture (JPEG, PNG, WebP) for the question; - is standard input; several: once each, or FILE,FILE",
     &Options::images},
    {kMessageOptions, "Message", "--video", "FILE",
     "a video for the question, where the model takes them; a folder of pictures counts as one; several: once each",
     &Options::videos},
    {kMessageOptions, "Message", "--video-frames", "N",
     "frames of it that are seen, evenly spread; 0: by --video-fps, else as the model's processor says, else all",
     &Options::video_frames, 0, kVideoFramesMax},
    {kMessageOptions, "Message", "--video-fps", "N",
     "frames of each of its seconds that are seen; 0: by --video-frames", &Options::video_fps, 0, 1000},
    {kMessageOptions, "Message", "-p,--prompt", "TEXT", "the question", &Options::prompt},
    {kMessageOptions, "Message", "-f,--file", "FILE", "reads the question from a file; - is standard input",
     &Options::prompt_file},
    {kSystemOption, "Message", "-sys,--system-prompt", "TEXT", "a system turn before the first question",
     &Options::system},
    {kPredictOption, "Answer", "-n,--predict,--n-predict", "N",
     "the most tokens to generate; -1: until the answer or the context ends", &Options::predict, -1, kCountMax},
    {kMessageOptions, "Answer", "--stop", "TEXT",
     "ends the answer before this text, which is not shown; several: once each", &Options::stops},
    {kMessageOptions, "Answer", "-j,--json-schema", "TEXT",
     "the answer is JSON that keeps this JSON schema; {} is any JSON", &Options::schema},
    {kMessageOptions, "Answer", "-jf,--json-schema-file", "FILE", "the same with the schema in a file; - is standard input",
     &Options::schema_file},
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
    {kSamplingOptions, "Answer", "--ignore-eos", "", "goes on behind the token that ends an answer", &Options::ignore_end},
    {kSamplingOptions, "Answer", "-s,--seed", "N", "the same seed gives the same text; -1: by chance, -v prints it",
     &Options::seed, -1, kSeedMax},
    {kContextOption, "Session", "-c,--ctx-size", "N",
     "tokens that the session can hold; 0: 4096, and more where a picture or a question needs them", &Options::context, 0,
     kCountMax},
    {kBatchOption, "Session", "-b,--batch-size", "N", "tokens that pass through the decoder at once", &Options::batch,
     1, kBatchMax},
    {kThreadsOption, "Session", "-t,--threads", "N",
     "0: for the answer half the large cores, at least four; for prompts and pictures each that is not slow",
     &Options::threads, 0, 256},
    {kThreadsOption, "Session", "-tb,--threads-batch", "N",
     "for prompts and pictures, where -t is for the answer; 0: as -t, where that is given", &Options::threads_batch, 0,
     256},
    {kPictureOptions, "Session", "--image-max-tokens", "N",
     "the most tokens that a picture may take, larger ones are made smaller; 0: as many as the model's rules give",
     &Options::image_max_tokens, 0, kCountMax},
    {kPictureOptions, "Session", "--image-min-tokens", "N",
     "pictures of fewer tokens are made larger, where the model takes any size; 0: by the model's rules",
     &Options::image_min_tokens, 0, kCountMax},
    {kKvOptions, "Keys and values", "--kv-visual", "1|2|4|16|32",
     "bits that visual tokens' keys and values keep; without it what the model's file prefers, else 1",
     &Options::kv_visual, 0, 0, "1|2|4|16|32"},
    {kKvOptions, "Keys and values", "--kv-levels", "RULE",
     "how: token (a scale a token, after a rotation), centroid, quantile=ALPHA, calibquant", &Options::kv_levels},
    {kKvOptions, "Keys and values", "--kv-visual-layers", "LAYERS", "exceptions by layer, as 0-3=4,27=2",
     &Options::kv_visual_layers},
    {kKvOptions, "Keys and values", "--kv-text", "32|16|8|4",
     "bits that text tokens' keep; without it as many as --kv-visual 32 has, else 16", &Options::kv_text, 0, 0,
     "32|16|8|4"},
    {kKvOptions, "Keys and values", "--ctx-text", "N",
     "of -c, how many tokens may be text: the rest, packed pictures, take little memory; 0: all",
     &Options::context_text, 0, kCountMax},
    {kModelOptions, "Process", "--isa", "LEVEL",
     "forces an instruction set (mica inspect --cpu lists them); so does the environment's MICA_ISA", &Options::isa},
    {kQuietOption, "Process", "-q,--quiet", "",
     "prints the answer alone: no picture, question or timings; warnings stay", &Options::quiet},
    {kModelOptions, "Process", "-v,--verbose", "", "prints what the library reports, and the seed", &Options::verbose},
};

void print_log(void* user, int level, const char* message) {
  const bool verbose = *static_cast<const bool*>(user);
  if (level > MICA_LOG_WARNING && !verbose) return;
  print_note((level == MICA_LOG_WARNING ? "warning: " : "") + std::string(message));
}

// By --isa, else by MICA_ISA: before any work, since both are the caller's words.
void choose_isa(const Options& options) {
  const char* wanted = options.isa.empty() ? std::getenv("MICA_ISA") : options.isa.c_str();
  mica_error error{};
  if (wanted == nullptr || *wanted == '\0' || mica_set_isa(wanted, &error) == MICA_OK) return;
  throw UsageError((options.isa.empty() ? "MICA_ISA: " : "--isa: ") + std::string(error.message));
}

// What -hf names becomes what -m would name.
void take_repository(Options& options) {
  if (options.repository.empty()) {
    if (!options.repository_file.empty()) throw UsageError("--hf-file names a file of a repository: add -hf OWNER/NAME");
    return;
  }
  if (!options.model.empty()) throw UsageError("-hf and -m both name a model: leave one of them out");
  std::string wanted = options.repository;
  if (!options.repository_file.empty()) wanted = wanted.substr(0, wanted.find(':')) + ':' + options.repository_file;
  const hub::CachedModel model = find_model(wanted, options.offline);
  options.model = model.model;
  if (options.projector.empty()) options.projector = model.projector;
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
    const bool is_sampling = std::holds_alternative<float mica_sampling::*>(flag.member) ||
                             std::holds_alternative<uint32_t mica_sampling::*>(flag.member);
    line.add({.names = flag.names,
              .value = flag.value,
              .help = flag.help,
              .group = flag.group,
              .low = flag.low,
              .high = flag.high,
              .choices = flag.choices,
              .default_note = is_sampling ? "the model's, else " : ""},
             target);
  }
  if ((sets & kMessageOptions) == 0) return;
  line.exclude("--prompt", "--file");
  line.exclude("--video-frames", "--video-fps");
  line.exclude("--json-schema", "--json-schema-file");
}

void parse(CommandLine& line, const std::vector<std::string>& arguments, Options& options) {
  line.parse(arguments);
  if (options.model.empty() && contains(arguments, "-m"))
    throw UsageError("-m has an empty path (a variable that is not set?); without -m the default model answers");
  const auto is_empty = [&](const char* flag, const std::string& value) { return value.empty() && line.given(flag); };
  if (is_empty("--json-schema", options.schema) || is_empty("--json-schema-file", options.schema_file))
    throw UsageError("the JSON schema is empty (a variable that is not set?); {} allows any JSON");
  for (const Flag& flag : kFlags) {
    const std::string name = split(flag.names, ',').back();
    if (flag.set == kSamplingOptions && line.given(name)) options.given.push_back(flag.names);
  }
  if (!options.quiet) {
    for (const std::string& note : line.notes()) print_note("note: " + note);
  }
  static bool verbose;  // the log callback outlives the command's options
  verbose = options.verbose;
  mica_set_log(print_log, &verbose);
  choose_isa(options);
  take_repository(options);  // last: it may fetch, and a slip of the pen should be told before
}

namespace {

// Bounds of pictures that the model's rules leave no room for would be taken for a mistake of the model, and so would
// what comes of pictures that are too small for it.
void warn_without_effect(const Options& options, const Model& model) {
  struct Bound {
    const char* flag;
    uint32_t tokens;
    uint32_t mica_session_options::*setting;
    uint32_t PictureBounds::*bounded;
  };
  const Bound bounds[] = {
      {"--image-max-tokens", options.image_max_tokens, &mica_session_options::picture_tokens, &PictureBounds::most},
      {"--image-min-tokens", options.image_min_tokens, &mica_session_options::picture_tokens_min,
       &PictureBounds::least}};
  for (const Bound& bound : bounds) {
    if (bound.tokens == 0) continue;
    const char* effect = "has no effect";
    std::string reason = "this model reads text only";
    if (mica_model_has_vision(model.get()) != 0) {
      mica_session_options settings = unbounded_options(model);
      const PictureBounds rule = picture_bounds(model, settings);
      settings.*bound.setting = bound.tokens;
      const uint32_t tokens = picture_bounds(model, settings).*bound.bounded;
      const bool too_many = bound.setting == &mica_session_options::picture_tokens_min && tokens < bound.tokens;
      const bool too_few = tokens < rule.least;
      if (tokens != rule.*bound.bounded && !too_many && !too_few) continue;
      if (too_many) effect = "is not reached";
      if (too_few) effect = "makes pictures smaller than this model's least, and answers get worse";
      reason = "by this model's rules a picture takes " + std::to_string(rule.least) +
               (rule.least == rule.most ? "" : " to " + std::to_string(rule.most)) + " tokens";
    }
    const std::string given = std::string(bound.flag) + ' ' + std::to_string(bound.tokens);
    print_note("warning: " + given + ' ' + effect + ": " + reason);
  }
}

// A file's text. llama.cpp's flag takes names of formats too, which --chat-format has here.
std::string given_template(const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw Failure("--chat-template: there is no file " + path + "; formats have names with --chat-format",
                  MICA_NOT_FOUND);
  const std::string text = read_text(path);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Failure("--chat-template: " + path + " is empty; without the flag the model's own template is run",
                  MICA_CORRUPT_FILE);
  return text;
}

}  // namespace

Model open_model(const Options& options) {
  Progress progress("loading");
  mica_model_options model_options = mica_model_options_default();
  model_options.progress = Progress::callback;
  model_options.progress_user = &progress;
  model_options.chat_format = options.chat_format.c_str();
  model_options.projector = options.projector.c_str();
  const std::string chat_template = given_template(options.chat_template);
  model_options.chat_template = chat_template.c_str();
  const char* path = options.model.empty() ? nullptr : options.model.c_str();
  Model model = open_handle<Model>(mica_model_open, path, &model_options);
  progress.clear();
  warn_without_effect(options, model);
  return model;
}

mica_session_options session_options(const Options& options) {
  if (options.image_max_tokens != 0 && options.image_min_tokens > options.image_max_tokens)
    throw UsageError("--image-min-tokens " + std::to_string(options.image_min_tokens) + " is more than --image-max-tokens " +
                     std::to_string(options.image_max_tokens));
  mica_session_options session = mica_session_options_default();
  session.context = options.context;
  session.batch = options.batch;
  session.threads = options.threads;
  session.threads_batch = options.threads_batch;
  session.context_text = options.context_text;
  session.picture_tokens = options.image_max_tokens;
  session.picture_tokens_min = options.image_min_tokens;
  if (!options.kv_visual.empty()) session.kv_visual_bits = static_cast<uint32_t>(std::stoul(options.kv_visual));
  if (!options.kv_text.empty()) session.kv_text_bits = static_cast<uint32_t>(std::stoul(options.kv_text));
  session.kv_levels = options.kv_levels.c_str();
  session.kv_visual_layers = options.kv_visual_layers.c_str();
  return session;
}

namespace {

// Where no flag says otherwise, `asked` counts.
void take_over(const mica_sampling& asked, const Options& options, mica_sampling* sampling) {
  for (const Flag& flag : kFlags) {
    if (contains(options.given, flag.names)) continue;
    if (const auto* number = std::get_if<float mica_sampling::*>(&flag.member)) sampling->**number = asked.**number;
    if (const auto* count = std::get_if<uint32_t mica_sampling::*>(&flag.member)) sampling->**count = asked.**count;
  }
}

// A flag that only chance would listen to.
void note_greedy(const Options& options) {
  for (const char* name : {"--top-k", "--top-p", "--min-p"}) {
    if (!contains(options.given, name) || options.quiet) continue;
    print_note("note: " + std::string(name) +
               " has no effect at temperature 0, which takes the likeliest token; --temp 0.8 samples");
  }
}

}  // namespace

mica_sampling sampling_options(const Options& options, const mica_model* model) {
  mica_sampling sampling = options.sampling;
  mica_sampling asked{};
  if (model != nullptr && mica_model_sampling_default(model, &asked, nullptr) == MICA_OK) {
    take_over(asked, options, &sampling);
  }
  sampling.seed = static_cast<uint64_t>(options.seed);
  if (options.seed < 0) sampling.seed = std::random_device{}();
  if (options.verbose && sampling.temperature > 0) print_note("seed " + std::to_string(sampling.seed));
  if (sampling.temperature == 0) note_greedy(options);
  if (options.predict == 0) throw UsageError("-n 0: wants the number of tokens, or -1 for no bound");
  sampling.ignore_end = options.ignore_end;
  sampling.tokens_max = options.predict < 0 ? 0 : static_cast<uint32_t>(options.predict);
  return sampling;
}

void refuse_shared_input() {
  throw UsageError("standard input cannot be the picture and the question: add -p \"What is in the picture?\"");
}

std::string read_prompt(const Options& options) {
  if (contains(options.images, "-") && options.prompt_file == "-") refuse_shared_input();
  if (options.prompt_file.empty()) {
    if (!options.prompt.empty() && is_blank(options.prompt)) throw UsageError("the question is blank");
    return options.prompt;
  }
  std::string text = read_text(options.prompt_file);
  const bool nothing_piped = text.empty() && options.prompt_file == "-";  // as under cron: no question was meant
  if (is_blank(text) && !nothing_piped)
    throw Failure((options.prompt_file == "-" ? "standard input" : options.prompt_file) + " has no question in it" +
                      (text.empty() ? ": it is empty" : ", only blanks"),
                  MICA_INVALID_ARGUMENT);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

std::string read_schema(const Options& options) {
  if (options.schema_file.empty()) return options.schema;
  const std::string text = read_text(options.schema_file);
  if (is_blank(text)) throw Failure("--json-schema-file: " + options.schema_file + " has nothing in it", MICA_CORRUPT_FILE);
  return text;
}

void add_output_option(CommandLine& line, std::string& format, const char* choices) {
  format = std::string(choices).substr(0, std::string(choices).find('|'));
  line.add({.names = "-o,--output", .value = choices, .help = "form of the output", .choices = choices}, &format);
}

}  // namespace app
