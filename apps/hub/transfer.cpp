// Files on their way, see transfer.hpp.
#include "transfer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>

#include "../handles.hpp"
#include "../terminal.hpp"
#include "connection.hpp"
#include "digest.hpp"

namespace app::hub {
namespace fs = std::filesystem;
namespace {

// One connection seldom fills a line; more than a few only take turns.
constexpr size_t kAtOnce = 4;
// Kept free beside what is fetched: a full disk breaks other programs too.
constexpr uint64_t kDiskBytesLeft = 64u << 20;

struct MultiCleanup {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// A file on its way. Its bytes go to PATH.incomplete, which is locked: another mica waits for it, and then finds it.
class Transfer {
 public:
  Transfer(const Source& source, const Wanted& wanted)
      : source_(source), wanted_(wanted), part_(wanted.path.string() + ".incomplete") {}
  Transfer(const Transfer&) = delete;
  ~Transfer() {
    if (file_ >= 0) close(file_);
  }

  // Goes on where the file ends. Null when it turns out to be here already.
  CURL* start() {
    attempt_++;
    if (file_ < 0 && !open_part()) return nullptr;
    restart_digest();
    easy_ = make_request(wanted_.url, source_.token);
    CURL* curl = easy_.get();
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
    if (done_ != 0) curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(done_));
    error_[0] = '\0';
    return curl;
  }

  // After the transfer ended: true when the file is whole and in its place; false: to be started again. Throws Failure.
  bool finish(CURLcode code) {
    const long status = status_of(easy_.get());
    // Asked for what is behind the end, where the part was whole: that is no fault.
    const bool is_whole = done_ == wanted_.file.bytes && (code == CURLE_OK || status == 416);
    easy_.reset();
    if (is_whole && digest_->finish() == wanted_.file.digest) return keep();
    if (is_whole || excess_) {
      empty_part();
      if (attempt_ < kAttempts && ++wrong_ < 2) return false;
      throw Failure(name() + (excess_ ? ": the hub sends more bytes than it says" : ": what arrives has not the digest "
                                        "that the hub names") + ", twice; nothing of it was kept", MICA_CORRUPT_FILE);
    }
    if (code == CURLE_RANGE_ERROR) empty_part();  // this server only starts anew
    if (!fault_.empty()) throw Failure(part_.string() + ": " + fault_, MICA_IO_ERROR);
    const bool broke_off = code == CURLE_OK;  // fewer bytes than the file has
    if (attempt_ < kAttempts && (broke_off || code == CURLE_RANGE_ERROR || is_passing(code, status))) return false;
    if (code == CURLE_HTTP_RETURNED_ERROR)
      throw Failure(name() + ": " + told(status, source_.repository, source_.endpoint, !source_.token.empty()),
                    MICA_IO_ERROR);
    throw Failure(name() + ": " + (error_[0] != '\0' ? error_ : curl_easy_strerror(code)) + "; " + format_bytes(done_) +
                  " of " + format_bytes(wanted_.file.bytes) + " are kept, the same command goes on from there",
                  MICA_IO_ERROR);
  }

  // Something new must come before an attempt counts as one more.
  double pause() {
    if (done_ > done_most_) attempt_ = 1;
    done_most_ = std::max(done_most_, done_);
    return pause_after(attempt_);
  }
  uint64_t done() const { return done_; }

 private:
  std::string name() const { return screen_text(wanted_.file.path); }

  bool open_part() {
    fs::create_directories(part_.parent_path());
    file_ = open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) throw Failure(part_.string() + ": " + std::strerror(errno), MICA_IO_ERROR);
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
      print_note("another program fetches " + name() + "; waiting for it");
      if (flock(file_, LOCK_EX) != 0) throw Failure(part_.string() + ": " + std::strerror(errno), MICA_IO_ERROR);
    }
    std::error_code ignored;
    if (!fs::exists(wanted_.path, ignored)) return true;
    fs::remove(part_, ignored);  // another program brought it while this one waited
    done_ = wanted_.file.bytes;
    return false;
  }

  // Of what is there already.
  void restart_digest() {
    digest_ = std::make_unique<Digest>(wanted_.file.digest, wanted_.file.bytes);
    done_ = 0;
    lseek(file_, 0, SEEK_SET);
    std::vector<char> block(1 << 20);
    for (;;) {
      const ssize_t count = read(file_, block.data(), block.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      digest_->add(block.data(), static_cast<size_t>(count));
      done_ += static_cast<uint64_t>(count);
    }
    excess_ = false;
    if (done_ > wanted_.file.bytes) empty_part(), restart_digest();
  }

  void empty_part() {
    if (ftruncate(file_, 0) != 0) throw Failure(part_.string() + ": " + std::strerror(errno), MICA_IO_ERROR);
    done_ = 0;
  }

  bool keep() {
    if (fsync(file_) != 0 || std::rename(part_.c_str(), wanted_.path.c_str()) != 0)
      throw Failure(wanted_.path.string() + ": " + std::strerror(errno), MICA_IO_ERROR);
    return true;
  }

  static size_t write(char* bytes, size_t, size_t count, void* user) {
    return static_cast<Transfer*>(user)->take(bytes, count) ? count : 0;
  }
  bool take(const char* bytes, size_t count) {
    excess_ = done_ + count > wanted_.file.bytes;
    if (excess_) return false;
    digest_->add(bytes, count);
    done_ += count;
    while (count != 0) {
      const ssize_t written = ::write(file_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        fault_ = std::strerror(errno);
        return false;
      }
      bytes += written;
      count -= static_cast<size_t>(written);
    }
    return true;
  }

  const Source& source_;
  const Wanted& wanted_;
  fs::path part_;
  int file_ = -1;
  Easy easy_;
  std::unique_ptr<Digest> digest_;
  char error_[CURL_ERROR_SIZE] = {};
  std::string fault_;
  uint64_t done_ = 0, done_most_ = 0;
  int attempt_ = 0, wrong_ = 0;
  bool excess_ = false;
};

void require_room(const fs::path& folder, uint64_t bytes) {
  fs::create_directories(folder);
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) return;
  const uint64_t free_bytes = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free_bytes < bytes + kDiskBytesLeft)
    throw Failure(folder.string() + " has " + format_bytes(free_bytes) + " free, and " + format_bytes(bytes) +
                  " are to come; HF_HOME names another place for models, mica remove makes room", MICA_IO_ERROR);
}

// Runs the transfers, several at once, until all are done.
class Transfers {
 public:
  explicit Transfers(const TransferProgress& progress) : progress_(progress), multi_(curl_multi_init()) {
    if (!multi_) throw Failure("libcurl does not start", MICA_OUT_OF_MEMORY);
  }
  ~Transfers() {
    for (CURL* curl : running_) curl_multi_remove_handle(multi_.get(), curl);
  }

  void run(std::deque<Transfer>& transfers, uint64_t bytes) {
    std::deque<Waiting> waiting;
    for (Transfer& transfer : transfers) waiting.push_back({&transfer, 0});
    Stopwatch since;
    uint64_t done_before = 0;
    double rate = 0;
    while (!waiting.empty() || !running_.empty()) {
      start(waiting);
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect(waiting);
      curl_multi_poll(multi_.get(), nullptr, 0, 100, nullptr);
      uint64_t done = 0;
      for (const Transfer& transfer : transfers) done += transfer.done();
      if (since.seconds() > 1) {
        rate = done > done_before ? static_cast<double>(done - done_before) / since.seconds() : 0;
        done_before = done;
        since.restart();
      }
      progress_(done, bytes, rate);
    }
  }

 private:
  struct Waiting {
    Transfer* transfer;
    double seconds;  // of total_, when it may start
  };

  void start(std::deque<Waiting>& waiting) {
    for (size_t left = waiting.size(); left != 0 && running_.size() < kAtOnce; left--) {
      const Waiting next = waiting.front();
      waiting.pop_front();
      if (next.seconds > total_.seconds()) {
        waiting.push_back(next);
        continue;
      }
      CURL* curl = next.transfer->start();
      if (curl == nullptr) continue;
      curl_multi_add_handle(multi_.get(), curl);
      running_.push_back(curl);
    }
  }

  void collect(std::deque<Waiting>& waiting) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* curl = message->easy_handle;
      const CURLcode code = message->data.result;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(curl, CURLINFO_PRIVATE, &transfer);
      curl_multi_remove_handle(multi_.get(), curl);
      std::erase(running_, curl);
      if (!transfer->finish(code)) waiting.push_back({transfer, total_.seconds() + transfer->pause()});
    }
  }

  const TransferProgress& progress_;
  std::unique_ptr<CURLM, MultiCleanup> multi_;
  std::vector<CURL*> running_;
  Stopwatch total_;
};

}  // namespace

void transfer(const Source& source, const std::vector<Wanted>& wanted, const TransferProgress& progress) {
  if (wanted.empty()) return;
  uint64_t bytes = 0, here = 0;
  std::deque<Transfer> transfers;
  for (const Wanted& one : wanted) {
    std::error_code none;
    const uint64_t part = fs::file_size(one.path.string() + ".incomplete", none);
    if (!none) here += std::min(part, one.file.bytes);
    bytes += one.file.bytes;
    transfers.emplace_back(source, one);
  }
  require_room(wanted.front().path.parent_path(), bytes - here);
  Transfers(progress).run(transfers, bytes);
}

}  // namespace app::hub
