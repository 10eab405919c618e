// A session of the panel model with one of its pictures at hand. Not a test.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "mica.h"

namespace mica::test {

class PanelSession {
 public:
  explicit PanelSession(uint32_t context) {
    mica_error error{};
    mica_session_options options = mica_session_options_default();
    options.context = context;
    REQUIRE_MESSAGE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model_, &error) == MICA_OK, error.message);
    REQUIRE(mica_picture_open(MICA_TEST_DATA "/panel/000.jpg", &picture_, &error) == MICA_OK);
    REQUIRE(mica_session_create(model_, &options, nullptr, 0, &session_, &error) == MICA_OK);
  }
  PanelSession(const PanelSession&) = delete;
  PanelSession& operator=(const PanelSession&) = delete;
  ~PanelSession() {
    mica_session_free(session_);
    mica_picture_free(picture_);
    mica_model_close(model_);
  }

  // The user's turn: the picture, then the question.
  mica_status add(const std::string& question) {
    const mica_part parts[] = {{MICA_PART_PICTURE, nullptr, 0, picture_},
                               {MICA_PART_TEXT, question.data(), question.size(), nullptr}};
    return mica_session_add_message(session_, MICA_ROLE_USER, parts, 2, nullptr);
  }

 protected:
  mica_model* model_ = nullptr;
  mica_picture* picture_ = nullptr;
  mica_session* session_ = nullptr;
};

}  // namespace mica::test
