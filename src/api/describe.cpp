// Describe: the spec of a model put into words. What the words mean: blueprint/.
#include "describe.hpp"

#include <cstdio>
#include <map>

#include "family.hpp"
#include "picture_cuts.hpp"

namespace mica {
namespace {
#include "templated_chat.hpp"

using Json = JsonBuild;

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::silu: return "silu";
    case Activation::gelu: return "gelu";
    case Activation::gelu_tanh: return "gelu_tanh";
    case Activation::quick_gelu: return "quick_gelu";
  }
  return "unknown";
}

const char* rope_scaling_name(RopeScaling scaling) {
  switch (scaling) {
    case RopeScaling::none: return "none";
    case RopeScaling::linear: return "linear";
    case RopeScaling::dynamic: return "dynamic";
    case RopeScaling::dynamic_by_prompt: return "dynamic by the prompt";
    case RopeScaling::yarn: return "yarn";
    case RopeScaling::longrope: return "longrope";
    case RopeScaling::proportional: return "proportional";
    case RopeScaling::llama3: return "llama3";
  }
  return "unknown";
}

const char* container_name(const Model& model) {
  if (!model.files) return "random weights";
  switch (model.files->kind()) {
    case ModelFiles::Kind::huggingface: return "Hugging Face checkpoint";
    case ModelFiles::Kind::gguf: return "GGUF";
    case ModelFiles::Kind::packed: return "packed";
  }
  return "unknown";
}

Json describe_decoder(const DecoderSpec& d) {
  Json out = {{"layers", d.layers}, {"hidden", d.hidden}, {"heads", d.heads}, {"kv_heads", d.kv_heads},
              {"head_dim", d.head_dim}, {"feed_forward", d.feed_forward}, {"vocabulary", d.vocabulary},
              {"activation", activation_name(d.activation)}, {"norm_epsilon", d.norm_epsilon},
              {"tied_embeddings", d.tied_embeddings}, {"rope_theta", d.rope.theta}};
  if (d.rope.scaling != RopeScaling::none)
    out["rope_scaling"] = rope_scaling_name(d.rope.scaling) +
                          (d.rope.factor != 0 ? ", factor " + std::to_string(d.rope.factor) : std::string());
  if (d.rope.divisors.count != 0) out["rope_divisors"] = d.rope.divisors.count;
  if (d.window != 0) out["sliding_window"] = d.window;
  const uint32_t* sections = d.rope.sections;
  if (d.rope.multimodal()) out["rope_sections"] = Json::array({sections[0], sections[1], sections[2]});
  return out;
}

Json describe_vision(const ModelSpec& spec) {
  const VisionSpec& v = spec.vision;
  Json out = {{"layers", v.layers}, {"layers_used", v.layers_used}, {"hidden", v.hidden}, {"heads", v.heads},
              {"feed_forward", v.feed_forward}, {"patch", v.patch}, {"merge", v.merge},
              {"activation", activation_name(v.activation)},
              {"positions", v.rope_2d ? "2-D RoPE" : "learned"},
              {"projector", spec.family->projector_title}};
  if (v.inner_layer >= 0) out["merged_behind_layer"] = v.inner_layer;
  if (v.image_width) out["image_size"] = std::to_string(v.image_width) + " x " + std::to_string(v.image_height);
  return out;
}

Json describe_pictures(const PictureRule& rule) {
  Json out;
  const PictureCutRow& row = row_of(rule.cut);
  out["rule"] = row.title;
  if (rule.cut == PictureCut::slices) {
    out["pixels"] = "about " + std::to_string(rule.slice_side) + " x " + std::to_string(rule.slice_side);
  } else if (row.any_size) {
    out["pixels_min"] = rule.pixels_min;
    out["pixels_max"] = rule.pixels_max;
  } else {
    out["size"] = std::to_string(rule.width) + " x " + std::to_string(rule.height);
  }
  if (row.tiled)
    out["tiles"] = std::to_string(rule.tiles_min) + " to " + std::to_string(rule.tiles_max);
  if (rule.pads_to_square) out["padded"] = "to a square";
  if (rule.transparency == PictureTransparency::dropped) out["transparency"] = "dropped";
  constexpr const char* kFilters[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};  // PIL's order
  out["filter"] = kFilters[static_cast<size_t>(rule.filter)];
  out["mean"] = Json::array({rule.mean[0], rule.mean[1], rule.mean[2]});
  out["std"] = Json::array({rule.std[0], rule.std[1], rule.std[2]});
  return out;
}

Json describe_frames(const ModelSpec& spec) {
  Json out = describe_pictures(spec.frames);
  if (const size_t tokens = frame_tokens(spec, Shown::frame); tokens != 0) out["tokens"] = tokens;
  if (spec.sampling.frames != 0) out["of_a_video"] = spec.sampling.frames;
  if (spec.sampling.per_second > 0) out["of_a_second"] = spec.sampling.per_second;
  if (spec.sampling.frames_max != 0) out["at_most"] = spec.sampling.frames_max;
  return out;
}

std::string describe_template(const Chat& chat) {
  if (chat.templated) {
    return "run (" + std::to_string(chat.templated->bytes()) + " bytes of " + chat.templated->place() + ")";
  }
  if (chat.template_bytes == 0) return "none";
  if (chat.template_of != nullptr) return chat.template_of;
  char text[96];
  snprintf(text, sizeof text, "unknown (%zu bytes; compared: %zu of digest %08X)", chat.template_bytes,
           chat.template_digest_bytes, chat.template_digest);
  return text;
}

Json describe_chat(const Chat& chat) {
  Json out = {{"template", describe_template(chat)}};
  if (chat.templated) {
    out["format"] = "as the template writes turns";
    return out;
  }
  if (chat.format == nullptr) {
    out["format"] = "none: text goes to the model as it is";
    return out;
  }
  const ChatFormat& f = *chat.format;
  out["format"] = f.name;
  const char* roles[] = {"system", "user", "assistant"};
  for (size_t i = 0; i < 3; ++i) out[roles[i]] = std::string(f.before[i]) + "..." + f.after[i];
  out["default_system"] = chat.has_default_system ? Json(chat.default_system) : Json(nullptr);
  out["end"] = f.end;
  return out;
}

// Bytes of the tensors by storage type, and the list of them.
void describe_tensors(const ModelFiles& files, Json* out) {
  std::map<std::string, uint64_t> storage;
  Json tensors = Json::array();
  for (const TensorView& tensor : files.tensors()) {
    const std::string type(tensor.type_name);
    storage[type] += tensor.bytes.size();
    Json shape = Json::array();
    for (uint32_t i = 0; i < tensor.rank; ++i) shape.push_back(tensor.shape[i]);
    tensors.push_back({{"name", tensor.name}, {"dtype", type}, {"shape", shape}, {"bytes", tensor.bytes.size()}});
  }
  Json by_type = Json::object();
  for (const auto& [type, bytes] : storage) by_type[type + "_bytes"] = bytes;
  (*out)["storage"] = by_type;
  (*out)["tensors"] = tensors;
}

// Bits by layers: "1", or "1; layers 0-3: 4" where they differ.
std::string bits_text(const std::vector<uint8_t>& bits) {
  std::map<int, size_t> counts;
  for (uint8_t value : bits) ++counts[value];
  std::string text;
  for (const auto& [value, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(value);
    if (counts.size() > 1) text += " in " + std::to_string(count) + " layers";
  }
  return text;
}

}  // namespace

std::string describe(const Model& model) {
  const ModelSpec& spec = model.spec;
  Json out = {{"family", spec.family->name},
              {"container", container_name(model)},
              {"parameters", model.weights.parameters},
              {"weights_bytes", model.weights.bytes},
              {"token_reads_bytes", decode_bytes(model.weights.decoder)},
              {"context", spec.decoder.context}};
  if (!model.description.empty()) out["description"] = model.description;
  if (model.files) out["file_bytes"] = model.files->bytes_total();
  out["tokenizer_ids"] = model.tokenizer ? Json(model.tokenizer->size()) : Json(nullptr);
  Json ends = Json::array();
  for (uint32_t i = 0; i < spec.end_token_count; ++i) ends.push_back(spec.end_tokens[i]);
  out["end_tokens"] = ends;
  out["decoder"] = describe_decoder(spec.decoder);
  if (spec.has_vision) {
    out["vision"] = describe_vision(spec);
    out["pictures"] = describe_pictures(spec.pictures);
    if (spec.video_token >= 0) out["frames"] = describe_frames(spec);
  }
  const Json fixed = describe_static(model.weights);
  if (!fixed.is_null()) out["static"] = fixed;
  if (model.tokenizer) out["chat"] = describe_chat(model.chat);
  if (model.files) describe_tensors(*model.files, &out);
  return out.dump();
}

Status describe_session(const Model& model, const SessionOptions& options, std::string* out) {
  size_t bytes = 0;
  MICA_TRY(Session::size(model, options, &bytes));
  // What a picture of the usual 256 tokens takes, or of the largest that is smaller.
  const size_t picture = std::min<size_t>(options.picture_tokens, 256);
  KvCache cache;
  Arena arena;
  cache.plan(model.spec.decoder, options.kv,
             {.tokens = options.context, .text = options.context_text, .span_tokens_min = KvCache::kSpanTokensMin,
              .span_tokens_max = options.batch}, &arena);
  Json json = {{"context", options.context}, {"context_trained", model.spec.decoder.context},
               {"context_text", options.context_text}, {"batch", options.batch},
               {"threads", options.threads}, {"threads_batch", options.threads_batch}, {"memory_bytes", bytes},
               {"kv_text_bits", options.kv.text_bits},
               {"kv_text_token_bytes", cache.text_token_bytes()}};
  if (picture > 0) {
    const PictureBounds bounds = picture_bounds(model, options);
    json["picture_tokens_least"] = bounds.least;
    json["picture_tokens_most"] = bounds.most;
    json["kv_visual_bits"] = bits_text(options.kv.visual_bits);
    if (options.kv.packs_visual()) json["kv_levels"] = rule_name(options.kv.levels.rule);
    json["kv_visual_token_bytes"] = cache.span_bytes(picture) / picture;
  }
  *out = json.dump();
  return Status::ok();
}

Status verify(const ModelFiles& files, mica_progress progress, void* user) {
  if (progress == nullptr) return files.verify({});
  return files.verify([&](size_t done, size_t total) {
    return progress(user, "verify", total ? static_cast<double>(done) / static_cast<double>(total) : 1.0) == 0;
  });
}

}  // namespace mica
