// An answer, token by token, see answer_record.hpp.
#include "answer_record.hpp"

#include <algorithm>
#include <cmath>

namespace app {

const char* stop_name(mica_stop stop) {
  switch (stop) {
    case MICA_STOP_END: return "end";
    case MICA_STOP_TOKENS: return "tokens";
    case MICA_STOP_CALLBACK: return "callback";
    case MICA_STOP_CONTEXT: return "context";
    case MICA_STOP_TEXT: return "text";
    case MICA_STOP_NONE: break;
  }
  return "";
}

double AnswerRecord::probability(int32_t token) const {
  const float* logits = nullptr;
  if (mica_session_logits(session_.get(), 0, &logits, nullptr) != MICA_OK) return std::nan("");
  const float most = *std::max_element(logits, logits + vocabulary_);
  double total = 0;
  for (uint32_t i = 0; i < vocabulary_; i++) total += std::exp(static_cast<double>(logits[i]) - most);
  return std::exp(static_cast<double>(logits[token]) - most) / total;
}

void AnswerRecord::add(std::string_view piece, int32_t token) {
  text.append(piece);
  mica_stats stats{};
  mica_session_stats(session_.get(), &stats);
  if (token >= 0 && (tokens.empty() || stats.tokens != session_tokens_)) {
    tokens.push_back({token, "", probability(token)});
    session_tokens_ = stats.tokens;
  }
  if (!tokens.empty()) tokens.back().text.append(piece);
}

}  // namespace app
