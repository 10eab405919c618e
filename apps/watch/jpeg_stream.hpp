// JpegStream: where frames begin and end in a stream of JPEGs, as cameras and rpicam-vid write it. Looks at markers
// alone; whether a frame can be decoded is mica_picture_decode's to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace app::watch {

class JpegStream {
 public:
  static constexpr size_t kFrameBytesMax = size_t{32} << 20;  // cameras of 12 million pixels give 6 MB

  enum class Found : uint8_t {
    kNothing,  // more bytes are needed
    kFrame,
    kDamaged,  // a frame that another one cuts off, or that is no JPEG behind its first bytes; it is left out
  };

  void add(std::span<const uint8_t> bytes);
  // The next frame, from its first marker to its last. Bytes between frames are skipped.
  Found next(std::vector<uint8_t>* frame);
  // No more bytes come: what waits for more is damaged, and what was taken for a part of it is looked at.
  void end() { is_over_ = true; }

 private:
  enum class Step : uint8_t { kMore, kOn, kEnd, kBroken };

  bool find_start();
  Step marker();
  Step scan();
  void skip_to(size_t start);

  std::vector<uint8_t> bytes_;
  size_t start_ = 0;  // of the frame, or of what is searched for one
  size_t at_ = 0;     // how far the frame is known
  size_t last_ = 0;   // the last marker before that: where its length is wrong, another frame may begin behind it
  bool in_frame_ = false, in_scan_ = false, is_over_ = false;
};

}  // namespace app::watch
