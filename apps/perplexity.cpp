// mica perplexity: how well a model foretells a text, by llama.cpp's rule, so that figures can be compared.
// The rule stands at the end of --help.
#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "conversation.hpp"
#include "foretelling.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace app {
namespace {

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

  options.context = static_cast<uint32_t>(size);
  Scorer scorer(model, options);
  Estimate estimate;
  Progress progress("scoring");
  const Stopwatch total;
  const bool running = format == "text" && !is_terminal(stdout);  // on a terminal the bar shows the running value
  for (size_t i = 0; i < chunks; i++) {
    scorer.score(text_chunks.at(i), estimate, [&](double share) {
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
