// Values of the template language: small handles, whose data lie in a heap that lives as long as one rendering. Not
// JSON (json.hpp): a value may also be undefined, a function, or something that is gone through once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace mica::jinja {

struct Mapping;
struct Range;
struct Stream;
struct Bound;
struct Macro;
struct Loop;
struct Cycler;
struct Joiner;

__extension__ typedef __int128 Integer;

enum class Kind : uint8_t {
  undefined,    // text: what was looked for; marked: refused for safety
  none,
  boolean,
  integer,      // of 64 bits
  wide,         // an integer that needs up to 128
  real,
  string,       // UTF-8; marked: as by the filter `safe`
  list,
  tuple,        // marked: a group of `groupby`, which has names for its two items
  mapping,
  name_space,   // a mapping that can be changed
  range,
  keys, values, items,  // views of a mapping
  stream,       // items that can be gone through once: what map, select and others give
  function,     // size: its place in the table of functions
  method,
  macro,
  loop,
  cycler,
  joiner,
  itself,       // `self`: the blocks of the template
  block,        // size: its node
  absent,       // an argument that was not given; never seen by a template
};

struct Value {
  Kind kind = Kind::undefined;
  bool marked = false;
  uint16_t depth = 0;  // how deep lists, tuples and mappings are nested in it
  uint32_t size = 0;  // bytes of a string, items of a list or tuple
  union {
    bool truth;
    int64_t integer;
    double real;
    const char* text;
    const Value* items_at;
    const Integer* wide;
    Mapping* mapping;
    const Range* range;
    Stream* stream;
    const Bound* bound;
    const Macro* macro;
    Loop* loop;
    Cycler* cycler;
    Joiner* joiner;
    const void* address = nullptr;
  };

  static Value none() { return of(Kind::none); }
  static Value absent() { return of(Kind::absent); }
  static Value of(Kind kind) {
    Value value;
    value.kind = kind;
    return value;
  }
  static Value boolean(bool truth) {
    Value value = of(Kind::boolean);
    value.truth = truth;
    return value;
  }
  static Value integer_of(int64_t number) {
    Value value = of(Kind::integer);
    value.integer = number;
    return value;
  }
  static Value real_of(double number) {
    Value value = of(Kind::real);
    value.real = number;
    return value;
  }
  // Borrows the text.
  static Value string(std::string_view text, bool marked = false) {
    Value value = of(Kind::string);
    value.text = text.data();
    value.size = static_cast<uint32_t>(text.size());
    value.marked = marked;
    return value;
  }
  static Value undefined(std::string_view what, bool refused = false) {
    Value value = string(what, refused);
    value.kind = Kind::undefined;
    return value;
  }
  static Value sequence(Kind kind, const Value* items, size_t count) {
    Value value = of(kind);
    value.items_at = items;
    value.size = static_cast<uint32_t>(count);
    return value;
  }

  bool is(Kind other) const { return kind == other; }
  bool is_string() const { return kind == Kind::string; }
  bool is_integer() const { return kind == Kind::integer || kind == Kind::wide; }
  // As in Python, where true and false are the numbers 1 and 0.
  bool is_whole() const { return is_integer() || kind == Kind::boolean; }
  bool is_number() const { return is_whole() || kind == Kind::real; }
  bool is_sequence() const { return kind == Kind::list || kind == Kind::tuple; }
  bool is_view() const { return kind == Kind::keys || kind == Kind::values || kind == Kind::items; }
  std::string_view view() const { return {text, size}; }
  // Of a number that is_whole().
  Integer whole() const { return kind == Kind::wide ? *wide : kind == Kind::boolean ? Integer{truth} : integer; }
  // Of a number.
  double number() const { return kind == Kind::real ? real : static_cast<double>(whole()); }
};

struct Entry {
  Value key, value;
};

// Keys in the order in which they were set.
struct Mapping {
  Entry* entries = nullptr;
  uint32_t count = 0, capacity = 0;
  uint32_t* index = nullptr;  // of mappings beyond a few entries: places by hash, open addressing; 0 is free
  uint32_t index_size = 0;

  // Null when there is none. `key` is one that can_be_key().
  Value* find(const Value& key);
  Value* find(std::string_view key) { return find(Value::string(key)); }
};

struct Range {
  int64_t start, stop, step;
  uint32_t count;
};

struct Stream {
  const Value* items;
  uint32_t count, next = 0;
};

// What JSON calls equal numbers and texts are one key: 1, 1.0 and true.
bool same_key(const Value& a, const Value& b);
// False for lists, mappings and others that cannot be a key, and for tuples of more than a few thousand items.
bool can_be_key(const Value& value);

// The memory of one rendering or of one template's constants: given back all at once. What is beyond its bound is
// refused by a null; what the machine has not is std::bad_alloc.
class Heap {
 public:
  explicit Heap(size_t bytes_max) : bytes_left_(bytes_max) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Aligned for every value; null beyond the bound.
  void* allocate(size_t bytes);
  template <class T>
  T* make(size_t count = 1) {
    if (count > SIZE_MAX / sizeof(T)) return nullptr;
    void* memory = allocate(count * sizeof(T));
    return memory == nullptr ? nullptr : new (memory) T[count]();
  }
  // A copy of both texts as one, or null. Where `left` is what was allocated last, it grows in place.
  const char* join(std::string_view left, std::string_view right);

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t block_left_ = 0;
  size_t bytes_left_;
};

// Sets entries of a mapping that lies in a heap. False beyond the heap's bound.
bool set_entry(Heap* heap, Mapping* mapping, const Value& key, const Value& value);

}  // namespace mica::jinja
