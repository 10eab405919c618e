// mica run: one question, with or without pictures, and its answer.
// The answer alone goes to standard output; what stands around it goes to standard error.
#include <cstdio>

#include "command.hpp"
#include "conversation.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace app {
namespace {

constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells report it

void print_question(const Model& model, const std::vector<NamedPicture>& pictures, const std::string& prompt) {
  for (const NamedPicture& picture : pictures) {
    std::fprintf(stderr, "picture:  %s (%u x %u, %u tokens)\n", picture.path.c_str(),
                 mica_picture_width(picture.picture.get()), mica_picture_height(picture.picture.get()),
                 picture_tokens(model, picture));
  }
  std::fprintf(stderr, "question: %s\n", prompt.c_str());
}

void print_end(const mica_generation& generation) {
  if (generation.stop == MICA_STOP_CONTEXT) {
    std::fputs("mica: the context is full; a larger -c leaves more room for the answer\n", stderr);
  }
}

// Streams the answer; false when Ctrl-C ended it.
bool print_answer(const Session& session, const mica_sampling& sampling) {
  const Interrupt interrupt(session.get());
  try {
    prefill(session);
    if (is_terminal(stdout)) std::fputs("answer:   ", stderr);
    const mica_generation generation = generate(session, sampling, print_piece);
    std::puts("");
    print_end(generation);
  } catch (const Failure& failure) {
    if (failure.status() != MICA_CANCELLED) throw;
    std::puts("");
  }
  return !interrupt.requested();
}

int run(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  options.sampling.temperature = 0;
  add_options(line, options, kModelOptions | kConversationOptions | kSessionOptions);
  parse(line, arguments, options);
  const std::string prompt = read_prompt(options);
  if (prompt.empty()) {
    throw UsageError(
        "there is no question: add -p \"What is in the picture?\" or -f FILE (mica chat asks for "
        "questions one by one)");
  }
  const mica_sampling sampling = sampling_options(options);
  mica_session_options settings = session_options(options);
  const std::vector<NamedPicture> pictures = open_pictures(options.images);

  const Stopwatch load;
  const Model model = open_model(options);
  settings.picture_tokens = largest_picture(model, pictures);
  const Session session = create_session(model, settings);
  const double load_seconds = load.seconds();
  if (!options.system.empty()) add_system(model, session, options.system);
  add_question(model, session, pictures, prompt);
  print_question(model, pictures, prompt);
  const bool complete = print_answer(session, sampling);
  std::fprintf(stderr, "\nload %s | %s\n", format_seconds(load_seconds).c_str(), timings(session).c_str());
  return complete ? 0 : kExitInterrupted;
}

}  // namespace

const Command kRunCommand = {"run", "answers one question, about pictures or without",
                             "  mica run --image panel.jpg -p \"Read the display.\"\n"
                             "  mica run -m Qwen2-VL-2B-Instruct --image a.jpg --image b.png -p \"What differs?\"\n"
                             "  mica run -m SmolLM2-135M-Instruct.gguf -f letter.txt -n 200 --temp 0.8 -s 7\n"
                             "  mica run --image panel.jpg -p \"Read the dial.\" 2>/dev/null | tee answer.txt",
                             run};

}  // namespace app
