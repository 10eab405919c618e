// AnswerRecord: an answer as it was given, token by token, with how likely the model found each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "handles.hpp"

namespace app {

const char* stop_name(mica_stop stop);  // "end", "tokens", ...

class AnswerRecord {
 public:
  AnswerRecord(const Model& model, const Session& session)
      : session_(session), vocabulary_(mica_model_vocabulary(model.get())) {}

  // For each piece of text, with the token that completed it; a long token has several pieces.
  void add(std::string_view piece, int32_t token);

  struct Token {
    int32_t id;
    std::string text;
    double probability;  // the softmax of the logits, before temperature and filters
  };
  std::string text;
  std::vector<Token> tokens;

 private:
  double probability(int32_t token) const;

  const Session& session_;
  uint32_t vocabulary_;
  uint32_t session_tokens_ = 0;  // as of the last piece: it grows when a token is computed
};

}  // namespace app
