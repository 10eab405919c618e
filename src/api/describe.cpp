// Describe: the spec of a model put into words. What the words mean: engine/spec.
#include "describe.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "family.hpp"

namespace mica {
namespace {

using Json = nlohmann::ordered_json;

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::silu: return "silu";
    case Activation::gelu: return "gelu";
    case Activation::gelu_tanh: return "gelu_tanh";
    case Activation::quick_gelu: return "quick_gelu";
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
    out["rope_scaling"] =
        (d.rope.scaling == RopeScaling::linear ? "linear, factor " : "llama3, factor ") + std::to_string(d.rope.factor);
  if (d.rope.multimodal()) out["rope_sections"] = {d.rope.sections[0], d.rope.sections[1], d.rope.sections[2]};
  return out;
}

Json describe_vision(const VisionSpec& v) {
  const char* projectors[] = {"two matrices", "patch merger", "pixel shuffle, two matrices"};
  Json out = {{"layers", v.layers}, {"layers_used", v.layers_used}, {"hidden", v.hidden}, {"heads", v.heads},
              {"feed_forward", v.feed_forward}, {"patch", v.patch}, {"merge", v.merge},
              {"activation", activation_name(v.activation)},
              {"positions", v.positions == VisionPositions::rope_2d ? "2-D RoPE" : "learned"},
              {"projector", projectors[static_cast<size_t>(v.projector)]}};
  if (v.image_width) out["image_size"] = std::to_string(v.image_width) + " x " + std::to_string(v.image_height);
  return out;
}

Json describe_pictures(const PictureRule& rule) {
  Json out;
  switch (rule.cut) {
    case PictureCut::none: out["rule"] = "none"; break;
    case PictureCut::fixed: out["rule"] = "resized to a fixed size"; break;
    case PictureCut::shortest_edge: out["rule"] = "shorter side resized, centre cropped"; break;
    case PictureCut::smart_resize: out["rule"] = "any size, sides rounded to whole patches"; break;
    case PictureCut::tiles: out["rule"] = "cut into tiles, with a thumbnail"; break;
  }
  if (rule.cut == PictureCut::smart_resize) {
    out["pixels_min"] = rule.pixels_min;
    out["pixels_max"] = rule.pixels_max;
  } else {
    out["size"] = std::to_string(rule.width) + " x " + std::to_string(rule.height);
  }
  if (rule.cut == PictureCut::tiles)
    out["tiles"] = std::to_string(rule.tiles_min) + " to " + std::to_string(rule.tiles_max);
  out["filter"] = rule.filter == PictureFilter::bicubic ? "bicubic" : "bilinear";
  out["mean"] = {rule.mean[0], rule.mean[1], rule.mean[2]};
  out["std"] = {rule.std[0], rule.std[1], rule.std[2]};
  return out;
}

Json describe_chat(const Chat& chat) {
  const ChatFormat& f = *chat.format;
  Json out = {{"format", f.name}};
  const char* roles[] = {"system", "user", "assistant"};
  for (size_t i = 0; i < 3; ++i) out[roles[i]] = std::string(f.before[i]) + "..." + f.after[i];
  out["default_system"] = chat.default_system ? Json(f.default_system) : Json(nullptr);
  out["end"] = f.end;
  return out;
}

// Bytes of the tensors by storage type, and the list of them.
void describe_tensors(const ModelFiles& files, Json* out) {
  std::map<std::string, uint64_t> storage;
  Json tensors = Json::array();
  for (const TensorView& tensor : files.tensors()) {
    const char* type = dtype_layout(tensor.dtype).name;
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
  if (model.files) out["file_bytes"] = model.files->bytes_total();
  out["tokenizer_ids"] = model.tokenizer ? Json(model.tokenizer->size()) : Json(nullptr);
  Json ends = Json::array();
  for (uint32_t i = 0; i < spec.end_token_count; ++i) ends.push_back(spec.end_tokens[i]);
  out["end_tokens"] = ends;
  out["decoder"] = describe_decoder(spec.decoder);
  if (spec.has_vision) {
    out["vision"] = describe_vision(spec.vision);
    out["pictures"] = describe_pictures(spec.pictures);
  }
  const Json fixed = describe_static(model.weights);
  if (!fixed.is_null()) out["static"] = fixed;
  if (model.chat.format) out["chat"] = describe_chat(model.chat);
  if (model.files) describe_tensors(*model.files, &out);
  // Names come from files: what is not UTF-8 is replaced, never thrown about.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
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
  Json json = {{"context", options.context}, {"context_text", options.context_text}, {"batch", options.batch},
               {"threads", options.threads}, {"memory_bytes", bytes}, {"kv_text_bits", options.kv.text_bits},
               {"kv_text_token_bytes", cache.text_token_bytes()}};
  if (picture > 0) {
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
