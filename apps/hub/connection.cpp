// Connections to a hub, see connection.hpp.
#include "connection.hpp"

#include <cctype>
#include <cstdlib>
#include <cstring>

#include "../handles.hpp"
#include "../words.hpp"
#include "cache.hpp"

namespace app::hub {
namespace {

// Twice as many before each attempt after the second.
constexpr double kFirstPauseSeconds = 0.5;
constexpr long kConnectSeconds = 15;
// A line on which nothing comes for so long is dead.
constexpr long kSilentSeconds = 30;
constexpr long kRedirectsMax = 5;

}  // namespace

std::string escaped(const std::string& path) {
  return percent_encoded(path, [](uint8_t byte) { return std::isalnum(byte) != 0 || std::strchr("-_.~/", byte) != nullptr; });
}

Easy make_request(const std::string& url, const std::string& token) {
  Easy easy(curl_easy_init());
  if (!easy) throw Failure("libcurl does not start", MICA_OUT_OF_MEMORY);
  CURL* curl = easy.get();
  const std::string scheme = url.substr(0, url.find(':'));
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  // A plain endpoint was asked for; an https one must not lead to a plain one.
  for (const CURLoption option : {CURLOPT_PROTOCOLS_STR, CURLOPT_REDIR_PROTOCOLS_STR})
    curl_easy_setopt(curl, option, scheme == "http" ? "http,https" : "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirectsMax);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, (std::string("mica/") + mica_version()).c_str());
  // Where a company's network brings certificates of its own, these say so to Python's programs and to curl.
  for (const char* name : {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (const std::string file = environment(name); !file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, file.c_str());
      break;
    }
  if (!token.empty()) {  // as libcurl's own, so that it does not follow to another host
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token.c_str());
  }
  return easy;
}

long status_of(CURL* request) {
  long status = 0;
  curl_easy_getinfo(request, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::string told(long status, const Repository& repository, const std::string& endpoint, bool has_token) {
  const std::string page = endpoint + '/' + repository.id();
  if (status == 401 || status == 403)
    return has_token ? "the hub does not let this token read it; is its licence accepted at " + page + "?"
                     : "the hub asks who wants it: accept its licence at " + page +
                           ", and set HF_TOKEN to a token of yours (" + endpoint + "/settings/tokens)";
  if (status == 404) return "the hub has no such thing; is it spelled as at " + page + "?";
  if (status == 429) return "the hub wants fewer requests; try again in some minutes";
  return "the hub answered with status " + std::to_string(status);
}

bool is_passing(CURLcode code, long status) {
  if (code == CURLE_HTTP_RETURNED_ERROR || code == CURLE_OK) return status == 408 || status == 429 || status >= 500;
  return code == CURLE_COULDNT_CONNECT || code == CURLE_PARTIAL_FILE || code == CURLE_OPERATION_TIMEDOUT ||
         code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 ||
         code == CURLE_HTTP2_STREAM || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_SSL_CONNECT_ERROR;
}

double pause_after(int attempt) { return kFirstPauseSeconds * (1 << (attempt - 1)); }

}  // namespace app::hub
