// Integer matrix products by this level's vpdpbusd. Not the products: gemm_vnni_inl.hpp.
#pragma once

#include "gemm_vnni_inl.hpp"
