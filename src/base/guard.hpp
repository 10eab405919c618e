// Guard: the border that no exception crosses. Not for failures of our own: those are a Status from where they arise.
//
// In io, models, engine, quant and api, containers and strings allocate wherever they are used. So these rooms are
// compiled with exceptions, for one purpose: when memory runs out (std::bad_alloc) or a size is beyond what a container
// can have (std::length_error), destructors run up to the guard, which says it as a Status. Nothing else is thrown, and
// nothing is caught elsewhere but where a failure can be done without. simd and ops never allocate. No body of a
// parallel_for may throw, for nothing passes the end of a parallel region; quant's allocate_in_parallel carries a
// failure out.
#pragma once

#include <new>
#include <stdexcept>

#include "status.hpp"

namespace mica {

// Runs body(), which returns a Status. Every function of mica.h that can fail and every entry of quant is one.
template <class Body>
Status guarded(const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Status::error(Code::out_of_memory, "there is not enough memory left; nothing was changed");
  } catch (const std::length_error&) {
    return Status::error(Code::out_of_memory, "this would take more memory than there can be; nothing was changed");
  }
}

// Takes something back at the end of its scope, however that is reached: a status, or an allocation that failed. keep()
// says that all went well.
template <class TakeBack>
class Rollback {
 public:
  explicit Rollback(const TakeBack& take_back) : take_back_(take_back) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    if (!kept_) take_back_();
  }
  void keep() { kept_ = true; }

 private:
  TakeBack take_back_;
  bool kept_ = false;
};

}  // namespace mica
