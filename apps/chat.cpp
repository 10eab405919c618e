// mica chat: several questions in one session, typed by a person or read from a pipe line by line.
// What fails is told, and the conversation goes on.
#include "chat.hpp"

#include <algorithm>
#include <cstdio>

#include "command.hpp"
#include "context.hpp"
#include "conversation.hpp"
#include "interrupt.hpp"
#include "line_input.hpp"
#include "pasted_paths.hpp"
#include "terminal.hpp"
#include "videos.hpp"
#include "words.hpp"

namespace app {
namespace {

constexpr const char* kForNext = ", goes with the next question";

class Chat {
 public:
  Chat(const Options& options, const mica_session_options& settings, bool single_turn, Model model)
      : options_(options),
        single_turn_(single_turn),
        model_(std::move(model)),
        settings_(settings),
        context_(settings_.context != 0 ? settings_.context : default_context(model_)),
        session_(create_session(model_, settings_)),
        sampling_(sampling_options(options, model_.get())),
        input_("> ", word_names()) {
    encoded_ = keep_pictures(model_, session_);
    naming("--stop", [&] { set_stops(session_, options.stops); });
    naming(options.schema_file, [&] { set_schema(session_, read_schema(options)); });
  }

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
  static std::vector<std::string> word_names();

  void print_banner() const;
  bool next_line(std::string& line);
  void handle(const std::string& line);
  void take_question(const std::string& line);
  void hold_back_without_picture();
  void ask(const std::string& question);
  void make_room(const std::vector<NamedPicture>& pictures, const std::string& text);
  void explain(const Failure& failure) const;
  void add_picture(const std::string& path, const char* note);
  void add_pictures(const std::string& argument);
  void attach_video(const std::string& argument);
  void clear(const std::string&);
  void leave(const std::string&) { leaving_ = true; }
  void help(const std::string&);

  const Options& options_;
  const bool single_turn_;
  Model model_;
  mica_session_options settings_;
  uint32_t context_;  // of the session now
  Pictures encoded_;  // outlive the session, also when it is cleared
  Session session_;
  mica_sampling sampling_;
  LineInput input_;
  std::vector<NamedPicture> pictures_;  // for the next question
  // A picture for the next question could not be had. A person is told once and decides; in a pipe nobody decides, and
  // no question is asked until there is a picture again.
  enum class Lack { kNone, kUntold, kTold } lack_ = Lack::kNone;
  std::string held_back_;  // a question that names a picture which is not there; the same again is sent as text
  bool leaving_ = false;
  bool failed_ = false;
};

const Chat::Word Chat::kWords[] = {
    {"/image", "PATH...", "attaches a picture or several to the next question; so does a path in it",
     &Chat::add_pictures},
    {"/video", "PATH", "attaches a video, or a folder of pictures as one, where the model takes videos",
     &Chat::attach_video},
    {"/clear", "", "forgets the conversation and attached pictures", &Chat::clear},
    {"/exit", "", "leaves; so do /quit, /bye, Ctrl-D, and Ctrl-C at the prompt", &Chat::leave},
    {"/quit", "", nullptr, &Chat::leave},
    {"/bye", "", nullptr, &Chat::leave},
    {"/help", "", "prints this", &Chat::help},
};

std::vector<std::string> Chat::word_names() {
  std::vector<std::string> names;
  for (const Word& word : kWords) names.push_back(word.name);
  return names;
}

void Chat::help(const std::string&) {
  for (const Word& word : kWords) {
    if (word.help != nullptr) std::printf("  %-6s %-8s %s\n", word.name, word.argument, word.help);
  }
  std::puts("  Ctrl-C          stops the answer");
}

void Chat::clear(const std::string&) {
  mica_session_clear(session_.get());
  pictures_.clear();
  lack_ = Lack::kNone;
  if (input_.interactive()) std::puts("(a new conversation)");
}

void Chat::add_picture(const std::string& path, const char* note) {
  NamedPicture added = open_picture(path);
  const uint32_t tokens = picture_tokens(model_, added);
  if (input_.interactive()) {
    std::printf("(%s, %u x %u, %u tokens%s)\n", screen_text(path).c_str(),
                mica_picture_width(added.picture.get()), mica_picture_height(added.picture.get()), tokens, note);
  }
  pictures_.push_back(std::move(added));
}

void Chat::add_pictures(const std::string& argument) {
  const std::vector<std::string> paths = pasted_paths(argument);
  const Lack before = lack_;
  lack_ = Lack::kUntold;  // until all of them are there
  if (paths.empty()) throw Failure("/image wants the path of a picture", MICA_INVALID_ARGUMENT);
  for (const std::string& path : paths) add_picture(path, kForNext);
  // In a pipe one picture is no second try for another: only once its question was refused a new one begins.
  const bool lacking_still = before == Lack::kUntold && !input_.interactive();
  lack_ = lacking_still ? before : Lack::kNone;
}

void Chat::attach_video(const std::string& argument) {
  const std::vector<std::string> paths = pasted_paths(argument);
  const Lack before = lack_;
  lack_ = Lack::kUntold;  // until it is there
  if (paths.size() != 1) throw Failure("/video wants the path of one video", MICA_INVALID_ARGUMENT);
  std::vector<NamedPicture> frames = open_video(model_, paths[0], options_);
  if (input_.interactive()) std::printf("(%s%s)\n", video_title(model_, frames).c_str(), kForNext);
  std::move(frames.begin(), frames.end(), std::back_inserter(pictures_));
  lack_ = before == Lack::kUntold && !input_.interactive() ? before : Lack::kNone;
}

void Chat::hold_back_without_picture() {
  if (input_.interactive()) {
    lack_ = Lack::kNone;
    throw Failure(
        "the picture was not opened; your question was not sent: give the picture again, or send the question again to "
        "ask without it",
        MICA_NOT_FOUND);
  }
  lack_ = Lack::kTold;
  pictures_.clear();
  throw Failure("the question was not sent: its picture was not opened", MICA_NOT_FOUND);
}

// A question may name its pictures.
void Chat::take_question(const std::string& line) {
  const TypedQuestion typed = find_pictures(line);
  if (!typed.missing.empty() && line != held_back_) {
    held_back_ = line;
    failed_ = true;
    throw Failure("there is no picture " + typed.missing.front() + "; the question was not sent: mend the path, or send the "
                  "same line again to ask without it", MICA_NOT_FOUND);
  }
  held_back_.clear();
  if (!typed.pictures.empty()) {
    const Lack before = lack_;
    lack_ = Lack::kUntold;
    for (const std::string& path : typed.pictures) add_picture(path, typed.text.empty() ? kForNext : "");
    lack_ = input_.interactive() ? Lack::kNone : before;
  }
  if (lack_ != Lack::kNone) hold_back_without_picture();
  if (typed.text.empty()) return;
  if (input_.interactive() && typed.text != line) std::printf("(asked: %s)\n", screen_text(typed.text).c_str());
  leaving_ = single_turn_;
  ask(typed.text);
}

// The session grows to what the question needs, where -c does not say how large it is.
void Chat::make_room(const std::vector<NamedPicture>& pictures, const std::string& text) {
  mica_stats stats{};
  mica_session_stats(session_.get(), &stats);
  const uint32_t needed = stats.tokens + tokens_needed(model_, settings_, pictures, text, sampling_.tokens_max);
  if (options_.context != 0 || needed <= context_) return;
  const uint32_t context = fitting_context(model_, settings_, needed);
  if (context <= context_) return;
  mica_error error{};
  require(mica_session_grow(session_.get(), context, &error), error);
  context_ = settings_.context = context;
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
  make_room(pictures, options_.system + question);
  add_fitting_question(model_, session_, settings_, options_.image_max_tokens, pictures, question);
  if (Interrupt::requested()) throw Failure("stopped", MICA_CANCELLED);  // clearing the session forgot it
  prefill(session_);
  const mica_generation generation = generate(session_, sampling_, print_piece);
  std::puts(input_.interactive() ? "\n" : "");
  if (options_.verbose) print_note(timings(session_));
  if (generation.stop == MICA_STOP_CONTEXT) throw Failure("the answer was cut", MICA_CONTEXT_FULL);
}

void Chat::explain(const Failure& failure) const {
  if (failure.status() == MICA_CANCELLED) {
    std::puts(input_.interactive() ? "\n(stopped)\n" : "");
    return;
  }
  print_error(failure.what());
  if (failure.status() == MICA_CONTEXT_FULL) {
    print_note("/clear begins a new conversation; " + more_room(model_, settings_, context_));
  }
}

void Chat::handle(const std::string& line) {
  const size_t space = std::min(line.find(' '), line.size());
  const size_t argument = std::min(line.find_first_not_of(' ', space), line.size());
  const std::string name = line.substr(0, space);
  for (const Word& word : kWords) {
    if (name == word.name) {
      (this->*word.act)(line.substr(argument));
      return;
    }
  }
  const TypedQuestion typed = find_pictures(line);
  const bool names_picture = std::find(typed.missing.begin(), typed.missing.end(), name) != typed.missing.end();
  if (line[0] != '/' || typed.begins_with_picture || names_picture) {
    take_question(line);
    return;
  }
  const std::vector<std::string> paths = pasted_paths(line.substr(argument));
  const bool gives_picture = std::any_of(paths.begin(), paths.end(), looks_like_path);
  const std::string nearest = gives_picture ? "/image" : nearest_word(name, word_names());
  if (nearest == "/image") lack_ = Lack::kUntold;  // what was meant to give a picture gave none
  throw Failure("there is no " + name + (nearest.empty() ? "" : " (did you mean " + nearest + "?)") +
                    "; /help lists what there is (a space before the / makes it a question)",
                MICA_INVALID_ARGUMENT);
}

// What a person sees first.
void Chat::print_banner() const {
  const std::string model = options_.model.empty() ? "the default model" : options_.model;
  std::printf("mica %s: %s (%s, %s parameters)\n", mica_version(), screen_text(model).c_str(),
              screen_text(mica_model_family(model_.get())).c_str(),
              format_count(mica_model_parameters(model_.get())).c_str());
  const std::string purpose = mica_model_description(model_.get());
  if (!purpose.empty()) std::printf("It %s.\n", screen_text(purpose).c_str());
  std::puts(mica_model_has_vision(model_.get()) != 0
                ? "Type a question, with a picture's path in it or /image PATH before; /help has the rest.\n"
                : "This model reads text only. Type a question, or /help.\n");
}

// False at the end of input.
bool Chat::next_line(std::string& line) {
  const LineInput::Result result = input_.read(line);
  if (result == LineInput::Result::kLine) return true;
  if (input_.interactive()) std::puts("");
  return false;
}

int Chat::run() {
  std::string line = read_prompt(options_);
  if (line.empty() && contains(options_.images, "-")) refuse_shared_input();
  pictures_ = open_pictures(options_.images);
  add_videos(model_, options_, &pictures_);
  if (input_.interactive()) {
    if (!options_.quiet) print_banner();
    if (!line.empty()) std::printf("> %s\n", screen_text(line).c_str());
  }
  while (!leaving_ && (!line.empty() || next_line(line))) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.pop_back();
    const Interrupt interrupt(session_.get());  // from the line's end on Ctrl-C stops what was asked, and does not leave
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
  bool single_turn = false;
  add_options(line, options, kModelOptions | kConversationOptions | kSessionOptions | kQuietOption);
  line.add({.names = "-st,--single-turn", .value = "", .help = "leaves when the first question is answered"},
           &single_turn);
  parse(line, arguments, options);
  return converse(options, single_turn);
}

}  // namespace

int converse(const Options& options, bool single_turn) {
  const uint64_t memory = mica_memory_available();
  mica_session_options settings = session_options(options);
  Model model = open_model(options);
  if (mica_model_has_chat(model.get()) == 0) {
    // The library knows why, and which formats there are.
    mica_session_options smallest = mica_session_options_default();
    smallest.context = 64;
    const Session session = create_session(model, smallest);
    const std::string name = options.model.empty() ? "the default model" : options.model;
    const mica_part part{MICA_PART_TEXT, "x", 1, nullptr};
    mica_error error{};
    const mica_status status = mica_session_add_message(session.get(), MICA_ROLE_USER, &part, 1, &error);
    throw Failure(name + ": " + error.message + " (mica run continues a text without turns)", status);
  }
  fit_memory(model, memory, options.context != 0, &settings);
  return Chat(options, settings, single_turn, std::move(model)).run();
}

const Command kChatCommand = {"chat", "keeps a conversation going, with pictures",
                              "  mica chat\n"
                              "  mica chat -m Qwen2-VL-2B-Instruct --image panel.jpg\n"
                              "  mica chat -m SmolLM2-135M-Instruct.gguf -sys \"Answer briefly.\" --temp 0\n"
                              "  printf '/image panel.jpg\\nRead the display.\\n' | mica chat",
                              chat};

}  // namespace app
