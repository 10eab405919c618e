// Model: opening one, and the choice of the kernels' level. Not the reading of files (io) or of configs (config.hpp).
#include "model.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "config.hpp"
#include "float_gemm.hpp"
#include "json.hpp"
#include "static_format.hpp"

namespace mica {
namespace {

const simd::Kernels* g_kernels = nullptr;

// Llama 3.1 (transformers, _compute_llama3_parameters): long wavelengths are slowed by `factor`, short ones kept.
float llama3_frequency(const RopeSpec& rope, float frequency) {
  const float wavelength = 2.0f * static_cast<float>(M_PI) / frequency;
  const float context = static_cast<float>(rope.original_context);
  if (wavelength < context / rope.high_frequency_factor) return frequency;
  if (wavelength > context / rope.low_frequency_factor) return frequency / rope.factor;
  const float smooth = (context / wavelength - rope.low_frequency_factor) /
                       (rope.high_frequency_factor - rope.low_frequency_factor);
  return (1.0f - smooth) * frequency / rope.factor + smooth * frequency;
}

float power_frequency(float theta, size_t i, size_t dims) {
  return 1.0f / std::pow(theta, static_cast<float>(2 * i) / static_cast<float>(dims));
}

RopeFrequencies decoder_frequencies(const DecoderSpec& d) {
  const size_t half = d.head_dim / 2;
  RopeFrequencies out{std::vector<float>(half), std::vector<uint8_t>(half, 0)};
  for (size_t i = 0; i < half; ++i) {
    const float frequency = power_frequency(d.rope.theta, i, d.head_dim);
    switch (d.rope.scaling) {
      case RopeScaling::none: out.frequency[i] = frequency; break;
      case RopeScaling::linear: out.frequency[i] = frequency / d.rope.factor; break;
      case RopeScaling::llama3: out.frequency[i] = llama3_frequency(d.rope, frequency); break;
    }
  }
  if (d.rope.multimodal()) {
    size_t i = 0;
    for (uint8_t axis = 0; axis < 3; ++axis)
      for (uint32_t n = 0; n < d.rope.sections[axis]; ++n) out.axis_of[i++] = axis;
  }
  return out;
}

// The first half of the pairs follows the patch's row, the second its column, each with the same frequencies.
RopeFrequencies vision_frequencies(const VisionSpec& v) {
  const size_t half = v.head_dim() / 2;
  RopeFrequencies out{std::vector<float>(half), std::vector<uint8_t>(half)};
  for (size_t i = 0; i < half; ++i) {
    out.frequency[i] = power_frequency(v.rope_theta, i % (half / 2), half);
    out.axis_of[i] = i < half / 2 ? 0 : 1;
  }
  return out;
}

void finish(Model* model) {
  model->rope = decoder_frequencies(model->spec.decoder);
  if (model->spec.has_vision && model->spec.vision.positions == VisionPositions::rope_2d)
    model->vision_rope = vision_frequencies(model->spec.vision);
}

void add_end_token(ModelSpec* spec, int32_t id) {
  constexpr size_t kMost = sizeof spec->end_tokens / sizeof spec->end_tokens[0];
  for (uint32_t i = 0; i < spec->end_token_count; ++i)
    if (spec->end_tokens[i] == id) return;
  if (id >= 0 && spec->end_token_count < kMost) spec->end_tokens[spec->end_token_count++] = id;
}

// generation_config.json names more end tokens than config.json in the published chat checkpoints.
void read_generation_config(const ModelFiles& files, ModelSpec* spec) {
  Json json;
  const Bytes text = files.document("generation_config.json");
  if (text.empty() || !parse_json(text, "generation_config.json", &json)) return;
  const JsonValue ids = json.root().find("eos_token_id");
  int64_t id = 0;
  if (ids.as_i64(&id) && id >= 0 && id < INT32_MAX) add_end_token(spec, static_cast<int32_t>(id));
  for (JsonValue child : ids)
    if (child.as_i64(&id) && id >= 0 && id < INT32_MAX) add_end_token(spec, static_cast<int32_t>(id));
}

Status load_tokenizer(Model* model) {
  const ModelFiles& files = *model->files;
  if (const GgufVocabulary* vocabulary = files.gguf_vocabulary()) {
    MICA_TRY(Tokenizer::load(*vocabulary, files.path(), &model->tokenizer));
  } else {
    const Bytes json = files.document("tokenizer.json");
    if (json.empty()) return Status::ok();
    const std::string name = std::string(files.path()) + "/tokenizer.json";
    MICA_TRY(Tokenizer::load(json, name.c_str(), &model->tokenizer));
  }
  if (model->tokenizer->size() > model->spec.decoder.vocabulary)
    return Status::error(Code::corrupt_file, "%s: the tokenizer has %zu ids, the model's vocab_size is %u",
                         files.path(), model->tokenizer->size(), model->spec.decoder.vocabulary);
  const Family& family = *model->spec.family;
  model->chat = choose_chat(family, *model->tokenizer, files);
  if (model->chat.format) add_end_token(&model->spec, model->tokenizer->id_of(model->chat.format->end));
  return Status::ok();
}

// How many bits a packed file wants visual keys and values to keep.
Status read_kv_preference(const ModelFiles& files, const DecoderSpec& decoder, std::vector<uint8_t>* out) {
  const std::string_view text = files.metadata(static_format::kKvVisualKey);
  if (files.kind() != ModelFiles::Kind::packed || text.empty()) return Status::ok();
  Json json;
  std::vector<uint32_t> bits;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, static_format::kKvVisualKey, &json)
               .in(files.path()));
  MICA_TRY(get_u32_array(json.root(), "", decoder.layers, decoder.layers, 1, 16, &bits).in(files.path()));
  for (uint32_t value : bits) {
    if (value != 1 && value != 2 && value != 4 && value != 16)
      return Status::error(Code::corrupt_file, "%s: \"%s\": %u bits; there are 1, 2, 4 and 16", files.path(),
                           static_format::kKvVisualKey, value);
    out->push_back(static_cast<uint8_t>(value));
  }
  return Status::ok();
}

Status check_tokens(const ModelSpec& spec, const char* path) {
  const auto vocabulary = static_cast<int32_t>(spec.decoder.vocabulary);
  if (spec.has_vision && spec.picture_token >= vocabulary)
    return Status::error(Code::corrupt_file, "%s: config.json: the image token %d is not below vocab_size %d", path,
                         spec.picture_token, vocabulary);
  return Status::ok();
}

}  // namespace

Status force_isa(const char* level) {
  const simd::Kernels* kernels = level ? simd::kernels_named(level) : simd::kernels_best();
  if (kernels == nullptr)
    return Status::error(Code::unsupported,
                         "instruction set \"%s\" is not available here; `mica inspect --cpu` lists those that are",
                         level);
  g_kernels = kernels;
  // What nobody limited stays oneDNN's choice: some processors have AVX-512 for floats and lack what the level needs.
  if (level) float_gemm_limit_isa(kernels->level);
  return Status::ok();
}

Status kernels_in_use(const simd::Kernels** out) {
  if (g_kernels == nullptr) {
    const char* wanted = std::getenv("MICA_ISA");
    MICA_TRY(force_isa(wanted && *wanted ? wanted : nullptr).in("MICA_ISA"));
  }
  *out = g_kernels;
  return Status::ok();
}

Status open_model(std::unique_ptr<ModelFiles> files, std::unique_ptr<Model>* out) {
  auto model = std::make_unique<Model>();
  MICA_TRY(kernels_in_use(&model->kernels));
  model->files = std::move(files);
  MICA_TRY(read_model_spec(*model->files, &model->spec));
  MICA_TRY(check_tokens(model->spec, model->files->path()));
  read_generation_config(*model->files, &model->spec);
  MICA_TRY(load_weights(*model->files, model->spec, &model->weights));
  MICA_TRY(read_kv_preference(*model->files, model->spec.decoder, &model->kv_visual_bits));
  MICA_TRY(load_tokenizer(model.get()));
  finish(model.get());
  *out = std::move(model);
  return Status::ok();
}

Status open_shape(const char* name, RandomStorage text, RandomStorage vision, std::unique_ptr<Model>* out) {
  std::string known;
  for (const Shape& shape : kShapes) {
    known += known.empty() ? "" : ", ";
    known += shape.name;
    if (std::strcmp(shape.name, name) != 0) continue;
    auto model = std::make_unique<Model>();
    MICA_TRY(kernels_in_use(&model->kernels));
    const auto bytes = [](const char* document) {
      return document ? Bytes(reinterpret_cast<const uint8_t*>(document), std::strlen(document)) : Bytes();
    };
    MICA_TRY(read_model_spec(bytes(shape.config), bytes(shape.preprocessor), shape.name, &model->spec));
    MICA_TRY(make_random_weights(model->spec, text, vision, &model->weights));
    finish(model.get());
    *out = std::move(model);
    return Status::ok();
  }
  return Status::error(Code::not_found, "no published shape \"%s\"; there are %s", name, known.c_str());
}

}  // namespace mica
