// The parts of mica watch: a camera whose driver is played by a table of calls, frames in a stream of bytes, raw frames
// and changes. The program as a whole: watch_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>

#include <linux/videodev2.h>
#include <sys/mman.h>

#include "camera.hpp"
#include "change.hpp"
#include "jpeg_stream.hpp"

using namespace app;
using namespace app::watch;

namespace {

// --- a driver --------------------------------------------------------------------------------------------------------

struct Driver {
  int open_error = 0;
  uint32_t abilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  std::vector<uint32_t> formats = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG};
  uint32_t width = 64, height = 48, padding = 0;
  uint32_t colorspace = V4L2_COLORSPACE_SRGB;
  unsigned long refused = 0;  // a request that fails, by `refused_error`
  int refused_error = EIO;
  // What the camera sees: bytes of frames, and what DQBUF says of each instead, if that is not 0.
  struct Seen {
    std::vector<uint8_t> bytes;
    uint32_t flags = 0;
    int error = 0;
  };
  std::deque<Seen> frames;

  std::vector<std::vector<uint8_t>> buffers;
  std::deque<uint32_t> given;  // to the driver
  size_t mapped = 0;
  bool is_open = false, is_streaming = false;
  uint32_t chosen = 0;
};
Driver* driver = nullptr;

int fail_with(int error) {
  errno = error;
  return -1;
}

int dequeue(v4l2_buffer* buffer) {
  if (driver->frames.empty()) return fail_with(ENODEV);
  if (driver->given.empty()) return fail_with(EAGAIN);
  const Driver::Seen seen = driver->frames.front();
  driver->frames.pop_front();
  if (seen.error != 0) return fail_with(seen.error);
  buffer->index = driver->given.front();
  driver->given.pop_front();
  std::vector<uint8_t>& memory = driver->buffers[buffer->index];
  std::copy_n(seen.bytes.begin(), std::min(seen.bytes.size(), memory.size()), memory.begin());
  buffer->bytesused = static_cast<uint32_t>(seen.bytes.size());
  buffer->flags = seen.flags;
  return 0;
}

int format_call(v4l2_format* format, bool sets) {
  v4l2_pix_format& pixels = format->fmt.pix;
  if (!sets) {
    pixels.width = driver->width;
    pixels.height = driver->height;
    return 0;
  }
  driver->chosen = pixels.pixelformat;
  pixels.width = std::min(pixels.width, 640u);  // as drivers do: the nearest that there is
  pixels.height = std::min(pixels.height, 480u);
  pixels.bytesperline = pixels.pixelformat == V4L2_PIX_FMT_YUYV ? pixels.width * 2 + driver->padding : pixels.width;
  pixels.sizeimage = 640 * 480 * 2;
  pixels.colorspace = driver->colorspace;
  return 0;
}

int control(int, unsigned long request, void* argument) {
  if (request == driver->refused) return fail_with(driver->refused_error);
  auto* buffer = static_cast<v4l2_buffer*>(argument);
  switch (request) {
    case VIDIOC_QUERYCAP:
      static_cast<v4l2_capability*>(argument)->capabilities = V4L2_CAP_DEVICE_CAPS;
      static_cast<v4l2_capability*>(argument)->device_caps = driver->abilities;
      return 0;
    case VIDIOC_ENUM_FMT: {
      auto* description = static_cast<v4l2_fmtdesc*>(argument);
      if (description->index >= driver->formats.size()) return fail_with(EINVAL);
      description->pixelformat = driver->formats[description->index];
      return 0;
    }
    case VIDIOC_G_FMT: return format_call(static_cast<v4l2_format*>(argument), false);
    case VIDIOC_S_FMT: return format_call(static_cast<v4l2_format*>(argument), true);
    case VIDIOC_REQBUFS:
      driver->buffers.assign(static_cast<v4l2_requestbuffers*>(argument)->count, std::vector<uint8_t>(640 * 480 * 2));
      return 0;
    case VIDIOC_QUERYBUF:
      buffer->length = static_cast<uint32_t>(driver->buffers[buffer->index].size());
      buffer->m.offset = buffer->index * 4096;
      return 0;
    case VIDIOC_QBUF: driver->given.push_back(buffer->index); return 0;
    case VIDIOC_DQBUF: return dequeue(buffer);
    case VIDIOC_STREAMON: driver->is_streaming = true; return 0;
    case VIDIOC_STREAMOFF: driver->is_streaming = false; return 0;
    default: return fail_with(ENOTTY);
  }
}

const CameraCalls kFake = {
    [](const char*, int) {
      if (driver->open_error != 0) return fail_with(driver->open_error);
      driver->is_open = true;
      return 5;
    },
    [](int) {
      driver->is_open = false;
      return 0;
    },
    control,
    [](size_t, int, off_t offset) -> void* {
      ++driver->mapped;
      return driver->buffers[static_cast<size_t>(offset) / 4096].data();
    },
    [](void*, size_t) {
      --driver->mapped;
      return 0;
    },
    [](int, int) { return 1; },
};

CameraWish wish(const std::string& kind = "") {
  CameraWish wish{"/dev/video7", kind.empty(), {}};
  if (!kind.empty()) wish.form.kind = static_cast<FrameKind>(place_of(kind, kFrameKinds));
  return wish;
}

std::string message_of(Driver* with, const CameraWish& wanted = wish()) {
  driver = with;
  try {
    const Camera camera(wanted, kFake);
  } catch (const Failure& failure) {
    CHECK(!driver->is_open);
    CHECK(driver->mapped == 0);
    return failure.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// --- streams ---------------------------------------------------------------------------------------------------------

using Bytes = std::vector<uint8_t>;
using Found = JpegStream::Found;

Bytes jpeg(uint8_t value, size_t samples = 40) {
  Bytes bytes = {0xFF, 0xD8, 0xFF, 0xE0, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9};  // a segment that holds a picture's markers
  const Bytes scan = {0xFF, 0xFF, 0xDA, 0, 3, 1};
  bytes.insert(bytes.end(), scan.begin(), scan.end());
  bytes.insert(bytes.end(), samples, value);
  const Bytes end = {0xFF, 0x00, 0xFF, 0xD3, 7, 0xFF, 0xD9};  // a byte of ones, a restart
  bytes.insert(bytes.end(), end.begin(), end.end());
  return bytes;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

struct Read {
  std::vector<Bytes> frames;
  size_t damaged = 0;
};

Read read_stream(const Bytes& bytes, size_t step) {
  JpegStream stream;
  Read read;
  for (size_t at = 0; at < bytes.size() + step; at += step) {
    if (at < bytes.size()) stream.add(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
    else stream.end();
    Bytes frame;
    for (Found found; (found = stream.next(&frame)) != Found::kNothing;) {
      if (found == Found::kFrame) read.frames.push_back(frame);
      else ++read.damaged;
    }
  }
  return read;
}

}  // namespace

TEST_CASE("a camera's frames come as they are, damaged ones are left out, and all is given back") {
  for (const char* kind : {"mjpeg", "yuyv"}) {
    Driver played;
    driver = &played;
    played.padding = 8;
    for (uint8_t i = 1; i <= 9; ++i) played.frames.push_back({Bytes(100, i)});
    played.frames[1].flags = V4L2_BUF_FLAG_ERROR;
    played.frames[3].error = EIO;  // a signal that is lost for a moment
    played.frames[4].error = EAGAIN;
    played.frames[6].bytes.clear();
    DamagedFrames damaged;
    FrameSlot slot(false, [] { return false; });
    {
      Camera camera(wish(kind), kFake);
      CHECK(camera.form().title() == std::string("64 x 48 ") + kind);
      CHECK(camera.form().stride == (std::string(kind) == "yuyv" ? 136 : 0));
      CHECK(played.mapped == 4);
      // Behind the last frame the driver says ENODEV.
      CHECK_THROWS_WITH_AS(camera.read(&slot, &damaged, [] { return false; }),
                           "/dev/video7: it went away (VIDIOC_DQBUF): No such device", Failure);
      CHECK(played.is_streaming);
    }
    CHECK(!played.is_streaming);
    CHECK(!played.is_open);
    CHECK(played.mapped == 0);
    CHECK(played.given.size() == 4);
    CHECK(slot.frames() == 7);  // of nine: two errors are none
    Frame newest;
    slot.close("");
    REQUIRE(slot.take(&newest));
    CHECK(newest.number == 7);
    CHECK(newest.bytes == Bytes(100, 9));
    CHECK(!slot.take(&newest));
  }
}

TEST_CASE("what a camera gives is chosen, and its colours are as it says") {
  Driver played;
  driver = &played;
  const auto form_of = [](const CameraWish& wanted) { return Camera(wanted, kFake).form(); };
  CHECK(form_of(wish()).kind == FrameKind::kJpeg);
  CHECK(form_of(wish("yuyv")).kind == FrameKind::kYuyv);
  CHECK(form_of(wish("yuyv")).colours == FrameColours::kBt601);  // cameras of sRGB: BT.601, video's range
  played.colorspace = V4L2_COLORSPACE_REC709;
  CHECK(form_of(wish("yuyv")).colours == FrameColours::kBt709);
  played.colorspace = V4L2_COLORSPACE_JPEG;
  CHECK(form_of(wish("yuyv")).colours == FrameColours::kBt601Full);
  CameraWish full = wish("yuyv");
  full.form.colours = FrameColours::kBt709Full;
  CHECK(form_of(full).colours == FrameColours::kBt709Full);
  CameraWish large = wish();
  large.form.width = large.form.height = 4000;
  CHECK(form_of(large).title() == "640 x 480 mjpeg");
}

TEST_CASE("a camera that cannot be used is told, and closed") {
  Driver absent, denied, busy, output, raw, broken, streamless;
  absent.open_error = ENOENT;
  CHECK(contains(message_of(&absent), "there is no camera /dev/video7"));
  denied.open_error = EACCES;
  CHECK(contains(message_of(&denied), "usermod -aG video"));
  busy.refused = VIDIOC_S_FMT;
  busy.refused_error = EBUSY;
  CHECK(contains(message_of(&busy), "another program has the camera"));
  output.abilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
  CHECK(contains(message_of(&output), "gives no pictures"));
  streamless.abilities = V4L2_CAP_VIDEO_CAPTURE;
  CHECK(contains(message_of(&streamless), "shares no buffers"));
  raw.formats = {V4L2_PIX_FMT_SBGGR10P};
  CHECK(contains(message_of(&raw), "gives pBAA; mica reads MJPG"));
  CHECK(contains(message_of(&raw, wish("nv12")), "what --format asks for"));
  for (const unsigned long request : {VIDIOC_QUERYCAP, VIDIOC_G_FMT, VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF}) {
    broken.refused = request;
    CHECK(!message_of(&broken).empty());
  }
}

TEST_CASE("frames are found in any pieces of a stream") {
  const Bytes noise = {1, 2, 0xFF, 0, 0xFF};
  const Bytes bytes = noise + jpeg(1) + jpeg(2) + noise + jpeg(3, 1000) + noise;
  for (const size_t step : {1, 2, 3, 7, 64, 5000}) {
    CAPTURE(step);
    const Read read = read_stream(bytes, step);
    CHECK(read.frames == std::vector<Bytes>{jpeg(1), jpeg(2), jpeg(3, 1000)});
    CHECK(read.damaged == 0);
  }
}

TEST_CASE("what follows a damaged frame is found") {
  const Bytes whole = jpeg(1);
  for (const size_t step : {1, 5, 5000}) {
    for (size_t kept = 2; kept < whole.size(); ++kept) {
      CAPTURE(kept);
      const Read read =
          read_stream(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(kept)) + jpeg(2) + jpeg(3), step);
      REQUIRE(!read.frames.empty());
      CHECK(read.frames.back() == jpeg(3));
      CHECK(read.damaged + read.frames.size() >= 2);
      const Read cut = read_stream(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(kept)), step);
      CHECK(cut.frames.empty());
      CHECK((cut.damaged > 0 || kept < 3));
    }
  }
}

TEST_CASE("a frame without an end is given up, and what is kept is bounded") {
  JpegStream stream;
  Bytes frame, block(1 << 20, 5);
  stream.add(Bytes{0xFF, 0xD8, 0xFF, 0xDA, 0, 2});
  size_t damaged = 0, added = 0;
  for (; added < 40 && damaged == 0; ++added) {
    stream.add(block);
    for (Found found; (found = stream.next(&frame)) != Found::kNothing;) damaged += found == Found::kDamaged;
  }
  CHECK(damaged == 1);
  CHECK(added == JpegStream::kFrameBytesMax >> 20);
  stream.add(jpeg(4));
  CHECK(stream.next(&frame) == Found::kFrame);
  CHECK(frame == jpeg(4));
}

TEST_CASE("raw frames are read by their planes, and changes seen by their cells") {
  for (const char* kind : {"nv12", "i420", "yuyv"}) {
    for (const size_t padding : {0, 6}) {
      CAPTURE(kind);
      FrameForm form;
      form.kind = static_cast<FrameKind>(place_of(kind, kFrameKinds));
      form.colours = FrameColours::kBt601Full;
      form.width = 128;
      form.height = 96;
      const size_t row = form.kind == FrameKind::kYuyv ? 256 : 128, step = form.kind == FrameKind::kYuyv ? 2 : 1;
      form.stride = padding == 0 ? 0 : row + padding;
      Frame frame{Bytes(form.frame_bytes(), 128), 1, {}};
      ChangeDetector change(8), never(-1);
      CHECK(change.differs(decode_frame(form, frame).get()));
      CHECK(!change.differs(decode_frame(form, frame).get()));
      CHECK(never.differs(decode_frame(form, frame).get()));
      CHECK(never.differs(decode_frame(form, frame).get()));
      // Two pixels of the last of the cells: one row is half of it.
      const size_t last = 95 * (row + padding);
      frame.bytes[last + 126 * step] = frame.bytes[last + 127 * step] = 140;
      CHECK(!change.differs(decode_frame(form, frame).get()));
      frame.bytes[last + 126 * step] = frame.bytes[last + 127 * step] = 160;
      CHECK(change.differs(decode_frame(form, frame).get()));
      CHECK(!change.differs(decode_frame(form, frame).get()));
      frame.bytes.pop_back();
      if (padding == 0) CHECK_THROWS_AS(decode_frame(form, frame), Failure);
    }
  }
}
