// mica perplexity: how well a model foretells a text, by llama.cpp's rule, so that figures can be compared.
// The rule stands at the end of --help.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "conversation.hpp"
#include "options.hpp"
#include "terminal.hpp"
#include "tokens.hpp"

namespace app {
namespace {

// Rows of logits kept at once take a row of floats for each word of the vocabulary; this bounds them.
constexpr size_t kLogitBytesMax = 64u << 20;
constexpr size_t kLogitRowsMax = 512;

struct Estimate {
  double sum = 0, sum_squares = 0;  // of negative log-likelihoods
  size_t tokens = 0;

  void add(double surprise) {
    sum += surprise;
    sum_squares += surprise * surprise;
    tokens++;
  }
  double mean() const { return sum / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(mean()); }
  // One standard error of the mean, carried through exp to first order.
  double error() const {
    const double variance = sum_squares / static_cast<double>(tokens) - mean() * mean();
    return tokens < 2 ? 0 : std::sqrt(std::max(variance, 0.0) / static_cast<double>(tokens - 1)) * perplexity();
  }
};

// -log of the probability that the row gives to `token`.
double surprise(const float* logits, size_t vocabulary, int32_t token) {
  const double largest = *std::max_element(logits, logits + vocabulary);
  double sum = 0;
  for (size_t i = 0; i < vocabulary; i++) sum += std::exp(logits[i] - largest);
  return largest + std::log(sum) - logits[token];
}

class Scorer {
 public:
  Scorer(const Model& model, const Options& options) : vocabulary_(mica_model_vocabulary(model.get())) {
    const size_t fitting = kLogitBytesMax / (sizeof(float) * std::max<size_t>(vocabulary_, 1));
    mica_session_options settings = session_options(options);
    settings.logit_rows =
        static_cast<uint32_t>(std::clamp<size_t>(fitting, 1, std::min<size_t>(kLogitRowsMax, settings.context)));
    rows_ = settings.logit_rows;
    session_ = create_session(model, settings);
  }

  // The rule for one chunk: tokens of the second half are scored, all before them in the chunk are their context.
  // `tell` hears the share of the chunk that is done.
  template <typename Tell>
  void score(const std::vector<int32_t>& chunk, Estimate& estimate, const Tell& tell) {
    mica_session_clear(session_.get());
    const size_t size = chunk.size();
    const size_t first = size / 2;  // the first position whose row is used
    feed(chunk.data(), first);
    tell(0.5);
    for (size_t begin = first; begin + 1 < size; begin += rows_) {
      const size_t count = std::min<size_t>(rows_, size - 1 - begin);
      feed(chunk.data() + begin, count);
      for (size_t i = 0; i < count; i++) {
        const float* logits = nullptr;
        mica_error error{};
        require(mica_session_logits(session_.get(), static_cast<uint32_t>(count - 1 - i), &logits, &error), error);
        estimate.add(surprise(logits, vocabulary_, chunk[begin + i + 1]));
      }
      tell(static_cast<double>(begin + count) / static_cast<double>(size));
    }
  }

 private:
  void feed(const int32_t* ids, size_t count) {
    mica_error error{};
    require(mica_session_add_tokens(session_.get(), ids, count, nullptr, 0, &error), error);
    require(mica_session_prefill(session_.get(), nullptr, nullptr, &error), error);
  }

  Session session_;
  size_t vocabulary_;
  size_t rows_;
};

std::string note_of(size_t chunk, size_t chunks, const Estimate& estimate) {
  char note[80];
  if (estimate.tokens == 0) return "chunk 1 of " + std::to_string(chunks);
  std::snprintf(note, sizeof note, "chunk %zu of %zu, perplexity %.4f", chunk, chunks, estimate.perplexity());
  return note;
}

int perplexity(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  options.context = 512;
  std::string path, format;
  size_t chunks_max = SIZE_MAX;
  line.add({.names = "-f,--file", .value = "FILE", .help = "the text; - is standard input", .required = true}, &path);
  line.add({.names = "--chunks", .value = "N", .help = "stops after N chunks", .low = 1, .high = 1e9, .initial = ""},
           &chunks_max);
  add_output_option(line, format, "text|json");
  add_options(line, options, kModelOptions | kSessionOptions);
  parse(line, arguments, options);
  const std::string text = read_text(path);
  const Model model = open_model(options);
  const mica_tokenizer* tokenizer = mica_model_tokenizer(model.get());
  // Why there is none, in the library's words.
  if (tokenizer == nullptr) open_handle<Tokenizer>(mica_tokenizer_open, options.model.c_str());
  const std::vector<int32_t> ids = naming(path, [&] { return tokenize(tokenizer, text, MICA_TOKENIZE_BEGIN); });
  const std::vector<int32_t> begin = tokenize(tokenizer, "", MICA_TOKENIZE_BEGIN);
  const size_t size = options.context == 0 ? mica_model_context_max(model.get()) : options.context;
  // Tokens that begin a chunk are never scored.
  const size_t least = std::max<size_t>(8, 2 * begin.size());
  if (size < least) {
    throw UsageError("-c " + std::to_string(size) + ": a chunk wants at least " + std::to_string(least) + " tokens");
  }
  const size_t chunks = std::min(ids.size() / size, chunks_max);
  if (chunks == 0) {
    throw Failure(path + ": has " + std::to_string(ids.size()) + " tokens, less than one chunk of " +
                      std::to_string(size) + " (-c)",
                  MICA_INVALID_ARGUMENT);
  }

  options.context = static_cast<uint32_t>(size);
  Scorer scorer(model, options);
  Estimate estimate;
  Progress progress("scoring");
  const Stopwatch total;
  const bool running = format == "text" && !is_terminal(stdout);  // on a terminal the bar shows the running value
  for (size_t i = 0; i < chunks; i++) {
    std::vector<int32_t> chunk(ids.begin() + static_cast<ptrdiff_t>(i * size),
                               ids.begin() + static_cast<ptrdiff_t>((i + 1) * size));
    std::copy(begin.begin(), begin.end(), chunk.begin());
    scorer.score(chunk, estimate, [&](double share) {
      progress.update((static_cast<double>(i) + share) / static_cast<double>(chunks), note_of(i + 1, chunks, estimate));
    });
    if (running) std::printf("[%zu]%.4f,%s", i + 1, estimate.perplexity(), i + 1 == chunks ? "\n" : "");
    if (running) std::fflush(stdout);
  }
  progress.clear();
  if (format == "json") {
    const nlohmann::json document = {
        {"perplexity", estimate.perplexity()}, {"error", estimate.error()}, {"context", size}, {"chunks", chunks},
        {"tokens_scored", estimate.tokens},    {"seconds", total.seconds()}};
    std::puts(document.dump(2).c_str());
  } else {
    std::printf("Final estimate: PPL = %.4f +/- %.5f (%zu chunks of %zu tokens, %s)\n", estimate.perplexity(),
                estimate.error(), chunks, size, format_seconds(total.seconds()).c_str());
  }
  return 0;
}

}  // namespace

const Command kPerplexityCommand = {
    "perplexity", "how well a model foretells a text",
    "  mica perplexity -m SmolLM2-135M-Instruct.gguf -f text.txt\n"
    "  mica perplexity -m model.mica -f text.txt -c 1024 --chunks 20 -o json\n"
    "\n"
    "The rule is llama.cpp's: the text is cut into chunks of -c tokens, one after the other, each read by\n"
    "an empty session; only tokens of a chunk's second half are scored, so that each has at least half a\n"
    "chunk before it; tokens after the last full chunk are left out. Where the model's tokenizer begins a\n"
    "text with a token of its own (<s>), so does the text, and that token takes the place of the first of\n"
    "every further chunk. The value is exp of the mean of -log p; the error is one standard error.",
    perplexity};

}  // namespace app
