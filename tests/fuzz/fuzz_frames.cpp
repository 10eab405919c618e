// Fuzz target: any bytes as a stream of JPEGs, in pieces whose length the first byte says. What comes out must begin
// and end as a frame does, and no byte may come out twice.
#include <cstdint>
#include <cstdlib>

#include "jpeg_stream.hpp"

using app::watch::JpegStream;

namespace {

size_t take_all(JpegStream* stream) {
  using Found = JpegStream::Found;
  size_t bytes = 0;
  std::vector<uint8_t> frame;
  for (Found found; (found = stream->next(&frame)) != Found::kNothing;) {
    if (found == Found::kDamaged) continue;
    const size_t count = frame.size();
    if (count < 4 || frame[0] != 0xFF || frame[1] != 0xD8 || frame[count - 2] != 0xFF || frame[count - 1] != 0xD9)
      abort();
    bytes += count;
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t step = size_t{data[0]} + 1;
  JpegStream stream;
  size_t bytes = 0;
  for (size_t at = 1; at < size; at += step) {
    stream.add({data + at, at + step < size ? step : size - at});
    bytes += take_all(&stream);
  }
  stream.end();
  if (bytes + take_all(&stream) > size) abort();
  return 0;
}
