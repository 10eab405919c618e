// mica run: one question, with or without pictures, and its answer.
// The answer alone goes to standard output; what stands around it, to standard error. All of it as JSON: run_json.cpp.
#include <cstdio>
#include <iostream>
#include <span>

#include "chat.hpp"
#include "command.hpp"
#include "context.hpp"
#include "conversation.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "pasted_paths.hpp"
#include "piped_input.hpp"
#include "plain_arguments.hpp"
#include "run_json.hpp"
#include "terminal.hpp"
#include "videos.hpp"
#include "words.hpp"

namespace app {
namespace {

struct RunOptions {
  Options shared;
  std::vector<std::string> words;  // pictures and the question, as plain arguments
  std::string format;
  bool conversation = false;

  bool json() const { return format == "json"; }
  bool quiet() const { return shared.quiet || json(); }
};

// Where the question is on the command line and no picture is, one may be piped in.
void take_piped_picture(Options& options) {
  const bool reads_question = options.prompt_file == "-" || (options.prompt.empty() && options.prompt_file.empty());
  if (reads_question || !options.images.empty() || !options.videos.empty()) return;
  const PipedInput input = look_at_input();
  if (input == PipedInput::kPicture) options.images.push_back("-");
  if (input == PipedInput::kText)
    print_note("warning: what is piped in is no picture and is not read; -f - reads it, where it is the question");
  if (input == PipedInput::kSilent)
    print_note("warning: standard input is a pipe that gave nothing for a second and is not read; --image - waits for "
               "a picture from it");
}

// A question that came by -p is asked as it stands, but not by mistake.
void take_named_pictures(Options& options) {
  const TypedQuestion typed = find_pictures(options.prompt);
  options.images.insert(options.images.end(), typed.pictures.begin(), typed.pictures.end());
  if (!typed.pictures.empty()) options.prompt = typed.text;
  for (const std::string& path : typed.missing)
    print_note("warning: there is no picture " + path + ", which the question names: it is asked as text");
}

void take_words(RunOptions& options) {
  const PlainArguments sorted = sort_arguments(options.words);
  const std::string& question = sorted.question;
  options.shared.images.insert(options.shared.images.end(), sorted.pictures.begin(), sorted.pictures.end());
  if (question.empty()) return;
  if (!options.shared.prompt.empty() || !options.shared.prompt_file.empty()) {
    throw UsageError("there are two questions: \"" + question + "\" and that of " +
                     (options.shared.prompt.empty() ? "-f" : "-p"));
  }
  options.shared.prompt = question;
}

// Asked of the person who gave a picture and no question.
std::string type_question() {
  std::fputs("your question: ", stderr);
  std::string line;
  if (!std::getline(std::cin, line)) std::fputs("\n", stderr);  // Ctrl-D
  if (is_blank(line)) throw UsageError("there is no question about the picture");
  return line;
}

// From -p, -f or the arguments; else typed, or from standard input, where that is no terminal, which is read once.
std::string question_of(Options options) {
  const bool asked = !options.prompt.empty() || !options.prompt_file.empty();
  if (!asked && contains(options.images, "-")) refuse_shared_input();
  if (!asked && !is_terminal(stdin)) options.prompt_file = "-";
  const bool sees = !options.images.empty() || !options.videos.empty();
  if (!asked && is_terminal(stdin) && sees) return type_question();
  const std::string prompt = read_prompt(options);
  if (!prompt.empty()) return prompt;
  throw UsageError(
      "there is no question: add one, as in: mica run picture.jpg \"What is in the picture?\", or -f FILE (mica chat "
      "asks for questions one by one)");
}

void print_question(const Model& model, const Session& session, std::span<const NamedPicture> pictures,
                    const std::string& prompt) {
  for (size_t i = 0; i < pictures.size(); ++i) {
    const NamedPicture& picture = pictures[i];
    if (picture.begins_video)
      std::fprintf(stderr, "video:    %s\n", text_for(stderr, video_title(model, pictures.subspan(i))).c_str());
    else if (!picture.is_frame)
      std::fprintf(stderr, "picture:  %s (%u x %u, %u tokens)\n", text_for(stderr, picture.path).c_str(),
                   mica_picture_width(picture.picture.get()), mica_picture_height(picture.picture.get()),
                   session_tokens(session, picture));
  }
  std::fprintf(stderr, "question: %s\n", text_for(stderr, prompt).c_str());
}

void print_purpose(const Model& model) {
  const std::string purpose = mica_model_description(model.get());
  if (!purpose.empty()) print_note("this model " + purpose);
}

// The text as it comes; false when Ctrl-C ended it.
bool print_answer(const Model& model, const Session& session, const mica_session_options& settings,
                  const mica_sampling& sampling, bool quiet) {
  const Interrupt interrupt(session.get());
  try {
    prefill(session);
    if (is_terminal(stdout) && !quiet) std::fputs("answer:   ", stderr);
    const mica_generation generation = generate(session, sampling, print_piece);
    std::puts("");
    if (generation.stop == MICA_STOP_CONTEXT) {
      const uint32_t context = settings.context != 0 ? settings.context : default_context(model);
      print_note("the context is full; " + more_room(model, settings, context));
    }
  } catch (const Failure& failure) {
    if (failure.status() != MICA_CANCELLED) throw;
    std::puts("");
  }
  return !interrupt.requested();
}

int answer(const RunOptions& run, const std::string& prompt) {
  const Options& options = run.shared;
  mica_session_options settings = session_options(options);
  std::vector<NamedPicture> pictures = open_pictures(options.images);
  const std::string schema = read_schema(options);

  const uint64_t memory = mica_memory_available();
  const Stopwatch load;
  const Model model = open_model(options);
  add_videos(model, options, &pictures);
  const mica_sampling sampling = sampling_options(options, model.get());
  choose_context(model, pictures, options.system + prompt, sampling.tokens_max, &settings);
  fit_memory(model, memory, options.context != 0, &settings);
  Pictures encoded;
  const Session session = create_session(model, settings);
  const double load_seconds = load.seconds();
  // One question: what is kept serves a picture that is given twice.
  if (pictures.size() > 1) encoded = keep_pictures(model, session);
  naming("--stop", [&] { set_stops(session, options.stops); });
  naming(options.schema_file, [&] { set_schema(session, schema); });
  if (!options.system.empty()) add_system(model, session, options.system);
  naming(options.prompt_file, [&] {
    add_fitting_question(model, session, settings, options.image_max_tokens, pictures, prompt);
  });
  if (run.json()) {
    const JsonQuestion question{options.model, options.system, prompt, pictures, sampling, load_seconds};
    return print_json_answer(model, session, question) ? 0 : kExitInterrupted;
  }
  if (options.verbose) print_purpose(model);
  if (!run.quiet()) print_question(model, session, pictures, prompt);
  const bool complete = print_answer(model, session, settings, sampling, run.quiet());
  if (!run.quiet()) {
    std::fprintf(stderr, "\nload %s | %s\n", format_seconds(load_seconds).c_str(), timings(session).c_str());
  }
  return complete ? 0 : kExitInterrupted;
}

int run(CommandLine& line, const std::vector<std::string>& arguments) {
  RunOptions options;
  options.shared.sampling.temperature = 0;
  line.add({.names = "words",
            .value = "[PICTURE...] [QUESTION]",
            .help = "pictures, and the question, which may name some too; without a question it is read from standard "
                    "input",
            .group = "Message"},
           &options.words);
  add_options(line, options.shared, kModelOptions | kConversationOptions | kSessionOptions | kQuietOption);
  add_output_option(line, options.format, "text|json");
  line.add({.names = "-cnv,--conversation", .value = "", .help = "keeps a conversation going, as mica chat does"},
           &options.conversation);
  parse(line, arguments, options.shared);
  take_words(options);
  if (options.conversation) {
    if (options.json()) throw UsageError("-o json is for one answer; -cnv makes a conversation");
    return converse(options.shared, false);
  }
  if (options.words.empty()) take_named_pictures(options.shared);
  take_piped_picture(options.shared);
  if (options.shared.predict == 0) sampling_options(options.shared);  // says so before a model is read
  return answer(options, question_of(options.shared));
}

}  // namespace

const Command kRunCommand = {"run", "answers one question, about pictures or without",
                             "  mica run panel.jpg \"Read the display.\"\n"
                             "  mica run -m Qwen2-VL-2B-Instruct --image a.jpg --image b.png -p \"What differs?\"\n"
                             "  mica run -m SmolLM2-135M-Instruct.gguf -f letter.txt -n 200 --temp 0.8 -s 7\n"
                             "  mica run --image panel.jpg < question.txt\n"
                             "  mica run panel.jpg \"Read the dial.\" --quiet | tee answer.txt\n"
                             "  mica run panel.jpg \"Read the dial.\" -o json\n"
                             "  mica run panel.jpg \"Read the dial.\" -j '{\"type\": \"integer\"}'",
                             run};

}  // namespace app
