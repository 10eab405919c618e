// Text as Python sees it: characters, their classes and case. Not the tokenizer's normal forms (unicode_forms.hpp).
// All texts are valid UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mica::jinja {

// White space of str.strip(): Unicode's, and the four separators U+001C to U+001F.
bool is_space(char32_t character);
std::string_view stripped(std::string_view text, bool at_start, bool at_end);
// The same for the characters of a set.
std::string_view stripped_of(std::string_view text, std::string_view set, bool at_start, bool at_end);

size_t count_characters(std::string_view text);
// Where character `place` begins, text.size() when there are not so many.
size_t offset_of(std::string_view text, size_t place);

bool is_name_part(char32_t character, bool first);
bool is_printable(char32_t character);
// \xe9, \u4f60, \U0001f600 without the backslash.
void append_hexadecimal(char32_t character, std::string* out);
// Of a Greek or Latin letter or a mark that templates write as \N{NAME}; 0 when it is none of them.
char32_t character_named(std::string_view name);

bool is_lower(char32_t character);
bool is_upper(char32_t character);
bool is_cased(char32_t character);
bool is_letter(char32_t character);
bool is_decimal(char32_t character);
bool is_digit_like(char32_t character);  // also superscripts and circled digits
bool is_numeric(char32_t character);

// Full case mapping: "ß" to "SS".
std::string upper_case(std::string_view text);
std::string lower_case(std::string_view text);
std::string swapped_case(std::string_view text);
std::string folded_case(std::string_view text);
std::string capitalized(std::string_view text);
// Every run of cased characters: str.title().
std::string title_case(std::string_view text);

}  // namespace mica::jinja
