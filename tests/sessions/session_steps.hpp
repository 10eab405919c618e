// SessionSteps: what one can do with a session, in any order, as bytes choose, with guards looked at after each step.
// For tests and fuzz targets. Not a test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "own_bytes.hpp"
#include "session.hpp"
#include "small_model.hpp"

namespace mica::test {

// Numbers from bytes; zeros when they are used up.
class Choices {
 public:
  explicit Choices(Bytes bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint32_t below(uint32_t count) {
    uint32_t value = 0;
    for (uint32_t range = 1; range < count && !bytes_.empty(); range <<= 8, bytes_ = bytes_.subspan(1))
      value = value << 8 | bytes_[0];
    return value % count;
  }
  uint32_t between(uint32_t low, uint32_t high) { return low + below(high - low + 1); }
  template <class T, size_t kCount>
  const T& of(const T (&values)[kCount]) {
    return values[below(kCount)];
  }

 private:
  Bytes bytes_;
};

class SessionSteps {
 public:
  // `file`: where sessions are saved. Errors: those of Session::resolve and create.
  Status begin(const Model& model, const SessionOptions& options, const std::string& file);
  // Runs steps until the choices are used up, at most `steps`. A status is an ordinary answer of a step; what is
  // returned is not: internal, a broken guard, a count that no session has.
  Status run(Choices* choices, size_t steps);
  Session& session() { return *session_; }

 private:
  Status step(Choices* choices);
  Status add_tokens(uint32_t count);
  Status add_picture(uint32_t width, uint32_t height);
  Status add_in_runs(const Picture& picture);
  Status decode();
  Status grow(uint32_t context);
  Status check() const;

  const Model* model_ = nullptr;
  std::string file_;
  OwnedBytes memory_;
  std::vector<std::unique_ptr<std::vector<uint8_t>>> pixels_;
  std::vector<std::unique_ptr<Picture>> pictures_;
  std::unique_ptr<Session> session_;
};

// A shape and options that the checks may refuse.
SmallShape choose_shape(Choices* choices);
std::vector<WeightFormat> choose_storages(Choices* choices);
SessionOptions choose_options(const SmallShape& shape, Choices* choices);

}  // namespace mica::test
