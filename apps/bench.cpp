// mica bench: how fast a machine reads a picture, reads a prompt and writes an answer, for a model or a shape.
// Measures the whole runtime through mica.h; kernels and memory by themselves through src/bench.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "bench_report.hpp"
#include "command.hpp"
#include "conversation.hpp"
#include "json_files.hpp"
#include "kernel_report.hpp"
#include "memory_read.hpp"
#include "options.hpp"
#include "published_shape.hpp"
#include "session_group.hpp"
#include "terminal.hpp"

namespace app {
namespace {

struct BenchOptions {
  Options shared;
  PublishedShape shape;
  std::vector<uint32_t> prompts = {512};
  std::vector<uint32_t> generated = {128};
  std::vector<std::string> both;  // "512,128"
  std::vector<uint32_t> depths = {0};
  std::vector<uint32_t> depths_visual = {0};
  uint32_t depth_picture = 256;
  std::vector<uint32_t> sessions = {1};
  std::vector<uint32_t> threads = {0};
  std::vector<std::string> picture_sizes = {"448x448"};
  uint32_t repetitions = 5;
  bool no_warmup = false;
  bool kernels = false;
  std::string format;
};

// Pictures of fewer tokens are kept as text is (mica.h, kv_visual_bits), and take of its room.
constexpr uint32_t kPackedTokensMin = 32;

// Weights of fewer bytes may stay in a cache, where a plain read of memory says nothing about them.
constexpr uint64_t kMemoryBytesMin = 64u << 20;

struct Test {
  const NamedPicture* picture = nullptr;  // an enc test; else the counts below
  uint32_t prompt = 0, generated = 0, depth = 0;
  uint32_t depth_visual = 0;
  uint32_t sessions = 1;  // that write at once

  std::string name() const {
    if (picture != nullptr) return "enc " + picture->path;
    std::string text;
    if (prompt != 0) text = "pp" + std::to_string(prompt);
    if (generated != 0) text += (text.empty() ? "tg" : "+tg") + std::to_string(generated);
    if (sessions != 1) text += " x" + std::to_string(sessions);
    if (depth != 0 || depth_visual != 0) text += " @ d" + std::to_string(depth);
    return depth_visual == 0 ? text : text + "+v" + std::to_string(depth_visual);
  }
};

// The same ids each time, from the second quarter of the vocabulary: published ones have control tokens at their ends.
std::vector<int32_t> sample_tokens(const Model& model, size_t count) {
  const uint32_t quarter = std::max(mica_model_vocabulary(model.get()) / 4, 1u);
  std::vector<int32_t> ids(count);
  uint32_t state = 1;
  for (int32_t& id : ids) {
    state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
    id = static_cast<int32_t>(quarter + (state >> 8) % quarter);
  }
  return ids;
}

// A smooth gradient with stripes: its content does not matter to the time.
NamedPicture synthetic_picture(const std::string& size) {
  unsigned width = 0, height = 0;
  char rest = 0;
  if (std::sscanf(size.c_str(), "%5ux%5u%c", &width, &height, &rest) != 2 || width == 0 || height == 0) {
    throw UsageError("--picture-size " + size + ": wants WIDTHxHEIGHT, as 448x448, or 0 for no picture");
  }
  std::vector<uint8_t> rgb(size_t{3} * width * height);
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < width; x++) {
      uint8_t* pixel = &rgb[3 * (y * width + x)];
      pixel[0] = static_cast<uint8_t>(255 * x / width);
      pixel[1] = static_cast<uint8_t>(255 * y / height);
      pixel[2] = (x / 8 + y / 8) % 2 == 0 ? 0 : 255;
    }
  }
  return {size, open_handle<Picture>(mica_picture_from_rgb, rgb.data(), width, height, size_t{0})};
}

class Bench {
 public:
  Bench(const BenchOptions& options, Model model) : options_(options), model_(std::move(model)) {
    const nlohmann::json processor = parse_json(describe(mica_cpu_describe), "mica_cpu_describe");
    backend_ = processor.value("chosen", "CPU");
    processors_ = processor.value("threads", 1u);
    const nlohmann::json model_text = parse_json(
        describe(mica_model_describe, static_cast<const mica_model*>(model_.get())), "mica_model_describe");
    decode_bytes_ = model_text.value("token_reads_bytes", uint64_t{0});
    name_ = options.shape.arch.empty() ? name_of(options.shared.model) : options.shape.name();
  }

  void run() {
    open_all_pictures();
    const std::vector<Test> tests = plan();
    if (tests.empty()) throw UsageError("nothing to measure: -p, -n and the picture are all off");
    size_t test_columns = 0;
    for (const Test& test : tests) test_columns = std::max(test_columns, test.name().size());
    BenchReport report(options_.format, name_.size(), test_columns);
    Progress progress(name_);
    const size_t steps = tests.size() * options_.threads.size() * options_.repetitions;
    size_t done = 0;
    for (const uint32_t threads : options_.threads) {
      for (const Test& test : tests) {
        const auto step = [&] {
          progress.update(static_cast<double>(done++) / static_cast<double>(steps), test.name());
        };
        const BenchRow row = measure(test, threads, step);
        progress.clear();
        report.add(row);
      }
    }
    report.finish();
  }

 private:
  // "qwen2_vl panel.mica"
  std::string name_of(const std::string& model) const {
    const std::filesystem::path path = std::filesystem::path(model).lexically_normal();
    const std::string file = (path.has_filename() ? path : path.parent_path()).filename().string();
    return std::string(mica_model_family(model_.get())) + ' ' + (file.empty() ? "default" : file);
  }

  void open_all_pictures() {
    if (mica_model_has_vision(model_.get()) == 0) {
      if (!options_.shared.images.empty()) throw Failure("this model reads no pictures", MICA_UNSUPPORTED);
      return;
    }
    pictures_ = open_pictures(options_.shared.images);
    for (NamedPicture& picture : pictures_) {
      picture.path = std::to_string(mica_picture_width(picture.picture.get())) + 'x' +
                     std::to_string(mica_picture_height(picture.picture.get()));
    }
    if (!pictures_.empty()) return;
    for (const std::string& size : options_.picture_sizes) {
      if (size != "0") pictures_.push_back(synthetic_picture(size));
    }
  }

  std::vector<Test> plan() const {
    std::vector<Test> tests;
    for (const NamedPicture& picture : pictures_) tests.push_back({&picture});
    for (const uint32_t depth : options_.depths) {
      for (const uint32_t visual : options_.depths_visual) add_tests(depth, visual, tests);
    }
    return tests;
  }

  void add_tests(uint32_t depth, uint32_t visual, std::vector<Test>& tests) const {
    for (const uint32_t prompt : options_.prompts) {
      if (prompt != 0) tests.push_back({nullptr, prompt, 0, depth, visual});
    }
    for (const uint32_t generated : options_.generated) {
      for (const uint32_t sessions : options_.sessions) {
        if (generated != 0) tests.push_back({nullptr, 0, generated, depth, visual, sessions});
      }
    }
    for (const std::string& pair : options_.both) {
      unsigned prompt = 0, generated = 0;
      char rest = 0;
      if (std::sscanf(pair.c_str(), "%8u,%8u%c", &prompt, &generated, &rest) != 2 || prompt == 0 || generated == 0) {
        throw UsageError("-pg " + pair + ": wants PROMPT,GENERATED, as 512,128");
      }
      tests.push_back({nullptr, prompt, generated, depth, visual});
    }
  }

  mica_session_options settings_of(const Test& test, uint32_t threads) const {
    mica_session_options settings = session_options(options_.shared);
    settings.threads = threads;
    // A few for the first token and picture marks.
    settings.context_text = settings.context = test.depth + test.prompt + test.generated + 8;
    const uint32_t rest = test.depth_visual % options_.depth_picture;
    add_room(test.depth_visual - rest, options_.depth_picture, &settings);
    add_room(rest, rest, &settings);
    if (test.picture != nullptr) {
      settings.picture_tokens = picture_tokens(model_, *test.picture);
      add_room(settings.picture_tokens, settings.picture_tokens, &settings);
    }
    return settings;
  }

  // For `tokens` of pictures that have `picture` each.
  static void add_room(uint32_t tokens, uint32_t picture, mica_session_options* settings) {
    settings->context += tokens;
    if (picture < kPackedTokensMin) settings->context_text += tokens;
  }

  void feed(const Session& session, uint32_t count) const {
    if (count == 0) return;
    const std::vector<int32_t> ids = sample_tokens(model_, count);
    mica_error error{};
    require(mica_session_add_tokens(session.get(), ids.data(), ids.size(), nullptr, 0, &error), error);
    require(mica_session_prefill(session.get(), nullptr, nullptr, &error), error);
  }

  // The depth at which a test begins: rows of noise, which take attention as long as computed ones.
  void fill(const Session& session, const Test& test) const {
    mica_error error{};
    const uint32_t pictures = test.depth_visual / options_.depth_picture;
    require(mica_session_fill(session.get(), test.depth, pictures, options_.depth_picture, &error), error);
    const uint32_t rest = test.depth_visual % options_.depth_picture;
    if (rest != 0) require(mica_session_fill(session.get(), 0, 1, rest, &error), error);
  }

  void write(const Session& session, uint32_t count) const {
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 0;
    sampling.tokens_max = count;
    sampling.ignore_end = 1;
    mica_error error{};
    require(mica_session_generate(session.get(), &sampling, nullptr, nullptr, nullptr, &error), error);
  }

  // One repetition of sessions that write at once.
  void repeat_together(SessionGroup& group, const Test& test, BenchRow& row) const {
    for (const Session& session : group.sessions()) {
      mica_session_clear(session.get());
      fill(session, test);
      feed(session, 1);
      mica_session_stats_reset(session.get());
    }
    group.write(test.generated);
    const mica_stats stats = group.stats();
    row.seconds.push_back(stats.decode_seconds);
    row.rates.push_back(stats.decode_tokens / std::max(stats.decode_seconds, 1e-9));
    row.kv_text_bytes = stats.kv_text_bytes;
    row.kv_visual_bytes = stats.kv_visual_bytes;
  }

  // One repetition; what came before the part that is measured does not count.
  void repeat(const Session& session, const Test& test, BenchRow& row) const {
    mica_session_clear(session.get());
    fill(session, test);
    if (test.generated != 0 && test.prompt == 0) feed(session, 1);  // an answer needs a beginning
    mica_session_stats_reset(session.get());
    if (test.picture != nullptr) {
      mica_error error{};
      require(mica_session_add_picture(session.get(), test.picture->picture.get(), &error), error);
      require(mica_session_prefill(session.get(), nullptr, nullptr, &error), error);
    }
    feed(session, test.prompt);
    if (test.generated != 0) write(session, test.generated);

    mica_stats stats{};
    mica_session_stats(session.get(), &stats);
    const bool picture = test.picture != nullptr;
    const double seconds = picture ? stats.picture_seconds : stats.prefill_seconds + stats.decode_seconds;
    const uint32_t tokens = picture ? stats.picture_tokens : stats.prefill_tokens + stats.decode_tokens;
    row.seconds.push_back(seconds);
    row.rates.push_back(tokens / std::max(seconds, 1e-9));
    row.picture_tokens = stats.picture_tokens;
    row.kv_text_bytes = stats.kv_text_bytes;
    row.kv_visual_bytes = stats.kv_visual_bytes;
  }

  template <typename Step>
  BenchRow measure(const Test& test, uint32_t threads, Step step) const {
    const mica_session_options settings = settings_of(test, threads);
    std::optional<SessionGroup> group;
    Session session;
    if (test.sessions > 1) group.emplace(model_, settings, test.sessions);
    else session = create_session(model_, settings);
    const auto repeat_test = [&](BenchRow& measured) {
      if (group) repeat_together(*group, test, measured);
      else repeat(session, test, measured);
    };
    BenchRow row;
    row.model = name_;
    row.model_bytes = mica_model_bytes(model_.get());
    row.parameters = mica_model_parameters(model_.get());
    row.backend = backend_;
    row.threads = threads == 0 ? processors_ : threads;
    row.batch = options_.shared.batch;
    row.test = test.name();
    row.prompt = test.prompt;
    row.generated = test.generated;
    row.depth = test.depth;
    row.depth_visual = test.depth_visual;
    row.sessions = test.sessions;
    if (!options_.no_warmup) {
      BenchRow ignored;
      repeat_test(ignored);
    }
    std::optional<mica::MemoryRead> memory;
    const bool writes_only = test.generated != 0 && test.prompt == 0 && test.sessions == 1;
    for (uint32_t i = 0; i < options_.repetitions; i++) {
      step();
      repeat_test(row);
      if (i == 0) row.memory_peak_bytes = memory_peak();  // what a plain read takes comes after it
      if (!writes_only || decode_bytes_ < kMemoryBytesMin) continue;
      if (!memory) memory.emplace(backend_.c_str(), static_cast<int>(row.threads));
      row.read_rates.push_back(memory->bytes_per_second());
    }
    if (writes_only) row.token_bytes = decode_bytes_ + row.kv_text_bytes + row.kv_visual_bytes;
    return row;
  }

  const BenchOptions& options_;
  Model model_;
  std::vector<NamedPicture> pictures_;
  std::string name_, backend_;
  uint32_t processors_ = 1;
  uint64_t decode_bytes_ = 0;  // of weights, a token
};

void add_bench_options(CommandLine& line, BenchOptions& options) {
  const auto list = [&](const char* names, std::vector<uint32_t>& values, const char* help, const char* initial) {
    line.add({.names = names, .value = "N,...", .help = help, .low = 0, .high = kCountMax, .initial = initial},
             &values);
  };
  const auto count = [&](const char* names, uint32_t& value, const char* help, double most) {
    line.add({.names = names, .value = "N", .help = help, .low = 1, .high = most}, &value);
  };
  const auto flag = [&](const char* name, bool& value, const char* help) {
    line.add({.names = name, .value = "", .help = help}, &value);
  };
  list("-p,--n-prompt", options.prompts, "tokens of a prompt to read; 0: no such test", "512");
  list("-n,--n-gen", options.generated, "tokens of an answer to write; 0: no such test", "128");
  line.add(
      {.names = "-pg,--prompt-generate", .value = "P,N", .help = "reads a prompt and writes an answer, timed together"},
      &options.both);
  list("-d,--n-depth", options.depths,
       "text tokens that the session holds before the test; their keys and values are noise", "0");
  list("--depth-visual", options.depths_visual, "and visual ones", "0");
  count("--depth-picture", options.depth_picture, "of which a picture has as many", 8192);
  line.add({.names = "--sessions",
            .value = "N,...",
            .help = "sessions of one workspace that write their answers at once; tokens a second of all",
            .low = 1,
            .high = 256,
            .initial = "1"},
           &options.sessions);
  list("-t,--threads", options.threads, "0: each core that is not slow", "0");
  count("-r,--repetitions", options.repetitions, "of each test", 100000);
  flag("--no-warmup", options.no_warmup, "measures the first run too, which fills caches");
  line.add({.names = "--image", .value = "FILE", .help = "a picture for the enc test"}, &options.shared.images);
  line.add({.names = "--picture-size",
            .value = "WxH,...",
            .help = "or synthetic ones of these sizes; 0: no enc test",
            .initial = "448x448"},
           &options.picture_sizes);
  flag("--kernels", options.kernels, "measures kernels by themselves instead, as ratios against something named");
  add_output_option(line, options.format, "md|json|jsonl|csv");
  add_options(line, options.shared, kModelOptions | kBatchOption | kKvOptions);
  add_shape_options(line, options.shape);
}

// Kernels by themselves, as ratios against something named in the same run.
void report_kernels(const BenchOptions& options) {
  if (options.format == "jsonl" || options.format == "csv") throw UsageError("--kernels prints -o md or json");
  const nlohmann::json processor = parse_json(describe(mica_cpu_describe), "mica_cpu_describe");
  const std::string level = processor.value("chosen", "scalar");
  const uint32_t threads = options.threads[0] == 0 ? processor.value("threads", 1u) : options.threads[0];
  Progress progress("kernels");
  const std::vector<mica::KernelFigure> figures =
      mica::measure_kernels(level.c_str(), static_cast<int>(threads), options.repetitions,
                            [&](const char* name) { progress.update(0, name); });
  progress.clear();
  if (options.format == "json") {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const mica::KernelFigure& figure : figures)
      rows.push_back({{"kernel", figure.kernel}, {"shape", figure.shape}, {"level", level}, {"value", figure.value},
                      {"unit", figure.unit}, {"ratio", figure.ratio}, {"relation", figure.relation}});
    std::puts(rows.dump(2).c_str());
    return;
  }
  const std::string line(72, '-');
  std::printf("| %-24s | %-20s | %-10s | %16s | %-72s |\n", "kernel", "shape", "level", "median", "which is");
  std::printf("| %.24s | %.20s | %.10s | %.15s: | %.72s |\n", line.c_str(), line.c_str(), line.c_str(), line.c_str(),
              line.c_str());
  for (const mica::KernelFigure& figure : figures)
    std::printf("| %-24s | %-20s | %-10s | %7.2f %-8s | %5.2f %-66s |\n", figure.kernel.c_str(), figure.shape.c_str(),
                level.c_str(), figure.value, figure.unit.c_str(), figure.ratio, figure.relation.c_str());
}

int bench(CommandLine& line, const std::vector<std::string>& arguments) {
  BenchOptions options;
  add_bench_options(line, options);
  parse(line, arguments, options.shared);
  if (options.kernels) {
    report_kernels(options);
    return 0;
  }
  Bench(options, options.shape.arch.empty() ? open_model(options.shared) : open_shape(options.shape, true)).run();
  return 0;
}

}  // namespace

const Command kBenchCommand = {
    "bench", "measures this machine with a model or a published shape",
    "  mica bench\n"
    "  mica bench --arch qwen2-vl-2b --weights w4a8 -t 1,2\n"
    "  mica bench -m model.mica -p 512,2048 -n 128 -pg 512,128 -r 3 -o json\n"
    "  mica bench --arch smollm2-135m -p 0 -n 64 -d 0,1024,4096\n"
    "  mica bench --arch qwen2-vl-2b --weights w4a8 -p 0 -n 16 --depth-visual 16384 --kv-visual 1\n"
    "  mica bench --arch qwen2-vl-2b --weights w4a8 -p 0 -n 16 --sessions 1,6\n"
    "  mica bench --kernels --isa avx2\n"
    "\n"
    "Tests: enc encodes a picture (its tokens a second), pp reads a prompt, tg writes an answer. A value is\n"
    "the mean of the repetitions and its deviation.",
    bench};

}  // namespace app
