// gguf_template: the values one by one. Nothing of a file goes into the text but numbers.
#include "gguf_template.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
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
    static constexpr struct {
      std::string_view word;
      Status (Filler::*write)(std::string_view rest, std::string* out) const;
    } kWords[] = {
        {"token ", &Filler::token},     {"rows ", &Filler::rows},   {"inverse ", &Filler::inverse},
        {"squares ", &Filler::squares}, {"side ", &Filler::side},   {"every ", &Filler::every},
        {"indices ", &Filler::indices}, {"first ", &Filler::first}, {"most ", &Filler::most},
        {"uneven ", &Filler::uneven},   {"where ", &Filler::where}, {"words ", &Filler::words},
        {"columns ", &Filler::columns}, {"lacks ", &Filler::lacks}, {"turned ", &Filler::turned},
        {"over ", &Filler::over},       {"sole ", &Filler::sole},
    };
    if (what == "text") {
      out->append(pair_.text_config);
      return Status::ok();
    }
    for (const auto& one : kWords)
      if (what.starts_with(one.word)) return (this->*one.write)(what.substr(one.word.size()), out);
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

  Status rows(std::string_view what, std::string* out) const {
    const size_t bar = what.find('|');
    const std::string_view name = what.substr(0, bar);
    if (bar != std::string_view::npos && tensor_of(pair_.projector, name) == nullptr) {
      out->append(what.substr(bar + 1));
      return Status::ok();
    }
    uint64_t count = 0;
    MICA_TRY(rows_of(name, &count));
    *out += std::to_string(count);
    return Status::ok();
  }

  Status columns(std::string_view name, std::string* out) const {
    uint64_t count = 0;
    MICA_TRY(rows_of(name, &count));
    *out += std::to_string(tensor_of(pair_.projector, name)->shape[1]);
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

  // What a key says of each layer; a number says it of all.
  Status of_layers(std::string_view name, std::vector<uint32_t>* out) const {
    const GgufFile& file = pair_.projector;
    uint32_t layers = 0, hidden = 0;
    std::string_view architecture;
    MICA_TRY(file.get_string("general.architecture", &architecture));
    MICA_TRY(file.get_u32(std::string(architecture) + ".block_count", 1, limits::kLayersMax, &layers));
    const std::string guessing = std::string(architecture) + ".nextn_predict_layers";
    if (file.has(guessing)) MICA_TRY(file.get_u32(guessing, 0, layers - 1, &hidden));
    const GgufValue* value = file.find(name);
    if (value == nullptr || value->type != GgufType::array) {
      uint32_t number = 0;
      MICA_TRY(file.get_u32(name, 0, UINT32_MAX, &number));
      out->assign(layers - hidden, number);
      return Status::ok();
    }
    MICA_TRY(file.get_u32s(name, layers, out));
    if (out->size() < layers - hidden) return file.error(Code::corrupt_file, name, "does not have one for each layer");
    out->resize(layers - hidden);
    return Status::ok();
  }

  // "KEY=NUMBER REST"; whether the key says that number, layer by layer. Without such a key: none.
  Status matches(std::string_view what, std::vector<bool>* out, std::string_view* rest) const {
    const size_t equals = what.find('='), space = what.find(' ', equals);
    const std::string_view digits = what.substr(equals + 1, space - equals - 1);
    uint32_t wanted = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), wanted);
    *rest = what.substr(space + 1);
    if (!pair_.projector.has(what.substr(0, equals))) return Status::ok();
    std::vector<uint32_t> numbers;
    MICA_TRY(of_layers(what.substr(0, equals), &numbers));
    for (const uint32_t number : numbers) out->push_back(number == wanted);
    return Status::ok();
  }

  Status first(std::string_view name, std::string* out) const {
    std::vector<uint32_t> numbers;
    MICA_TRY(of_layers(name, &numbers));
    *out += std::to_string(numbers.front());
    return Status::ok();
  }

  Status sole(std::string_view name, std::string* out) const {
    std::vector<uint32_t> numbers;
    MICA_TRY(pair_.projector.get_u32s(name, kListMax, &numbers));
    if (numbers.size() != 1) return pair_.projector.error(Code::unsupported, name, "has not one number, which mica runs");
    *out += std::to_string(numbers.front());
    return Status::ok();
  }

  Status most(std::string_view name, std::string* out) const {
    std::vector<uint32_t> numbers;
    MICA_TRY(of_layers(name, &numbers));
    *out += std::to_string(*std::max_element(numbers.begin(), numbers.end()));
    return Status::ok();
  }

  Status uneven(std::string_view name, std::string* out) const {
    std::vector<uint32_t> numbers;
    MICA_TRY(of_layers(name, &numbers));
    out->append(numbers.front() != numbers.back() ? "true" : "false");
    return Status::ok();
  }

  Status where(std::string_view what, std::string* out) const {
    std::vector<bool> here;
    std::vector<uint32_t> numbers;
    std::string_view name;
    MICA_TRY(matches(what, &here, &name));
    MICA_TRY(of_layers(name, &numbers));
    const auto layer = static_cast<size_t>(std::find(here.begin(), here.end(), true) - here.begin());
    *out += std::to_string(layer < numbers.size() ? numbers[layer] : numbers.back());
    return Status::ok();
  }

  Status words(std::string_view what, std::string* out) const {
    std::vector<bool> here;
    std::string_view both;
    MICA_TRY(matches(what, &here, &both));
    const std::string_view yes = both.substr(0, both.find(' ')), no = both.substr(both.find(' ') + 1);
    std::string list;
    for (const bool one : here) list += (list.empty() ? "\"" : ", \"") + std::string(one ? yes : no) + "\"";
    *out += list.empty() ? "null" : "[" + list + "]";
    return Status::ok();
  }

  Status lacks(std::string_view what, std::string* out) const {
    std::vector<bool> here;
    std::string_view pattern;
    MICA_TRY(matches(what, &here, &pattern));
    const auto layer = std::find(here.begin(), here.end(), true) - here.begin();
    std::string name(pattern);
    if (const size_t place = name.find("{}"); place != std::string::npos) name.replace(place, 2, std::to_string(layer));
    out->append(tensor_of(pair_.projector, name) == nullptr ? "true" : "false");
    return Status::ok();
  }

  // Divisors of frequencies: of those that turn 1, of those that do not so many that nothing is left of them.
  Status turned(std::string_view name, std::string* out) const {
    constexpr float kStill = 1e20f;
    const TensorView* tensor = tensor_of(pair_.projector, name);
    if (tensor == nullptr || tensor->dtype != DType::f32 || tensor->rank != 1 || tensor->shape[0] == 0)
      return pair_.projector.error(Code::corrupt_file, name, "is missing, or no vector of F32");
    std::vector<float> values(tensor->shape[0]);
    std::memcpy(values.data(), tensor->bytes.data(), values.size() * sizeof(float));
    const auto end = std::find_if(values.begin(), values.end(), [](float x) { return x != 1.0f; });
    if (!std::all_of(end, values.end(), [](float x) { return x >= kStill; }))
      return pair_.projector.error(Code::unsupported, name,
                                   "has numbers between those that turn and those that do not");
    *out += number_text(static_cast<double>(end - values.begin()) / static_cast<double>(values.size()));
    return Status::ok();
  }

  Status over(std::string_view what, std::string* out) const {
    const std::string_view whole = what.substr(0, what.find(' ')), parts = what.substr(what.find(' ') + 1);
    uint32_t number = 0, divisor = 1;
    MICA_TRY(pair_.projector.get_u32(whole, 1, UINT32_MAX, &number));
    MICA_TRY(pair_.projector.get_u32(parts, 1, UINT32_MAX, &divisor));
    if (number % divisor != 0) return pair_.projector.error(Code::corrupt_file, whole, "is no multiple of its parts");
    *out += std::to_string(number / divisor);
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
