// LibAv: the functions of FFmpeg's libraries that mica calls, found when the first video is opened: linked, some
// hundred shared libraries would be loaded by every start of a program. Not decoding: video_file.cpp.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libswscale/swscale.h>
}

#include "status.hpp"

namespace mica {

// Each with its library.
#define MICA_LIBAV_FUNCTIONS(X)    \
  X(avformat, avformat_alloc_context) \
  X(avformat, avformat_open_input) \
  X(avformat, avformat_close_input) \
  X(avformat, avformat_find_stream_info) \
  X(avformat, av_find_best_stream) \
  X(avformat, av_read_frame) \
  X(avformat, av_stream_get_side_data) \
  X(avformat, avio_alloc_context) \
  X(avformat, avio_context_free) \
  X(avcodec, avcodec_alloc_context3) \
  X(avcodec, avcodec_free_context) \
  X(avcodec, avcodec_parameters_to_context) \
  X(avcodec, avcodec_open2) \
  X(avcodec, avcodec_send_packet) \
  X(avcodec, avcodec_receive_frame) \
  X(avcodec, av_packet_alloc) \
  X(avcodec, av_packet_free) \
  X(avcodec, av_packet_unref) \
  X(avutil, av_frame_alloc) \
  X(avutil, av_frame_free) \
  X(avutil, av_malloc) \
  X(avutil, av_free) \
  X(avutil, av_dict_set) \
  X(avutil, av_dict_free) \
  X(avutil, av_display_rotation_get) \
  X(avutil, av_log_set_level) \
  X(swscale, sws_getCachedContext) \
  X(swscale, sws_freeContext) \
  X(swscale, sws_getCoefficients) \
  X(swscale, sws_setColorspaceDetails) \
  X(swscale, sws_scale)

struct LibAv {
#define MICA_LIBAV_MEMBER(library, name) decltype(&::name) name = nullptr;
  MICA_LIBAV_FUNCTIONS(MICA_LIBAV_MEMBER)
#undef MICA_LIBAV_MEMBER
};

// Loads them once, silent from then on. Errors: unsupported, where a library is not installed.
Status load_libav(const LibAv** out);

}  // namespace mica
