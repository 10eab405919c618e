// Models that -hf names: found in the cache, or brought there with a bar on the screen. Not the cache itself (hub/).
#pragma once

#include <string>

#include "hub/cache.hpp"

namespace app {

// Asks the hub for the newest commit and fetches what of it is not here. Throws Failure.
hub::CachedModel fetch_model(const hub::Repository& repository, const std::string& revision);

// From the cache where it is there; else fetched, unless `offline`. Throws Failure.
hub::CachedModel find_model(const std::string& wanted, bool offline);

}  // namespace app
