// JPEG by libjpeg-turbo: baseline and progressive; gray, YCbCr, RGB, CMYK and YCCK, converted as PIL converts them.
// Not lenient: a file that ends too early is an error, as in PIL; damage inside only warns, as there.
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include <jerror.h>
#include <jpeglib.h>

#include "limits.hpp"
#include "log.hpp"
#include "picture_decoders.hpp"

namespace mica {

namespace {

// All state of one decoding. Only plain data: libjpeg leaves its functions by longjmp.
struct JpegState {
  jpeg_decompress_struct decoder;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  jmp_buf on_error;
  char message[JMSG_LENGTH_MAX];  // of the error, or of the first warning
  int error;                      // libjpeg's number (jerror.h) or kTooManyScans
  PictureRows* rows;
  uint8_t* line;  // one decoded row, where it cannot be decoded in place
};
constexpr int kTooManyScans = -1;

JpegState* state_of(j_common_ptr decoder) { return static_cast<JpegState*>(decoder->client_data); }

[[noreturn]] void leave(JpegState* state, int error) {
  state->error = error;
  longjmp(state->on_error, 1);
}

[[noreturn]] void on_error_exit(j_common_ptr decoder) {
  JpegState* state = state_of(decoder);
  decoder->err->format_message(decoder, state->message);
  leave(state, decoder->err->msg_code);
}

void on_message(j_common_ptr decoder, int level) {
  if (level >= 0) return;  // traces
  if (decoder->err->num_warnings++ == 0) decoder->err->format_message(decoder, state_of(decoder)->message);
}

void on_progress(j_common_ptr decoder) {
  if (reinterpret_cast<j_decompress_ptr>(decoder)->input_scan_number > limits::kJpegScansMax)
    leave(state_of(decoder), kTooManyScans);
}

// The whole file is in memory; at its end decoding is suspended for more that never comes, so that a truncated file is
// known from the return values of libjpeg instead of being filled up with gray.
boolean no_more_input(j_decompress_ptr) { return FALSE; }

void skip_input(j_decompress_ptr decoder, long count) {
  jpeg_source_mgr* source = decoder->src;
  if (count <= 0) return;
  const size_t skipped = std::min(static_cast<size_t>(count), source->bytes_in_buffer);
  source->next_input_byte += skipped;
  source->bytes_in_buffer -= skipped;
}

void nothing(j_decompress_ptr) {}

// Runs one step; false when libjpeg (or a limit) left it by its error exit. Steps own nothing that needs a destructor.
template <class Step>
bool guarded(JpegState* state, Step step) {
  if (setjmp(state->on_error) != 0) return false;
  step();
  return true;
}

void prepare(JpegState* state, Bytes file) {
  std::memset(state, 0, sizeof *state);
  jpeg_decompress_struct* decoder = &state->decoder;
  decoder->client_data = state;
  decoder->err = jpeg_std_error(&state->errors);
  state->errors.error_exit = on_error_exit;
  state->errors.emit_message = on_message;
  state->progress.progress_monitor = on_progress;
  state->source.next_input_byte = file.data();
  state->source.bytes_in_buffer = file.size();
  state->source.init_source = nothing;
  state->source.fill_input_buffer = no_more_input;
  state->source.skip_input_data = skip_input;
  state->source.resync_to_restart = jpeg_resync_to_restart;
  state->source.term_source = nothing;
}

Status error_of(const JpegState& state, const char* name) {
  switch (state.error) {
    case kTooManyScans:
      return Status::error(Code::limit_exceeded, "%s: more than %d scans in a progressive JPEG; save it again", name,
                           limits::kJpegScansMax);
    case JERR_NO_BACKING_STORE:
      return Status::error(Code::limit_exceeded,
                           "%s: decoding this JPEG takes more than %zu MB; save it not progressive", name,
                           limits::kJpegMemoryBytesMax >> 20);
    case JERR_OUT_OF_MEMORY: return Status::error(Code::out_of_memory, "%s: no memory to decode this JPEG", name);
    case JERR_IMAGE_TOO_BIG: return Status::error(Code::limit_exceeded, "%s: %s", name, state.message);
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
      return Status::error(Code::unsupported, "%s: this kind of JPEG is not read (%s); save it as baseline", name,
                           state.message);
    default: return Status::error(Code::corrupt_file, "%s: not a sound JPEG: %s", name, state.message);
  }
}

Status truncated(const char* name, const char* where) {
  return Status::error(Code::corrupt_file, "%s: the JPEG ends too early, in its %s; fetch the whole file", name, where);
}

// Markers are kept in the order of the file. PIL takes the first EXIF segment's directory and the last XMP segment.
OrientationSources orientation_sources(const jpeg_decompress_struct& decoder) {
  static constexpr char kXmpName[] = "http://ns.adobe.com/xap/1.0/";
  OrientationSources sources;
  for (jpeg_saved_marker_ptr marker = decoder.marker_list; marker != nullptr; marker = marker->next) {
    const Bytes bytes(marker->data, marker->data_length);
    if (bytes.size() >= 6 && std::memcmp(bytes.data(), "Exif\0\0", 6) == 0) {
      if (sources.exif.empty()) sources.exif = bytes;
    } else if (bytes.size() >= sizeof kXmpName && std::memcmp(bytes.data(), kXmpName, sizeof kXmpName) == 0) {
      sources.xmp = bytes.subspan(sizeof kXmpName);
    }
  }
  return sources;
}

// Reads up to the first scan and chooses the output: gray, RGB or CMYK.
Status read_header(JpegState* state, const char* name) {
  jpeg_decompress_struct* decoder = &state->decoder;
  int result = JPEG_SUSPENDED;
  const bool done = guarded(state, [&] {
    jpeg_create_decompress(decoder);
    decoder->src = &state->source;
    decoder->progress = &state->progress;
    decoder->mem->max_memory_to_use = static_cast<long>(limits::kJpegMemoryBytesMax);
    jpeg_save_markers(decoder, JPEG_APP0 + 1, 0xFFFF);
    do {
      result = jpeg_read_header(decoder, FALSE);
    } while (result == JPEG_HEADER_TABLES_ONLY);
  });
  if (!done) return error_of(*state, name);
  if (result != JPEG_HEADER_OK) return truncated(name, "header");
  switch (decoder->num_components) {
    case 1: decoder->out_color_space = JCS_GRAYSCALE; return Status::ok();
    case 3: decoder->out_color_space = JCS_RGB; return Status::ok();
    case 4: decoder->out_color_space = JCS_CMYK; return Status::ok();
    default:
      return Status::error(Code::unsupported, "%s: a JPEG of %d colour components; mica reads 1, 3 and 4", name,
                           decoder->num_components);
  }
}

// Widens `count` gray values in place, from the end so that none is overwritten before it is read.
void gray_to_rgb(uint8_t* line, uint32_t count) {
  for (uint32_t i = count; i-- > 0;) std::memset(line + size_t{i} * 3, line[i], 3);
}

// JPEG stores the complement of CMYK (Adobe's convention, which PIL assumes of every file); ink takes light away.
void inverted_cmyk_to_rgb(uint8_t* line, uint32_t count) {
  const uint8_t* cmyk = line;
  for (uint32_t i = 0; i < count; ++i, cmyk += 4, line += 3) {
    const int light = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * light + 128;  // divided by 255 with rounding in the next line
      line[c] = static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
    }
  }
}

// Decodes what remains; false when the input ends before the last row.
bool read_rows(JpegState* state) {
  jpeg_decompress_struct* decoder = &state->decoder;
  while (decoder->output_scanline < decoder->output_height) {
    const uint32_t y = decoder->output_scanline;
    uint8_t* in_place = decoder->out_color_space == JCS_CMYK ? nullptr : state->rows->row(y);
    uint8_t* line = in_place != nullptr ? in_place : state->line;
    if (jpeg_read_scanlines(decoder, &line, 1) != 1) return false;
    if (decoder->out_color_space == JCS_GRAYSCALE) gray_to_rgb(line, decoder->output_width);
    if (decoder->out_color_space == JCS_CMYK) inverted_cmyk_to_rgb(line, decoder->output_width);
    if (in_place == nullptr) state->rows->put(y, 0, 1, decoder->output_width, line, nullptr);
  }
  return true;
}

Status decode(JpegState* state, const char* name, Picture* out) {
  MICA_TRY(read_header(state, name));
  const jpeg_decompress_struct& decoder = state->decoder;
  const uint32_t orientation = orientation_sources(decoder).orientation();
  PictureRows rows;
  MICA_TRY(rows.start(name, decoder.image_width, decoder.image_height, orientation, false, out));
  const std::unique_ptr<uint8_t[]> line(new (std::nothrow) uint8_t[size_t{decoder.image_width} * 4]);
  if (line == nullptr) return Status::error(Code::out_of_memory, "%s: no memory to decode this JPEG", name);
  state->rows = &rows;
  state->line = line.get();
  bool complete = false;
  const bool done = guarded(state, [&] {
    complete = jpeg_start_decompress(&state->decoder) != FALSE && read_rows(state);
    // What follows the last row is looked at for damage; that nothing follows it is none.
    if (complete) jpeg_finish_decompress(&state->decoder);
  });
  if (!done) return error_of(*state, name);
  if (!complete) return truncated(name, "pixels");
  if (state->errors.num_warnings > 0)
    log_message(LogLevel::warning, "%s: damaged JPEG, %ld places: %s", name, state->errors.num_warnings,
                state->message);
  return Status::ok();
}

}  // namespace

Status decode_jpeg(Bytes file, const char* name, Picture* out) {
  JpegState state;
  prepare(&state, file);
  const Status status = decode(&state, name, out);
  jpeg_destroy_decompress(&state.decoder);
  return status;
}

}  // namespace mica
