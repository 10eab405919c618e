// mica chat: several questions in one session, typed by a person or read from a pipe line by line.
// What fails is told, and the conversation goes on.
#include <cstdio>

#include "command.hpp"
#include "conversation.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace app {
namespace {

class Chat {
 public:
  Chat(const Options& options, Model model)
      : options_(options),
        model_(std::move(model)),
        session_(create_session(model_, session_options(options))),
        sampling_(sampling_options(options)),
        input_("> ") {}

  // Returns the exit status: 0, or 1 when something failed and nobody was there to see it.
  int run();

 private:
  struct Word {
    const char* name;
    const char* argument;
    const char* help;
    void (Chat::*act)(const std::string& argument);
  };
  static const Word kWords[];

  void handle(const std::string& line);
  void ask(const std::string& question);
  void explain(const Failure& failure) const;
  void add_picture(const std::string& path);
  void clear(const std::string&);
  void leave(const std::string&) { leaving_ = true; }
  void help(const std::string&);

  const Options& options_;
  Model model_;
  Session session_;
  mica_sampling sampling_;
  LineInput input_;
  std::vector<NamedPicture> pictures_;  // for the next question
  bool leaving_ = false;
  bool failed_ = false;
};

const Chat::Word Chat::kWords[] = {
    {"/image", "PATH", "attaches a picture to the next question", &Chat::add_picture},
    {"/clear", "", "forgets the conversation and attached pictures", &Chat::clear},
    {"/exit", "", "leaves; so do Ctrl-D, and Ctrl-C at the prompt", &Chat::leave},
    {"/help", "", "prints this", &Chat::help},
};

void Chat::help(const std::string&) {
  for (const Word& word : kWords) std::printf("  %-6s %-5s %s\n", word.name, word.argument, word.help);
  std::puts("  Ctrl-C       stops the answer");
}

void Chat::clear(const std::string&) {
  mica_session_clear(session_.get());
  pictures_.clear();
  if (input_.interactive()) std::puts("(a new conversation)");
}

void Chat::add_picture(const std::string& argument) {
  std::string path = argument;  // terminals quote the names of files that are dragged into them
  if (path.size() > 1 && (path.front() == '\'' || path.front() == '"') && path.back() == path.front()) {
    path = path.substr(1, path.size() - 2);
  }
  if (path.empty()) throw Failure("/image wants the path of a picture", MICA_INVALID_ARGUMENT);
  NamedPicture added = open_picture(path);
  const uint32_t tokens = picture_tokens(model_, added);
  if (input_.interactive()) {
    std::printf("(%s, %u x %u, %u tokens, goes with the next question)\n", path.c_str(),
                mica_picture_width(added.picture.get()), mica_picture_height(added.picture.get()), tokens);
  }
  pictures_.push_back(std::move(added));
}

void Chat::ask(const std::string& question) {
  const std::vector<NamedPicture> pictures = std::move(pictures_);
  pictures_.clear();
  mica_stats stats{};
  mica_session_stats(session_.get(), &stats);
  if (stats.tokens == 0) {
    mica_session_clear(session_.get());  // what an earlier first question left when it failed
    if (!options_.system.empty()) add_system(model_, session_, options_.system);
  }
  add_question(model_, session_, pictures, question);
  const Interrupt interrupt(session_.get());
  prefill(session_);
  const mica_generation generation = generate(session_, sampling_, print_piece);
  std::puts(input_.interactive() ? "\n" : "");
  if (options_.verbose) std::fprintf(stderr, "%s\n", timings(session_).c_str());
  if (generation.stop == MICA_STOP_CONTEXT) throw Failure("the answer was cut", MICA_CONTEXT_FULL);
}

void Chat::explain(const Failure& failure) const {
  if (failure.status() == MICA_CANCELLED) {
    std::puts(input_.interactive() ? "\n(stopped)\n" : "");
    return;
  }
  print_error(failure.what());
  if (failure.status() == MICA_CONTEXT_FULL) {
    std::fputs("mica: /clear begins a new conversation; a larger -c has room for a longer one\n", stderr);
  }
}

void Chat::handle(const std::string& line) {
  if (line[0] != '/') {
    ask(line);
    return;
  }
  const size_t space = std::min(line.find(' '), line.size());
  const size_t argument = std::min(line.find_first_not_of(' ', space), line.size());
  const std::string name = line.substr(0, space);
  for (const Word& word : kWords) {
    if (name == word.name) {
      (this->*word.act)(line.substr(argument));
      return;
    }
  }
  throw Failure("there is no " + name + "; /help lists what there is (a space before the / makes it a question)",
                MICA_INVALID_ARGUMENT);
}

int Chat::run() {
  std::string line = read_prompt(options_);
  pictures_ = open_pictures(options_.images);
  if (input_.interactive()) {
    std::printf("mica %s, %s. Type a question, or /help.\n\n", mica_version(), mica_model_family(model_.get()));
    if (!line.empty()) std::printf("> %s\n", line.c_str());
  }
  while (!leaving_) {
    if (line.empty()) {
      const LineInput::Result result = input_.read(line);
      if (result != LineInput::Result::kLine) {
        if (input_.interactive()) std::puts("");
        break;
      }
    }
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.pop_back();
    try {
      if (!line.empty()) handle(line);
    } catch (const Failure& failure) {
      explain(failure);
      failed_ = true;
    }
    line.clear();
  }
  return failed_ && !input_.interactive() ? 1 : 0;
}

int chat(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  add_options(line, options, kModelOptions | kConversationOptions | kSessionOptions);
  parse(line, arguments, options);
  return Chat(options, open_model(options)).run();
}

}  // namespace

const Command kChatCommand = {"chat", "keeps a conversation going, with pictures",
                              "  mica chat\n"
                              "  mica chat -m Qwen2-VL-2B-Instruct --image panel.jpg\n"
                              "  mica chat -m SmolLM2-135M-Instruct.gguf -sys \"Answer briefly.\" --temp 0\n"
                              "  printf '/image panel.jpg\\nRead the display.\\n' | mica chat",
                              chat};

}  // namespace app
