// Frames from a pipe, see frame_pipe.hpp.
#include "frame_pipe.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "jpeg_stream.hpp"

namespace app::watch {
namespace {

constexpr int kGlanceMilliseconds = 100;  // so often it is asked whether to stop
constexpr size_t kBlockBytes = 64 << 10;  // a pipe of Linux holds as many

}  // namespace

FramePipe::FramePipe(const std::string& path, const FrameForm& form)
    : name_(path == "-" ? "standard input" : path),
      form_(form),
      file_(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) throw Failure(name_ + ": " + std::strerror(errno), MICA_NOT_FOUND);
}

FramePipe::~FramePipe() {
  if (file_ != STDIN_FILENO) close(file_);
}

ptrdiff_t FramePipe::read_some(uint8_t* bytes, size_t count, const std::function<bool()>& is_ending) {
  while (!is_ending()) {
    pollfd input{file_, POLLIN, 0};
    if (poll(&input, 1, kGlanceMilliseconds) <= 0) continue;
    const ssize_t got = ::read(file_, bytes, count);
    if (got >= 0) return got;
    if (errno != EINTR && errno != EAGAIN) throw Failure(name_ + ": " + std::strerror(errno), MICA_IO_ERROR);
  }
  return -1;
}

void FramePipe::read_jpegs(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) {
  using Found = JpegStream::Found;
  JpegStream stream;
  std::vector<uint8_t> block(kBlockBytes), frame;
  for (ptrdiff_t count = 1; count > 0;) {
    count = read_some(block.data(), block.size(), is_ending);
    if (count < 0) return;
    if (count == 0) stream.end();
    stream.add({block.data(), static_cast<size_t>(count)});
    for (Found found; (found = stream.next(&frame)) != Found::kNothing;) {
      if (found == Found::kFrame && !slot->put(&frame)) return;
      if (found != Found::kDamaged) continue;
      slot->count_damaged();
      damaged->add(count == 0 ? name_ + " ends in the middle of it" : "the JPEG breaks off, and another begins");
    }
  }
}

void FramePipe::read_raw(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) {
  std::vector<uint8_t> frame(form_.frame_bytes());
  for (size_t filled = 0;;) {
    const ptrdiff_t count = read_some(frame.data() + filled, frame.size() - filled, is_ending);
    if (count < 0) return;
    if (count == 0) {
      if (filled == 0) return;
      slot->count_damaged();
      return damaged->add(name_ + " ends in the middle of it: --size, --format and --stride say how long frames are");
    }
    filled += static_cast<size_t>(count);
    if (filled < frame.size()) continue;
    if (!slot->put(&frame)) return;
    frame.resize(form_.frame_bytes());
    filled = 0;
  }
}

void FramePipe::read(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) {
  if (form_.kind == FrameKind::kJpeg) return read_jpegs(slot, damaged, is_ending);
  read_raw(slot, damaged, is_ending);
}

}  // namespace app::watch
