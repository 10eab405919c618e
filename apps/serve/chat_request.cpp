// Requests of OpenAI's protocol, see chat_request.hpp. Fields that clients send, and what llama.cpp adds to them.
#include "chat_request.hpp"

#include "limits.hpp"
#include "request_turns.hpp"

namespace app::serve {
namespace {

constexpr double kSeedMax = 18446744073709549568.0;  // the largest below 2^64

void take_stream_options(const Json& value, Question* question) {
  if (const auto usage = value.find("include_usage"); usage != value.end() && !usage->is_null())
    question->includes_usage = required_field(value, "include_usage", Kind::boolean).get<bool>();
}

// OpenAI's {"type": "json_schema", "json_schema": {"schema": ...}}, and llama.cpp's {"type": "json_object",
// "schema": ...}.
void take_response_format(const Json& value, Question* question) {
  const Json type = value.value("type", Json());
  if (type == "text") return;
  if (type != "json_object" && type != "json_schema")
    throw Refusal(400, "\"response_format\" has a \"type\": text, json_object or json_schema", "response_format");
  const Json holder = type == "json_schema" ? value.value("json_schema", Json::object()) : value;
  const Json schema = holder.is_object() ? holder.value("schema", Json()) : Json();
  if (type == "json_schema" && schema.is_null())
    throw Refusal(400, "\"response_format\" of type json_schema wants the schema in \"json_schema\", \"schema\"",
                  "response_format");
  question->schema = schema.is_null() ? kAnyObject : dump(schema);
}
void take_schema(const Json& value, Question* question) { question->schema = dump(value); }

void take_logprobs(const Json& value, Question* question) { question->wants_probabilities = value.get<bool>(); }
void take_top_logprobs(const Json& value, Question* question) {
  question->likeliest = static_cast<uint32_t>(value.get<double>());
}
void take_logprob_count(const Json& value, Question* question) {
  question->wants_probabilities = true;
  question->likeliest = static_cast<uint32_t>(value.get<double>());
}
void take_cache_prompt(const Json& value, Question* question) { question->reuses_conversation = value.get<bool>(); }
void take_ignore_end(const Json& value, Question* question) { question->sampling.ignore_end = value.get<bool>(); }

constexpr const char* kNoEffect = "says nothing of the answer";

const Field kShared[] = {
    {.name = "max_tokens", .kind = Kind::whole, .take = take_max_tokens, .low = -1, .high = kTokensMax},
    {.name = "n_predict", .kind = Kind::whole, .take = take_max_tokens, .low = -1, .high = kTokensMax},
    {.name = "repetition_penalty", .kind = Kind::number, .take = take_repeat_penalty, .low = 0.01, .high = 100},
    {.name = "seed", .kind = Kind::whole, .take = take_seed, .low = -9.2e18, .high = kSeedMax},
    {.name = "stream", .kind = Kind::boolean, .take = take_stream},
    {.name = "stream_options", .kind = Kind::object, .take = take_stream_options},
    {.name = "cache_prompt", .kind = Kind::boolean, .take = take_cache_prompt},
    {.name = "ignore_eos", .kind = Kind::boolean, .take = take_ignore_end},
    {.name = "n", .kind = Kind::whole, .only = "1"},
    {.name = "grammar", .kind = Kind::text, .only = "\"\""},
    {.name = "json_schema", .kind = Kind::object, .take = take_schema},
    {.name = "guided_json", .kind = Kind::object, .take = take_schema},
    {.name = "guided_regex", .kind = Kind::any, .only = "null"},
    {.name = "guided_choice", .kind = Kind::any, .only = "null"},
    {.name = "guided_grammar", .kind = Kind::any, .only = "null"},
    {.name = "guided_decoding", .kind = Kind::any, .only = "null"},
    {.name = "structured_outputs", .kind = Kind::any, .only = "null"},
    {.name = "stop_token_ids", .kind = Kind::list, .only = "[]"},
    {.name = "bad_words", .kind = Kind::list, .only = "[]"},
    {.name = "min_tokens", .kind = Kind::whole, .only = "0"},
    {.name = "use_beam_search", .kind = Kind::boolean, .only = "false"},
    {.name = "length_penalty", .kind = Kind::number, .only = "1"},
    {.name = "best_of", .kind = Kind::whole, .only = "1"},
    {.name = "echo", .kind = Kind::boolean, .only = "false"},
    {.name = "allowed_token_ids", .kind = Kind::list, .only = "[]"},
    {.name = "logits_processors", .kind = Kind::list, .only = "[]"},
    {.name = "prompt_logprobs", .kind = Kind::any, .only = "null"},
    {.name = "truncate_prompt_tokens", .kind = Kind::whole, .only = "-1"},
    {.name = "include_stop_str_in_output", .kind = Kind::boolean, .only = "false"},
    {.name = "skip_special_tokens", .kind = Kind::boolean, .only = "true"},
    {.name = "n_probs", .kind = Kind::whole, .only = "0"},
    {.name = "t_max_predict_ms", .kind = Kind::number, .only = "0", .also = "-1"},
    {.name = "lora", .kind = Kind::list, .only = "[]"},
    {.name = "response_format", .kind = Kind::object, .take = take_response_format},
    {.name = "model", .kind = Kind::text, .tolerated = kOneModel},
    {.name = "user", .kind = Kind::text, .tolerated = kNoEffect},
    {.name = "logit_bias", .kind = Kind::any, .tolerated = "its numbers are tokens of another model"},
    {.name = "timings_per_token", .kind = Kind::boolean, .tolerated = kNoEffect},
};

const Field kChat[] = {
    {.name = "max_completion_tokens", .kind = Kind::whole, .take = take_max_tokens, .low = -1, .high = kTokensMax},
    {.name = "logprobs", .kind = Kind::boolean, .take = take_logprobs},
    {.name = "top_logprobs", .kind = Kind::whole, .take = take_top_logprobs, .low = 0, .high = kLikeliestMax},
    {.name = "chat_template", .kind = Kind::any, .only = "null"},
    {.name = "images", .kind = Kind::list, .only = "[]"},
    {.name = "format", .kind = Kind::any, .only = "\"\""},
    {.name = "options", .kind = Kind::object, .only = "{}"},
    {.name = "modalities", .kind = Kind::list, .only = "[\"text\"]"},
    {.name = "audio", .kind = Kind::object, .only = "{}"},
    {.name = "web_search_options", .kind = Kind::any, .only = "null"},
    {.name = "continue_final_message", .kind = Kind::boolean, .only = "false"},
    {.name = "add_generation_prompt", .kind = Kind::boolean, .only = "true"},
    {.name = "prediction", .kind = Kind::any, .tolerated = "the answer is the same, and no later"},
    {.name = "tools", .kind = Kind::list, .tolerated = kNoTools},
    {.name = "tool_choice", .kind = Kind::any, .only = "\"auto\"", .also = "\"none\""},
    {.name = "functions", .kind = Kind::list, .tolerated = kNoTools},
    {.name = "function_call", .kind = Kind::any, .only = "\"auto\"", .also = "\"none\""},
    {.name = "parallel_tool_calls", .kind = Kind::boolean, .tolerated = kNoTools},
    {.name = "chat_template_kwargs", .kind = Kind::object, .tolerated = "of templates that think; none is told to"},
    {.name = "reasoning_effort", .kind = Kind::text, .tolerated = "of models that think; none is told to"},
    {.name = "store", .kind = Kind::boolean, .tolerated = "nothing is stored"},
    {.name = "metadata", .kind = Kind::object, .tolerated = kNoEffect},
    {.name = "service_tier", .kind = Kind::text, .tolerated = kNoEffect},
};

const Field kCompletion[] = {
    {.name = "logprobs", .kind = Kind::whole, .take = take_logprob_count, .low = 0, .high = kLikeliestMax},
    {.name = "suffix", .kind = Kind::text, .only = "\"\""},
};

// Two names of one thing.
constexpr const char* kRivals[][2] = {{"response_format", "json_schema"},
                                      {"response_format", "guided_json"},
                                      {"json_schema", "guided_json"},
                                      {"repeat_penalty", "repetition_penalty"}};

// One of them alone would be kept. A format of text is as good as none.
void check_rivals(const Json& json) {
  const auto is_said = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && !found->is_null() && *found != Json{{"type", "text"}};
  };
  for (const auto& [one, other] : kRivals)
    if (is_said(one) && is_said(other) && json[one] != json[other])
      throw Refusal(400, std::string("\"") + one + "\" and \"" + other + "\" say two things: leave one out", other);
}

// {"type": "text"} or {"type": "image_url"}; the picture is a text or {"url": text}.
void add_part(const Json& content, TurnReader* turns) {
  if (!content.is_object()) throw Refusal(400, "a part of \"content\" is not an object", "messages");
  const std::string type = required_field(content, "type", Kind::text).get<std::string>();
  if (type == "text" || type == "input_text") return turns->add_text(required_field(content, "text", Kind::text));
  if (type != "image_url" && type != "input_image")
    throw Refusal(400, "a part of type \"" + type.substr(0, 32) + "\" is not read here: text or image_url", "messages");
  const Json& source = required_field(content, "image_url", Kind::any);
  turns->add_picture(source.is_object() ? required_field(source, "url", Kind::text) : source);
}

void add_turn(const Json& message, TurnReader* turns) {
  turns->begin(message);
  if (const auto images = message.find("images"); images != message.end() && !images->is_null() && !images->empty())
    throw Refusal(400, "a message's pictures stand in its \"content\", as parts of type image_url, not in \"images\"",
                  "images");
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) {
    if (message["role"] != "assistant") throw Refusal(400, "a message has no \"content\"", "messages");
    return turns->add_text("");  // of an assistant that called a tool
  }
  if (content->is_string()) return turns->add_text(*content);
  if (content->empty()) throw Refusal(400, "a message has no \"content\"", "messages");
  if (!content->is_array()) throw Refusal(400, "\"content\" wants a text or a list of parts", "messages");
  for (const Json& part : *content) add_part(part, turns);
}

// What both routes have, and what one has.
void read_all(const Json& json, std::span<const Field> own, Question* question) {
  for (const std::span<const Field> fields : {sampling_fields(), std::span<const Field>(kShared), own})
    read_fields(json, fields, question);
  check_rivals(json);
}

}  // namespace

Question read_chat(const Json& json, const Asking& asking, Held&& held) {
  Question question = new_question(asking, std::move(held));
  read_all(json, kChat, &question);
  if (question.likeliest > 0 && !question.wants_probabilities)
    throw Refusal(400, "\"top_logprobs\" wants \"logprobs\": true", "top_logprobs");
  TurnReader turns(asking, &question);
  for (const Json& message : required_field(json, "messages", Kind::list)) add_turn(message, &turns);
  turns.finish();
  return question;
}

Question read_completion(const Json& json, const Asking& asking, Held&& held) {
  Question question = new_question(asking, std::move(held));
  read_all(json, kCompletion, &question);
  const Json& prompt = required_field(json, "prompt", Kind::any);
  const bool is_one_text = prompt.is_array() && prompt.size() == 1 && prompt[0].is_string();
  if (prompt.is_string() || is_one_text) {
    question.text = (is_one_text ? prompt[0] : prompt).get<std::string>();
    return question;
  }
  if (!prompt.is_array() || prompt.empty())
    throw Refusal(400, "\"prompt\" wants a text, a list of one text, or a list of tokens", "prompt");
  for (const Json& token : prompt) {
    if (!token.is_number_integer() || token < 0 || token > INT32_MAX)
      throw Refusal(400, "\"prompt\" wants one text at a time, or a list of tokens", "prompt");
    question.tokens.push_back(token.get<int32_t>());
  }
  return question;
}

}  // namespace app::serve
