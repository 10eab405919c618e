// mica perplexity: how well a model foretells a text, by llama.cpp's rule, so that figures can be compared.
// The rule stands at the end of --help.
#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "files.hpp"
#include "foretelling.hpp"
#include "options.hpp"
#include "terminal.hpp"
#include "tokens.hpp"

namespace app {
namespace {

std::string note_of(size_t chunk, size_t chunks, const Estimate& estimate) {
  char note[80];
  if (estimate.tokens == 0) return "chunk 1 of " + std::to_string(chunks);
  std::snprintf(note, sizeof note, "chunk %zu of %zu, perplexity %.4f", chunk, chunks, estimate.perplexity());
  return note;
}

// The model against which another is measured; it must read a text as that one does.
Model open_base(const std::string& path, Options options, const Model& model, const std::string& text,
                const std::vector<int32_t>& ids) {
  if (path.empty()) return {};
  options.model = path;
  options.projector.clear();
  Model base = open_model(options);
  const mica_tokenizer* tokenizer = mica_model_tokenizer(base.get());
  if (mica_model_vocabulary(base.get()) != mica_model_vocabulary(model.get()) ||
      (tokenizer != nullptr && tokenize(tokenizer, text, MICA_TOKENIZE_BEGIN) != ids))
    throw Failure("--base " + path + ": its tokens are others than the model's, so nothing can be compared; give the "
                  "checkpoint that the model was made from", MICA_INVALID_ARGUMENT);
  return base;
}

void print(const std::string& format, const Scores& scores, size_t size, size_t chunks, double seconds) {
  const Estimate& own = scores.own;
  const bool compared = scores.base.tokens > 0;
  if (format == "json") {
    nlohmann::json document = {
        {"perplexity", own.perplexity()}, {"error", own.error()}, {"context", size}, {"chunks", chunks},
        {"tokens_scored", own.tokens},    {"seconds", seconds}};
    if (compared)
      document["base"] = {{"perplexity", scores.base.perplexity()},
                          {"rise", scores.perplexity_rise()},
                          {"rise_error", scores.perplexity_rise_error()},
                          {"divergence", scores.divergence.mean()},
                          {"divergence_error", scores.divergence.mean_error()}};
    std::puts(document.dump(2).c_str());
    return;
  }
  std::printf("Final estimate: PPL = %.4f +/- %.5f (%zu chunks of %zu tokens, %s)\n", own.perplexity(), own.error(),
              chunks, size, format_seconds(seconds).c_str());
  if (compared)
    std::printf("Base: PPL = %.4f; over it %+.2f %% +/- %.2f; KL(base || model) = %.5f +/- %.5f\n",
                scores.base.perplexity(), 100 * scores.perplexity_rise(), 100 * scores.perplexity_rise_error(),
                scores.divergence.mean(), scores.divergence.mean_error());
}

int perplexity(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  options.context = 512;
  std::string path, format, base_path;
  size_t chunks_max = SIZE_MAX;
  line.add({.names = "-f,--file", .value = "FILE", .help = "the text; - is standard input", .required = true}, &path);
  line.add({.names = "--chunks", .value = "N", .help = "stops after N chunks", .low = 1, .high = 1e9, .initial = ""},
           &chunks_max);
  line.add({.names = "--base",
            .value = "PATH",
            .help = "a model that reads the same tokens, as the checkpoint of a packed file: what is lost of it"},
           &base_path);
  add_output_option(line, format, "text|json");
  add_options(line, options, kModelOptions | kSessionOptions);
  parse(line, arguments, options);
  const std::string text = read_text(path);
  const Model model = open_model(options);
  const mica_tokenizer* tokenizer = mica_model_tokenizer(model.get());
  // Why there is none, in the library's words.
  if (tokenizer == nullptr) open_handle<Tokenizer>(mica_tokenizer_open, options.model.c_str());
  const size_t size = options.context == 0 ? mica_model_context_max(model.get()) : options.context;
  const Chunks text_chunks = naming(path, [&] { return Chunks(tokenizer, text, size); });
  // Tokens that begin a chunk are never scored.
  const size_t least = std::max<size_t>(8, 2 * text_chunks.begin.size());
  if (size < least) {
    throw UsageError("-c " + std::to_string(size) + ": a chunk wants at least " + std::to_string(least) + " tokens");
  }
  const size_t chunks = std::min(text_chunks.count(), chunks_max);
  if (chunks == 0) {
    throw Failure(path + ": has " + std::to_string(text_chunks.ids.size()) + " tokens, less than one chunk of " +
                      std::to_string(size) + " (-c)",
                  MICA_INVALID_ARGUMENT);
  }

  const Model base = open_base(base_path, options, model, text, text_chunks.ids);
  options.context = static_cast<uint32_t>(size);
  Scorer scorer(model, base, session_options(options));
  Scores scores;
  const Estimate& own = scores.own;
  Progress progress("scoring");
  const Stopwatch total;
  const bool running = format == "text" && !is_terminal(stdout);  // on a terminal the bar shows the running value
  for (size_t i = 0; i < chunks; i++) {
    scorer.score(text_chunks.at(i), scores, [&](double share) {
      progress.update((static_cast<double>(i) + share) / static_cast<double>(chunks), note_of(i + 1, chunks, own));
    });
    if (running) std::printf("[%zu]%.4f,%s", i + 1, own.perplexity(), i + 1 == chunks ? "\n" : "");
    if (running) std::fflush(stdout);
  }
  progress.clear();
  print(format, scores, size, chunks, total.seconds());
  return 0;
}

}  // namespace

const Command kPerplexityCommand = {
    "perplexity", "how well a model foretells a text",
    "  mica perplexity -m SmolLM2-135M-Instruct.gguf -f text.txt\n"
    "  mica perplexity -m model.mica -f text.txt -c 1024 --chunks 20 -o json\n"
    "  mica perplexity -m packed.mica --base SmolLM2-135M-Instruct.gguf -f text.txt\n"
    "\n"
    "The rule is llama.cpp's: the text is cut into chunks of -c tokens, one after the other, each read by\n"
    "an empty session; only tokens of a chunk's second half are scored, so that each has at least half a\n"
    "chunk before it; tokens after the last full chunk are left out. Where the model's tokenizer begins a\n"
    "text with a token of its own (<s>), so does the text, and that token takes the place of the first of\n"
    "every further chunk. The value is exp of the mean of -log p; the error is one standard error.\n"
    "With --base both models read, and the rise over the base's perplexity and the mean divergence of the model's\n"
    "probabilities from the base's are given, with the standard errors of paired differences.",
    perplexity};

}  // namespace app
