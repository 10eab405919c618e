// WebP by libwebp, where it is built in: lossy and lossless, with alpha; of an animation the first frame. Not blending:
// colours stay as they are stored.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "picture_decoders.hpp"

#ifdef MICA_WITH_WEBP
#include <webp/decode.h>
#include <webp/demux.h>
#endif

namespace mica {

#ifdef MICA_WITH_WEBP

namespace {

struct FreeDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, FreeDemuxer>;

Status corrupt(const char* name, const char* what) {
  return Status::error(Code::corrupt_file, "%s: not a sound WebP: %s", name, what);
}

// The file says how long it is ("RIFF", the bytes behind these eight, "WEBP"). A byte that only fills up a chunk is not
// always written.
Status refuse_beginning(Bytes file, const char* name) {
  constexpr size_t kHeadBytes = 8, kFillBytes = 1;
  uint32_t bytes_behind = 0;
  if (file.size() < kHeadBytes) return Status::ok();
  for (size_t i = 0; i < 4; ++i) bytes_behind |= uint32_t{file[4 + i]} << (8 * i);
  const uint64_t wanted = uint64_t{bytes_behind} + kHeadBytes;
  if (file.size() + kFillBytes >= wanted) return Status::ok();
  return Status::error(Code::corrupt_file,
                       "%s: the WebP ends too early: it has %zu of %llu bytes; fetch the whole file", name,
                       file.size(), static_cast<unsigned long long>(wanted));
}

// libwebp calls a lack of memory damage, and some of its allocations it does not check (1.2.4, lossless). So as much as
// it takes is asked for before: what it keeps of lossless pictures is 4 bytes a pixel, of all else less.
Status ask_for_memory(Bytes file, const char* name) {
  constexpr size_t kPixelBytes = 5, kTableBytes = 4u << 20;
  int width = 0, height = 0;
  if (WebPGetInfo(file.data(), file.size(), &width, &height) == 0) width = height = 0;
  // Volatile: the compiler may leave out an allocation that nobody uses.
  void* volatile block = std::malloc(size_t(width) * size_t(height) * kPixelBytes + kTableBytes);
  if (block == nullptr) return Status::error(Code::out_of_memory, "%s: no memory to decode this WebP", name);
  std::free(block);
  return Status::ok();
}

// Empty when there is no such chunk. The bytes are in the file.
Bytes chunk(const WebPDemuxer* demuxer, const char* four_letters) {
  WebPChunkIterator iterator;
  Bytes bytes;
  if (WebPDemuxGetChunk(demuxer, four_letters, 1, &iterator) != 0)
    bytes = Bytes(iterator.chunk.bytes, iterator.chunk.size);
  WebPDemuxReleaseChunkIterator(&iterator);
  return bytes;
}

// Decodes `frame` into rows: it may be smaller than the picture, which is black where no frame is, and transparent if
// it can be.
Status decode_frame(const WebPIterator& frame, const char* name, uint32_t width, uint32_t height, bool with_alpha,
                    PictureRows* rows) {
  const size_t samples = with_alpha ? 4 : 3;
  const size_t stride = size_t{width} * samples;
  const std::unique_ptr<uint8_t[]> pixels(new (std::nothrow) uint8_t[stride * height]());
  if (pixels == nullptr) return Status::error(Code::out_of_memory, "%s: no memory to decode this WebP", name);
  const bool fits = frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
                    uint64_t(frame.x_offset) + uint64_t(frame.width) <= width &&
                    uint64_t(frame.y_offset) + uint64_t(frame.height) <= height;
  if (!fits) return corrupt(name, "its first frame does not lie inside the picture");
  const size_t offset = size_t(frame.y_offset) * stride + size_t(frame.x_offset) * samples;
  const auto decode = with_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (decode(frame.fragment.bytes, frame.fragment.size, pixels.get() + offset, stride * height - offset,
             static_cast<int>(stride)) == nullptr)
    return corrupt(name, "its pixels are damaged or end too early");
  const std::unique_ptr<uint8_t[]> alpha(new (std::nothrow) uint8_t[width]);
  if (alpha == nullptr) return Status::error(Code::out_of_memory, "%s: no memory to decode this WebP", name);
  for (uint32_t y = 0; y < height; ++y) {
    uint8_t* row = pixels.get() + y * stride;
    for (size_t x = 0; with_alpha && x < width; ++x) {
      alpha[x] = row[x * 4 + 3];
      std::memmove(row + x * 3, row + x * 4, 3);
    }
    rows->put(y, 0, 1, width, row, alpha.get());
  }
  return Status::ok();
}

}  // namespace

Status decode_webp(Bytes file, const char* name, Picture* out) {
  MICA_TRY(refuse_beginning(file, name));
  MICA_TRY(ask_for_memory(file, name));
  const WebPData data = {file.data(), file.size()};
  const Demuxer demuxer(WebPDemux(&data));
  if (demuxer == nullptr) return corrupt(name, "its chunks are damaged or end too early");
  const uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  const OrientationSources sources = {chunk(demuxer.get(), "EXIF"), chunk(demuxer.get(), "XMP ")};
  PictureRows rows;
  WebPIterator frame;
  Status status;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) != 0) {
    const bool with_alpha =
        frame.has_alpha != 0 || (WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0;
    status = rows.start(name, width, height, sources.orientation(), with_alpha, out);
    if (status) status = decode_frame(frame, name, width, height, with_alpha, &rows);
  } else {
    status = corrupt(name, "it has no frame");
  }
  WebPDemuxReleaseIterator(&frame);
  return status;
}

#else

Status decode_webp(Bytes, const char* name, Picture*) {
  return Status::error(Code::unsupported, "%s: this build does not read WebP (-Dwebp=enabled does); convert it to PNG",
                       name);
}

#endif

}  // namespace mica
