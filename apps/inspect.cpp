// mica inspect: what a model is, or what this processor offers, as a page for people or as JSON.
// The facts are the library's (mica_model_describe, mica_cpu_describe); only their layout is made here.
#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "files.hpp"
#include "options.hpp"
#include "published_shape.hpp"
#include "terminal.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kLabelColumns = 24;

bool ends_with(const std::string& text, const char* end) {
  const std::string suffix = end;
  return text.size() >= suffix.size() && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// Names in the JSON end in their unit, and that says how a number is shown.
std::string show_number(const std::string& name, const Json& value) {
  if (value.is_number_unsigned() && ends_with(name, "bytes")) return format_bytes(value.get<uint64_t>());
  if (value.is_number_unsigned() && ends_with(name, "parameters")) return format_count(value.get<uint64_t>());
  if (value.is_number_float()) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value.get<double>());
    return text;
  }
  return value.dump();
}

// The unit is in the value.
std::string label_of(std::string name) {
  if (ends_with(name, "_bytes")) name.resize(name.size() - 6);
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// A value in one line.
std::string show(const std::string& name, const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "-";
  if (value.is_number()) return show_number(name, value);
  if (value.is_string()) return value.get<std::string>();
  std::string line;
  for (const auto& [key, item] : value.items()) {
    line += line.empty() ? "" : ", ";
    line += (value.is_object() ? label_of(key) + ' ' : "") + show(value.is_object() ? key : name, item);
  }
  return line.empty() ? "none" : line;
}

void print_fact(const std::string& name, const std::string& value) {
  std::printf("  %-*s%s\n", kLabelColumns, label_of(name).c_str(), text_for(stdout, value).c_str());
}

// Text of several lines, or with line ends in it (parts of a chat format): escaped, so that nothing is invisible.
std::string visible(const std::string& text) {
  std::string escaped;
  for (const char character : text) {
    if (character == '\n') {
      escaped += "\\n";
    } else {
      escaped += character;
    }
  }
  return escaped;
}

void print_rows(const Json& rows) {
  for (const Json& row : rows) {
    std::string line;
    for (const auto& [name, value] : row.items()) {
      std::string cell = show(name, value);
      const size_t columns = name == "name" ? 44 : 14;
      cell.resize(std::max(cell.size() + 1, columns), ' ');
      line += cell;
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    std::printf("  %s\n", text_for(stdout, line).c_str());
  }
}

void print_section(const std::string& name, const Json& section) {
  std::printf("\n%s\n", text_for(stdout, label_of(name)).c_str());
  if (section.is_array()) {
    print_rows(section);
    return;
  }
  for (const auto& [key, value] : section.items()) print_fact(key, visible(show(key, value)));
}

bool is_section(const Json& value) {
  return value.is_object() || (value.is_array() && !value.empty() && value[0].is_object());
}

// Facts of the whole first, then a section for each part.
void print_page(const std::string& title, const Json& document) {
  std::printf("%s\n", text_for(stdout, title).c_str());
  for (const auto& [name, value] : document.items()) {
    if (!is_section(value)) print_fact(name, visible(show(name, value)));
  }
  for (const auto& [name, value] : document.items()) {
    if (is_section(value)) print_section(name, value);
  }
}

Json parse_description(const std::string& text) {
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) throw Failure("the library's description is not JSON");
  return document;
}

// What a session of these options takes, beside the weights.
Json describe_session(const Model& model, const Options& options) {
  const mica_session_options settings = session_options(options);
  return parse_description(
      describe(mica_session_describe, static_cast<const mica_model*>(model.get()), &settings));
}

int inspect(CommandLine& line, const std::vector<std::string>& arguments) {
  Options options;
  PublishedShape shape;
  bool processor = false, tensors = false;
  std::string format;
  line.add({.names = "model", .value = "PATH", .help = "folder, .gguf or .mica file; without it the default model"},
           &options.model);
  line.add({.names = "--cpu", .value = "", .help = "describes this processor and what mica chose for it instead"},
           &processor);
  line.add({.names = "--tensors", .value = "", .help = "lists every tensor"}, &tensors);
  add_output_option(line, format, "text|json");
  add_options(line, options, kModelOptions | kSessionOptions);
  add_shape_options(line, shape);
  line.exclude("model", "--arch");
  parse(line, arguments, options);

  std::string title = "processor";
  Json document;
  if (processor) {
    document = parse_description(describe(mica_cpu_describe));
  } else {
    const bool has_shape = !shape.arch.empty();
    const Model model = has_shape ? open_shape(shape, false) : open_model(options);
    title = has_shape ? shape.name() : options.model.empty() ? "the default model" : options.model;
    document = parse_description(describe(mica_model_describe, static_cast<const mica_model*>(model.get())));
    document["session"] = describe_session(model, options);
    const auto trained = document["session"]["context_trained"].get<uint32_t>();
    if (options.context > trained)
      print_note("warning: -c " + std::to_string(options.context) + " is beyond the " + std::to_string(trained) +
                 " tokens that this model was trained for: answers get worse there, often to nonsense");
    if (!tensors && document.contains("tensors")) document["tensors"] = document["tensors"].size();
  }
  if (format == "json") {
    std::puts(document.dump(2).c_str());
  } else {
    print_page(title, document);
  }
  return 0;
}

}  // namespace

const Command kInspectCommand = {"inspect", "describes a model, or this processor",
                                 "  mica inspect                                       the default model\n"
                                 "  mica inspect Qwen2-VL-2B-Instruct -c 16384\n"
                                 "  mica inspect model.mica --tensors -o json\n"
                                 "  mica inspect --arch qwen2-vl-7b --weights w4a8     what it would take\n"
                                 "  mica inspect --cpu",
                                 inspect};

}  // namespace app
