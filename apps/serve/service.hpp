// Service: what all requests share: the model, the scheduler, and what is told and allowed. Made once, before the
// first.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "chat_request.hpp"
#include "one_at_a_time.hpp"
#include "read_schemas.hpp"
#include "request_log.hpp"
#include "scheduler.hpp"

namespace app::serve {

struct Service {
  const Model& model;
  std::string name;     // of the model, as clients are told
  int64_t created = 0;  // in seconds since 1970
  mica_sampling sampling{};
  bool has_seed = false;           // by the command line
  std::vector<std::string> keys;   // empty: everybody may ask
  std::vector<std::string> hosts;  // names that requests may call this server by, beside addresses and localhost
  RequestLog log;
  Scheduler scheduler;
  ByteBudget budget;
  std::mutex decoding;  // of pictures
  OneAtATime measuring;  // of long questions
  OneAtATime tokenizing;
  ReadSchemas schemas;

  Asking asking() { return {sampling, has_seed, &decoding}; }
};

}  // namespace app::serve
