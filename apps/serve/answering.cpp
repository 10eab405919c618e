// Answers to questions, from a job's news to a response: whole or as a stream. What they look like: protocol.hpp.
#include <ctime>

#include "connection.hpp"
#include "drawn_text.hpp"
#include "limits.hpp"
#include "routes.hpp"

namespace app::serve {
namespace {

// A job whose client is watched: who goes is dropped.
class Watched {
 public:
  Watched(Service& service, Question&& question)
      : service_(service), job_(std::make_shared<Job>(std::move(question))), connection_(Connection::current()) {
    service_.scheduler.submit(job_);
  }
  ~Watched() {
    if (!is_over_) service_.scheduler.leave(*job_);
  }
  Watched(const Watched&) = delete;

  // What comes next within this time; throws ClientGone.
  Job::News hear(std::chrono::milliseconds patience, Piece* piece, Ending* ending) {
    const Clock::time_point until = Clock::now() + patience;
    for (;;) {
      const Job::News news = job_->hear(std::min(patience, kLookTime), piece, ending);
      is_over_ = is_over_ || news == Job::News::end;
      if (is_over_) return news;
      // Also where pieces come without a pause: a whole answer is written to nobody before its end.
      connection_->require_client();
      if (news != Job::News::none || Clock::now() >= until) return news;
    }
  }
  // Until something comes, or it is time to begin without; throws what the answer fails of at once, and ClientGone.
  void wait_for_begin() {
    for (const Clock::time_point until = Clock::now() + kBeginTime; !job_->has_news(kLookTime) && Clock::now() < until;)
      connection_->require_client();
    if (const std::optional<Refusal> refusal = job_->failure()) throw Refusal(*refusal);
  }

 private:
  Service& service_;
  std::shared_ptr<Job> job_;
  Connection* connection_;
  bool is_over_ = false;
};

// What the model has no words for.
void check_tongue(const mica_model* model, const Question& question) {
  if (!question.turns.empty() && mica_model_has_chat(model) == 0)
    throw Refusal(501, "this model has no chat format: /v1/completions goes on with a text");
  if (question.turns.empty() && question.tokens.empty() && mica_model_tokenizer(model) == nullptr)
    throw Refusal(501, "this model has no tokenizer: it takes a list of tokens");
}

[[noreturn]] void refuse_length(const Scheduler& scheduler, size_t count, const char* unit) {
  throw Refusal(400, "a text of " + std::to_string(count) + ' ' + unit + " does not fit a context of " +
                         std::to_string(scheduler.context()) +
                         " tokens: shorten it, or give it a larger one (mica serve -c)");
}

// What no context has room for is seen here, in the thread of who asks: by its bytes alone, or by its tokens.
void check_length(Service& service, const Question& question) {
  const Scheduler& scheduler = service.scheduler;
  const size_t bytes = question.text_bytes();
  if (bytes > scheduler.text_bytes_max()) refuse_length(scheduler, bytes, "bytes");
  if (bytes <= kTextBytesAtOnce) return;
  const OneAtATime::Turn turn = service.measuring.enter();
  size_t tokens = 0;
  const auto add = [&](const std::string& text, int flags) {
    mica_error error{};
    size_t count = 0;
    const mica_status status = mica_tokenize(mica_model_tokenizer(service.model.get()), text.data(), text.size(), flags,
                                             nullptr, 0, &count, &error);
    if (status != MICA_OK && count == 0) throw Failure(error.message, status);
    tokens += count;
    if (tokens > scheduler.context()) refuse_length(scheduler, tokens, "tokens");
  };
  add(question.text, MICA_TOKENIZE_SPECIAL);
  for (const Turn& said : question.turns) {
    std::string text;  // parts that meet may share a token
    for (const Part& part : said.parts) text += part.text;
    add(text, MICA_TOKENIZE_PLAIN);
  }
}

constexpr std::chrono::hours kForever{24 * 365};

void answer_whole(Call& call, Watched& job, const Protocol& protocol) {
  std::vector<Piece> pieces(1);
  Ending ending;
  while (job.hear(kForever, &pieces.back(), &ending) == Job::News::piece) pieces.emplace_back();
  pieces.pop_back();
  if (ending.refusal) throw Refusal(*ending.refusal);
  call.response.set_content(protocol.whole(pieces, ending), "application/json");
}

struct Streamed {
  std::unique_ptr<Watched> job;
  std::unique_ptr<Protocol> protocol;
  bool has_begun = false;

  // The next bytes; true behind the last.
  bool next(std::string* bytes) {
    if (!has_begun) {
      has_begun = true;
      *bytes = protocol->begin();
      if (!bytes->empty()) return false;
    }
    Piece piece;
    Ending ending;
    switch (job->hear(kPingTime, &piece, &ending)) {
      case Job::News::none: *bytes = protocol->ping(); return false;
      case Job::News::piece: *bytes = protocol->piece(piece); return false;
      case Job::News::end: break;
    }
    *bytes = ending.refusal ? protocol->failure(*ending.refusal) : protocol->end(ending);
    return true;
  }
};

// A failure that comes at once has a status of its own; a later one is told in the stream.
void answer_stream(Call& call, std::unique_ptr<Watched> job, std::unique_ptr<Protocol> protocol) {
  auto streamed = std::make_shared<Streamed>();
  const char* type = protocol->stream_type();
  job->wait_for_begin();
  streamed->job = std::move(job);
  streamed->protocol = std::move(protocol);
  call.response.set_header("Cache-Control", "no-store");
  call.response.set_header("X-Accel-Buffering", "no");
  const auto provide = [streamed](size_t, httplib::DataSink& sink) {
    try {
      std::string bytes;
      const bool is_last = streamed->next(&bytes);
      if (!bytes.empty() && !sink.write(bytes.data(), bytes.size())) return false;
      if (is_last) sink.done();
      return true;
    } catch (const ClientGone&) {
      return false;
    } catch (const std::exception&) {  // out of memory: who listens sees a stream that breaks off
      return false;
    }
  };
  if (call.request.version != "HTTP/1.0") return call.response.set_chunked_content_provider(type, provide);
  // It knows no pieces: the stream ends with the connection.
  Connection::current()->close_behind();
  call.response.set_header("Connection", "close");
  call.response.set_content_provider(type, provide);
}

}  // namespace

void answer_question(Call& call, Question&& question,
                     std::unique_ptr<Protocol> (*make)(const AnswerLabel&, const Question&)) {
  const mica_model* model = call.service.model.get();
  check_tongue(model, question);
  check_length(call.service, question);
  const AnswerLabel label{call.service.name, mica_model_tokenizer(model), drawn_text(),
                          static_cast<int64_t>(std::time(nullptr))};
  std::unique_ptr<Protocol> protocol = make(label, question);
  const bool streams = question.streams;
  if (!question.schema.empty()) question.schema_read = call.service.schemas.read(model, question.schema);
  auto job = std::make_unique<Watched>(call.service, std::move(question));
  if (streams) answer_stream(call, std::move(job), std::move(protocol));
  else answer_whole(call, *job, *protocol);
}

void answer_token_count(Call& call, Question&& question) {
  check_tongue(call.service.model.get(), question);
  check_length(call.service, question);
  question.work = Work::count_tokens;
  Watched job(call.service, std::move(question));
  Piece piece;
  Ending ending;
  job.hear(kForever, &piece, &ending);
  if (ending.refusal) throw Refusal(*ending.refusal);
  answer_json(call, {{"object", "response.input_tokens"}, {"input_tokens", ending.counts.prompt_tokens}});
}

}  // namespace app::serve
