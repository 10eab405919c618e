// TileRules: rules of processors that cut pictures into tiles.
#include "tile_rules.hpp"

#include <algorithm>
#include <string>

#include "any_size_rules.hpp"
#include "limits.hpp"
#include "picture_cuts.hpp"

namespace mica {

// GotOcr2ImageProcessor. Its crop_to_patches is not asked: InternVLProcessor always cuts, whatever the file says.
Status set_tiles(JsonValue root, const ProcessorValues& values, PictureRule* rule) {
  rule->cut = PictureCut::tiles;
  if (values.size.height == 0) return refuse(root, "size", "must be a height and a width");
  rule->width = values.size.width;
  rule->height = values.size.height;
  rule->tiles_min = values.min_patches;
  rule->tiles_max = values.max_patches;
  if (rule->tiles_min > rule->tiles_max)
    return root.error(Code::corrupt_file, "is larger than max_patches", "min_patches");
  return Status::ok();
}

// InternVL's load_image: what config.json says stands in the rule already.
Status set_tiles_of_config(const ModelSpec& spec, const char* name, PictureRule* rule) {
  const PictureRule& said = spec.pictures;
  rule->cut = PictureCut::tiles;
  rule->width = said.width != 0 ? said.width : spec.vision.image_width;
  rule->height = said.height != 0 ? said.height : spec.vision.image_height;
  rule->thumbnail = said.thumbnail;
  rule->tiles_min = said.tiled ? said.tiles_min : 1;
  rule->tiles_max = said.tiled ? said.tiles_max : 1;
  if (rule->width != spec.vision.image_width || rule->height != spec.vision.image_height)
    return Status::error(Code::unsupported,
                         "%s/config.json: force_image_size is %u, but the tower's image_size is %u x %u; mica does not "
                         "interpolate its positions",
                         name, rule->width, spec.vision.image_width, spec.vision.image_height);
  if (rule->tiles_min <= rule->tiles_max) return Status::ok();
  return Status::error(Code::corrupt_file, "%s/config.json: min_dynamic_patch %u is larger than max_dynamic_patch %u",
                       name, rule->tiles_min, rule->tiles_max);
}

// Idefics3ImageProcessor.
Status set_squares(JsonValue root, const ProcessorValues& values, const VisionSpec& tower, PictureRule* rule) {
  const auto is_edge = [](const ProcessorSize& size) {
    return size.longest_edge != 0 && size.longest_edge <= limits::kPictureRuleSideMax && size.shortest_edge == 0;
  };
  if (!is_edge(values.size)) return refuse(root, "size", "must be a longest_edge of at most 16384 pixels");
  if (!is_edge(values.max_image_size))
    return refuse(root, "max_image_size", "must be a longest_edge of at most 16384 pixels");
  rule->cut = PictureCut::squares;
  rule->longest_edge = values.size.longest_edge;
  rule->width = rule->height = values.max_image_size.longest_edge;
  if (rule->width < tower.patch || rule->width / tower.patch % tower.merge != 0)
    return refuse(root, "max_image_size", "does not give whole tokens of the vision tower");
  rule->tiles_max = values.do_image_splitting ? limits::kPictureTilesMax : 1;
  const Status fits = row_of(rule->cut).check(*rule);
  return fits ? fits : refuse(root, "size", fits.message());
}

// LlavaNextImageProcessor and LlavaOnevisionImageProcessor. Tiles are as large as a grid is cut; what their resizing and
// cropping would still do is nothing where these are one size.
Status set_grids(JsonValue root, const ProcessorValues& values, const VisionSpec& tower, PictureRule* rule) {
  const ProcessorSize& size = values.size;
  const uint32_t width = size.height != 0 ? size.width : size.shortest_edge;
  const uint32_t height = size.height != 0 ? size.height : size.shortest_edge;
  if (width == 0 || width > limits::kPictureRuleSideMax || width != height || size.longest_edge != 0)
    return refuse(root, "size", "must be a square or a shortest_edge of at most 16384 pixels, which is a tile's side");
  if ((values.do_center_crop || values.crop_size.height != 0) &&
      (values.crop_size.width != width || values.crop_size.height != height))
    return refuse(root, "crop_size", "is not the size that pictures are resized to; mica cuts tiles of one size");
  if (tower.grids.count != 0 && !(tower.grids == values.image_grid_pinpoints))
    return root.error(Code::corrupt_file, "is not config.json's; the files are not of one model",
                      "image_grid_pinpoints");
  rule->cut = PictureCut::grids;
  rule->width = width;
  rule->height = height;
  rule->grids = values.image_grid_pinpoints;
  rule->grid_tiles_kept = tower.grid_tiles_kept;
  const Status fits = row_of(rule->cut).check(*rule);
  return fits ? fits : refuse(root, "size", (std::string("and image_grid_pinpoints: ") + fits.message()).c_str());
}

// Lfm2VlImageProcessor: numbers of tokens of patch_size * merge_size pixels a side.
Status set_large_tiles(JsonValue root, const ProcessorValues& values, PictureRule* rule) {
  const uint64_t side = uint64_t{values.patch_size} * values.merge_size, pixels = side * side;
  const uint64_t most = pixels * values.max_image_tokens;
  if (pixels == 0 || most > limits::kPictureRulePixelsMax)
    return refuse(root, "max_image_tokens", "are more pixels than mica reads");
  if (values.min_image_tokens > values.max_image_tokens)
    return root.error(Code::corrupt_file, "is more than max_image_tokens", "min_image_tokens");
  rule->cut = PictureCut::large_tiles;
  rule->layout = PictureLayout::sequences;
  rule->pixels_min = static_cast<uint32_t>(pixels * values.min_image_tokens);
  rule->pixels_max = static_cast<uint32_t>(most);
  rule->cut_from_pixels = static_cast<double>(most) * values.max_pixels_tolerance;
  rule->width = rule->height = values.tile_size;
  rule->thumbnail = values.use_thumbnail;
  rule->tiles_min = values.do_image_splitting ? values.min_patches : 1;
  rule->tiles_max = values.do_image_splitting ? values.max_patches : 1;
  const uint32_t tile_side = values.tile_size / values.patch_size;
  const uint32_t tile_patches = values.do_image_splitting ? tile_side * tile_side : 0;
  rule->patches_room = std::max(values.max_image_tokens * values.merge_size * values.merge_size, tile_patches);
  if (rule->tiles_min > rule->tiles_max) return root.error(Code::corrupt_file, "is larger than max_tiles", "min_tiles");
  return Status::ok();
}

}  // namespace mica
