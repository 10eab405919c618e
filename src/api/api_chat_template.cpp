// C API: chat templates by themselves. Thin: checks arguments and passes on.
#include "chat_templates.hpp"
#include "handles.hpp"

using namespace mica;

struct mica_chat_template {
  std::unique_ptr<ChatTemplates> templates;
};

extern "C" {

mica_status mica_chat_template_open(const char* path, mica_chat_template** chat_template, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(path);
    MICA_REQUIRE(chat_template);
    auto handle = std::make_unique<mica_chat_template>();
    MICA_TRY(ChatTemplates::read_folder(path, &handle->templates));
    *chat_template = handle.release();
    return Status::ok();
  });
}

void mica_chat_template_close(mica_chat_template* chat_template) { delete chat_template; }

mica_status mica_chat_template_render(const mica_chat_template* chat_template, const char* conversation,
                                      size_t conversation_bytes, char* text, size_t capacity, size_t* bytes,
                                      mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(chat_template);
    MICA_REQUIRE(conversation);
    MICA_REQUIRE(bytes);
    Json json;
    std::string rendered;
    const Bytes source(reinterpret_cast<const uint8_t*>(conversation), conversation_bytes);
    MICA_TRY(parse_json(source, "the conversation", &json));
    MICA_TRY(chat_template->templates->render(json.root(), &rendered));
    return copy_out(rendered.data(), rendered.size(), text, capacity, bytes, "bytes of text");
  });
}

}  // extern "C"
