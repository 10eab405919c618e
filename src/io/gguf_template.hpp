// gguf_template: the JSON documents of a text file and its projector, by a text with values of the files in it. Not the
// texts, which are data of the families (models/).
//
// Between "$(" and ")" stands
//   text                what make_gguf_config says of the text file
//   token NAME          the id of the token NAME in the text file's vocabulary, or of its unknown one
//   rows TENSOR         the rows of a tensor of the projector
//   inverse KEY|DEFAULT one over a number
//   squares SIDE PATCH FACTOR|DEFAULT   three keys: how many squares of FACTOR by FACTOR patches a picture of SIDE by
//                       SIDE pixels has
//   side TENSOR KEY     the root of a tensor's rows, patches of a square, by the number of a key, the pixels of one
//   every KEY           the last of each run of so many layers of the tower, as a list
//   indices KEY         the places of a list of booleans where it says true
//   KEY|DEFAULT         a number, boolean or list of the projector; without a default it must be there
//   NAME?YES:NO         YES where a key of the projector is true, or a tensor of that name is there; else NO
//   KEY=NUMBER?YES:NO   YES where a key of the projector is there with that number
#pragma once

#include <string>
#include <string_view>

#include "gguf.hpp"
#include "status.hpp"

namespace mica {

struct GgufPair {
  const GgufFile& text;
  const GgufFile& projector;
  std::string_view text_config;
};

Status fill_gguf_template(const GgufPair& pair, std::string_view text, std::string* json);

}  // namespace mica
