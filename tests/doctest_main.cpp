// The main function of the test programs that have none of their own. Not doctest, which is compiled beside it.
#include <doctest/doctest.h>

int main(int argc, char** argv) { return doctest::Context(argc, argv).run(); }
