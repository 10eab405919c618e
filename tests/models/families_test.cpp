// The tables of families, against the rows of the blueprint: what a step or a layer needs has a name, and what has a
// name is a part. Not their numbers: the goldens.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "family.hpp"

using namespace mica;

namespace {

const TensorName* name_of_slot(const Family& family, Section section, Slot slot) {
  for (const auto& table : family.tensors)
    for (const TensorName& name : table)
      if (name.section == section && name.slot == slot) return &name;
  for (const DecoderKind* decoder : family.decoders)
    for (const TensorName& name : decoder->tensors)
      if (name.section == section && name.slot == slot) return &name;
  return nullptr;
}

bool uses(const StepList& list, Slot slot) {
  return std::any_of(list.steps.begin(), list.steps.end(), [&](const Step& step) {
    const std::vector<Slot> slots = slots_of(step.op, step.slot, step.second);
    return std::find(slots.begin(), slots.end(), slot) != slots.end();
  });
}

}  // namespace

TEST_CASE("every slot is a part of a layer, of a tower or of a vocabulary, and of one") {
  std::set<Slot> seen = {Slot::embedding,         Slot::lm_head,
                         Slot::final_norm,        Slot::layer_input_table,
                         Slot::layer_inputs_norm, Slot::layer_input_projection};
  for (const auto& parts : {parts_of_layers(), parts_of_tower()})
    for (const PartInfo& part : parts) CHECK(seen.insert(part.slot).second);
  CHECK(seen.size() == static_cast<size_t>(Slot::count));
}

TEST_CASE("matrices have a site, a name and a width; what is folded is a part") {
  for (const auto& parts : {parts_of_layers(), parts_of_tower()})
    for (const PartInfo& part : parts) {
      const bool matrix = part.kind == PartKind::matrix;
      // What these read has no scale: they are never integers.
      const bool in_float = part.slot == Slot::layer_input_gate || part.slot == Slot::layer_input_out;
      CHECK((matrix && !in_float) == (part.reads != Site::count));
      CHECK(matrix == (part.name != nullptr));
      if (part.norm != Slot::count) CHECK(part_of(part.norm).kind == PartKind::norm);
      if (part.scale != Slot::count) CHECK(part_of(part.scale).kind == PartKind::vector);
    }
}

TEST_CASE("a layer of every family has a matrix at each site") {
  for (const Family* family : kFamilies)
    for (const Section section : {Section::decoder, Section::vision, Section::frames}) {
      const ModelSpec defaults = family->defaults();
      if (section == Section::vision && (!defaults.has_vision || defaults.vision.towerless)) continue;
      if (section == Section::frames && family->roots[static_cast<size_t>(section)].empty()) continue;
      CAPTURE(std::string(family->name));
      for (const SiteInfo& at : sites_of_layers())
        CHECK(std::any_of(parts_of_layers().begin(), parts_of_layers().end(), [&](const PartInfo& part) {
          return part.reads == at.site && name_of_slot(*family, section, part.slot) != nullptr;
        }));
    }
}

TEST_CASE("a picture has a place in a prompt, and its control tokens have texts") {
  for (const Family* family : kFamilies) {
    CAPTURE(std::string(family->name));
    size_t places = 0;
    for (const PicturePiece& piece : family->picture) {
      places += piece.kind == PicturePiece::Kind::tokens;
      CHECK((piece.kind == PicturePiece::Kind::tokens) == (piece.text == nullptr));
    }
    CHECK((places > 0) == family->defaults().has_vision);
    places = 0;
    for (const PicturePiece& piece : family->video) {
      places += piece.kind == PicturePiece::Kind::tokens;
      CHECK((piece.kind == PicturePiece::Kind::tokens) == (piece.text == nullptr));
    }
    CHECK((places > 0) == !family->video.empty());
  }
}

TEST_CASE("every step of a tower has a tensor, and every tensor around its layers a step") {
  for (const Family* family : kFamilies) {
    CAPTURE(std::string(family->name));
    const ModelSpec defaults = family->defaults();
    CHECK(family->stem.steps.empty() != defaults.has_vision);
    CHECK(family->projector.steps.empty() != defaults.has_vision);
    CHECK(family->frame.steps.empty() == (family->frame_processor == nullptr));
    CHECK(family->frame.steps.empty() == (defaults.video_token < 0));
    for (const StepList* list :
         {&family->stem, &family->projector, &family->tap, &family->inner, &family->frame, &family->last_frame})
      for (const Step& step : list->steps) {
        if (step.slot == Slot::count) continue;
        const Section section = list == &family->tap ? Section::tap : part_of(step.slot).section;
        const TensorName* name = name_of_slot(*family, section, step.slot);
        const bool without = step.when != nullptr && !(defaults.vision.*step.when);
        if (name == nullptr && (without || step.op == Op::norm)) continue;  // a norm may have no weights
        REQUIRE(name != nullptr);
        CHECK(name->required);
        CHECK((step.op == Op::linear || step.op == Op::glu) == (part_of(step.slot).kind == PartKind::matrix));
        CHECK((step.op == Op::norm) == (part_of(step.slot).kind == PartKind::norm));
      }
    for (const auto& table : family->tensors)
      for (const TensorName& name : table) {
        const bool tower = name.section == Section::vision || name.section == Section::projector;
        if (tower && !is_layered(name.slot))
          CHECK((uses(family->stem, name.slot) || uses(family->projector, name.slot) ||
                 uses(family->inner, name.slot)));
        const bool tap = name.section == Section::tap;
        if (tap) CHECK(uses(family->tap, name.slot));
        const bool is_counted = tap || (is_layered(name.slot) && name.section != Section::inner);
        if (name.section == Section::inner) CHECK((is_layered(name.slot) && !family->inner.steps.empty()));
        CHECK(is_counted == (std::string(name.pattern).find("{}") != std::string::npos));
      }
  }
}
