// Models that -hf names, see hub_model.hpp.
#include "hub_model.hpp"

#include "handles.hpp"
#include "hub/hub.hpp"
#include "terminal.hpp"

namespace app {

hub::CachedModel fetch_model(const hub::Repository& repository, const std::string& revision) {
#ifdef MICA_WITH_DOWNLOADS
  Progress progress(repository.name);
  return hub::bring(repository, revision, [&](uint64_t done, uint64_t whole, double bytes_per_second) {
    std::string note = format_bytes(done) + " of " + format_bytes(whole);
    if (bytes_per_second > 0) note += ", " + format_bytes(static_cast<uint64_t>(bytes_per_second)) + "/s";
    progress.update(static_cast<double>(done) / static_cast<double>(whole == 0 ? 1 : whole), note);
  });
#else
  throw Failure(repository.id() + " at " + revision + " is not in the cache, and this mica was built without "
                "downloads: huggingface-cli download " + repository.id() + " puts it there", MICA_UNSUPPORTED);
#endif
}

hub::CachedModel find_model(const std::string& wanted, bool offline) {
  const hub::Repository repository = hub::parse_repository(wanted);
  if (const std::optional<hub::CachedModel> cached = hub::CachedRepository(repository).find("main")) return *cached;
  if (offline)
    throw Failure(wanted + " is not in " + hub::cache_folder().string() + ", and --offline lets nothing be fetched",
                  MICA_NOT_FOUND);
  return fetch_model(repository, "main");
}

}  // namespace app
