// stand_in: what lies in a file's place when it was not fetched: a Git LFS pointer, a server's page or its refusal,
// or only the beginning of the file. Not about files of other programs (foreign_model.hpp).
#pragma once

#include "span.hpp"
#include "status.hpp"

namespace mica {

// Both are ok for anything else, look at the first bytes only, and say corrupt_file with what it is and how the file
// itself is got. `path` is for the message.

// A Git LFS pointer, with the size of the file that it points to. No file that anybody reads is meant to be one, so
// this is asked of every file that is opened.
Status refuse_pointer(Bytes file, const char* path);
// A page of HTML or a server's error text: where a model's file or a picture is wanted, not where any text is welcome.
Status refuse_reply(Bytes file, const char* path);

// An address (https://..., file://...) in the place of a path where no file is: not_found with what to do; ok for
// paths.
Status refuse_address(const char* path);

// A link to what is not there, as a folder of links that was copied without what they lead to: not_found; ok for
// anything else.
Status refuse_broken_link(const char* path);

// "PATH ends early: it has 3 of 8 bytes: fetch it again": corrupt_file for a download that was broken off.
Status ends_early(const char* path, uint64_t bytes, uint64_t bytes_wanted);

}  // namespace mica
