// Faults of packed static files: every bit of the head flipped, data damaged, and contents that a hostile writer gives
// right checksums. Such a file opens to something that runs, or is refused by a message; nothing else happens.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <limits>
#include <utility>

#include "golden_model.hpp"
#include "mapped_file.hpp"
#include "packed_copy.hpp"
#include "packed_format.hpp"
#include "quantize.hpp"
#include "session.hpp"
#include "weight_tags.hpp"

using namespace mica;
using namespace mica::test;
namespace fs = std::filesystem;

namespace {

const std::string kPanel = MICA_TEST_DATA "/panel";

// The panel model with decoder and tower in this storage: what is wrong with a file does not depend on how well it was
// rounded.
void write_quantized(WeightFormat text, WeightFormat vision, const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  REQUIRE(ModelFiles::open((kPanel + "/model").c_str(), &files));
  std::vector<CalibrationSample> samples(1);
  samples[0].pictures = {kPanel + "/000.jpg"};
  samples[0].prompt = "Read the dial.";
  samples[0].answer = "9";
  QuantizeReport report;
  const QuantizeOptions options = {.text = text, .vision = vision, .rounding = Rounding::nearest};
  const Status status = quantize(std::move(files), samples, options, {}, path.c_str(), &report);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
}

// Once for all tests.
const std::string& quantized_file() {
  static const TestFolder folder;
  static const std::string path = [] {
    const QuantizeOptions usual;
    write_quantized(usual.text, usual.vision, folder.path("panel.mica"));
    return folder.path("panel.mica");
  }();
  return path;
}

// Opens a model, shows it a picture and lets it answer: ok, or why not.
Status try_files(Status opened, std::unique_ptr<ModelFiles> files) {
  MICA_TRY(opened);
  std::unique_ptr<Model> model;
  MICA_TRY(open_model(std::move(files), &model));
  std::vector<uint8_t> bytes;
  Picture picture;
  MICA_TRY(read_file((kPanel + "/000.jpg").c_str(), SIZE_MAX, &bytes));
  MICA_TRY(decode_picture(bytes, "000.jpg", &picture));
  SessionOptions options;
  options.context = 128;
  options.threads = 1;
  options.guarded = true;
  MICA_TRY(Session::resolve(*model, options, &options));
  size_t size = 0;
  MICA_TRY(Session::size(*model, options, &size));
  OwnedBytes memory;
  std::unique_ptr<Session> session;
  MICA_TRY(Session::create(*model, options, own_bytes(size, &memory), size, &session));
  const MessagePart parts[] = {{{}, &picture}, {"Read the dial.", nullptr}};
  MICA_TRY(session->add_message(Role::user, parts));
  MICA_TRY(session->begin_answer({.sampling = {}, .ignore_end = true}));
  AnswerStep step;
  for (int i = 0; i < 4; ++i) MICA_TRY(session->step(&step));
  return session->check_guards();
}

Status try_path(const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  const Status opened = ModelFiles::open(path.c_str(), &files);
  return try_files(opened, std::move(files));
}

// A copy of the quantized file, changed and written again.
Status try_changed(const std::function<void(PackedCopy&)>& change) {
  const TestFolder folder;
  PackedCopy copy(quantized_file());
  change(copy);
  copy.write(folder.path("changed.mica"));
  return try_path(folder.path("changed.mica"));
}

void check_refused(const char* what, const std::string& named, const std::function<void(PackedCopy&)>& change) {
  CAPTURE(what);
  const Status status = try_changed(change);
  CHECK(status.code() == Code::corrupt_file);
  CHECK_MESSAGE(said(status).find(named) != std::string::npos, said(status));
}

PackedCopy::Tensor& panels_of(PackedCopy& copy, DType dtype) {
  for (PackedCopy::Tensor& tensor : copy.tensors)
    if (tensor.declaration.dtype == dtype && tensor.declaration.name.ends_with(".weight")) return tensor;
  FAIL("no matrix of this storage");
  return copy.tensors[0];
}

// With a NaN in its logits a model fails in its own words; it must not fail otherwise.
void check_runs_or_says(const Status& status) {
  CHECK_MESSAGE((status.is_ok() || !said(status).empty()), said(status));
}

}  // namespace

TEST_CASE("the file as it was written opens, runs and verifies") {
  const Status status = try_path(quantized_file());
  CHECK_MESSAGE(status.is_ok(), said(status));
  CHECK(try_changed([](PackedCopy&) {}).is_ok());
  std::unique_ptr<ModelFiles> files;
  REQUIRE(ModelFiles::open(quantized_file().c_str(), &files));
  CHECK(files->verify({}).is_ok());
}

// What a session needs is what its largest layer needs, whichever that is.
TEST_CASE("layers of mixed formats in one file run within their memory") {
  const TestFolder folder;
  const std::string four = folder.path("w4.mica"), eight = folder.path("w8.mica");
  write_quantized(WeightFormat::u4, WeightFormat::u4, four);
  write_quantized(WeightFormat::s8, WeightFormat::s8, eight);
  const auto of_layer = [](const PackedCopy::Tensor& tensor) {
    return tensor.declaration.name.find("layers.1.") != std::string::npos ||
           tensor.declaration.name.find("blocks.1.") != std::string::npos;
  };
  for (const auto& [first, second] : {std::pair(four, eight), std::pair(eight, four)}) {
    PackedCopy mixed(first), other(second);
    std::erase_if(mixed.tensors, of_layer);
    std::copy_if(other.tensors.begin(), other.tensors.end(), std::back_inserter(mixed.tensors), of_layer);
    REQUIRE(mixed.tensors.size() > 4);
    WeightTags tags;
    for (const auto& [declaration, bytes] : mixed.tensors) {
      const std::string_view name = declaration.name;
      if (!name.ends_with(".weight") || (declaration.dtype != DType::u8 && declaration.dtype != DType::i8)) continue;
      tags.add(name.substr(0, name.size() - std::strlen(".weight")),
               declaration.dtype == DType::u8 ? WeightFormat::u4 : WeightFormat::s8);
    }
    mixed.document(static_format::kFormatsKey) = tags.json();
    const std::string path = folder.path("mixed.mica");
    mixed.write(path);
    CHECK(fs::file_size(path) != fs::file_size(first));
    const Status status = try_path(path);
    CHECK_MESSAGE(status.is_ok(), said(status));
  }
}

TEST_CASE("a head with any bit flipped is refused") {
  const std::vector<uint8_t> good = read_all(quantized_file());
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, good.data(), sizeof header_bytes);
  const size_t head_bits = 8 * (sizeof header_bytes + header_bytes);
  AlignedCopy bytes(good);
  // All of the first lines, where the format itself stands; then a step that meets every bit of a byte in turn.
  size_t opened = 0;
  for (size_t bit = 0; bit < head_bits; bit += bit < 8 * 1024 ? 1 : 331) {
    bytes.data()[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    std::unique_ptr<ModelFiles> files;
    const Status status = ModelFiles::open_memory(bytes.bytes(), "flipped", &files);
    if (status || said(status).empty()) ++opened;
    bytes.data()[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
  }
  CHECK(opened == 0);
}

TEST_CASE("damaged data is found by verify, and what opens all the same runs") {
  const std::vector<uint8_t> good = read_all(quantized_file());
  AlignedCopy bytes(good);
  std::unique_ptr<ModelFiles> whole;
  REQUIRE(ModelFiles::open_memory(bytes.bytes(), "whole", &whole));
  std::vector<std::pair<std::string, size_t>> places;  // a tensor, and the file's byte where it begins
  const std::span<const TensorView> tensors = whole->tensors();
  for (const TensorView& tensor : tensors)
    places.emplace_back(tensor.name, static_cast<size_t>(tensor.bytes.data() - bytes.data()));
  size_t round = 0;
  for (const auto& tensor : places) {
    const std::string& name = tensor.first;
    const size_t place = tensor.second;
    CAPTURE(name);
    const size_t byte = place + round % 64;
    const auto mask = static_cast<uint8_t>(1u << round % 8);
    ++round;
    bytes.data()[byte] ^= mask;
    std::unique_ptr<ModelFiles> files;
    REQUIRE(ModelFiles::open_memory(bytes.bytes(), "damaged", &files));
    const Status verified = files->verify({});
    CHECK(verified.code() == Code::corrupt_file);
    CHECK(said(verified).find(name) != std::string::npos);
    // All small tensors (scales, signs, vectors) and some of the others are run as well.
    if (round % 16 == 0 || name.starts_with("mica.")) check_runs_or_says(try_files(Status::ok(), std::move(files)));
    bytes.data()[byte] ^= mask;
  }
}

TEST_CASE("scales that are no numbers, of points not positive, or absent, are refused by name") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  for (float value : {kNan, kInfinity, -kInfinity, -1.0f}) {
    CAPTURE(value);
    const auto of_matrix = [&](PackedCopy& copy) { PackedCopy::set(copy.tensor(".scale"), 1, value); };
    // A matrix may count its steps downwards.
    if (value == -1.0f) check_runs_or_says(try_changed(of_matrix));
    else check_refused("of a matrix", ".scale", of_matrix);
    check_refused("of a point", "layers.0.attention_in",
                  [&](PackedCopy& copy) { PackedCopy::set(copy.tensor(static_format::kPointScales), 0, value); });
  }
  check_refused("a point's is no normal number", "layers.0.attention_in",
                [](PackedCopy& copy) { PackedCopy::set(copy.tensor(static_format::kPointScales), 0, 1e-44f); });
  check_refused("a point has none", "quant point 0",
                [](PackedCopy& copy) { PackedCopy::set(copy.tensor(static_format::kPointScales), 0, 0); });
  check_refused("the points have none", "quant point",
                [](PackedCopy& copy) { copy.remove(static_format::kPointScales); });
  CHECK(try_changed([](PackedCopy& copy) { copy.remove(".scale"); }).code() == Code::not_found);
  check_refused("too few for a matrix", ".scale", [](PackedCopy& copy) {
    PackedCopy::Tensor& scale = copy.tensor(".scale");
    scale.declaration.shape = {16};
    scale.bytes.resize(64);
  });
  check_refused("too few for the points", "mica.points", [](PackedCopy& copy) {
    PackedCopy::Tensor& points = copy.tensor(static_format::kPointScales);
    points.declaration.shape = {2, 16};
    points.bytes.resize(128);
  });
  check_refused("of another type", "mica.points",
                [](PackedCopy& copy) { copy.tensor(static_format::kPointScales).declaration.dtype = DType::i32; });
}

TEST_CASE("a rotated vocabulary needs a rotated stream") {
  check_refused("signs are gone", "vocabulary", [](PackedCopy& copy) { copy.remove(static_format::kDecoderSigns); });
}

TEST_CASE("panels of another size, and matrices that are packed in part, are refused by name") {
  for (DType dtype : {DType::u8, DType::i8}) {
    check_refused("a line short", ".weight", [dtype](PackedCopy& copy) {
      PackedCopy::Tensor& panels = panels_of(copy, dtype);
      panels.bytes.resize(panels.bytes.size() - 64);
      panels.declaration.shape = {panels.bytes.size()};
    });
    check_refused("none", ".weight", [dtype](PackedCopy& copy) {
      PackedCopy::Tensor& panels = panels_of(copy, dtype);
      panels.bytes.clear();
      panels.declaration.shape = {0, 64};
    });
  }
  // The same bytes, said to be of the other type: another number of them is wanted.
  check_refused("4 bits said to be 8", ".weight",
                [](PackedCopy& copy) { panels_of(copy, DType::u8).declaration.dtype = DType::i8; });
}

TEST_CASE("a file without tags opens as before: U8 is 4 bits, I8 is 8") {
  const Status status = try_changed([](PackedCopy& copy) {
    std::erase_if(copy.documents, [](const auto& each) { return each.first == static_format::kFormatsKey; });
  });
  CHECK_MESSAGE(status.is_ok(), said(status));
  // One byte says what is wrong with the panels of an old file too.
  check_refused("4 bits said to be 8", ".weight", [](PackedCopy& copy) {
    std::erase_if(copy.documents, [](const auto& each) { return each.first == static_format::kFormatsKey; });
    panels_of(copy, DType::u8).declaration.dtype = DType::i8;
  });
}

TEST_CASE("tags: each matrix by its pattern, one by its name; unknown and missing ones are refused by name") {
  const std::string written = [] {
    PackedCopy copy(quantized_file());
    return copy.document(static_format::kFormatsKey);
  }();
  CHECK(written.size() < 2048);
  CHECK(written.find("\"model.layers.*.self_attn.q_proj\"") != std::string::npos);
  const auto said_as = [](std::string text) {
    return [text](PackedCopy& copy) { copy.document(static_format::kFormatsKey) = text; };
  };
  const auto with = [&](const std::string& tag, const std::string& name) {
    return written.substr(0, written.size() - 1) + ", \"" + tag + "\": [\"" + name + "\"]}";
  };
  // A name counts before its pattern.
  const std::string one = "model.layers.0.self_attn.q_proj";
  const Status unknown = try_changed(said_as(with("x3", one)));
  CHECK(unknown.code() == Code::unsupported);
  for (const char* word : {"changed.mica", "model.layers.0.self_attn.q_proj.weight", "\"x3\"", "update mica"})
    CHECK_MESSAGE(said(unknown).find(word) != std::string::npos, said(unknown));
  check_refused("of another type than the format's", one, said_as(with("s8", one)));
  check_refused("the empty tag", "mica.formats", said_as("{\"\": 1}"));
  check_refused("a name twice", "already", said_as(with("x3", "model.layers.*.self_attn.q_proj")));
  check_refused("no tag", "model.layers.0.self_attn.q_proj.weight",
                said_as("{\"u4\": [], \"s8\": [\"model.embed_tokens\", \"lm_head\", \"visual.*\"]}"));
  for (const char* text : {"{", "[]", "7", "{\"u4\": \"model.embed_tokens\"}", "{\"u4\": [7]}"})
    check_refused(text, "mica.formats", said_as(text));
}

TEST_CASE("signs that are too few or of another type are refused by name") {
  for (const char* name : {static_format::kDecoderSigns, static_format::kVisionSigns}) {
    check_refused("none", name, [name](PackedCopy& copy) {
      copy.tensor(name).bytes.clear();
      copy.tensor(name).declaration.shape = {0};
    });
    check_refused("floats", name, [name](PackedCopy& copy) {
      copy.tensor(name).declaration.dtype = DType::f32;
      copy.tensor(name).declaration.shape = {copy.tensor(name).bytes.size() / 4};
    });
    // Without signs the stream is not rotated: the answers are wrong, but it is a model.
    check_runs_or_says(try_changed([name](PackedCopy& copy) { copy.remove(name); }));
  }
}

TEST_CASE("what the file says of its streams: other types are refused, other words run or are refused") {
  const auto said_as = [](const char* text) {
    return [text](PackedCopy& copy) { copy.document(static_format::kStaticKey) = text; };
  };
  for (const char* text :
       {"{", "[]", "7", "null", "\"aifs\"", "{\"aifs\": 1}", "{\"aifs\": \"yes\"}", "{\"decoder\": true}",
        "{\"vision\": []}", "{\"decoder\": {\"folded\": 1}}", "{\"vision\": {\"down_rotation\": \"yes\"}}"}) {
    check_refused(text, "mica.static", said_as(text));
  }
  for (const char* text :
       {"{}", "{\"aifs\": false}", "{\"decoder\": {}, \"vision\": {}}", "{\"decoder\": {\"folded\": true}}",
        "{\"decoder\": {\"folded\": false, \"down_rotation\": true}, \"vision\": {\"down_rotation\": true}}"}) {
    CAPTURE(text);
    check_runs_or_says(try_changed(said_as(text)));
  }
}

TEST_CASE("a rank-1 term stands only behind a rotation, and is finite") {
  const auto add_term = [](const char* beside, float value) {
    return [beside, value](PackedCopy& copy) {
      PackedCopy::Tensor term = copy.tensor(beside);
      std::string& name = term.declaration.name;
      name.replace(name.size() - std::strlen(static_format::kScaleSuffix), std::string::npos,
                   static_format::kRank1Suffix);
      const std::string wanted = name;
      std::erase_if(copy.tensors, [&](const PackedCopy::Tensor& each) { return each.declaration.name == wanted; });
      PackedCopy::set(term, 0, value);
      copy.tensors.push_back(std::move(term));
    };
  };
  check_refused("of a matrix that reads no rotated rows", "rank-1", add_term("q_proj.scale", 1));
  check_refused("not a number", ".rank1", add_term("down_proj.scale", std::numeric_limits<float>::quiet_NaN()));
  check_runs_or_says(try_changed(add_term("down_proj.scale", 1e30f)));
}

TEST_CASE("channels that are kept in float are inputs of down, and their weights are finite") {
  const auto keep = [](const char* beside, int32_t channel, float value, uint64_t count = 1) {
    return [=](PackedCopy& copy) {
      const PackedCopy::Tensor& scale = copy.tensor(beside);
      const size_t rows = scale.bytes.size() / sizeof(float);
      std::string base = scale.declaration.name;
      base.resize(base.size() - std::strlen(static_format::kScaleSuffix));
      for (const char* suffix : {static_format::kKeptSuffix, static_format::kKeptChannelsSuffix})
        std::erase_if(copy.tensors, [&](const auto& each) { return each.declaration.name == base + suffix; });
      PackedCopy::Tensor weights{{base + static_format::kKeptSuffix, DType::f32, {count, rows}}, {}};
      weights.bytes.resize(count * rows * sizeof(float));
      if (count != 0) PackedCopy::set(weights, rows - 1, value);
      PackedCopy::Tensor channels{{base + static_format::kKeptChannelsSuffix, DType::i32, {16}}, {}};
      for (int i = 0; i < 16; ++i) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(&channel);
        channels.bytes.insert(channels.bytes.end(), bytes, bytes + sizeof channel);
      }
      copy.tensors.push_back(std::move(weights));
      copy.tensors.push_back(std::move(channels));
    };
  };
  const char* kDown = "down_proj.scale";
  check_runs_or_says(try_changed(keep(kDown, 0, 1)));
  check_runs_or_says(try_changed(keep(kDown, 511, 1e30f, 16)));  // one channel sixteen times
  check_refused("below the first", "kept_channels", keep(kDown, -1, 1));
  check_refused("behind the last", "kept_channels", keep(kDown, 512, 1));
  check_refused("more than there may be", "kept_channels", keep(kDown, 0, 1, 17));
  check_refused("none", "kept_channels", keep(kDown, 0, 1, 0));
  check_refused("not a number", ".kept", keep(kDown, 0, std::numeric_limits<float>::quiet_NaN()));
  check_refused("not of down", "keeps channels", keep("q_proj.scale", 0, 1));
}
