// The functions that a template has from the start. See jinja_tables.hpp.
#include <locale.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "jinja_tables.hpp"

namespace mica::jinja {
namespace {

bool range(Run& run, const Arguments& arguments, Value* out) {
  Integer numbers[3] = {0, 0, 1};
  const size_t count = arguments.plain.size();
  if (count < 1 || count > 3 || !arguments.named.empty()) return run.fail("range takes one to three integers");
  for (size_t i = 0; i < count; ++i) {
    if (!arguments.plain[i].is_whole()) {
      return run.fail("range goes by integers, not by %s", run.describe(arguments.plain[i]));
    }
    numbers[count == 1 ? 1 : i] = arguments.plain[i].whole();
  }
  const auto [start, stop, step] = numbers;
  if (step == 0) return run.fail("the step of a range is 0");
  const Integer distance = step < 0 ? start - stop : stop - start;
  const Integer size = step < 0 ? -step : step;
  const Integer items = distance <= 0 ? 0 : (distance + size - 1) / size;
  const auto fits = [](Integer number) { return number >= INT64_MIN && number <= INT64_MAX; };
  if (items > Integer{limits::kTemplateRangeMax} || !fits(start) || !fits(stop) || !fits(step)) {
    return run.fail_with(Code::limit_exceeded, "a range of more than %zu integers", limits::kTemplateRangeMax);
  }
  auto* made = run.heap.make<Range>();
  if (made == nullptr) return run.fail_memory();
  *made = {static_cast<int64_t>(start), static_cast<int64_t>(stop), static_cast<int64_t>(step),
           static_cast<uint32_t>(items)};
  *out = Value::of(Kind::range);
  out->range = made;
  return true;
}

// dict(pairs or a mapping, name=value, ...)
bool mapping_of(Run& run, const Arguments& arguments, Kind kind, Value* out) {
  std::vector<Entry> entries;
  if (arguments.plain.size() > 1) return run.fail("dict and namespace take one argument without a name");
  for (const Value& given : arguments.plain) {
    if (given.is(Kind::mapping)) {
      entries.assign(given.mapping->entries, given.mapping->entries + given.mapping->count);
      continue;
    }
    std::span<const Value> pairs;
    if (!run.iterate(given, &pairs)) return false;
    for (const Value& pair : pairs) {
      std::span<const Value> two;
      if (!run.iterate(pair, &two)) return false;
      if (two.size() != 2) return run.fail("a mapping is made of pairs, not of %zu values", two.size());
      entries.push_back({two[0], two[1]});
    }
  }
  for (const Named& named : arguments.named) entries.push_back({Value::string(named.name), named.value});
  if (!run.charge(entries.size())) return false;
  for (const Entry& entry : entries) {
    if (kind == Kind::name_space && entry.key.is_string() && entry.key.view().starts_with('_')) {
      return run.fail("a namespace has no names that begin with _");
    }
  }
  return run.mapping(entries, kind, out);
}

bool dict(Run& run, const Arguments& arguments, Value* out) { return mapping_of(run, arguments, Kind::mapping, out); }
bool name_space(Run& run, const Arguments& arguments, Value* out) {
  return mapping_of(run, arguments, Kind::name_space, out);
}

bool raise_exception(Run& run, const Value* arguments, Value*) {
  std::string_view message;
  if (!run.as_text(arguments[0], &message)) return false;
  return run.fail_with(Code::invalid_argument, "the chat template refuses the conversation: %.*s",
                       static_cast<int>(std::min<size_t>(message.size(), Status::kMessageBytes)), message.data());
}

bool strftime_now(Run& run, const Value* arguments, Value* out) {
  if (!arguments[0].is_string()) return run.fail("strftime_now takes a text");
  const std::string_view format = arguments[0].view();
  std::string shown;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      shown += format[i];
      continue;
    }
    // One conversion at a time, without a width: what it gives is short.
    size_t end = i + 1;
    while (end + 1 < format.size() && std::string_view("-_0^#EO").find(format[end]) != std::string_view::npos) ++end;
    const char letter = format[end];
    std::string one(format.substr(i, end + 1 - i));
    if (letter == 'f') {
      shown += "000000";
    } else if (letter == 'z' || letter == 'Z') {
      // a day without a zone
    } else if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '%') {
      char text[128];
      const locale_t plain = newlocale(LC_ALL_MASK, "C", nullptr);
      if (plain == nullptr) return run.fail("the system has no locale C");
      shown.append(text, strftime_l(text, sizeof(text), one.c_str(), &run.now(), plain));
      freelocale(plain);
    } else {
      shown += one;
    }
    i = end;
  }
  return run.text(shown, out);
}

bool joiner(Run& run, const Value* arguments, Value* out) {
  auto* made = run.heap.make<Joiner>();
  if (made == nullptr) return run.fail_memory();
  made->separator = ", ";
  if (!arguments[0].is(Kind::absent) && !run.as_text(arguments[0], &made->separator)) return false;
  *out = Value::of(Kind::joiner);
  out->joiner = made;
  return true;
}

bool cycler(Run& run, const Arguments& arguments, Value* out) {
  if (arguments.plain.empty() || !arguments.named.empty()) return run.fail("cycler takes one or more values");
  Value items;
  auto* made = run.heap.make<Cycler>();
  if (made == nullptr) return run.fail_memory();
  if (!run.copied_sequence(Kind::tuple, arguments.plain, &items)) return false;
  *made = {items.items_at, items.size};
  *out = Value::of(Kind::cycler);
  out->cycler = made;
  return true;
}

bool lipsum(Run& run, const Arguments&, Value*) {
    return run.fail("lipsum gives text by chance, which no prompt may hold"); }

constexpr Function kFunctions[] = {
    {"range", "*", nullptr, range},
    {"dict", "*", nullptr, dict},
    {"namespace", "*", nullptr, name_space},
    {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
    {"joiner", "sep?", joiner},
    {"cycler", "*", nullptr, cycler},
    {"lipsum", "*", nullptr, lipsum},
};

}  // namespace

std::span<const Function> functions() { return kFunctions; }

}  // namespace mica::jinja
