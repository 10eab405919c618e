// MICA_TABLE: what a group's source calls its table of kernels: the group's name and the level's for which Meson
// compiles it (MICA_LEVEL), as level_tables.hpp knows it.
#pragma once

#define MICA_TABLE_NAME(group, level) group##_kernels_##level
#define MICA_TABLE_OF(group, level) MICA_TABLE_NAME(group, level)
#define MICA_TABLE(group) MICA_TABLE_OF(group, MICA_LEVEL)
