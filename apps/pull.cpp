// mica pull, list and remove: models of a hub in the cache that huggingface_hub has too. The work is done in hub/.
#include <unistd.h>

#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hub_model.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace app {
namespace {

// What of memory a model may take: its weights beside a session and the rest of the system.
constexpr double kMemoryShare = 0.8;

std::string spelled(const hub::CacheEntry& entry) {
  return entry.id + (entry.wanted.empty() ? "" : ':' + entry.wanted);
}

int pull(CommandLine& line, const std::vector<std::string>& arguments) {
  std::string wanted, revision = "main";
  line.add({.names = "model", .value = "OWNER/NAME[:KIND]", .help = "the repository; of GGUF files the kind, as "
            ":Q4_K_M, or the file", .required = true}, &wanted);
  line.add({.names = "--revision", .value = "NAME", .help = "a branch, a tag or a commit"}, &revision);
  line.parse(arguments);
  const hub::Repository repository = hub::parse_repository(wanted);
  const hub::CachedModel model = fetch_model(repository, revision);
  std::printf("%s\n", model.model.c_str());
  if (isatty(STDOUT_FILENO) != 0) print_note("to use it: mica run -hf " + wanted + " photo.jpg \"What is this?\"");
  return 0;
}

uint64_t memory_bytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

int list(CommandLine& line, const std::vector<std::string>& arguments) {
  std::string format;
  add_output_option(line, format, "md|json");
  line.parse(arguments);
  const std::vector<hub::CacheEntry> entries = hub::cached_models();
  const auto fits = [most = kMemoryShare * static_cast<double>(memory_bytes())](const hub::CacheEntry& entry) {
    return static_cast<double>(entry.bytes) < most;
  };
  if (format == "json") {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const hub::CacheEntry& entry : entries)
      rows.push_back({{"model", spelled(entry)}, {"bytes", entry.bytes}, {"kind", hub::kind_of(entry)},
                      {"fits_in_memory", fits(entry)}, {"path", entry.path}, {"projector", entry.projector}});
    std::puts(rows.dump(2).c_str());
    return 0;
  }
  if (entries.empty()) print_note("no models in " + hub::cache_folder().string() + "; mica pull OWNER/NAME brings one");
  for (const hub::CacheEntry& entry : entries)
    std::printf("%-60s %10s  %-22s %s\n", screen_text(spelled(entry)).c_str(), format_bytes(entry.bytes).c_str(),
                screen_text(hub::kind_of(entry)).c_str(), fits(entry) ? "fits in memory" : "larger than memory");
  return 0;
}

int remove(CommandLine& line, const std::vector<std::string>& arguments) {
  std::vector<std::string> wanted;
  line.add({.names = "models", .value = "OWNER/NAME[:KIND] ...", .help = "as mica list spells them", .required = true},
           &wanted);
  line.parse(arguments);
  for (const std::string& one : wanted)
    std::printf("%s: removed, %s are free\n", one.c_str(),
                format_bytes(hub::remove_cached(hub::parse_repository(one))).c_str());
  return 0;
}

}  // namespace

const Command kPullCommand = {
    "pull", "fetches a model from huggingface.co into the cache",
    "  mica pull Qwen/Qwen2-VL-2B-Instruct\n"
    "  mica pull ggml-org/SmolVLM-500M-Instruct-GGUF:Q8_0\n"
    "  mica pull OWNER/NAME:FILE.gguf --revision v1.0\n"
    "\n"
    "Only what mica reads is fetched, several files at once; what broke off goes on where it was. Prints the path,\n"
    "which -m takes. The cache is huggingface_hub's; HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE count.",
    pull};

const Command kListCommand = {"list", "shows the models of the cache",
                              "  mica list\n"
                              "  mica list -o json\n"
                              "\n"
                              "A name is what -hf, pull and remove take.",
                              list};

const Command kRemoveCommand = {"remove", "removes models from the cache",
                                "  mica remove Qwen/Qwen2-VL-2B-Instruct\n"
                                "  mica remove OWNER/NAME:Q8_0       one kind; the others stay",
                                remove};

}  // namespace app
