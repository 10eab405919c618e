// Asker: the question that mica watch asks of each frame, and its answer as a line of JSON. Not when it is asked:
// watch.cpp.
#pragma once

#include <string>
#include <vector>

#include "files.hpp"
#include "frame.hpp"
#include "options.hpp"

namespace app::watch {

class Asker {
 public:
  // Opens the model. Throws Failure.
  Asker(const Options& options, const std::string& question);
  ~Asker();
  Asker(const Asker&) = delete;

  // An answer about `picture`, as one line: {"time", "frame", "answer", "probability", "seconds"}, and "stop" where the
  // answer was cut. Throws Failure; MICA_CANCELLED after a signal.
  std::string ask(const Frame& frame, Picture picture);

 private:
  void create();

  const Options& options_;
  const std::string question_, schema_;
  const uint64_t memory_;  // before the model was opened
  Model model_;
  std::vector<NamedPicture> pictures_;  // what the question shows beside the frame, which is the last
  mica_session_options settings_;
  mica_sampling sampling_;
  Pictures encoded_;
  Session session_;
};

}  // namespace app::watch
