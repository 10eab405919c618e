// gguf_template: the values one by one. Nothing of a file goes into the text but numbers.
#include "gguf_template.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <vector>

#include "limits.hpp"

namespace mica {
namespace {

constexpr size_t kListMax = 64;  // of numbers in a key: a color's three, a choice of layers

// Nine digits give every float32 back.
std::string number_text(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", value);
  return text;
}

bool is_whole(GgufType type) {
  return type != GgufType::f32 && type != GgufType::f64 && type != GgufType::boolean && type != GgufType::string &&
         type != GgufType::array;
}

const TensorView* tensor_of(const GgufFile& file, std::string_view name) {
  const auto found = std::find_if(file.tensors().begin(), file.tensors().end(),
                                  [name](const TensorView& tensor) { return tensor.name == name; });
  return found == file.tensors().end() ? nullptr : &*found;
}

class Filler {
 public:
  explicit Filler(const GgufPair& pair) : pair_(pair) {}

  Status value(std::string_view what, std::string* out) const {
    constexpr std::string_view kToken = "token ", kRows = "rows ", kInverse = "inverse ", kEvery = "every ",
                               kIndices = "indices ", kSquares = "squares ", kSide = "side ";
    if (what == "text") {
      out->append(pair_.text_config);
      return Status::ok();
    }
    if (what.starts_with(kToken)) return token(what.substr(kToken.size()), out);
    if (what.starts_with(kRows)) return rows(what.substr(kRows.size()), out);
    if (what.starts_with(kInverse)) return inverse(what.substr(kInverse.size()), out);
    if (what.starts_with(kSquares)) return squares(what.substr(kSquares.size()), out);
    if (what.starts_with(kSide)) return side(what.substr(kSide.size()), out);
    if (what.starts_with(kEvery)) return every(what.substr(kEvery.size()), out);
    if (what.starts_with(kIndices)) return indices(what.substr(kIndices.size()), out);
    if (const size_t choice = what.find('?'); choice != std::string_view::npos) {
      const size_t other = what.find(':', choice);
      bool yes = false;
      MICA_TRY(holds(what.substr(0, choice), &yes));
      out->append(yes ? what.substr(choice + 1, other - choice - 1) : what.substr(other + 1));
      return Status::ok();
    }
    return key(what, out);
  }

 private:
  Status token(std::string_view name, std::string* out) const {
    std::vector<std::string_view> tokens;
    MICA_TRY(pair_.text.get_strings("tokenizer.ggml.tokens", limits::kVocabularyMax, &tokens));
    const auto found = std::find(tokens.begin(), tokens.end(), name);
    uint32_t id = static_cast<uint32_t>(found - tokens.begin());
    // Files of models that were trained without one: pictures stand where no text has anything.
    if (found == tokens.end()) {
      id = 0;
      constexpr std::string_view kUnknown = "tokenizer.ggml.unknown_token_id";
      if (pair_.text.has(kUnknown)) MICA_TRY(pair_.text.get_u32(kUnknown, 0, limits::kVocabularyMax - 1, &id));
    }
    *out += std::to_string(id);
    return Status::ok();
  }

  Status rows_of(std::string_view name, uint64_t* out) const {
    const TensorView* tensor = tensor_of(pair_.projector, name);
    if (tensor == nullptr || tensor->rank < 2)
      return pair_.projector.error(Code::corrupt_file, name, "is missing, or no matrix");
    *out = tensor->shape[0];
    return Status::ok();
  }

  Status rows(std::string_view name, std::string* out) const {
    uint64_t count = 0;
    MICA_TRY(rows_of(name, &count));
    *out += std::to_string(count);
    return Status::ok();
  }

  Status side(std::string_view what, std::string* out) const {
    const size_t space = what.find(' ');
    uint64_t count = 0;
    uint32_t factor = 1;
    MICA_TRY(rows_of(what.substr(0, space), &count));
    MICA_TRY(pair_.projector.get_u32(what.substr(space + 1), 1, limits::kPictureRuleSideMax, &factor));
    const auto root = static_cast<uint64_t>(std::llround(std::sqrt(static_cast<double>(count))));
    if (root * root != count)
      return pair_.projector.error(Code::corrupt_file, what.substr(0, space), "has no square number of rows");
    *out += std::to_string(root * factor);
    return Status::ok();
  }

  Status holds(std::string_view name, bool* out) const {
    if (const size_t equals = name.find('='); equals != std::string_view::npos) {
      const std::string_view key = name.substr(0, equals), number = name.substr(equals + 1);
      uint32_t value = 0, wanted = 0;
      std::from_chars(number.data(), number.data() + number.size(), wanted);
      *out = pair_.projector.has(key);
      if (*out) MICA_TRY(pair_.projector.get_u32(key, 0, UINT32_MAX, &value));
      *out = *out && value == wanted;
      return Status::ok();
    }
    if (pair_.projector.has(name)) return pair_.projector.get_bool(name, out);
    *out = tensor_of(pair_.projector, name) != nullptr;
    return Status::ok();
  }

  // A number of a key, or its default.
  Status key(std::string_view what, std::string* out) const {
    const size_t bar = what.find('|');
    const std::string_view name = what.substr(0, bar);
    const GgufValue* value = pair_.projector.find(name);
    if (value == nullptr && bar != std::string_view::npos) {
      out->append(what.substr(bar + 1));
      return Status::ok();
    }
    if (value != nullptr && value->type == GgufType::boolean) {
      *out += value->natural != 0 ? "true" : "false";
      return Status::ok();
    }
    if (value != nullptr && value->type == GgufType::array) {
      std::vector<float> list;
      MICA_TRY(pair_.projector.get_floats(name, kListMax, &list));
      std::string text;
      for (const float each : list) {
        if (!std::isfinite(each)) return pair_.projector.error(Code::corrupt_file, name, "has one that is not finite");
        text += (text.empty() ? "" : ", ") + number_text(each);
      }
      *out += "[" + text + "]";
      return Status::ok();
    }
    if (value != nullptr && is_whole(value->type)) {
      uint32_t whole = 0;
      MICA_TRY(pair_.projector.get_u32(name, 0, UINT32_MAX, &whole));
      *out += std::to_string(whole);
      return Status::ok();
    }
    double real = 0;
    MICA_TRY(pair_.projector.get_double(name, -1e9, 1e9, &real));
    *out += number_text(real);
    return Status::ok();
  }

  // KEY|DEFAULT, patches beside each other that become one row.
  Status factor(std::string_view what, uint32_t* out) const {
    const size_t bar = what.find('|');
    const std::string_view name = what.substr(0, bar), otherwise = what.substr(bar + 1);
    *out = 1;
    std::from_chars(otherwise.data(), otherwise.data() + otherwise.size(), *out);
    return pair_.projector.has(name) ? pair_.projector.get_u32(name, 1, limits::kPatchMergeMax, out) : Status::ok();
  }

  Status inverse(std::string_view what, std::string* out) const {
    uint32_t value = 1;
    MICA_TRY(factor(what, &value));
    *out += number_text(1.0 / value);
    return Status::ok();
  }

  Status squares(std::string_view what, std::string* out) const {
    const size_t second = what.find(' '), third = what.find(' ', second + 1);
    const std::string_view side = what.substr(0, second), patch = what.substr(second + 1, third - second - 1);
    uint32_t pixels = 0, patch_pixels = 0, patches = 0;
    MICA_TRY(pair_.projector.get_u32(side, 1, limits::kPictureRuleSideMax, &pixels));
    MICA_TRY(pair_.projector.get_u32(patch, 1, pixels, &patch_pixels));
    MICA_TRY(factor(what.substr(third + 1), &patches));
    const uint64_t along = pixels / patch_pixels / patches;
    *out += std::to_string(along * along);
    return Status::ok();
  }

  Status every(std::string_view name, std::string* out) const {
    uint32_t run = 0, layers = 0;
    MICA_TRY(pair_.projector.get_u32(name, 1, limits::kLayersMax, &run));
    MICA_TRY(pair_.projector.get_u32("clip.vision.block_count", 1, limits::kLayersMax, &layers));
    std::string list;
    for (uint32_t layer = run - 1; layer < layers; layer += run) add_number(layer, &list);
    *out += "[" + list + "]";
    return Status::ok();
  }

  Status indices(std::string_view name, std::string* out) const {
    const GgufValue* value = pair_.projector.find(name);
    if (value == nullptr || value->type != GgufType::array || value->element != GgufType::boolean ||
        value->count > limits::kLayersMax)
      return pair_.projector.error(Code::corrupt_file, name, "must be a boolean for each layer");
    std::string list;
    for (uint32_t i = 0; i < value->count; ++i)
      if (value->elements[i] != 0) add_number(i, &list);
    *out += "[" + list + "]";
    return Status::ok();
  }

  static void add_number(uint32_t number, std::string* list) {
    *list += (list->empty() ? "" : ", ") + std::to_string(number);
  }

  const GgufPair& pair_;
};

}  // namespace

Status fill_gguf_template(const GgufPair& pair, std::string_view text, std::string* json) {
  constexpr std::string_view kBegin = "$(";
  const Filler filler(pair);
  json->clear();
  for (size_t at = 0; at < text.size();) {
    const size_t begin = text.find(kBegin, at);
    json->append(text.substr(at, begin - at));
    if (begin == std::string_view::npos) break;
    const size_t end = text.find(')', begin);
    MICA_TRY(filler.value(text.substr(begin + kBegin.size(), end - begin - kBegin.size()), json));
    at = end + 1;
  }
  return Status::ok();
}

}  // namespace mica
