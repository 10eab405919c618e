// A session of the server's, see slot.hpp.
#include "slot.hpp"

#include <algorithm>

#include "limits.hpp"
#include "log_sum.hpp"
#include "tokens.hpp"

namespace app::serve {
namespace {

// Two turns of one key are the same for the model.
std::string key_of(const Turn& turn) {
  std::string key(1, static_cast<char>('0' + turn.role));
  for (const Part& part : turn.parts)
    key += part.picture ? "P" + part.digest : 'T' + std::to_string(part.text.size()) + ':' + part.text;
  return key;
}

std::vector<Chance> likeliest_of(const float* logits, size_t count, size_t wanted, double sum) {
  std::vector<int32_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<int32_t>(i);
  wanted = std::min(wanted, count);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted), order.end(),
                    [&](int32_t a, int32_t b) { return logits[a] > logits[b] || (logits[a] == logits[b] && a < b); });
  std::vector<Chance> chances;
  for (size_t i = 0; i < wanted; ++i) chances.push_back({order[i], logits[order[i]] - sum});
  return chances;
}

void add_turn(mica_session* session, const Turn& turn) {
  std::vector<mica_part> parts;
  for (const Part& part : turn.parts) {
    if (part.picture) parts.push_back({MICA_PART_PICTURE, nullptr, 0, part.picture.get()});
    else parts.push_back({MICA_PART_TEXT, part.text.data(), part.text.size(), nullptr});
  }
  mica_error error{};
  require(mica_session_add_message(session, turn.role, parts.data(), parts.size(), &error), error);
}

uint32_t waiting_in(const mica_session* session) {
  mica_stats stats{};
  mica_session_stats(session, &stats);
  return stats.tokens_waiting;
}

// Whether who reads a text behind a line's end, as an answer mostly stands, has these tokens; or reads it alone.
bool reads_as(const mica_tokenizer* tokenizer, const std::string& text, const std::vector<int32_t>& tokens) {
  if (tokenize(tokenizer, text, MICA_TOKENIZE_PLAIN) == tokens) return true;
  std::vector<int32_t> line = tokenize(tokenizer, "\n", MICA_TOKENIZE_PLAIN);
  line.insert(line.end(), tokens.begin(), tokens.end());
  return tokenize(tokenizer, "\n" + text, MICA_TOKENIZE_PLAIN) == line;
}

}  // namespace

void add_question(mica_session* session, const Question& question, size_t first) {
  mica_error error{};
  for (size_t i = first; i < question.turns.size(); ++i) add_turn(session, question.turns[i]);
  if (!question.tokens.empty()) {
    require(mica_session_add_tokens(session, question.tokens.data(), question.tokens.size(), nullptr, 0, &error),
            error);
  } else if (question.turns.empty()) {
    require(mica_session_add_text(session, question.text.data(), question.text.size(), 1, &error), error);
  }
}

uint32_t count_tokens(const SlotRoom& room, const Question& question) {
  const Session session =
      open_handle<Session>(mica_workspace_session_create, room.workspace, &room.settings, nullptr, size_t{0});
  mica_error error{};
  add_question(session.get(), question, 0);
  require(mica_session_begin(session.get(), nullptr, &error), error);
  return waiting_in(session.get());
}

namespace {

// Tokens of a conversation with this answer in it.
uint32_t count_with(const SlotRoom& room, const std::string& answer) {
  Question question;
  for (const mica_role role : {MICA_ROLE_USER, MICA_ROLE_ASSISTANT, MICA_ROLE_USER}) {
    question.turns.push_back({role, std::vector<Part>(1)});
    question.turns.back().parts[0].text = role == MICA_ROLE_ASSISTANT ? answer : "A";
  }
  return count_tokens(room, question);
}

// Whether turns are written with a blank before an answer, one that the model writes itself and no text of it shows: then
// one more takes a token more, and else the blank and a letter are one token.
bool writes_blank(const SlotRoom& room) {
  const mica_tokenizer* tokenizer = mica_model_tokenizer(room.model);
  const auto count = [&](const char* text) { return tokenize(tokenizer, text, MICA_TOKENIZE_PLAIN).size(); };
  return count("\n A") == count("\nA") && count_with(room, " A") > count_with(room, "A");
}

}  // namespace

Slot::Slot(const SlotRoom& room) : room_(room) { open(); }

void Slot::open() {
  session_.reset();
  session_ = open_handle<Session>(mica_workspace_session_create, room_.workspace, &room_.settings, nullptr, size_t{0});
  mica_error error{};
  require(mica_session_set_pictures(session_.get(), room_.pictures, &error), error);
  held_.clear();
  has_stops_ = false;
  schema_.clear();
}

void Slot::forget() {
  mica_session_clear(session_.get());
  held_.clear();
}

size_t Slot::turns_held(const Question& question) const {
  if (!question.reuses_conversation || held_.empty() || held_.size() >= question.turns.size()) return 0;
  if (question.turns[held_.size()].role != MICA_ROLE_USER || has_stops_ != question.has_stops) return 0;
  for (size_t i = 0; i < held_.size(); ++i)
    if (held_[i] != key_of(question.turns[i])) return 0;
  return held_.size();
}

// The conversation goes on, or all of it is read anew.
void Slot::read(const Question& question) {
  const size_t held = turns_held(question);
  mica_stats stats{};
  if (held > 0) {
    try {
      add_question(session(), question, held);
      mica_session_stats(session(), &stats);
      counts_.cached_tokens = stats.tokens;
      return;
    } catch (const Failure&) {  // some templates write earlier turns in another way: so all of it has to be read
    }
  }
  if (has_stops_ && !question.has_stops) open();
  forget();
  add_question(session(), question, 0);
}

void Slot::begin(std::shared_ptr<Job> job, uint64_t now) {
  const Question& question = job->question;
  mica_error error{};
  counts_ = {};
  answer_.clear();
  chosen_.clear();
  has_read_ = false;
  used_ = now;
  try {
    read(question);
    mica_session_stats_reset(session());
    std::vector<mica_text> stops;
    for (const std::string& stop : question.stops) stops.push_back({stop.data(), stop.size()});
    if (question.has_stops) {
      require(mica_session_set_stops(session(), stops.data(), stops.size(), &error), error);
      has_stops_ = true;
    }
    if (schema_ != question.schema) {
      require(mica_session_use_schema(session(), question.schema_read.get(), &error), error);
      schema_ = question.schema;
    }
    require(mica_session_begin(session(), &question.sampling, &error), error);
    is_long_ = waiting() > kTokensJoiningMax;
  } catch (const Failure&) {
    forget();
    throw;
  }
  counts_.waited_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - job->asked_at).count();
  job_ = std::move(job);
}

uint32_t Slot::waiting() const { return waiting_in(session()); }

bool Slot::reads_apart() {
  is_long_ = is_long_ && waiting() > 0;
  return is_long_ || mica_session_waits_apart(session()) != 0;
}

void Slot::count() {
  mica_stats stats{};
  mica_session_stats(session(), &stats);
  if (!has_read_) counts_.prompt_tokens = stats.tokens;
  has_read_ = true;
  counts_.pictures = stats.pictures;
  counts_.picture_tokens = stats.picture_tokens;
  counts_.picture_seconds = stats.picture_seconds;
  counts_.prompt_seconds = stats.prefill_seconds;
  counts_.answer_seconds = stats.decode_seconds;
}

Piece Slot::piece_of(const mica_step& step) const {
  Piece piece{std::string(step.text, step.text_bytes), step.token, 0, {}};
  const float* logits = nullptr;
  if (!job_->question.wants_probabilities || step.token < 0) return piece;
  if (mica_session_logits(session(), 0, &logits, nullptr) != MICA_OK) return piece;
  const size_t vocabulary = mica_model_vocabulary(room_.model);
  const double sum = log_sum({logits, vocabulary});
  piece.log_probability = logits[step.token] - sum;
  if (job_->question.likeliest > 0) piece.likeliest = likeliest_of(logits, vocabulary, job_->question.likeliest, sum);
  return piece;
}

bool Slot::take(const mica_step& step) {
  count();
  counts_.answer_tokens += step.token >= 0;
  if (step.token >= 0) chosen_.push_back(step.token);
  answer_.append(step.text, step.text_bytes);
  if (step.text_bytes > 0 || (job_->question.wants_probabilities && step.token >= 0)) job_->say(piece_of(step));
  if (step.stop == MICA_STOP_NONE) return false;
  end(step.stop);
  return true;
}

// Whether who reads the answer's text has the tokens that were chosen: not where they split it otherwise, give no whole
// characters or are controls, nor where blanks are at its ends, which templates leave out or join with what they write.
bool Slot::reads_as_chosen() {
  constexpr std::string_view kBlanks = " \t\r\n";
  const mica_tokenizer* tokenizer = mica_model_tokenizer(room_.model);
  if (tokenizer == nullptr || answer_.empty() || chosen_.empty() || kBlanks.find(answer_.front()) != kBlanks.npos ||
      kBlanks.find(answer_.back()) != kBlanks.npos)
    return false;
  try {
    if (!blank_) blank_ = writes_blank(room_);
    const bool has_blank = token_bytes(tokenizer, chosen_.front()).starts_with(' ');
    return has_blank == *blank_ && reads_as(tokenizer, (has_blank ? " " : "") + answer_, chosen_);
  } catch (const Failure&) {
    return false;
  }
}

void Slot::end(mica_stop stop) {
  held_.clear();
  // Behind a stop text, the session holds more than what was shown. What goes on has to be answered as if it were read
  // anew.
  if ((stop == MICA_STOP_END || stop == MICA_STOP_TOKENS) && !job_->question.turns.empty() && reads_as_chosen()) {
    for (const Turn& turn : job_->question.turns) held_.push_back(key_of(turn));
    Turn answer{MICA_ROLE_ASSISTANT, std::vector<Part>(1)};
    answer.parts[0].text = answer_;
    held_.push_back(key_of(answer));
  }
  job_->end({stop, std::nullopt, counts_});
  job_.reset();
}

void Slot::fail(const Refusal& refusal) {
  forget();
  job_->end({MICA_STOP_END, refusal, counts_});
  job_.reset();
}

void Slot::abandon() {
  forget();
  job_.reset();
}

}  // namespace app::serve
