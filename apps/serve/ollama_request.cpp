// Requests of Ollama's protocol, see ollama_request.hpp.
#include "ollama_request.hpp"

#include "request_turns.hpp"

namespace app::serve {
namespace {

constexpr const char* kOfServer = "the server's own choice, made when it began";
constexpr const char* kKept = "the model stays loaded";

const Field kOptions[] = {
    {.name = "num_predict", .kind = Kind::whole, .take = take_max_tokens, .low = -2, .high = kTokensMax},
    {.name = "seed", .kind = Kind::whole, .take = take_seed, .low = -9.2e18, .high = 9.2e18},
    {.name = "num_ctx", .kind = Kind::whole, .tolerated = kOfServer},
    {.name = "num_thread", .kind = Kind::whole, .tolerated = kOfServer},
    {.name = "num_batch", .kind = Kind::whole, .tolerated = kOfServer},
    {.name = "num_gpu", .kind = Kind::whole, .tolerated = kOfServer},
    {.name = "num_keep", .kind = Kind::whole, .tolerated = "a full context is not shifted"},
};

void take_options(const Json& value, Question* question) {
  read_fields(value, sampling_fields(), question);
  read_fields(value, kOptions, question);
}

// "json" or a schema.
void take_format(const Json& value, Question* question) {
  if (value == "") return;
  if (value != "json" && !value.is_object())
    throw Refusal(400, "\"format\" is neither \"json\" nor a schema", "format");
  question->schema = value == "json" ? kAnyObject : dump(value);
}

const Field kShared[] = {
    {.name = "stream", .kind = Kind::boolean, .take = take_stream},
    {.name = "format", .kind = Kind::any, .take = take_format},
    {.name = "options", .kind = Kind::object, .take = take_options},
    {.name = "model", .kind = Kind::text, .tolerated = kOneModel},
    {.name = "keep_alive", .kind = Kind::any, .tolerated = kKept},
    {.name = "think", .kind = Kind::any, .tolerated = "of models that think; none is told to"},
    {.name = "tools", .kind = Kind::list, .tolerated = kNoTools},
    {.name = "logprobs", .kind = Kind::boolean, .only = "false"},
    {.name = "top_logprobs", .kind = Kind::whole, .only = "0"},
    // Their place is in the options, and the format's is "format".
    {.name = "temperature", .kind = Kind::any, .only = "null"},
    {.name = "top_p", .kind = Kind::any, .only = "null"},
    {.name = "top_k", .kind = Kind::any, .only = "null"},
    {.name = "seed", .kind = Kind::any, .only = "null"},
    {.name = "stop", .kind = Kind::any, .only = "null"},
    {.name = "num_predict", .kind = Kind::any, .only = "null"},
    {.name = "max_tokens", .kind = Kind::any, .only = "null"},
    {.name = "max_completion_tokens", .kind = Kind::any, .only = "null"},
    {.name = "response_format", .kind = Kind::any, .only = "null"},
};

const Field kGenerate[] = {
    {.name = "raw", .kind = Kind::boolean},
    {.name = "suffix", .kind = Kind::text, .only = "\"\""},
    {.name = "template", .kind = Kind::text, .only = "\"\""},
    {.name = "context", .kind = Kind::list, .only = "[]"},
};

Question new_ollama_question(const Json& json, const Asking& asking, Held&& held) {
  Question question = new_question(asking, std::move(held));
  question.streams = true;  // unless it says otherwise
  read_fields(json, kShared, &question);
  return question;
}

// Pictures stand before the text.
void add_pictures(const Json& json, TurnReader* turns) {
  const auto images = json.find("images");
  if (images == json.end() || images->is_null()) return;
  for (const Json& image : required_field(json, "images", Kind::list)) turns->add_picture(image);
}

bool is_set(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && !found->is_null() && *found != "" && *found != Json::array() && *found != false;
}

}  // namespace

bool asks_nothing(const Question& question) { return question.turns.empty() && question.text.empty(); }

Question read_ollama_chat(const Json& json, const Asking& asking, Held&& held) {
  Question question = new_ollama_question(json, asking, std::move(held));
  if (!is_set(json, "messages")) return question;
  TurnReader turns(asking, &question);
  for (const Json& message : required_field(json, "messages", Kind::list)) {
    turns.begin(message);
    add_pictures(message, &turns);
    turns.add_text(message.value("content", Json("")));
  }
  turns.finish();
  return question;
}

Question read_ollama_generate(const Json& json, const Asking& asking, Held&& held) {
  Question question = new_ollama_question(json, asking, std::move(held));
  read_fields(json, kGenerate, &question);
  if (!is_set(json, "prompt")) return question;
  const Json& prompt = required_field(json, "prompt", Kind::text);
  if (is_set(json, "raw")) {
    if (is_set(json, "images")) throw Refusal(400, "a raw prompt has no place for pictures", "raw");
    if (is_set(json, "system"))
      throw Refusal(400, "a raw prompt has no place for a \"system\" text: write it into the prompt", "system");
    question.text = prompt.get<std::string>();
    return question;
  }
  TurnReader turns(asking, &question);
  if (is_set(json, "system")) {
    turns.begin({{"role", "system"}});
    turns.add_text(json["system"]);
  }
  turns.begin({{"role", "user"}});
  add_pictures(json, &turns);
  turns.add_text(prompt);
  return question;
}

}  // namespace app::serve
