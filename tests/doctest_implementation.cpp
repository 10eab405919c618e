// doctest itself, compiled once for all test programs. Not their main function: a program may have its own.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
