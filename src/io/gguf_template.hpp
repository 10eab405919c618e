// gguf_template: the JSON documents of a text file and its projector, or what a text file's has besides, by a text with
// values of the files in it. Not the texts, which are data of the families (models/).
//
// Between "$(" and ")" stands
//   text                what make_gguf_config says of the text file
//   token NAME          the id of the token NAME in the text file's vocabulary, or of its unknown one
//   rows TENSOR         the rows of a tensor of the projector; with "|DEFAULT" it may be missing
//   columns TENSOR      the next axis of such a tensor
//   inverse KEY|DEFAULT one over a number
//   squares SIDE PATCH FACTOR|DEFAULT   three keys: how many squares of FACTOR by FACTOR patches a picture of SIDE by
//                       SIDE pixels has
//   side TENSOR KEY     the root of a tensor's rows, patches of a square, by the number of a key, the pixels of one
//   sole KEY            the number of a list of one
//   every KEY           the last of each run of so many layers of the tower, as a list
//   indices KEY         the places of a list of booleans where it says true
//   KEY|DEFAULT         a number, boolean or list of the projector; without a default it must be there
//   NAME?YES:NO         YES where a key of the projector is true, or a tensor of that name is there; else NO
//   KEY=NUMBER?YES:NO   YES where a key of the projector is there with that number
// and of keys that say a number or a boolean for each layer, or one for all:
//   first KEY, most KEY the first layer's, the largest
//   uneven KEY          whether the last layer's is not the first one's
//   where KEY=NUMBER OTHER   what OTHER says of the first layer of which KEY says that number
//   words KEY=NUMBER YES NO  a word a layer, as a list; null where there is no such key
//   lacks KEY=NUMBER TENSOR  whether there is no such tensor of the first layer of which KEY says that number
//   turned TENSOR       the share of a vector of divisors that is 1, behind which all is beyond measure
//   over KEY PARTS      the quotient of two numbers
#pragma once

#include <string>
#include <string_view>

#include "gguf.hpp"
#include "status.hpp"

namespace mica {

struct GgufPair {
  const GgufFile& text;
  const GgufFile& projector;  // the text itself, where there is none or its own keys are asked for
  std::string_view text_config;
};

Status fill_gguf_template(const GgufPair& pair, std::string_view text, std::string* json);

}  // namespace mica
