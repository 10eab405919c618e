// The dialect of regular expressions that tokenizer.json is written in, translated to that of PCRE2. Not a regular
// expression engine: the result is compiled by tokenizer_pattern.cpp.
#pragma once

#include <string>
#include <string_view>

#include "status.hpp"

namespace mica {

// `expression`: UTF-8, in Oniguruma's default syntax with Unicode 16
// (https://github.com/kkos/oniguruma/blob/master/doc/RE), as tokenizers reads it. `out`: the same language for PCRE2
// with UTF, UCP and MULTILINE. What has another meaning or none there (a set inside a set, (?~ ...), \X, POSIX
// brackets, ...) is `unsupported`. Messages lack their subject: "has a set inside a set at byte 5, ...".
Status translate_pattern(std::string_view expression, std::string* out);

}  // namespace mica
