// The families that mica runs, by the list in meson.build. Data only.
#include "family_list.hpp"
#include "tables.hpp"

namespace mica {
namespace tables {
#define FAMILY(name) extern const Family name;
MICA_FAMILIES
#undef FAMILY
}  // namespace tables

namespace {

#define FAMILY(name) &tables::name,
constexpr const Family* kAll[] = {MICA_FAMILIES};
#undef FAMILY

}  // namespace

constinit const std::span<const Family* const> kFamilies = kAll;

}  // namespace mica
