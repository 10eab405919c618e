// mica verify: compares every checksum of a packed model with its data.
// Says nothing about whether the model is a good one; that is eval's and check's business.
#include <cstdio>

#include "command.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace app {
namespace {

int verify(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  line.add(
      {.names = "model", .value = "FILE", .help = "the packed file; without it the default model inside the program"},
      &options.model);
  add_options(line, options, kModelOptions);
  parse(line, arguments, options);
  const Stopwatch total;
  const Model model = open_model(options);
  {
    Progress progress("verifying");
    mica_error error{};
    require(mica_model_verify(model.get(), Progress::callback, &progress, &error), error);
  }
  std::printf("%s: every checksum agrees (%s of weights, %s)\n",
              options.model.empty() ? "the default model" : options.model.c_str(),
              format_bytes(mica_model_bytes(model.get())).c_str(), format_seconds(total.seconds()).c_str());
  return 0;
}

}  // namespace

const Command kVerifyCommand = {"verify", "compares the checksums of a packed model with its data",
                                "  mica verify model.mica\n"
                                "  mica verify                       the default model inside the program",
                                verify};

}  // namespace app
