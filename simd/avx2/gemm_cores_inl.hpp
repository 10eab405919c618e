// The products of level avx2, a file for each kind.
#pragma once

#include "avx2/gemm_s8_inl.hpp"
#include "avx2/gemm_words_inl.hpp"
