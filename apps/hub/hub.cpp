// A model hub, see hub.hpp.
#include "hub.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "../handles.hpp"
#include "../json_files.hpp"
#include "../terminal.hpp"
#include "connection.hpp"

namespace app::hub {
namespace {

constexpr const char* kEndpoint = "https://huggingface.co";
constexpr size_t kListingBytesMax = 64u << 20;

// Files of a revision.
struct Listing {
  std::string commit;
  std::vector<File> files;
};

bool is_yes(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

size_t append_text(char* bytes, size_t, size_t count, void* user) {
  std::string& text = *static_cast<std::string*>(user);
  if (text.size() + count > kListingBytesMax) return 0;
  text.append(bytes, count);
  return count;
}

// A file of the listing, as far as it can be checked.
File file_of(const nlohmann::json& row) {
  File file;
  file.path = row.at("rfilename").get<std::string>();
  const auto large = row.find("lfs");
  const bool is_large = large != row.end() && large->is_object();
  file.bytes = (is_large ? *large : row).at("size").get<uint64_t>();
  file.digest = is_large ? large->at("sha256").get<std::string>() : row.at("blobId").get<std::string>();
  if (!is_hexadecimal(file.digest, is_large ? 64 : 40))
    throw Failure("the hub names no digest of " + screen_text(file.path), MICA_CORRUPT_FILE);
  return file;
}

// The answer to what the revision has.
std::string ask_for_list(const Source& source, const std::string& revision) {
  const std::string id = source.repository.id();
  const std::string url = source.endpoint + "/api/models/" + id + "/revision/" + escaped(revision) + "?blobs=true";
  std::string text;
  for (int attempt = 1;; attempt++) {
    const Easy easy = make_request(url, source.token);
    char error[CURL_ERROR_SIZE] = {};
    text.clear();
    curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, append_text);
    curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &text);
    curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, error);
    const CURLcode code = curl_easy_perform(easy.get());
    const long status = status_of(easy.get());
    if (code == CURLE_OK && status == 200) return text;
    if (attempt < kAttempts && is_passing(code, status)) {
      usleep(static_cast<useconds_t>(pause_after(attempt) * 1e6));
      continue;
    }
    if (code == CURLE_OK)
      throw Failure(id + ": " + told(status, source.repository, source.endpoint, !source.token.empty()),
                    MICA_NOT_FOUND);
    throw Failure(id + " cannot be asked for at " + source.endpoint + ": " +
                  (error[0] != '\0' ? error : curl_easy_strerror(code)), MICA_IO_ERROR);
  }
}

Listing list(const Source& source, const std::string& revision) {
  const std::string name = "the hub's list of " + source.repository.id();
  const nlohmann::json answer = parse_json(ask_for_list(source, revision), name);
  Listing listing;
  try {
    listing.commit = answer.at("sha").get<std::string>();
    for (const nlohmann::json& row : answer.at("siblings"))
      if (const File file = file_of(row); is_path_inside(file.path)) listing.files.push_back(file);
  } catch (const nlohmann::json::exception&) {
    throw Failure(name + " is in a form that mica does not know", MICA_CORRUPT_FILE);
  }
  if (!is_hexadecimal(listing.commit, 40)) throw Failure(name + " names no commit", MICA_CORRUPT_FILE);
  return listing;
}

Source source_of(const Repository& repository) {
  if (is_yes(environment("HF_HUB_OFFLINE")))
    throw Failure(repository.id() + " is not here, and HF_HUB_OFFLINE is set: nothing is fetched", MICA_NOT_FOUND);
  std::string endpoint = environment("HF_ENDPOINT");
  if (endpoint.empty()) endpoint = kEndpoint;
  while (endpoint.back() == '/') endpoint.pop_back();
  if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://"))
    throw Failure("HF_ENDPOINT is \"" + screen_text(endpoint) + "\": wants https://HOST", MICA_INVALID_ARGUMENT);
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Failure(curl_easy_strerror(started));
  return {repository, endpoint, access_token()};
}

}  // namespace

CachedModel bring(const Repository& repository, const std::string& revision, const TransferProgress& progress) {
  const Source source = source_of(repository);
  const Listing listing = list(source, revision);
  const CachedRepository cached(repository);
  const Picked picked = pick_files(repository, listing.files);
  std::vector<Wanted> wanted;
  std::set<std::string> digests;  // files of the same bytes are one blob
  for (const File& file : picked.files) {
    std::error_code none;
    const bool is_here = std::filesystem::file_size(cached.blob(file.digest), none) == file.bytes && !none;
    if (is_here || !digests.insert(file.digest).second) continue;
    const std::string url =
        source.endpoint + '/' + repository.id() + "/resolve/" + listing.commit + '/' + escaped(file.path);
    wanted.push_back({file, url, cached.blob(file.digest)});
  }
  transfer(source, wanted, progress);
  for (const File& file : picked.files) cached.place(listing.commit, file);
  cached.set_revision(revision, listing.commit);
  return cached.model(listing.commit, picked);
}

}  // namespace app::hub
