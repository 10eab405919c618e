// mica watch: one question, asked of the frames of a camera or a pipe again and again. When it is asked; the asking
// itself is asker.hpp's.
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "asker.hpp"
#include "change.hpp"
#include "command.hpp"
#include "frame_pipe.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"
#include "words.hpp"
#ifdef MICA_WITH_CAMERA
#include "camera.hpp"
#endif

namespace app {
namespace {

using watch::Frame;
using watch::FrameForm;
using watch::FrameSlot;
using watch::FrameSource;
using Clock = FrameSlot::Clock;

struct WatchOptions {
  Options shared;
  std::string question;
  std::string camera, frames;
  std::string size, format, colours;
  uint32_t stride = 0;
  double every = 1, rest = 0, on_change = -1;
  bool all = false;
};

void add_source_options(CommandLine& line, WatchOptions& options) {
  constexpr const char* kGroup = "Frames";
#ifdef MICA_WITH_CAMERA
  line.add({.names = "--camera", .value = "PATH", .help = "a camera of Video4Linux, as /dev/video0", .group = kGroup},
           &options.camera);
  line.exclude("--camera", "--frames");
#endif
  line.add({.names = "--size",
            .value = "WxH",
            .help = "of frames, as 640x480; of a camera: the nearest that it has; without it the camera's own",
            .group = kGroup},
           &options.size);
  line.add({.names = "--format",
            .value = watch::kFrameKinds,
            .help = "what frames are; without it what a camera has, and of a pipe mjpeg",
            .group = kGroup,
            .choices = watch::kFrameKinds},
           &options.format);
  line.add({.names = "--stride",
            .value = "N",
            .help = "bytes from a row to the next in raw frames of a pipe; 0: rows follow each other",
            .group = kGroup,
            .low = 0,
            .high = 1 << 20},
           &options.stride);
  options.colours = "auto";
  line.add(
      {.names = "--colours",
       .value = watch::kFrameColours,
       .help = "matrix (BT.601, BT.709) and range of raw frames; auto: as a camera says; of a pipe BT.709 from 720 "
               "lines on, and video's range",
       .group = kGroup,
       .choices = watch::kFrameColours},
      &options.colours);
}

void add_watch_options(CommandLine& line, WatchOptions& options) {
  constexpr const char* kGroup = "Frames";
  line.add({.names = "question",
            .value = "[QUESTION]",
            .help = "what is asked of each frame; also by -p or -f",
            .group = "Message"},
           &options.question);
  line.add({.names = "--frames",
            .value = "PATH",
            .help = "a pipe or file of JPEGs or raw frames, one behind the other; - is standard input",
            .group = kGroup},
           &options.frames);
  add_source_options(line, options);
  line.add({.names = "--every",
            .value = "N",
            .help = "seconds from one question to the next, of the newest frame; 0: at once",
            .group = kGroup,
            .low = 0,
            .high = 1e6},
           &options.every);
  line.add(
      {.names = "--on-change",
       .value = "N",
       .help = "asks only where some part of the picture (1/64 x 1/48 of it) got lighter or darker by more than N of "
               "255; 8 is more than noise; -1: always asks",
       .group = kGroup,
       .low = -1,
       .high = 255},
      &options.on_change);
  line.add({.names = "--rest",
            .value = "N",
            .help = "seconds from an answer to the next question at least, in which the board cools",
            .group = kGroup,
            .low = 0,
            .high = 1e6},
           &options.rest);
  line.add({.names = "--all",
            .value = "",
            .help = "asks of every frame: none is dropped, who writes them waits",
            .group = kGroup},
           &options.all);
  line.exclude("--all", "--every");
}

void read_size(const std::string& text, FrameForm* form) {
  if (text.empty()) return;
  unsigned width = 0, height = 0;
  char behind = '\0';
  if (std::sscanf(text.c_str(), "%5ux%5u%c", &width, &height, &behind) != 2 || width == 0 || height == 0)
    throw UsageError("--size " + text + ": wants width and height, as 640x480");
  form->width = width;
  form->height = height;
}

std::unique_ptr<FrameSource> open_source(const WatchOptions& options) {
  FrameForm form;
  read_size(options.size, &form);
  form.colours = static_cast<watch::FrameColours>(watch::place_of(options.colours, watch::kFrameColours));
  form.stride = options.stride;
  if (!options.format.empty())
    form.kind = static_cast<watch::FrameKind>(watch::place_of(options.format, watch::kFrameKinds));
#ifdef MICA_WITH_CAMERA
  if (!options.camera.empty())
    return std::make_unique<watch::Camera>(watch::CameraWish{options.camera, options.format.empty(), form});
#endif
  if (options.frames.empty())
    throw UsageError("there is nothing to watch: add --camera /dev/video0, or --frames - for a pipe");
  if (form.kind != watch::FrameKind::kJpeg && form.width == 0)
    throw UsageError("--format " + options.format + " wants --size WxH, which raw frames do not say");
  return std::make_unique<watch::FramePipe>(options.frames, form);
}

std::string question_of(const WatchOptions& options) {
  if (!options.question.empty() && (!options.shared.prompt.empty() || !options.shared.prompt_file.empty()))
    throw UsageError("there are two questions: \"" + options.question + "\" and that of -p or -f");
  const bool taken = options.shared.prompt_file == "-" || contains(options.shared.images, "-");
  if (options.frames == "-" && taken) throw UsageError("standard input is the frames: it cannot be anything else too");
  const std::string question = options.question.empty() ? read_prompt(options.shared) : options.question;
  if (is_blank(question))
    throw UsageError("there is no question: add one, as in: mica watch --camera /dev/video0 \"Read the display.\"");
  return question;
}

// A thread that reads frames, and ends with this.
class Reading {
 public:
  Reading(FrameSource* source, bool keeps_all)
      : slot(keeps_all, [this] { return is_ending(); }), thread_([this, source] { run(source); }) {}
  ~Reading() { end(); }
  Reading(const Reading&) = delete;

  void end() {
    ends_ = true;
    if (thread_.joinable()) thread_.join();
  }

  watch::DamagedFrames damaged;
  FrameSlot slot;

 private:
  bool is_ending() const { return ends_ || Interrupt::requested(); }
  void run(FrameSource* source) {
    try {
      source->read(&slot, &damaged, [this] { return is_ending(); });
      slot.close("");
    } catch (const std::exception& failure) {
      slot.close(failure.what());
    }
  }

  std::atomic<bool> ends_{false};
  std::thread thread_;
};

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

void print_line(const std::string& line) {
  if (std::puts(line.c_str()) < 0 || std::fflush(stdout) != 0)
    throw Failure(std::string("standard output: ") + std::strerror(errno), MICA_IO_ERROR);
}

class Watch {
 public:
  Watch(const WatchOptions& options, const std::string& question, FrameSource* source)
      : options_(options), source_(source), change_(options.on_change), asker_(options.shared, question) {}

  void run() {
    Reading reading(source_, options_.all);
    Frame frame;
    for (Clock::time_point due{}; reading.slot.wait_until(due), reading.slot.take(&frame);) {
      const Clock::time_point start = Clock::now();
      if (!look_at(frame, &reading.damaged)) continue;  // damaged: the next one at once
      due = std::max(start + seconds(options_.all ? 0 : options_.every), Clock::now() + seconds(rested_));
    }
    reading.end();
    reading.damaged.say_rest();
    const std::string failure = reading.slot.failure();
    if (!options_.shared.quiet)
      print_note(std::to_string(reading.slot.frames()) + " frames, " + std::to_string(answers_) +
                 " answers, peak memory " + format_bytes(memory_peak()));
    if (!failure.empty()) throw Failure(failure);
    if (reading.slot.frames() == 0 && !Interrupt::requested()) throw Failure("there was no frame", MICA_NOT_FOUND);
  }

 private:
  // False for a frame that cannot be asked about.
  bool look_at(const Frame& frame, watch::DamagedFrames* damaged) {
    rested_ = 0;
    std::string line;
    try {
      Picture picture = watch::decode_frame(source_->form(), frame);
      if (!change_.differs(picture.get())) return true;
      is_asking_ = true;
      line = asker_.ask(frame, std::move(picture));
    } catch (const Failure& failure) {
      if (failure.status() == MICA_CANCELLED) return false;
      // What the model makes nothing of at the beginning, it never will.
      if (is_asking_ && answers_ == 0) throw;
      damaged->add("frame " + std::to_string(frame.number) + ": " + failure.what());
      return false;
    }
    print_line(line);
    ++answers_;
    rested_ = options_.rest;
    return true;
  }

  const WatchOptions& options_;
  FrameSource* source_;
  watch::ChangeDetector change_;
  watch::Asker asker_;
  uint64_t answers_ = 0;
  double rested_ = 0;
  bool is_asking_ = false;
};

int run(CommandLine& line, const std::vector<std::string>& arguments) {
  WatchOptions options;
  options.shared.sampling.temperature = 0;
  add_options(line, options.shared, kModelOptions | kConversationOptions | kSessionOptions | kQuietOption);
  add_watch_options(line, options);
  parse(line, arguments, options.shared);
  const std::string question = question_of(options);
  const Interrupt interrupt(nullptr, {SIGINT, SIGTERM});
  const std::unique_ptr<FrameSource> source = open_source(options);
  Watch watch(options, question, source.get());
  if (!options.shared.quiet)
    print_note("watching " + screen_text(options.camera + options.frames) + ": " + source->form().title());
  watch.run();
  return Interrupt::signal() == SIGINT ? kExitInterrupted : 0;
}

}  // namespace

const Command kWatchCommand = {
    "watch", "asks its question of a camera's frames again and again",
    "  mica watch --camera /dev/video0 \"Read the display.\"\n"
    "  mica watch --camera /dev/video0 --size 640x480 --every 10 --rest 2 \"Which lamps are on?\" >> log.jsonl\n"
    "  rpicam-vid -t 0 --codec mjpeg -o - | mica watch --frames - --on-change 8 \"Is there a person?\"\n"
    "  rpicam-vid -t 0 --codec yuv420 --width 640 --height 480 -o - |\n"
    "    mica watch --frames - --format i420 --size 640x480 \"Read the dial.\" -j '{\"type\": \"integer\"}'\n"
    "\n"
    "A line of JSON for each answer: the time of the frame (UTC), its number among all that came, the answer (with a\n"
    "schema the value itself), how likely the model found it, and the seconds that it took. Frames that came "
    "meanwhile\n"
    "are dropped. Ctrl-C and SIGTERM end it.",
    run};

}  // namespace app
