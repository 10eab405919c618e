// Ollama's protocol, see ollama_protocol.hpp.
#include "ollama_protocol.hpp"

#include <cmath>
#include <ctime>

namespace app::serve {
namespace {

using Ordered = nlohmann::ordered_json;

int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

class Ollama : public Protocol {
 public:
  explicit Ollama(const AnswerLabel& label) : label_(label) {}

  const char* stream_type() const override { return "application/x-ndjson"; }
  std::string piece(const Piece& piece) const override { return line(piece.text, false); }
  // There are no comments in it: a text of nothing.
  std::string ping() const override { return line("", false); }
  std::string failure(const Refusal& refusal) const override { return ollama_error(refusal) + '\n'; }
  std::string end(const Ending& ending) const override { return last("", ending); }
  std::string whole(const std::vector<Piece>& pieces, const Ending& ending) const override {
    std::string text;
    for (const Piece& piece : pieces) text += piece.text;
    return last(text, ending);
  }

 protected:
  virtual void put(const std::string& text, Ordered* json) const = 0;

 private:
  Ordered object(const std::string& text, bool done) const {
    Ordered json = {{"model", label_.model}, {"created_at", ollama_time(std::time(nullptr))}};
    put(text, &json);
    json["done"] = done;
    return json;
  }
  std::string line(const std::string& text, bool done) const { return dump(object(text, done)) + '\n'; }
  std::string last(const std::string& text, const Ending& ending) const {
    const Counts& counts = ending.counts;
    const double prompt_seconds = counts.prompt_seconds + counts.picture_seconds;
    Ordered json = object(text, true);
    json["done_reason"] = ending.stop == MICA_STOP_TOKENS || ending.stop == MICA_STOP_CONTEXT ? "length" : "stop";
    json["total_duration"] = nanoseconds(counts.waited_seconds + prompt_seconds + counts.answer_seconds);
    json["load_duration"] = nanoseconds(counts.waited_seconds);
    json["prompt_eval_count"] = counts.prompt_tokens;
    json["prompt_eval_duration"] = nanoseconds(prompt_seconds);
    json["eval_count"] = counts.answer_tokens;
    json["eval_duration"] = nanoseconds(counts.answer_seconds);
    return dump(json) + '\n';
  }

  const AnswerLabel label_;
};

class Chat final : public Ollama {
 public:
  using Ollama::Ollama;

 private:
  void put(const std::string& text, Ordered* json) const override {
    (*json)["message"] = {{"role", "assistant"}, {"content", text}};
  }
};

class Generate final : public Ollama {
 public:
  using Ollama::Ollama;

 private:
  void put(const std::string& text, Ordered* json) const override { (*json)["response"] = text; }
};

}  // namespace

std::string ollama_error(const Refusal& refusal) { return dump(Ordered{{"error", refusal.what()}}); }

std::string ollama_time(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[32] = "";
  if (gmtime_r(&time, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::unique_ptr<Protocol> ollama_chat(const AnswerLabel& label, const Question&) {
  return std::make_unique<Chat>(label);
}

std::unique_ptr<Protocol> ollama_generate(const AnswerLabel& label, const Question&) {
  return std::make_unique<Generate>(label);
}

}  // namespace app::serve
