// Bounds of pictures below and above what a model takes, and weights that are damaged: what people are told with, or in
// place of, an answer. Other warnings of run: output_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "program.hpp"
#include "test_folder.hpp"

using program::data;
using program::Outcome;

namespace {

const std::string kPicture = data("panel/000.jpg");
const std::string kModel = data("panel/model");

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the default model is told when pictures are smaller than its least, and makes none larger than its most") {
  const auto ask = [](const program::Arguments& more) {
    program::Arguments line = {"run", "-q", kPicture, "Which unit is this?"};
    line.insert(line.end(), more.begin(), more.end());
    return program::run(line);
  };
  CHECK(ask({}).err.empty());
  const Outcome larger = ask({"--image-min-tokens", "64"});
  CHECK_MESSAGE(
      contains(larger.err, "--image-min-tokens 64 is not reached: by this model's rules a picture takes 30 to 33"),
      larger.err);
  CHECK(larger.out == "SOLAR 1\n");
  for (const char* most : {"20", "30"}) {
    const Outcome smaller = ask({"--image-max-tokens", most});
    CHECK_MESSAGE(contains(smaller.err, "are this model's least: answers get worse"), smaller.err);
  }
  const Outcome flag = ask({"--image-max-tokens", "20"});
  CHECK_MESSAGE(contains(flag.err, "--image-max-tokens 20 makes pictures smaller than this model's least"), flag.err);
  const Outcome full = ask({"-c", "45"});
  CHECK_MESSAGE(contains(full.err, "are this model's least: answers get worse"), full.err);
  CHECK_MESSAGE(contains(full.err, "the context is full: -c "), full.err);
  // A second picture in a conversation that has no room for it.
  const Outcome chat = program::run({"chat", "-c", "90"}, "/image " + kPicture + "\nWhich unit is this?\n/image " +
                                                              kPicture + "\nWhich unit is this?\n");
  CHECK_MESSAGE(contains(chat.err, "context is full"), chat.err);
}

TEST_CASE("weights that are no numbers are told with the file and what to do") {
  const mica::TestFolder folder;
  for (const auto& file : std::filesystem::directory_iterator(kModel))
    std::filesystem::copy_file(file.path(), folder.path(file.path().filename().string()));
  std::vector<uint8_t> weights = mica::read_all(folder.path("model.safetensors"));
  uint64_t length = 0;
  std::memcpy(&length, weights.data(), sizeof length);
  std::fill(weights.begin() + static_cast<std::ptrdiff_t>(sizeof length + length), weights.end(), uint8_t{0xFF});
  folder.write("model.safetensors", weights);
  const Outcome damaged = program::run({"run", "-m", folder.path(), "-p", "x"});
  CHECK(damaged.status == 1);
  CHECK_MESSAGE(contains(damaged.err, folder.path() + ": the logit of token 0 is not finite: its weights are damaged"),
                damaged.err);
  CHECK(contains(damaged.err, "`mica verify`"));
}

TEST_CASE("a folder whose program rounds rows of activations too is read with a warning, and one that does not without") {
  const auto warning = [](const char* fixture) { return program::run({"inspect", "-m", data(fixture)}).err; };
  const std::string rounded = warning("formats/st/ct_int_w8a8_static");
  CHECK_MESSAGE(contains(rounded, "rows of activations, or keys and values, are rounded to fewer bits too"), rounded);
  CHECK(!contains(warning("formats/st/ct_pack_8bit_channel"), "rounded"));
}
