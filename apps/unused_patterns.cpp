// POSIX's regular expressions as the one-file program has them: there are none. Not those of schemas (src/io/regular.cpp) and
// tokenizers (PCRE2).
//
// libedit alone calls them, when it searches the history of `mica chat`: first for the text itself, then for it as a pattern,
// for which the C library would bring 69 kB.
#include <regex.h>

extern "C" {

int regcomp(regex_t*, const char*, int) { return REG_ESPACE; }
int regexec(const regex_t*, const char*, size_t, regmatch_t[], int) { return REG_NOMATCH; }
void regfree(regex_t*) {}
}
