// The static parts of a packed file: their bytes.
#include "packed_static.hpp"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "checked.hpp"
#include "static_format.hpp"
#include "stream_transform.hpp"

namespace mica {

Status add_static_parts(const ModelSpec& spec, const StaticChoice& choice, Weights* all, const PackedTarget& out) {
  Weights& weights = *all;
  const std::vector<NamedPoint> points = quant_points(spec, &weights);
  const size_t padded = round_up(points.size(), 16);
  std::vector<float> scales(2 * padded, 0.0f);
  for (size_t i = 0; i < points.size(); ++i) {
    scales[i] = points[i].point->scale_visual;
    scales[padded + i] = points[i].point->scale_text;
  }
  uint8_t* bytes = own_bytes(scales.size() * sizeof(float), out.memory);
  if (bytes == nullptr) return Status::error(Code::out_of_memory, "no memory for the scales");
  std::memcpy(bytes, scales.data(), scales.size() * sizeof(float));
  out.tensors->add(static_format::kPointScales, DType::f32, {2, padded}, {bytes, scales.size() * sizeof(float)});
  std::string json = std::string("{\"aifs\": ") + (choice.aifs ? "true" : "false");
  const std::pair<const char*, const StreamTransform*> streams[] = {
      {static_format::kDecoderSigns, &weights.decoder.stream}, {static_format::kVisionSigns, &weights.vision.stream}};
  for (const auto& [name, stream] : streams) {
    const bool decoder = stream == &weights.decoder.stream;
    json += std::string(", \"") + (decoder ? "decoder" : "vision") + "\": {";
    const char* comma = "";
    for (const StreamFlag& flag : kStreamFlags) {
      if (flag.word == nullptr || (flag.decoder_only && !decoder)) continue;
      json += std::string(comma) + "\"" + flag.word + "\": " + (stream->*flag.value ? "true" : "false");
      comma = ", ";
    }
    // A tower whose matrices are integers attends in integers too (integer_attention.hpp has its error).
    if (!decoder && choice.vision)
      json += std::string(", \"") + static_format::kAttention + "\": \"" + static_format::kAttentionInt8 + "\"";
    json += "}";
    if (!stream->rotated) continue;
    const size_t sign_bytes = round_up(stream->signs.size() * sizeof(uint32_t), 64);
    uint8_t* signs = own_bytes(sign_bytes, out.memory);
    if (signs == nullptr) return Status::error(Code::out_of_memory, "no memory for the signs");
    std::memset(signs, 0, sign_bytes);
    std::memcpy(signs, stream->signs.data(), stream->signs.size() * sizeof(uint32_t));
    out.tensors->add(name, DType::u8, {sign_bytes}, {signs, sign_bytes});
  }
  out.documents->emplace_back(static_format::kStaticKey, json + "}");
  return Status::ok();
}

}  // namespace mica
