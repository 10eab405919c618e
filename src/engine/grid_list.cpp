// GridList: reading. Which sizes a tower can take: picture_config.cpp.
#include "grid_list.hpp"

#include <vector>

#include "limits.hpp"

namespace mica {

Status get_grids(JsonValue object, std::string_view path, GridList* out) {
  JsonValue list;
  MICA_TRY(get_array(object, path, 1, limits::kPictureGridsMax, &list));
  GridList grids;
  for (JsonValue value : list) {
    std::vector<uint32_t> sides;
    MICA_TRY(get_u32_array(value, "", 2, 2, 1, limits::kPictureRuleSideMax, &sides));
    grids.sizes[grids.count++] = {sides[0], sides[1]};
  }
  *out = grids;
  return Status::ok();
}

}  // namespace mica
