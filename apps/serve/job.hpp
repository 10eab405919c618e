// Job: a question on its way: what the thread that computes has to say to the thread of its client, and whether that
// one is still there. Not computing: scheduler.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "question.hpp"
#include "refusal.hpp"

namespace app::serve {

struct Chance {
  int32_t token;
  double log_probability;
};

// A token of an answer, and the text that it completed.
struct Piece {
  std::string text;
  int32_t token = -1;  // -1: the answer's end left a text
  double log_probability = 0;
  std::vector<Chance> likeliest;  // the likeliest first
};

struct Counts {
  uint64_t prompt_tokens = 0;  // with those that were there already
  uint64_t cached_tokens = 0;  // of these
  uint64_t answer_tokens = 0;
  uint64_t pictures = 0, picture_tokens = 0;  // that were encoded
  double picture_seconds = 0, prompt_seconds = 0, answer_seconds = 0;
  double waited_seconds = 0;
};

struct Ending {
  mica_stop stop = MICA_STOP_END;
  std::optional<Refusal> refusal;  // it failed
  Counts counts;
};

class Job {
 public:
  explicit Job(Question&& asked) : question(std::move(asked)) {}

  Question question;
  const std::chrono::steady_clock::time_point asked_at = std::chrono::steady_clock::now();

  // ---- of the thread that computes
  void say(Piece&& piece) {
    const std::lock_guard<std::mutex> lock(mutex_);
    pieces_.push_back(std::move(piece));
    news_.notify_one();
  }
  void end(Ending&& ending) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = std::move(ending);
    news_.notify_one();
  }
  bool is_left() const { return left_.load(); }

  // ---- of the client's thread
  enum class News { none, piece, end };
  // Waits for what comes next, so long at most.
  News hear(std::chrono::milliseconds patience, Piece* piece, Ending* ending) {
    std::unique_lock<std::mutex> lock(mutex_);
    news_.wait_for(lock, patience, [&] { return !pieces_.empty() || ending_; });
    if (!pieces_.empty()) {
      *piece = std::move(pieces_.front());
      pieces_.pop_front();
      return News::piece;
    }
    if (!ending_) return News::none;
    *ending = *ending_;
    return News::end;
  }
  // The same, and it stays to be heard.
  bool has_news(std::chrono::milliseconds patience) {
    std::unique_lock<std::mutex> lock(mutex_);
    return news_.wait_for(lock, patience, [&] { return !pieces_.empty() || ending_; });
  }
  // Why nothing at all came of it, if it has failed.
  std::optional<Refusal> failure() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ending_ && pieces_.empty() ? ending_->refusal : std::nullopt;
  }
  // Nobody listens any more.
  void leave() { left_ = true; }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<Piece> pieces_;
  std::optional<Ending> ending_;
  std::atomic<bool> left_{false};
};

}  // namespace app::serve
