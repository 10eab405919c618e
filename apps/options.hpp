// The options that several commands share: one table of flags (options.cpp), one struct of values, and their meaning
// for the library. Options of a single command are in its own file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "handles.hpp"

namespace app {

// Which part of the table a command offers.
enum OptionSet : unsigned {
  kModelOptions = 1,      // -m, --isa, -v
  kThreadsOption = 2,     // -t
  kBatchOption = 4,       // -b
  kContextOption = 8,     // -c
  kKvOptions = 16,        // --kv-visual --kv-levels ...
  kSamplingOptions = 32,  // -s --temp ...
  kPredictOption = 64,    // -n
  kMessageOptions = 128,  // --image -p -f --stop --json-schema
  kSystemOption = 256,    // -sys
  kQuietOption = 512,     // -q
  kPictureOptions = 1024, // --image-max-tokens --image-min-tokens
  kConversationOptions = kMessageOptions | kSystemOption | kSamplingOptions | kPredictOption,
  kSessionOptions = kThreadsOption | kBatchOption | kContextOption | kKvOptions | kPictureOptions,
};

// Values as given; the initial ones are the defaults that --help shows. A command may change them before
// add_options.
struct Options {
  std::string model;  // empty: the default model
  std::string repository;  // of a hub, in place of `model`
  std::string repository_file;
  bool offline = false;
  std::string chat_format;  // empty: what the model's chat template says
  std::string chat_template;  // a file with another template
  std::string projector;  // of a GGUF file; empty: what lies beside it
  std::string isa;
  bool verbose = false;

  bool quiet = false;
  bool ignore_end = false;

  uint32_t threads = 0;
  uint32_t threads_batch = 0;
  uint32_t batch = 512;
  uint32_t context = 0;
  uint32_t context_text = 0;
  uint32_t image_max_tokens = 0;
  uint32_t image_min_tokens = 0;

  std::string kv_visual;  // empty: the library's default
  std::string kv_text;    // likewise
  std::string kv_levels = "token";
  std::string kv_visual_layers;

  int64_t seed = -1;
  int64_t predict = -1;
  mica_sampling sampling = mica_sampling_default();
  std::vector<std::string> given;  // names of sampling's flags that were given; the others are the model's to say

  std::vector<std::string> stops;
  std::string schema;  // that answers keep, or a file with it; both empty: none
  std::string schema_file;
  std::vector<std::string> images;
  std::vector<std::string> videos;  // files, or folders of pictures
  uint32_t video_frames = 0;
  float video_fps = 0;
  std::string prompt;
  std::string prompt_file;
  std::string system;
};

inline constexpr double kBatchMax = 8192;  // of the library
inline constexpr double kVideoFramesMax = 256;  // likewise
inline constexpr double kCountMax = 1u << 24;  // beyond any context that the library accepts

// Adds the flags of `sets` to `line`, writing to `options`, which must outlive the parse.
void add_options(CommandLine& line, Options& options, unsigned sets);

// Parses a command's arguments and applies what concerns the process: --isa and the log; prints the notes of the
// command line. Throws what CommandLine::parse throws, and Failure.
void parse(CommandLine& line, const std::vector<std::string>& arguments, Options& options);

// Opens what -m names, with a progress bar; warns of bounds of pictures that have no effect on it. Throws Failure.
Model open_model(const Options& options);

// `options` as the library wants them; its texts are those of `options`.
mica_session_options session_options(const Options& options);

// `options` as the library wants them; a seed of -1 is drawn by chance and, with -v, printed. With a model, what no
// flag says is as its files ask for, where they do. Throws UsageError.
mica_sampling sampling_options(const Options& options, const mica_model* model = nullptr);

// Throws UsageError: a picture comes from standard input, and the question would come from there too.
[[noreturn]] void refuse_shared_input();

// -p, or the content of -f ("-": standard input) without its last line end; empty when neither was given,
// or standard input gives nothing. Throws Failure for what is no text or blank, and UsageError for a blank -p.
std::string read_prompt(const Options& options);

// The JSON schema of --json-schema or --json-schema-file; empty when neither was given. Throws Failure.
std::string read_schema(const Options& options);

// Adds `-o FORMAT` with the choices given, '|' between them (the first is the default), to `line`.
void add_output_option(CommandLine& line, std::string& format, const char* choices);

}  // namespace app
