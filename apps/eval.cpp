// mica eval: asks every question of a questions.jsonl, greedily, and counts the answers that match exactly.
// Each question is a conversation of its own.
#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>

#include "command.hpp"
#include "context.hpp"
#include "conversation.hpp"
#include "json_files.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace app {
namespace {

namespace fs = std::filesystem;

struct Question {
  std::string image, question, answer, kind;
};

struct Count {
  size_t correct = 0, questions = 0;
  double score() const { return questions == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(questions); }
};

struct Score {
  Count all;
  std::map<std::string, Count> by_kind;
  nlohmann::json answers = nlohmann::json::array();
  double seconds = 0;
};

std::vector<Question> read_questions(const std::string& path, size_t limit) {
  std::istringstream lines(read_text(path));
  std::vector<Question> questions;
  size_t number = 0;
  for (std::string line; questions.size() < limit && std::getline(lines, line);) {
    const std::string source = path + " line " + std::to_string(++number);
    if (is_blank(line)) continue;
    const nlohmann::json fields = parse_json(line, source);
    Question question;
    question.question = json_field<std::string>(fields, "question", source);
    question.answer = json_field<std::string>(fields, "answer", source);
    if (fields.contains("image")) question.image = json_field<std::string>(fields, "image", source);
    if (fields.contains("kind")) question.kind = json_field<std::string>(fields, "kind", source);
    questions.push_back(std::move(question));
  }
  if (questions.empty()) throw Failure(path + ": there are no questions", MICA_INVALID_ARGUMENT);
  return questions;
}

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

class Evaluation {
 public:
  Evaluation(const Options& options, Model model, fs::path folder)
      : options_(options), model_(std::move(model)), folder_(std::move(folder)), sampling_(sampling_options(options)) {}

  Score run(const std::vector<Question>& questions) {
    Score score;
    Progress progress("asking");
    const Stopwatch total;
    for (size_t i = 0; i < questions.size(); i++) {
      char note[64];
      std::snprintf(note, sizeof note, "%zu of %zu, %.1f %% right", i, questions.size(), 100 * score.all.score());
      progress.update(static_cast<double>(i) / static_cast<double>(questions.size()), note);
      count(questions[i], trim(ask(questions[i])), score);
    }
    score.seconds = total.seconds();
    return score;
  }

  const Model& model() const { return model_; }

 private:
  // Opens the question's picture, unless the one before had the same, and sees to a session that can hold it.
  void prepare(const Question& question) {
    const std::string path = question.image.empty() ? "" : (folder_ / question.image).string();
    if (path.empty()) pictures_.clear();
    if (!path.empty() && (pictures_.empty() || pictures_[0].path != path)) {
      pictures_.clear();
      pictures_.push_back(open_picture(path));
    }
    const uint32_t tokens = largest_picture(model_, pictures_);
    if (session_ && tokens <= session_tokens_) {
      mica_session_clear(session_.get());
      return;
    }
    mica_session_options settings = session_options(options_);
    session_tokens_ = tokens;
    choose_context(model_, pictures_, options_.system + question.question, sampling_.tokens_max, &settings);
    session_.reset();
    session_ = create_session(model_, settings);
  }

  std::string ask(const Question& question) {
    prepare(question);
    if (!options_.system.empty()) add_system(model_, session_, options_.system);
    add_question(model_, session_, pictures_, question.question);
    std::string text;
    generate(session_, sampling_, [&](std::string_view piece, int32_t) { text += piece; });
    return text;
  }

  void count(const Question& question, const std::string& answer, Score& score) const {
    const bool correct = answer == trim(question.answer);
    const auto add = [&](Count& count) {
      count.questions++;
      count.correct += correct ? 1 : 0;
    };
    add(score.all);
    nlohmann::json row = {
        {"question", question.question}, {"expected", question.answer}, {"answer", answer}, {"correct", correct}};
    if (!question.image.empty()) row["image"] = question.image;
    if (!question.kind.empty()) {
      row["kind"] = question.kind;
      add(score.by_kind[question.kind]);
    }
    score.answers.push_back(std::move(row));
  }

  const Options& options_;
  Model model_;
  Session session_;
  uint32_t session_tokens_ = 0;
  fs::path folder_;
  mica_sampling sampling_;
  std::vector<NamedPicture> pictures_;  // of the question being asked: one or none
};

void print_json(const Score& score, const Options& options, const Model& model) {
  nlohmann::json by_kind = nlohmann::json::object();
  for (const auto& [kind, count] : score.by_kind) {
    by_kind[kind] = {{"score", count.score()}, {"correct", count.correct}, {"questions", count.questions}};
  }
  const nlohmann::json document = {{"model", options.model.empty() ? "default" : options.model},
                                   {"family", mica_model_family(model.get())},
                                   {"score", score.all.score()},
                                   {"correct", score.all.correct},
                                   {"questions", score.all.questions},
                                   {"seconds", score.seconds},
                                   {"by_kind", by_kind},
                                   {"answers", score.answers}};
  std::puts(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_count(const std::string& name, const Count& count) {
  std::printf("%-12s %6.2f %%  %zu of %zu\n", name.c_str(), 100 * count.score(), count.correct, count.questions);
}

void print_text(const Score& score) {
  for (const auto& [kind, count] : score.by_kind) print_count(kind, count);
  print_count("exact match", score.all);
  std::printf("%s, %s a question\n", format_seconds(score.seconds).c_str(),
              format_seconds(score.seconds / static_cast<double>(score.all.questions)).c_str());
}

int eval(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  options.sampling.temperature = 0;
  options.predict = 64;
  std::string path, format;
  size_t limit = SIZE_MAX;
  line.add({.names = "questions",
            .value = "PATH",
            .help = "a questions.jsonl, or the folder that holds it and its pictures",
            .required = true},
           &path);
  line.add({.names = "--limit",
            .value = "N",
            .help = "asks only the first N questions",
            .low = 1,
            .high = 1e9,
            .initial = ""},
           &limit);
  add_output_option(line, format, "text|json");
  add_options(line, options, kModelOptions | kSystemOption | kPredictOption | kSessionOptions);
  parse(line, arguments, options);
  if (fs::is_directory(path)) path = (fs::path(path) / "questions.jsonl").string();
  const std::vector<Question> questions = read_questions(path, limit);
  Evaluation evaluation(options, open_model(options), fs::path(path).parent_path());
  const Score score = evaluation.run(questions);
  if (format == "json") {
    print_json(score, options, evaluation.model());
  } else {
    print_text(score);
  }
  return 0;
}

}  // namespace

const Command kEvalCommand = {
    "eval", "asks the questions of a file and scores the answers",
    "  mica eval tests/data/panel                         the default model\n"
    "  mica eval -m model.mica --limit 100 questions.jsonl\n"
    "  mica eval -m model.mica -o json panel/ > answers.json\n"
    "\n"
    "A line of questions.jsonl: {\"image\": \"000.jpg\", \"question\": \"Read the dial.\", \"answer\": \"9\"},\n"
    "the picture beside the file; \"image\" may be missing, and a \"kind\" is counted by itself. An answer is\n"
    "right when it equals the expected one to the letter; only white space around it does not count.",
    eval};

}  // namespace app
