// Model: opening one, and the choice of the kernels' level. Not the reading of files (io) or of configs (config.hpp).
#include "model.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "config.hpp"
#include "float_gemm.hpp"
#include "generation_config.hpp"
#include "gguf_families.hpp"
#include "json.hpp"
#include "json_document.hpp"
#include "limits.hpp"
#include "log.hpp"
#include "quantized_files.hpp"
#include "static_format.hpp"
#include "templated_chat.hpp"
#include "tokenizer_config.hpp"

namespace mica {
namespace {

// Null until the first choice. Threads that choose at once choose the same.
std::atomic<const simd::Kernels*> g_kernels{nullptr};

void finish(Model* model) {
  const DecoderSpec& d = model->spec.decoder;
  model->ropes[static_cast<size_t>(LayerRope::common)] = decoder_frequencies(d.rope);
  if (d.windows_have_rope) model->ropes[static_cast<size_t>(LayerRope::windowed)] = decoder_frequencies(d.window_rope);
  if (model->spec.has_vision && model->spec.vision.rope_2d)
    model->vision_rope = vision_frequencies(model->spec.vision);
}

void add_end_token(ModelSpec* spec, int32_t id) {
  for (uint32_t i = 0; i < spec->end_token_count; ++i)
    if (spec->end_tokens[i] == id) return;
  if (id >= 0 && spec->end_token_count < limits::kEndTokensMax) spec->end_tokens[spec->end_token_count++] = id;
}

// What stands in a text for a picture and a video.
Status find_placeholders(const Model& model, TemplatedChat::Placeholders* out) {
  const Family& family = *model.spec.family;
  const int32_t picture = model.spec.has_vision ? model.spec.picture_token : -1, video = model.spec.video_token;
  std::string placeholder;
  if (video >= 0) MICA_TRY(model.tokenizer->decode({&video, 1}, false, &out->video));
  out->video_written = out->video;
  if (video >= 0 && family.video_in_template != nullptr) out->video = family.video_in_template;
  if (picture < 0) return Status::ok();
  MICA_TRY(model.tokenizer->decode({&picture, 1}, false, &placeholder));
  out->picture = out->picture_written = placeholder;
  if (family.picture_in_template == nullptr) return Status::ok();
  out->picture = family.picture_in_template;
  out->picture_written.clear();
  for (const PicturePiece& piece : family.picture)
    out->picture_written += piece.kind == PicturePiece::Kind::tokens ? placeholder : piece.text;
  return Status::ok();
}

// The checkpoint's own template, where mica has no format for it, or the one that was asked for. One of the checkpoint
// that cannot be run is told when text is to be answered.
Status run_template(Model* model, const char* chat_template) {
  Chat& chat = model->chat;
  const bool is_given = chat_template != nullptr && *chat_template != '\0';
  if (!is_given && (chat.format != nullptr || chat.template_bytes == 0)) return Status::ok();
  TemplatedChat::Placeholders placeholders;
  MICA_TRY(find_placeholders(*model, &placeholders));
  const Status status = TemplatedChat::load(*model->files, *model->tokenizer, std::move(placeholders),
                                            is_given ? chat_template : nullptr, &chat.templated);
  if (is_given) {
    MICA_TRY(status);
    chat.format = nullptr;
  }
  chat.template_fault = status;
  return Status::ok();
}

Status load_tokenizer(Model* model, const char* chat_format, const char* chat_template) {
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
  MICA_TRY(check_tokenizer_config(files, *model->tokenizer));
  const ModelSpec& spec = model->spec;
  const ChatFormat* own = spec.chat != 0 ? spec.family->chats[spec.chat - 1u] : nullptr;
  MICA_TRY(choose_chat(*model->tokenizer, files, own, chat_format, &model->chat));
  MICA_TRY(run_template(model, chat_template));
  if (model->chat.format) add_end_token(&model->spec, model->tokenizer->id_of(model->chat.format->end));
  if (model->chat.templated) add_end_token(&model->spec, model->chat.templated->end_token());
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

// For people, on a screen: a line of text.
Status read_description(const ModelFiles& files, std::string* out) {
  const std::string_view text = files.metadata(static_format::kDescriptionKey);
  if (files.kind() != ModelFiles::Kind::packed) return Status::ok();
  if (text.size() > limits::kDescriptionBytesMax)
    return Status::error(Code::limit_exceeded, "%s: \"%s\" has %zu bytes; %zu are the most", files.path(),
                         static_format::kDescriptionKey, text.size(), limits::kDescriptionBytesMax);
  for (const char character : text)
    if (static_cast<unsigned char>(character) < ' ')
      return Status::error(Code::corrupt_file, "%s: \"%s\" has control characters", files.path(),
                           static_format::kDescriptionKey);
  *out = text;
  return Status::ok();
}

// generation_config.json names more end tokens than config.json in the published chat checkpoints.
Status read_generation_config(Model* model) {
  GenerationConfig config;
  MICA_TRY(read_generation_config(*model->files, model->spec.decoder.context, &config));
  for (const int32_t id : config.end_tokens) add_end_token(&model->spec, id);
  model->sampling = config.sampling;
  model->stop_texts = std::move(config.stop_texts);
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
  const simd::Kernels* kernels = find_kernels(level);
  if (kernels == nullptr)
    return Status::error(Code::unsupported,
                         "instruction set \"%s\" is not available here; `mica inspect --cpu` lists those that are",
                         level);
  g_kernels.store(kernels, std::memory_order_release);
  // What nobody limited stays oneDNN's choice: some processors have AVX-512 for floats and lack what the level needs.
  if (level) float_gemm_limit_isa(*kernels);
  return Status::ok();
}

Status kernels_in_use(const simd::Kernels** out) {
  const simd::Kernels* chosen = g_kernels.load(std::memory_order_acquire);
  if (chosen == nullptr) {
    const char* wanted = std::getenv("MICA_ISA");
    MICA_TRY(force_isa(wanted && *wanted ? wanted : nullptr).in("MICA_ISA"));
    chosen = g_kernels.load(std::memory_order_acquire);
  }
  *out = chosen;
  return Status::ok();
}

void warn_plain_text(const Model& model) {
  if (model.files == nullptr || model.plain_text_told.exchange(true)) return;
  if (!model.chat.writes_turns()) warn_plain_text(*model.files, model.chat);
  if (model.tokenizer && !model.tokenizer->around_text().after.empty())
    log_message(
        LogLevel::warning,
        "%s: its tokenizer ends a text with a token; it is left out of prompts, which the answer goes on behind",
        model.files->path());
}

Status open_model(std::unique_ptr<ModelFiles> files, std::unique_ptr<Model>* out, const char* chat_format,
                  const char* chat_template) {
  auto model = std::make_unique<Model>();
  MICA_TRY(kernels_in_use(&model->kernels));
  model->files = std::move(files);
  MICA_TRY(model->files->translate(gguf_families()));
  MICA_TRY(read_quantized(&model->files));
  MICA_TRY(check_json_documents(*model->files));
  MICA_TRY(read_model_spec(*model->files, &model->spec));
  MICA_TRY(check_tokens(model->spec, model->files->path()));
  MICA_TRY(read_generation_config(model.get()));
  MICA_TRY(load_weights(*model->files, model->spec, &model->weights));
  MICA_TRY(read_description(*model->files, &model->description));
  MICA_TRY(read_kv_preference(*model->files, model->spec.decoder, &model->kv_visual_bits));
  MICA_TRY(load_tokenizer(model.get(), chat_format, chat_template));
  finish(model.get());
  *out = std::move(model);
  return Status::ok();
}

Status open_random(const ModelSpec& spec, WeightFormat text, WeightFormat vision, bool present,
                   std::unique_ptr<Model>* out) {
  auto model = std::make_unique<Model>();
  MICA_TRY(kernels_in_use(&model->kernels));
  model->spec = spec;
  MICA_TRY(make_random_weights(spec, text, vision, present, &model->weights));
  finish(model.get());
  *out = std::move(model);
  return Status::ok();
}

Status open_shape(const char* name, WeightFormat text, WeightFormat vision, bool present,
                  std::unique_ptr<Model>* out) {
  std::string known;
  for (const Shape& shape : kShapes) {
    known += known.empty() ? "" : ", ";
    known += shape.name;
    if (std::strcmp(shape.name, name) != 0) continue;
    ModelSpec spec;
    MICA_TRY(read_model_spec(shape, &spec));
    return open_random(spec, text, vision, present, out);
  }
  return Status::error(Code::not_found, "no published shape \"%s\"; there are %s", name, known.c_str());
}

}  // namespace mica
