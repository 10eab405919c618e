// KvSettings: reading the options. What they mean: packed_span.hpp and kv_cache.hpp.
#include "kv_settings.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "kv_cache.hpp"
#include "model.hpp"

namespace mica {
namespace {

// The panel model loses 0.1 to 0.7 points of 95.4 at one bit by the rule `token`, and nothing at two:
// docs/visual_kv_cache.md.
constexpr uint32_t kVisualBitsDefault = 1;

struct RuleName {
  const char* name;
  KvRule rule;
};
constexpr RuleName kRules[] = {{"token", KvRule::token},
                               {"centroid", KvRule::centroid},
                               {"quantile", KvRule::quantile},
                               {"calibquant", KvRule::calibquant}};

Status read_rule(std::string_view text, KvLevelRule* out) {
  const size_t sign = text.find('=');
  const std::string_view name = text.substr(0, sign);
  for (const RuleName& entry : kRules) {
    if (name != entry.name || (sign != std::string_view::npos) != (entry.rule == KvRule::quantile)) continue;
    out->rule = entry.rule;
    if (entry.rule != KvRule::quantile) return Status::ok();
    const std::string_view number = text.substr(sign + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out->alpha);
    if (error == std::errc() && end == number.data() + number.size() && out->alpha >= 0 && out->alpha < 0.5f)
      return Status::ok();
    return Status::error(Code::invalid_argument,
                         "kv_levels is \"%.*s\"; a quantile must be from 0 to below 0.5, as 0.2",
                         static_cast<int>(text.size()), text.data());
  }
  return Status::error(Code::invalid_argument,
                       "kv_levels is \"%.*s\"; there are token, centroid, quantile=ALPHA and calibquant",
                       static_cast<int>(std::min<size_t>(text.size(), 64)), text.data());
}

bool is_one_of(std::initializer_list<uint32_t> all, uint32_t bits) {
  return std::find(all.begin(), all.end(), bits) != all.end();
}
bool are_visual_bits(uint32_t bits) { return is_one_of({1, 2, 4, 16, 32}, bits); }

// "FIRST[-LAST]=BITS,...", each number in decimal digits.
bool read_layers(std::string_view text, std::vector<uint8_t>* bits) {
  const auto number = [&](uint32_t* out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
  };
  const auto skip = [&](char character) {
    if (text.empty() || text[0] != character) return false;
    text.remove_prefix(1);
    return true;
  };
  do {
    uint32_t first = 0, last = 0, value = 0;
    if (!number(&first)) return false;
    last = first;
    if (skip('-') && !number(&last)) return false;
    if (!skip('=') || !number(&value) || first > last || last >= bits->size() || !are_visual_bits(value)) return false;
    std::fill(bits->begin() + first, bits->begin() + last + 1, static_cast<uint8_t>(value));
  } while (skip(','));
  return text.empty();
}

}  // namespace

bool KvSettings::packs_visual() const {
  return std::any_of(visual_bits.begin(), visual_bits.end(), is_packed);
}

const char* rule_name(KvRule rule) {
  for (const RuleName& entry : kRules)
    if (entry.rule == rule) return entry.name;
  return "text";
}

Status resolve_kv(const Model& model, const KvOptions& wanted, KvSettings* out) {
  const DecoderSpec& d = model.spec.decoder;
  uint32_t odd_head_dim = 0;  // of heads that cannot be packed
  for (uint32_t i = 0; i < d.layers; ++i)
    if (!KvCache::can_pack(d.layer(i).head_dim)) odd_head_dim = d.layer(i).head_dim;
  const bool can_pack = odd_head_dim == 0;
  KvSettings settings;
  settings.values_are_rotated = model.weights.decoder.stream.head_rotation;
  if (wanted.text_bits != 0) settings.text_bits = wanted.text_bits;
  else if (wanted.visual_bits == 32) settings.text_bits = 32;
  if (!is_one_of({4, 8, 16, 32}, settings.text_bits))
    return Status::error(Code::invalid_argument, "kv_text_bits is %u; it must be 32, 16, 8 or 4", settings.text_bits);
  if (wanted.visual_bits != 0 && !are_visual_bits(wanted.visual_bits))
    return Status::error(Code::invalid_argument, "kv_visual_bits is %u; it must be 1, 2, 4, 16 or 32", wanted.visual_bits);
  if (wanted.levels && *wanted.levels) MICA_TRY(read_rule(wanted.levels, &settings.levels));
  const uint8_t unpacked = static_cast<uint8_t>(settings.float_bits());
  settings.visual_bits.assign(d.layers, unpacked);
  const bool has_pictures = model.spec.has_vision && can_pack;
  if (wanted.visual_bits != 0) settings.visual_bits.assign(d.layers, static_cast<uint8_t>(wanted.visual_bits));
  else if (has_pictures && !model.kv_visual_bits.empty()) settings.visual_bits = model.kv_visual_bits;
  else if (has_pictures) settings.visual_bits.assign(d.layers, kVisualBitsDefault);
  // What a file prefers was written without knowing how wide rows that are not packed would be.
  if (wanted.visual_bits == 0)
    for (uint8_t& bits : settings.visual_bits) bits = KvSettings::is_packed(bits) ? bits : unpacked;
  if (wanted.visual_layers && *wanted.visual_layers && !read_layers(wanted.visual_layers, &settings.visual_bits))
    return Status::error(Code::invalid_argument,
                         "kv_visual_layers is \"%.64s\"; it must be as 0-3=4,27=2: layers below %u, bits 1, 2, 4, 16 or 32",
                         wanted.visual_layers, d.layers);
  for (const uint8_t bits : settings.visual_bits)
    if (!KvSettings::is_packed(bits) && bits != unpacked)
      return Status::error(Code::invalid_argument,
                           "visual keys and values of %u bits lie with those of text, of which kv_text_bits asks %u; "
                           "ask for %u in both, or for fewer bits of visual ones",
                           bits, settings.text_bits, bits);
  if (settings.packs() && !can_pack)
    return Status::error(Code::invalid_argument,
                         "%s: keys and values of heads of %u channels cannot be packed (multiples of 8 from %zu to %zu "
                         "can); 16 and 32 bits remain",
                         settings.packs_text() ? "kv_text_bits" : "kv_visual_bits", odd_head_dim, kPackedHeadDimMin,
                         kPackedHeadDimMax);
  *out = std::move(settings);
  return Status::ok();
}

}  // namespace mica
