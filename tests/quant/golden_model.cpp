// GoldenModel: opening recorded cases. Not a test.
#include "golden_model.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "mapped_file.hpp"
#include "own_bytes.hpp"
#include "safetensors.hpp"
#include "session.hpp"

namespace mica::test {
namespace {

constexpr uint32_t kLogitRows = 8;

std::string family_path(const std::string& family) { return std::string(MICA_TEST_DATA) + "/golden/" + family; }

}  // namespace

std::unique_ptr<Model> open_at(const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  Status status = ModelFiles::open(path.c_str(), &files);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  std::unique_ptr<Model> model;
  status = open_model(std::move(files), &model);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  return model;
}

std::unique_ptr<Model> open_family(const std::string& family) { return open_at(family_path(family)); }

std::vector<Prompt> prompts_of(const std::string& family) {
  std::vector<Prompt> out;
  for (int k = 0;; ++k) {
    const std::string path = family_path(family) + "/golden_" + std::to_string(k) + ".safetensors";
    if (!file_exists(path.c_str())) break;
    MappedFile file;
    Safetensors content;
    REQUIRE(MappedFile::map(path.c_str(), SIZE_MAX, &file));
    REQUIRE(read_safetensors(file.bytes(), path.c_str(), &content));
    std::string_view frames;
    content.metadata.find("video_frames").as_string(&frames);
    constexpr double kFramesPerSecond = 24;  // any rate tells a frame from a picture; the text is tokens already
    Prompt prompt;
    for (const TensorView& tensor : content.tensors) {
      if (tensor.name != "input_ids") continue;
      prompt.ids.resize(tensor.bytes.size() / sizeof(int32_t));
      std::memcpy(prompt.ids.data(), tensor.bytes.data(), tensor.bytes.size());
    }
    std::string_view listed;
    content.metadata.find("images").as_string(&listed);
    for (std::string names(listed); !names.empty();) {
      const size_t comma = names.find(',');
      const std::string name = names.substr(0, comma);
      const std::string picture_path = std::string(MICA_TEST_DATA) + "/images/" + name;
      std::vector<uint8_t> bytes;
      REQUIRE(read_file(picture_path.c_str(), SIZE_MAX, &bytes));
      const auto before = static_cast<double>(prompt.pictures.size());
      Picture& picture = prompt.pictures.emplace_back();
      REQUIRE(decode_picture(bytes, picture_path.c_str(), &picture));
      if (frames.find(name) != std::string_view::npos) picture.time = {before / kFramesPerSecond, kFramesPerSecond};
      names = comma == std::string::npos ? "" : names.substr(comma + 1);
    }
    out.push_back(std::move(prompt));
  }
  REQUIRE(!out.empty());
  return out;
}

std::vector<float> logits_of(const Model& model, const Prompt& prompt) {
  SessionOptions options;
  SessionOptions wanted;
  wanted.context = 512;
  wanted.threads = 1;
  wanted.logit_rows = kLogitRows;
  wanted.kv_wanted.visual_bits = 16;  // the loops are compared, not the cache
  Status status = Session::resolve(model, wanted, &options);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  size_t bytes = 0;
  REQUIRE(Session::size(model, options, &bytes));
  OwnedBytes memory;
  std::unique_ptr<Session> session;
  status = Session::create(model, options, own_bytes(bytes, &memory), bytes, &session);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  std::vector<const Picture*> pictures;
  for (const Picture& picture : prompt.pictures) pictures.push_back(&picture);
  status = session->add_tokens(prompt.ids, pictures);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  status = session->prefill(nullptr, nullptr);
  REQUIRE_MESSAGE(status, std::string(status.message()));
  std::vector<float> out;
  for (uint32_t row = kLogitRows; row-- > 0;) {
    const float* logits = session->logits(row);
    REQUIRE(logits != nullptr);
    out.insert(out.end(), logits, logits + model.spec.decoder.vocabulary);
  }
  return out;
}

}  // namespace mica::test
