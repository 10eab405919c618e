// A camera of Video4Linux, see camera.hpp. https://docs.kernel.org/userspace-api/media/v4l/
#include "camera.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "terminal.hpp"

namespace app::watch {
namespace {

constexpr uint32_t kBuffers = 4;  // one is copied while the camera fills the others
constexpr int kGlanceMilliseconds = 100;
constexpr std::chrono::seconds kSilence(10);  // without a frame: long exposures take a second

// What a camera may give, the first that it has: JPEG is what all sizes of a USB camera fit its cable by.
struct PixelFormat {
  uint32_t code;
  FrameKind kind;
};
constexpr PixelFormat kPixelFormats[] = {{V4L2_PIX_FMT_MJPEG, FrameKind::kJpeg},
                                         {V4L2_PIX_FMT_JPEG, FrameKind::kJpeg},
                                         {V4L2_PIX_FMT_NV12, FrameKind::kNv12},
                                         {V4L2_PIX_FMT_YUV420, FrameKind::kI420},
                                         {V4L2_PIX_FMT_YUYV, FrameKind::kYuyv}};

std::string letters_of(uint32_t code) {
  std::string letters;
  for (int i = 0; i < 4; ++i) letters += static_cast<char>(code >> (8 * i) & 0x7F);
  return letters.substr(0, letters.find_last_not_of(' ') + 1);
}

// As the driver says it, where the user does not.
FrameColours colours_of(const v4l2_pix_format& pixels) {
  uint32_t matrix = pixels.ycbcr_enc, range = pixels.quantization;
  if (matrix == V4L2_YCBCR_ENC_DEFAULT) matrix = V4L2_MAP_YCBCR_ENC_DEFAULT(pixels.colorspace);
  if (range == V4L2_QUANTIZATION_DEFAULT) range = V4L2_MAP_QUANTIZATION_DEFAULT(false, pixels.colorspace, matrix);
  const bool full = range == V4L2_QUANTIZATION_FULL_RANGE;
  if (matrix == V4L2_YCBCR_ENC_709) return full ? FrameColours::kBt709Full : FrameColours::kBt709;
  return full ? FrameColours::kBt601Full : FrameColours::kBt601;
}

// What is to be done when a camera cannot be opened.
std::string advice_for(int error, const std::string& path) {
  switch (error) {
    case ENOENT: return "there is no camera " + path + "; `ls /dev/video*` lists those that there are";
    case EACCES:
    case EPERM: return path + ": not permitted; `sudo usermod -aG video $USER` and a new login open cameras to you";
    case EBUSY: return path + ": another program has the camera";
    default: return path + ": " + std::strerror(error);
  }
}

}  // namespace

const CameraCalls kSystemCalls = {
    [](const char* path, int flags) { return ::open(path, flags); },
    [](int file) { return ::close(file); },
    [](int file, unsigned long request, void* argument) { return ::ioctl(file, request, argument); },
    [](size_t bytes, int file, off_t offset) {
      return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);
    },
    [](void* memory, size_t bytes) { return ::munmap(memory, bytes); },
    [](int file, int milliseconds) {
      pollfd waited{file, POLLIN, 0};
      return ::poll(&waited, 1, milliseconds);
    },
};

Camera::Camera(const CameraWish& wish, const CameraCalls& calls)
    : path_(wish.path), calls_(calls), file_(calls.open(wish.path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
  if (file_ < 0) throw Failure(advice_for(errno, path_), errno == ENOENT ? MICA_NOT_FOUND : MICA_IO_ERROR);
  try {
    check_abilities();
    set_form(wish);
    map_buffers();
  } catch (const Failure&) {
    unmap_buffers();
    calls_.close(file_);
    throw;
  }
}

Camera::~Camera() {
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  control(VIDIOC_STREAMOFF, &type);
  unmap_buffers();
  calls_.close(file_);
}

int Camera::control(unsigned long request, void* argument) const {
  int result = 0;
  do {
    result = calls_.control(file_, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

void Camera::fail(const std::string& what) const {
  if (errno == EBUSY) throw Failure(advice_for(errno, path_), MICA_IO_ERROR);
  throw Failure(path_ + ": " + what + ": " + std::strerror(errno), MICA_IO_ERROR);
}

void Camera::check_abilities() const {
  v4l2_capability abilities{};
  if (control(VIDIOC_QUERYCAP, &abilities) != 0)
    throw Failure(path_ + " is no camera (VIDIOC_QUERYCAP: " + std::strerror(errno) + ")", MICA_UNSUPPORTED);
  const uint32_t has =
      (abilities.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? abilities.device_caps : abilities.capabilities;
  if ((has & V4L2_CAP_VIDEO_CAPTURE) == 0)
    throw Failure(
        path_ + " gives no pictures: a camera often has several devices, and another of them (/dev/video*) does",
        MICA_UNSUPPORTED);
  if ((has & V4L2_CAP_STREAMING) == 0)
    throw Failure(path_ + " shares no buffers (V4L2_CAP_STREAMING)", MICA_UNSUPPORTED);
}

uint32_t Camera::choose_kind(const CameraWish& wish) const {
  constexpr uint32_t kKindsMax = 64;
  std::vector<uint32_t> codes;
  std::vector<std::string> names;
  v4l2_fmtdesc description{};
  description.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  for (; description.index < kKindsMax && control(VIDIOC_ENUM_FMT, &description) == 0; ++description.index) {
    codes.push_back(description.pixelformat);
    names.push_back(letters_of(description.pixelformat));
  }
  for (const PixelFormat& format : kPixelFormats) {
    const bool wanted = wish.any_kind || format.kind == wish.form.kind;
    if (wanted && std::find(codes.begin(), codes.end(), format.code) != codes.end()) return format.code;
  }
  throw Failure(
      path_ + " gives " + (names.empty() ? "nothing" : screen_text(join(names, ", "))) + "; mica reads " +
          (wish.any_kind ? "MJPG, JPEG, NV12, YU12 and YUYV (the camera module of a Raspberry Pi: rpicam-vid -t 0 "
                           "--codec mjpeg -o - | mica watch --frames -)"
                         : "what --format asks for"),
      MICA_UNSUPPORTED);
}

void Camera::set_form(const CameraWish& wish) {
  v4l2_format format{};
  format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (control(VIDIOC_G_FMT, &format) != 0) fail("what it gives (VIDIOC_G_FMT)");
  v4l2_pix_format& pixels = format.fmt.pix;
  pixels.pixelformat = choose_kind(wish);
  pixels.field = V4L2_FIELD_ANY;
  pixels.bytesperline = pixels.sizeimage = 0;
  if (wish.form.width != 0) {
    pixels.width = wish.form.width;
    pixels.height = wish.form.height;
  }
  if (control(VIDIOC_S_FMT, &format) != 0) fail("setting size and format (VIDIOC_S_FMT)");
  const auto* given = std::find_if(std::begin(kPixelFormats), std::end(kPixelFormats),
                                   [&](const PixelFormat& known) { return known.code == pixels.pixelformat; });
  if (given == std::end(kPixelFormats) || pixels.width == 0 || pixels.height == 0)
    throw Failure(path_ + " gives " + screen_text(letters_of(pixels.pixelformat)) + " whatever is asked for",
                  MICA_UNSUPPORTED);
  form_ = wish.form;
  form_.kind = given->kind;
  form_.width = pixels.width;
  form_.height = pixels.height;
  form_.stride = form_.kind == FrameKind::kJpeg ? 0 : pixels.bytesperline;
  if (form_.colours == FrameColours::kBySize) form_.colours = colours_of(pixels);
}

void Camera::map_buffers() {
  v4l2_requestbuffers request{};
  request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request.memory = V4L2_MEMORY_MMAP;
  request.count = kBuffers;
  if (control(VIDIOC_REQBUFS, &request) != 0 || request.count == 0) fail("its buffers (VIDIOC_REQBUFS)");
  for (uint32_t i = 0; i < request.count; ++i) {
    v4l2_buffer buffer{};
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer.memory = V4L2_MEMORY_MMAP;
    buffer.index = i;
    if (control(VIDIOC_QUERYBUF, &buffer) != 0) fail("a buffer (VIDIOC_QUERYBUF)");
    void* memory = calls_.map(buffer.length, file_, static_cast<off_t>(buffer.m.offset));
    if (memory == MAP_FAILED) fail("mapping a buffer");
    buffers_.push_back({memory, buffer.length});
    if (control(VIDIOC_QBUF, &buffer) != 0) fail("giving it a buffer (VIDIOC_QBUF)");
  }
}

void Camera::unmap_buffers() {
  for (const Buffer& buffer : buffers_) calls_.unmap(buffer.memory, buffer.bytes);
  buffers_.clear();
}

// False where none came in a moment. A signal that is lost for a while (EIO) is none.
bool Camera::take_buffer(v4l2_buffer* buffer) const {
  const int ready = calls_.wait(file_, kGlanceMilliseconds);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return false;
  if (ready > 0 && control(VIDIOC_DQBUF, buffer) == 0) return true;
  if (ready < 0 || (errno != EAGAIN && errno != EIO)) fail("it went away (VIDIOC_DQBUF)");
  return false;
}

void Camera::read(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) {
  using Clock = std::chrono::steady_clock;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (control(VIDIOC_STREAMON, &type) != 0) fail("starting it (VIDIOC_STREAMON)");
  std::vector<uint8_t> frame;
  for (auto silent_since = Clock::now(); !is_ending();) {
    v4l2_buffer buffer{};
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer.memory = V4L2_MEMORY_MMAP;
    if (!take_buffer(&buffer)) {
      if (Clock::now() - silent_since > kSilence)
        throw Failure(path_ + " has given no frame for " + std::to_string(kSilence.count()) + " seconds",
                      MICA_IO_ERROR);
      continue;
    }
    silent_since = Clock::now();
    const bool whole = (buffer.flags & V4L2_BUF_FLAG_ERROR) == 0 && buffer.index < buffers_.size() &&
                       buffer.bytesused > 0 && buffer.bytesused <= buffers_[buffer.index].bytes;
    if (whole) {
      const auto* bytes = static_cast<const uint8_t*>(buffers_[buffer.index].memory);
      frame.assign(bytes, bytes + buffer.bytesused);
    }
    if (control(VIDIOC_QBUF, &buffer) != 0) fail("giving back a buffer (VIDIOC_QBUF)");
    if (whole && !slot->put(&frame)) return;
    if (whole) continue;
    slot->count_damaged();
    damaged->add("the driver says so");
  }
}

}  // namespace app::watch
