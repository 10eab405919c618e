# For CMake projects: find_package(mica) and target_link_libraries(PROGRAM mica::mica). What a program needs beside
# libmica is said once, in mica.pc, which lies beside this folder wherever all of it was moved.
cmake_minimum_required(VERSION 3.18)
find_package(PkgConfig QUIET REQUIRED)
set(_mica_path "$ENV{PKG_CONFIG_PATH}")
set(ENV{PKG_CONFIG_PATH} "${CMAKE_CURRENT_LIST_DIR}/../../pkgconfig:${_mica_path}")
pkg_check_modules(MICA QUIET IMPORTED_TARGET GLOBAL mica)
set(ENV{PKG_CONFIG_PATH} "${_mica_path}")
unset(_mica_path)
if(NOT MICA_FOUND)
  set(mica_FOUND FALSE)
  set(mica_NOT_FOUND_MESSAGE 
    "pkg-config does not find mica or a library beneath it: pkg-config --print-errors --exists mica says which")
elseif(NOT TARGET mica::mica)
  add_library(mica::mica ALIAS PkgConfig::MICA)
endif()
