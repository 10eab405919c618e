// Video files: demuxing from memory, decoding of the frames that were chosen, and their way to RGB. Every byte is
// untrusted: known containers and codecs only, no other file or network is ever opened, and all sizes are bounded.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "checked.hpp"
#include "libav.hpp"
#include "limits.hpp"
#include "picture_decoders.hpp"
#include "video.hpp"

namespace mica {
namespace {

// Those that people have, and none that opens further files (playlists, image sequences) or draws text.
constexpr const char* kContainers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf";
constexpr const char* kCodecs =
    "h264,hevc,vp8,vp9,libdav1d,libaom-av1,av1,mpeg4,mpeg2video,mpeg1video,mjpeg,theora,h263,flv,prores,msmpeg4v2,"
    "msmpeg4,wmv1,wmv2,wmv3,vc1";
constexpr int kReadBytes = 1 << 16;  // at once
constexpr size_t kRowAlignment = 64;  // rows that swscale's vectors may write

struct Source {
  Bytes file;
  size_t at = 0;

  static int read(void* self, uint8_t* buffer, int size) {
    auto* source = static_cast<Source*>(self);
    const size_t count = std::min(static_cast<size_t>(std::max(size, 0)), source->file.size() - source->at);
    if (count == 0) return AVERROR_EOF;
    std::memcpy(buffer, source->file.data() + source->at, count);
    source->at += count;
    return static_cast<int>(count);
  }

  static int64_t seek(void* self, int64_t offset, int whence) {
    auto* source = static_cast<Source*>(self);
    const auto size = static_cast<int64_t>(source->file.size());
    if (whence == AVSEEK_SIZE) return size;
    const int64_t base = whence == SEEK_CUR ? static_cast<int64_t>(source->at) : whence == SEEK_END ? size : 0;
    if (whence < SEEK_SET || whence > SEEK_END || offset < -base || offset > size - base) return AVERROR(EINVAL);
    source->at = static_cast<size_t>(base + offset);
    return base + offset;
  }
};

int refuse_to_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EACCES); }

// A container from its first packet on, and its video.
class Demuxer {
 public:
  explicit Demuxer(const LibAv& av) : av_(av) {}
  Demuxer(const Demuxer&) = delete;
  ~Demuxer() {
    av_.av_packet_free(&packet_);
    if (context_ != nullptr) av_.avformat_close_input(&context_);
    if (io_ != nullptr) av_.av_free(io_->buffer);
    av_.avio_context_free(&io_);
  }

  Status open(Bytes file, const char* name) {
    source_.file = file;
    name_ = name;
    packet_ = av_.av_packet_alloc();
    context_ = av_.avformat_alloc_context();
    auto* buffer = static_cast<uint8_t*>(av_.av_malloc(kReadBytes));
    if (buffer != nullptr)
      io_ = av_.avio_alloc_context(buffer, kReadBytes, 0, &source_, Source::read, nullptr, Source::seek);
    if (io_ == nullptr) av_.av_free(buffer);
    if (packet_ == nullptr || context_ == nullptr || io_ == nullptr) return no_memory();
    context_->pb = io_;
    context_->flags |= AVFMT_FLAG_CUSTOM_IO;
    context_->max_streams = limits::kVideoStreamsMax;
    context_->io_open = refuse_to_open;
    AVDictionary* options = nullptr;
    av_.av_dict_set(&options, "format_whitelist", kContainers, 0);
    av_.av_dict_set(&options, "codec_whitelist", kCodecs, 0);
    const int opened = av_.avformat_open_input(&context_, "", nullptr, &options);  // frees the context where it fails
    av_.av_dict_free(&options);
    if (opened == AVERROR(ENOMEM)) return no_memory();
    if (opened < 0)
      return Status::error(Code::unsupported,
                           "%s is no video that mica reads (MP4, MOV, Matroska, WebM, AVI, MPEG, FLV, Ogg or ASF), or "
                           "its beginning is damaged", name);
    return find_stream();
  }

  // The next packet of the video; false at the end of what can be read. It is valid until the next call.
  bool next() {
    do {
      av_.av_packet_unref(packet_);
      if (av_.av_read_frame(context_, packet_) < 0) return false;
    } while (packet_->stream_index != stream_->index);
    return true;
  }

  const AVPacket* packet() const { return packet_; }
  const AVStream& stream() const { return *stream_; }
  const AVCodec& codec() const { return *codec_; }
  double rate() const {
    const AVRational rate = stream_->avg_frame_rate;
    return rate.num > 0 && rate.den > 0 ? static_cast<double>(rate.num) / rate.den : 0;
  }

  // As EXIF numbers orientations, of the quarter turns that a container asks for.
  uint32_t orientation() const {
    constexpr uint32_t kClockwise[] = {1, 6, 3, 8};
    size_t bytes = 0;
    const uint8_t* matrix = av_.av_stream_get_side_data(stream_, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    if (matrix == nullptr || bytes < 9 * sizeof(int32_t)) return kClockwise[0];
    const double angle = -av_.av_display_rotation_get(reinterpret_cast<const int32_t*>(matrix));
    return std::isfinite(angle) ? kClockwise[static_cast<uint32_t>(std::lround(angle / 90) + 8) % 4] : kClockwise[0];
  }

  Status no_memory() const { return Status::error(Code::out_of_memory, "%s: no memory to read the video", name_); }

 private:
  Status find_stream() {
    const int known = av_.avformat_find_stream_info(context_, nullptr);
    if (known == AVERROR(ENOMEM)) return no_memory();
    const int index = av_.av_find_best_stream(context_, AVMEDIA_TYPE_VIDEO, -1, -1, &codec_, 0);
    if (index == AVERROR_DECODER_NOT_FOUND)
      return Status::error(Code::unsupported, "%s: no decoder for the kind of its video is installed here", name_);
    if (index < 0 || (context_->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
      return Status::error(Code::unsupported, "%s: there is no video in it, only sound or other data", name_);
    stream_ = context_->streams[index];
    return Status::ok();
  }

  const LibAv& av_;
  const char* name_ = "";
  Source source_;
  AVIOContext* io_ = nullptr;
  AVFormatContext* context_ = nullptr;
  AVPacket* packet_ = nullptr;
  AVStream* stream_ = nullptr;
  const AVCodec* codec_ = nullptr;
};

// From decoded frames to pictures.
class Decoder {
 public:
  Decoder(const LibAv& av, const Demuxer& demuxer, const char* name, std::vector<Picture>* frames)
      : av_(av), demuxer_(demuxer), name_(name), frames_(frames) {}
  Decoder(const Decoder&) = delete;
  ~Decoder() {
    av_.sws_freeContext(scaler_);
    av_.av_frame_free(&frame_);
    av_.avcodec_free_context(&context_);
  }

  Status open() {
    frame_ = av_.av_frame_alloc();
    context_ = av_.avcodec_alloc_context3(&demuxer_.codec());
    if (frame_ == nullptr || context_ == nullptr) return demuxer_.no_memory();
    const AVCodecParameters& parameters = *demuxer_.stream().codecpar;
    MICA_TRY(check_picture_size(name_, static_cast<uint32_t>(std::max(parameters.width, 0)),
                                static_cast<uint32_t>(std::max(parameters.height, 0))));
    AVDictionary* options = nullptr;
    av_.av_dict_set(&options, "codec_whitelist", kCodecs, 0);
    const int opened = av_.avcodec_parameters_to_context(context_, &parameters) < 0 ? -1 : open_codec(&options);
    av_.av_dict_free(&options);
    if (opened == AVERROR(ENOMEM)) return demuxer_.no_memory();
    if (opened >= 0) return Status::ok();
    return Status::error(Code::unsupported,
                         "%s: its video is %s, which mica does not read, or its beginning is damaged", name_,
                         demuxer_.codec().name);
  }

  // Sends a packet, null behind the last, and keeps the frames at `places` of what comes. Packets that are damaged give
  // no frame, as players have it.
  Status decode(const AVPacket* packet, const std::vector<uint64_t>& places) {
    const int sent = av_.avcodec_send_packet(context_, packet);
    if (sent == AVERROR(ENOMEM)) return demuxer_.no_memory();
    while (frames_->size() < places.size() && av_.avcodec_receive_frame(context_, frame_) >= 0)
      if (count_++ >= places[frames_->size()]) MICA_TRY(keep());
    return Status::ok();
  }

 private:
  int open_codec(AVDictionary** options) {
    context_->thread_count = 1;
    context_->max_pixels = static_cast<int64_t>(limits::kPicturePixelsMax);
    return av_.avcodec_open2(context_, &demuxer_.codec(), options);
  }

  Status keep() {
    const int width = frame_->width, height = frame_->height;
    Picture picture;
    PictureRows rows;
    MICA_TRY(rows.start(name_, static_cast<uint32_t>(std::max(width, 0)), static_cast<uint32_t>(std::max(height, 0)),
                        demuxer_.orientation(), false, &picture));
    MICA_TRY(check_video_bytes(name_, picture, &bytes_));
    const auto format = static_cast<AVPixelFormat>(frame_->format);
    scaler_ = av_.sws_getCachedContext(scaler_, width, height, format, width, height, AV_PIX_FMT_RGB24,
                                       SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr);
    if (scaler_ == nullptr)
      return Status::error(Code::unsupported, "%s: frames of %d x %d in a colour format that is not read", name_, width,
                           height);
    constexpr int kOne = 1 << 16;  // of contrast and saturation
    av_.sws_setColorspaceDetails(scaler_, av_.sws_getCoefficients(frame_->colorspace),
                                 frame_->color_range == AVCOL_RANGE_JPEG, av_.sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                                 kOne, kOne);
    const size_t stride = round_up(size_t{3} * static_cast<size_t>(width), kRowAlignment) + kRowAlignment;
    scaled_.resize(stride * (static_cast<size_t>(height) + 1));
    uint8_t* planes[4] = {scaled_.data()};
    const int strides[4] = {static_cast<int>(stride)};
    if (av_.sws_scale(scaler_, frame_->data, frame_->linesize, 0, height, planes, strides) != height)
      return Status::error(Code::corrupt_file, "%s: a frame could not be brought to colours", name_);
    for (uint32_t y = 0; y < static_cast<uint32_t>(height); ++y)
      rows.put(y, 0, 1, static_cast<uint32_t>(width), scaled_.data() + y * stride, nullptr);
    frames_->push_back(std::move(picture));
    return Status::ok();
  }

  const LibAv& av_;
  const Demuxer& demuxer_;
  const char* name_;
  std::vector<Picture>* frames_;
  AVCodecContext* context_ = nullptr;
  AVFrame* frame_ = nullptr;
  SwsContext* scaler_ = nullptr;
  std::vector<uint8_t> scaled_;
  uint64_t count_ = 0;  // frames that were decoded
  size_t bytes_ = 0;
};

// A packet is a frame: what a container says of their number is not relied on.
Status count_frames(const LibAv& av, Bytes file, const char* name, uint64_t* total, double* rate) {
  Demuxer demuxer(av);
  MICA_TRY(demuxer.open(file, name));
  *rate = demuxer.rate();
  for (*total = 0; demuxer.next(); ++*total)
    if (*total == limits::kVideoPacketsMax)
      return Status::error(Code::limit_exceeded, "%s: a video of more than %zu frames; cut it", name,
                           limits::kVideoPacketsMax);
  if (*total != 0) return Status::ok();
  return Status::error(Code::corrupt_file, "%s: there is no frame in its video", name);
}

}  // namespace

Status decode_video(Bytes file, const char* name, const FrameSampling& sampling, std::vector<Picture>* frames) {
  const LibAv* av = nullptr;
  uint64_t total = 0;
  double rate = 0;
  MICA_TRY(load_libav(&av));
  MICA_TRY(count_frames(*av, file, name, &total, &rate));
  if (sampling.frames == 0 && sampling.per_second > 0 && !(rate > 0))
    return Status::error(Code::unsupported, "%s: it does not say how many frames a second has; say how many frames are "
                         "to be seen", name);
  const std::vector<uint64_t> places = frame_places(total, rate, sampling);
  std::vector<Picture> decoded;
  Demuxer demuxer(*av);
  MICA_TRY(demuxer.open(file, name));
  Decoder decoder(*av, demuxer, name, &decoded);
  MICA_TRY(decoder.open());
  while (decoded.size() < places.size() && demuxer.next()) MICA_TRY(decoder.decode(demuxer.packet(), places));
  MICA_TRY(decoder.decode(nullptr, places));
  if (decoded.empty()) return Status::error(Code::corrupt_file, "%s: no frame of its video can be decoded", name);
  set_times(places, total, rate, &decoded);
  MICA_TRY(fill_group(sampling.multiple, name, &decoded));
  *frames = std::move(decoded);
  return Status::ok();
}

}  // namespace mica
