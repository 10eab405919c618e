// WebP by libwebp, where it is built in: lossy and lossless; of an animation the first frame. Not blending: alpha is
// dropped, as in PIL's convert("RGB").
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

// Empty when there is no such chunk. The bytes are in the file.
Bytes chunk(const WebPDemuxer* demuxer, const char* four_letters) {
  WebPChunkIterator iterator;
  Bytes bytes;
  if (WebPDemuxGetChunk(demuxer, four_letters, 1, &iterator) != 0)
    bytes = Bytes(iterator.chunk.bytes, iterator.chunk.size);
  WebPDemuxReleaseChunkIterator(&iterator);
  return bytes;
}

// Decodes `frame` into rows: it may be smaller than the picture, which is black where no frame is.
Status decode_frame(const WebPIterator& frame, const char* name, uint32_t width, uint32_t height, PictureRows* rows) {
  const size_t stride = size_t{width} * 3;
  const std::unique_ptr<uint8_t[]> pixels(new (std::nothrow) uint8_t[stride * height]());
  if (pixels == nullptr) return Status::error(Code::out_of_memory, "%s: no memory to decode this WebP", name);
  const bool fits = frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
                    uint64_t(frame.x_offset) + uint64_t(frame.width) <= width &&
                    uint64_t(frame.y_offset) + uint64_t(frame.height) <= height;
  if (!fits) return corrupt(name, "its first frame does not lie inside the picture");
  const size_t offset = size_t(frame.y_offset) * stride + size_t(frame.x_offset) * 3;
  if (WebPDecodeRGBInto(frame.fragment.bytes, frame.fragment.size, pixels.get() + offset, stride * height - offset,
                        static_cast<int>(stride)) == nullptr)
    return corrupt(name, "its pixels are damaged or end too early");
  for (uint32_t y = 0; y < height; ++y) rows->put(y, 0, 1, width, pixels.get() + y * stride);
  return Status::ok();
}

}  // namespace

Status decode_webp(Bytes file, const char* name, Picture* out) {
  const WebPData data = {file.data(), file.size()};
  const Demuxer demuxer(WebPDemux(&data));
  if (demuxer == nullptr) return corrupt(name, "its chunks are damaged or end too early");
  const uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  const OrientationSources sources = {chunk(demuxer.get(), "EXIF"), chunk(demuxer.get(), "XMP ")};
  PictureRows rows;
  MICA_TRY(rows.start(name, width, height, sources.orientation(), out));
  WebPIterator frame;
  Status status;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) != 0) {
    status = decode_frame(frame, name, width, height, &rows);
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
