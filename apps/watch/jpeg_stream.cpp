// Frames in a stream of JPEGs, see jpeg_stream.hpp.
#include "jpeg_stream.hpp"

#include <algorithm>
#include <cstring>

namespace app::watch {
namespace {

// Markers of ITU-T T.81, table B.1; each stands behind a byte of ones.
constexpr uint8_t kMark = 0xFF, kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA;
constexpr bool is_restart(uint8_t marker) { return marker >= 0xD0 && marker <= 0xD7; }
constexpr uint8_t kTemporary = 0x01;
constexpr uint8_t kStart3[] = {kMark, kStart, kMark};  // a marker follows the first one

}  // namespace

void JpegStream::add(std::span<const uint8_t> bytes) {
  if (start_ > 0) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(start_));
    at_ -= start_;
    last_ -= start_;
    start_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void JpegStream::skip_to(size_t start) {
  start_ = at_ = last_ = start;
  in_frame_ = in_scan_ = false;
}

bool JpegStream::find_start() {
  const auto found = std::search(bytes_.begin() + static_cast<ptrdiff_t>(start_), bytes_.end(), std::begin(kStart3),
                                 std::end(kStart3));
  if (found == bytes_.end()) {
    skip_to(std::max(start_, bytes_.size() - std::min<size_t>(bytes_.size(), 2)));  // two of the three may have come
    return false;
  }
  skip_to(static_cast<size_t>(found - bytes_.begin()));
  at_ += 2;
  return in_frame_ = true;
}

// One marker, with the segment that belongs to it.
JpegStream::Step JpegStream::marker() {
  size_t at = at_;
  if (at < bytes_.size() && bytes_[at] != kMark) return Step::kBroken;
  while (at + 1 < bytes_.size() && bytes_[at + 1] == kMark) ++at;  // any number of them may stand before a marker
  if (at + 1 >= bytes_.size()) return Step::kMore;
  const uint8_t kind = bytes_[at + 1];
  if (kind == kStart || kind == 0) return Step::kBroken;
  if (kind == kEnd || is_restart(kind) || kind == kTemporary) {
    at_ = at + 2;
    return kind == kEnd ? Step::kEnd : Step::kOn;
  }
  if (at + 4 > bytes_.size()) return Step::kMore;
  const size_t length = size_t{bytes_[at + 2]} << 8 | bytes_[at + 3];
  if (length < 2) return Step::kBroken;
  if (at + 2 + length > bytes_.size()) return Step::kMore;
  last_ = at_;
  at_ = at + 2 + length;
  in_scan_ = kind == kScan;
  return Step::kOn;
}

// Coded samples, up to the marker behind them; a byte of ones among them is followed by a zero.
JpegStream::Step JpegStream::scan() {
  while (at_ + 1 < bytes_.size()) {
    const void* found = std::memchr(&bytes_[at_], kMark, bytes_.size() - 1 - at_);
    if (found == nullptr) break;
    at_ = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes_.data());
    const uint8_t kind = bytes_[at_ + 1];
    if (kind != 0 && !is_restart(kind)) {
      in_scan_ = false;
      return Step::kOn;
    }
    at_ += 2;
  }
  if (at_ + 1 < bytes_.size()) at_ = bytes_.size() - 1;
  return Step::kMore;
}

JpegStream::Found JpegStream::next(std::vector<uint8_t>* frame) {
  if (!in_frame_ && !find_start()) return Found::kNothing;
  Step step = Step::kOn;
  while (step == Step::kOn && at_ - start_ <= kFrameBytesMax) step = in_scan_ ? scan() : marker();
  if (step == Step::kEnd) {
    frame->assign(bytes_.begin() + static_cast<ptrdiff_t>(start_), bytes_.begin() + static_cast<ptrdiff_t>(at_));
    skip_to(at_);
    return Found::kFrame;
  }
  if (step == Step::kMore && !is_over_ && bytes_.size() - start_ <= kFrameBytesMax) return Found::kNothing;
  // Not all of it is searched again: what was read as whole may hold a smaller picture of it.
  skip_to(std::max(start_ + 2, step == Step::kBroken ? last_ : at_));
  return Found::kDamaged;
}

}  // namespace app::watch
