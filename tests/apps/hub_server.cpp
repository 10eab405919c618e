// A hub that misbehaves, see hub_server.hpp.
#include "hub_server.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "digest.hpp"

namespace {

std::string digest_of(const std::string& bytes, bool large) {
  app::hub::Digest digest(std::string(large ? 64 : 40, '0'), bytes.size());
  digest.add(bytes.data(), bytes.size());
  return digest.finish();
}

}  // namespace

HubServer::HubServer(const std::string& data_folder)
    : server_((data_folder + "/hub/certificate.pem").c_str(), (data_folder + "/hub/key.pem").c_str()) {
  const auto with_lock = [this](void (HubServer::*answer)(const httplib::Request&, httplib::Response&)) {
    return [this, answer](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (may_read(request, response)) (this->*answer)(request, response);
    };
  };
  server_.Get("/api/models/owner/name/revision/main", with_lock(&HubServer::answer_listing));
  server_.Get(R"(/(?:elsewhere|owner/name/resolve/\w+)/(.+))", with_lock(&HubServer::answer_file));
  port_ = server_.bind_to_any_port("localhost");
  thread_ = std::thread([this] { server_.listen_after_bind(); });
  while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

HubServer::~HubServer() {
  server_.stop();
  thread_.join();
}

void HubServer::add(const std::string& path, const std::string& bytes, bool large, const Mischief& mischief) {
  const std::lock_guard<std::mutex> lock(mutex_);
  files_[path] = {bytes, digest_of(bytes, large), large, mischief};
}

void HubServer::set_listing(int status, const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  listing_status_ = status;
  listing_ = text;
}

std::string HubServer::digest(const std::string& path) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return files_.at(path).digest;
}

std::vector<std::string> HubServer::asked() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return asked_;
}

bool HubServer::may_read(const httplib::Request& request, httplib::Response& response) {
  const std::string shown = request.get_header_value("Authorization");
  const bool is_elsewhere = request.path.rfind("/elsewhere/", 0) == 0;
  if (is_elsewhere && !shown.empty()) token_leaked_ = true;
  if (is_elsewhere || token_.empty() || shown == "Bearer " + token_) return true;
  response.status = 401;
  return false;
}

void HubServer::answer_listing(const httplib::Request&, httplib::Response& response) {
  nlohmann::json siblings = nlohmann::json::array();
  for (const auto& [path, file] : files_) {
    siblings.push_back({{"rfilename", path}, {"size", file.bytes.size()}});
    if (file.large) siblings.back()["lfs"] = {{"sha256", file.digest}, {"size", file.bytes.size()}};
    else siblings.back()["blobId"] = file.digest;
  }
  response.status = listing_status_;
  response.set_content(listing_.empty() ? nlohmann::json{{"sha", kCommit}, {"siblings", siblings}}.dump() : listing_,
                       "application/json");
}

void HubServer::answer_file(const httplib::Request& request, httplib::Response& response) {
  const std::string path = request.matches[1];
  const bool is_elsewhere = request.path.rfind("/elsewhere/", 0) == 0;
  const std::string range = request.get_header_value("Range");
  asked_.push_back((is_elsewhere ? "elsewhere/" : "") + path + (range.empty() ? "" : ' ' + range));
  const auto found = files_.find(path);
  if (found == files_.end()) return void(response.status = 404);
  Mischief& mischief = found->second.mischief;
  if (mischief.refusals > 0) {
    mischief.refusals--;
    response.status = mischief.status;
    return;
  }
  if (mischief.redirects && !is_elsewhere) return response.set_redirect(address("127.0.0.1") + "/elsewhere/" + path);
  if (!mischief.redirects_to.empty()) return response.set_redirect(mischief.redirects_to);
  const std::string bytes = mischief.sent.empty() ? found->second.bytes : mischief.sent;
  if (mischief.ignores_ranges) const_cast<httplib::Request&>(request).ranges.clear();
  const bool breaks = mischief.breaks-- > 0, trickles = mischief.trickles;
  response.set_content_provider(
      bytes.size(), "application/octet-stream",
      [bytes, breaks, trickles](size_t offset, size_t length, httplib::DataSink& sink) {
        const size_t piece = trickles ? std::min<size_t>(length, bytes.size() / 8 + 1) : length;
        if (trickles) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        if (!breaks) return sink.write(bytes.data() + offset, piece);
        sink.write(bytes.data() + offset, length / 2);
        return false;
      });
}
