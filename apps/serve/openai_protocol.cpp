// OpenAI's protocol, with the timings that llama.cpp adds and those of pictures. See protocol.hpp.
#include "protocol.hpp"
#include "tokens.hpp"

namespace app::serve {
namespace {

using Ordered = nlohmann::ordered_json;

struct ErrorType {
  int status;
  const char* name;
};
constexpr ErrorType kErrorTypes[] = {
    {401, "authentication_error"}, {403, "permission_error"},    {404, "not_found_error"},   {429, "rate_limit_error"},
    {500, "server_error"},         {501, "not_supported_error"}, {503, "unavailable_error"},
};

const char* finish_reason(mica_stop stop) {
  return stop == MICA_STOP_TOKENS || stop == MICA_STOP_CONTEXT ? "length" : "stop";
}

double per_second(uint64_t count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }

Ordered timings_of(const Counts& counts) {
  const uint64_t read = counts.prompt_tokens - counts.cached_tokens;
  return {{"cache_n", counts.cached_tokens},
          {"prompt_n", read},
          {"prompt_ms", counts.prompt_seconds * 1e3},
          {"prompt_per_second", per_second(read, counts.prompt_seconds)},
          {"predicted_n", counts.answer_tokens},
          {"predicted_ms", counts.answer_seconds * 1e3},
          {"predicted_per_second", per_second(counts.answer_tokens, counts.answer_seconds)},
          {"image_n", counts.pictures},
          {"image_ms", counts.picture_seconds * 1e3},
          {"queue_ms", counts.waited_seconds * 1e3}};
}

std::string event(const Ordered& json) { return "data: " + dump(json) + "\n\n"; }

// What both of its answers share.
class OpenAi : public Protocol {
 public:
  OpenAi(const AnswerLabel& label, const Question& question)
      : label_(label),
        includes_usage_(question.includes_usage),
        likeliest_(question.likeliest),
        wants_probabilities_(question.wants_probabilities) {}

  const char* stream_type() const override { return "text/event-stream"; }
  std::string ping() const override { return ": ping\n\n"; }
  std::string failure(const Refusal& refusal) const override {
    return "data: " + openai_error(refusal) + "\n\ndata: [DONE]\n\n";
  }
  std::string piece(const Piece& piece) const override {
    return event(chunk(Ordered::array({choice(piece, nullptr)})));
  }
  // The last text has been told before: some clients stop reading at a reason to finish.
  std::string end(const Ending& ending) const override {
    Ordered last = chunk(Ordered::array({choice({}, finish_reason(ending.stop))}));
    std::string events;
    if (includes_usage_) {
      events = event(last);
      last = chunk(Ordered::array());
      last["usage"] = openai_usage(ending.counts);
    }
    last["timings"] = timings_of(ending.counts);
    return events + event(last) + "data: [DONE]\n\n";
  }
  std::string whole(const std::vector<Piece>& pieces, const Ending& ending) const override {
    Ordered answer = labelled(whole_name());
    Piece all;
    for (const Piece& piece : pieces) all.text += piece.text;
    answer["choices"] = Ordered::array({whole_choice(all.text, finish_reason(ending.stop))});
    answer["choices"][0]["logprobs"] = wants_probabilities_ ? probabilities(pieces) : Ordered();
    answer["usage"] = openai_usage(ending.counts);
    answer["timings"] = timings_of(ending.counts);
    return dump(answer);
  }

 protected:
  virtual const char* chunk_name() const = 0;
  virtual const char* whole_name() const = 0;
  // Of a stream; a reason ends it and has no text.
  virtual Ordered choice(const Piece& piece, const char* reason) const = 0;
  virtual Ordered whole_choice(const std::string& text, const char* reason) const = 0;
  virtual Ordered probabilities(const std::vector<Piece>& pieces) const = 0;

  Ordered labelled(const char* object) const {
    return {{"id", label_.id}, {"object", object}, {"created", label_.created}, {"model", label_.model}};
  }
  Ordered chunk(const Ordered& choices) const {
    Ordered json = labelled(chunk_name());
    json["choices"] = choices;
    return json;
  }
  // Empty for tokens that have none: a vocabulary may be larger than its tokenizer, which may be missing.
  std::string token_text(int32_t token) const {
    return of_token([&] { return detokenize(label_.tokenizer, {token}, false); });
  }
  template <typename Read>
  static std::string of_token(const Read& read) {
    try {
      return read();
    } catch (const Failure&) {
      return "";
    }
  }
  Ordered probabilities_of(const Piece& piece) const {
    return wants_probabilities_ && piece.token >= 0 ? probabilities({piece}) : Ordered();
  }

  const AnswerLabel label_;
  const bool includes_usage_;
  const uint32_t likeliest_;
  const bool wants_probabilities_;
};

class Chat final : public OpenAi {
 public:
  using OpenAi::OpenAi;

  std::string begin() const override {
    Ordered first = {{"index", 0}, {"delta", {{"role", "assistant"}, {"content", ""}}}, {"finish_reason", nullptr}};
    return event(chunk(Ordered::array({first})));
  }

 private:
  const char* chunk_name() const override { return "chat.completion.chunk"; }
  const char* whole_name() const override { return "chat.completion"; }

  Ordered choice(const Piece& piece, const char* reason) const override {
    Ordered json = {{"index", 0}, {"delta", Ordered::object()}, {"finish_reason", nullptr}};
    if (reason != nullptr) json["finish_reason"] = reason;
    else json["delta"]["content"] = piece.text;
    if (wants_probabilities_) json["logprobs"] = probabilities_of(piece);
    return json;
  }
  Ordered whole_choice(const std::string& text, const char* reason) const override {
    return {{"index", 0}, {"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", reason}};
  }
  Ordered token_json(const Chance& chance) const {
    const std::string text = token_text(chance.token);
    Ordered bytes = Ordered::array();  // joined, those of all tokens are the answer's text
    for (const char c : of_token([&] { return token_bytes(label_.tokenizer, chance.token); }))
      bytes.push_back(static_cast<uint8_t>(c));
    return {{"token", text}, {"logprob", chance.log_probability}, {"bytes", bytes}};
  }
  Ordered probabilities(const std::vector<Piece>& pieces) const override {
    Ordered content = Ordered::array();
    for (const Piece& piece : pieces) {
      if (piece.token < 0) continue;
      content.push_back(token_json({piece.token, piece.log_probability}));
      Ordered& likeliest = content.back()["top_logprobs"] = Ordered::array();
      for (const Chance& chance : piece.likeliest) likeliest.push_back(token_json(chance));
    }
    return {{"content", content}};
  }
};

class Completion final : public OpenAi {
 public:
  using OpenAi::OpenAi;

 private:
  const char* chunk_name() const override { return "text_completion"; }
  const char* whole_name() const override { return "text_completion"; }

  Ordered choice(const Piece& piece, const char* reason) const override {
    Ordered json = {
        {"index", 0}, {"text", piece.text}, {"logprobs", probabilities_of(piece)}, {"finish_reason", nullptr}};
    if (reason != nullptr) json["finish_reason"] = reason;
    return json;
  }
  Ordered whole_choice(const std::string& text, const char* reason) const override {
    return {{"index", 0}, {"text", text}, {"finish_reason", reason}};
  }
  Ordered probabilities(const std::vector<Piece>& pieces) const override {
    Ordered tokens = Ordered::array(), chances = Ordered::array(), likeliest = Ordered::array();
    for (const Piece& piece : pieces) {
      if (piece.token < 0) continue;
      tokens.push_back(token_text(piece.token));
      chances.push_back(piece.log_probability);
      likeliest.push_back(Ordered::object());
      for (const Chance& chance : piece.likeliest) likeliest.back()[token_text(chance.token)] = chance.log_probability;
    }
    return {{"tokens", tokens}, {"token_logprobs", chances}, {"top_logprobs", likeliest}};
  }
};

}  // namespace

const char* openai_error_type(int status) {
  for (const ErrorType& type : kErrorTypes)
    if (type.status == status) return type.name;
  return "invalid_request_error";
}

std::string openai_error(const Refusal& refusal) {
  Ordered error = {{"message", refusal.what()},
                   {"type", openai_error_type(refusal.status())},
                   {"code", refusal.status()},
                   {"param", nullptr}};
  if (!refusal.field().empty()) error["param"] = refusal.field();
  return dump(Ordered{{"error", error}});
}

Ordered openai_usage(const Counts& counts) {
  return {{"prompt_tokens", counts.prompt_tokens},
          {"completion_tokens", counts.answer_tokens},
          {"total_tokens", counts.prompt_tokens + counts.answer_tokens},
          {"prompt_tokens_details", {{"cached_tokens", counts.cached_tokens}}}};
}

std::unique_ptr<Protocol> openai_chat(const AnswerLabel& label, const Question& question) {
  return std::make_unique<Chat>(label, question);
}

std::unique_ptr<Protocol> openai_completion(const AnswerLabel& label, const Question& question) {
  return std::make_unique<Completion>(label, question);
}

}  // namespace app::serve
