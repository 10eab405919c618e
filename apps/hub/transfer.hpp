// Files on their way from a hub into the cache: several at once, resumed where they broke off, checked by size and
// digest. Which files are wanted, and what a hub has, is said elsewhere (repository.hpp, hub.hpp).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "repository.hpp"

namespace app::hub {

// A file and where its bytes go: `path` once they are all there and right, until then path.incomplete, which a later
// run goes on with.
struct Wanted {
  File file;
  std::string url;
  std::filesystem::path path;
};

// Told several times a second: bytes that are there of those that are wanted, and how many came in the last second.
using TransferProgress = std::function<void(uint64_t done, uint64_t whole, double bytes_per_second)>;

// Where they come from, for requests and for what is said of faults.
struct Source {
  Repository repository;
  std::string endpoint, token;
};

// Returns when all files are in their place. No two of them have the same path. Throws Failure.
void transfer(const Source& source, const std::vector<Wanted>& wanted, const TransferProgress& progress);

}  // namespace app::hub
