// Protocol: how the clients of one API are told an answer, whole or as a stream, and why there is none. Not HTTP and
// not computing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "job.hpp"
#include "request_json.hpp"

namespace app::serve {

// Of one answer.
class Protocol {
 public:
  virtual ~Protocol() = default;

  // ---- a stream: its type, and its bytes in order
  virtual const char* stream_type() const = 0;
  virtual std::string begin() const { return ""; }
  virtual std::string piece(const Piece& piece) const = 0;
  virtual std::string end(const Ending& ending) const = 0;
  virtual std::string failure(const Refusal& refusal) const = 0;  // in place of an end
  virtual std::string ping() const { return ""; }                 // shows that the server is there; says nothing

  // ---- whole
  virtual std::string whole(const std::vector<Piece>& pieces, const Ending& ending) const = 0;
};

// What is told of a model and of an answer, beside its text.
struct AnswerLabel {
  std::string model;  // its name
  const mica_tokenizer* tokenizer;
  std::string id;   // of the answer, by chance
  int64_t created;  // in seconds since 1970
};

std::unique_ptr<Protocol> openai_chat(const AnswerLabel& label, const Question& question);
std::unique_ptr<Protocol> openai_completion(const AnswerLabel& label, const Question& question);

// {"error": {"message", "type", "code", "param"}}
std::string openai_error(const Refusal& refusal);
const char* openai_error_type(int status);
// {"prompt_tokens", "completion_tokens", "total_tokens", ...}
nlohmann::ordered_json openai_usage(const Counts& counts);

}  // namespace app::serve
