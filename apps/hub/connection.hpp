// Connections to a hub by libcurl: what every request has in common, and which faults pass. Not what is asked for.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "repository.hpp"

namespace app::hub {

struct EasyCleanup {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using Easy = std::unique_ptr<CURL, EasyCleanup>;

// Of requests and transfers alike.
inline constexpr int kAttempts = 6;
// Seconds to wait before attempt `attempt` + 1.
double pause_after(int attempt);

// "a b/c" as "a%20b/c".
std::string escaped(const std::string& path);

// A request for `url` with bounds on time and redirections. The token, if there is one, goes to the url's own host
// alone. Throws Failure.
Easy make_request(const std::string& url, const std::string& token);
long status_of(CURL* request);

// True for faults that may be gone a moment later.
bool is_passing(CURLcode code, long status);
// What a status says to a person, and what to do.
std::string told(long status, const Repository& repository, const std::string& endpoint, bool has_token);

}  // namespace app::hub
