// A hub of one's own, over TLS, that serves files from memory and misbehaves on request. Not the program that asks it.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <httplib.h>

// What is wrong with a file on its way.
struct Mischief {
  int breaks = 0;             // how many times the connection ends in the middle
  int refusals = 0;           // how many times there is `status` instead
  int status = 500;
  bool redirects = false;     // to the same server under another name
  std::string redirects_to;   // or to another place
  std::string sent;           // in place of the bytes
  bool ignores_ranges = false;
  bool trickles = false;      // in pieces, with pauses
};

class HubServer {
 public:
  // With the certificate of tests/data/hub.
  explicit HubServer(const std::string& data_folder);
  ~HubServer();
  HubServer(const HubServer&) = delete;

  std::string address(const std::string& host = "localhost") const {
    return "https://" + host + ':' + std::to_string(port_);
  }

  // A file of the repository "owner/name": in the listing with its SHA-256 (large) or git's SHA-1.
  void add(const std::string& path, const std::string& bytes, bool large, const Mischief& mischief = {});
  // What the listing says, in place of what it would.
  void set_listing(int status, const std::string& text);
  // Only those who show it get anything from "localhost"; at another name nobody may show it.
  void want_token(const std::string& token) { token_ = token; }

  // Of a file that was added, as the listing has it.
  std::string digest(const std::string& path) const;

  // Paths that were asked for, with the range: "model.gguf bytes=100-".
  std::vector<std::string> asked() const;
  bool token_leaked() const { return token_leaked_; }

  static constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

 private:
  struct Served {
    std::string bytes, digest;
    bool large;
    Mischief mischief;
  };

  void answer_listing(const httplib::Request& request, httplib::Response& response);
  void answer_file(const httplib::Request& request, httplib::Response& response);
  bool may_read(const httplib::Request& request, httplib::Response& response);

  mutable std::mutex mutex_;
  std::map<std::string, Served> files_;
  std::vector<std::string> asked_;
  std::string token_, listing_;
  int listing_status_ = 200;
  std::atomic<bool> token_leaked_ = false;
  httplib::SSLServer server_;
  int port_;
  std::thread thread_;
};
