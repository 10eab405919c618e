// The products of integer attention by this level's vpdpbusd. Not the products: attention_vnni_inl.hpp.
#pragma once

#include "attention_vnni_inl.hpp"
