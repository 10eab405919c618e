// ReadSchemas: the JSON schemas of the newest questions, read in the threads of those who ask, one at a time, so that what
// one asks of them keeps no answer waiting. Not what they allow: mica_schema.h.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "handles.hpp"

namespace app::serve {

class ReadSchemas {
 public:
  // Throws Failure.
  std::shared_ptr<const mica_schema> read(const mica_model* model, const std::string& text) {
    if (auto known = find(text)) return known;
    const std::lock_guard<std::mutex> reading(reading_);
    if (auto known = find(text)) return known;
    std::shared_ptr<const mica_schema> schema = open_handle<Schema>(mica_schema_read, model, text.data(), text.size());
    const std::lock_guard<std::mutex> lock(mutex_);
    kept_.push_front({text, schema});
    if (kept_.size() > kKeptMax) kept_.pop_back();
    return schema;
  }

 private:
  static constexpr size_t kKeptMax = 4;  // each may take megabytes

  struct Kept {
    std::string text;
    std::shared_ptr<const mica_schema> schema;
  };
  std::shared_ptr<const mica_schema> find(const std::string& text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
      if (kept->text != text) continue;
      kept_.splice(kept_.begin(), kept_, kept);
      return kept->schema;
    }
    return nullptr;
  }

  std::mutex reading_;
  std::mutex mutex_;      // of what is below
  std::list<Kept> kept_;  // the newest first
};

}  // namespace app::serve
