// The page of the server: one file without any other, in which a person may ask as programs do. See page_script.hpp.
#include "drawn_text.hpp"
#include "page_script.hpp"
#include "page_style.hpp"
#include "routes.hpp"

namespace app::serve {
namespace {

constexpr const char* kBody = R"html(
<header>
  <div><h1 id="name">mica</h1><p id="about"></p></div>
  <button type="button" id="clear" title="/clear">New</button>
</header>
<main id="log" role="log" aria-live="off" aria-label="Conversation" tabindex="0">
  <p class="hint" id="hint">Drop, paste or add a picture, and ask about it.<br>
  <span class="wide">Enter sends, Shift+Enter begins a line, Escape stops an answer.</span></p>
</main>
<form id="form" aria-label="Question">
  <p id="locked" hidden><label for="key">This server wants a key:</label>
  <input id="key" type="password" autocomplete="off"></p>
  <ul class="pictures" id="waiting" aria-label="Pictures of the question"></ul>
  <label class="unseen" for="text">Your question</label>
  <textarea id="text" rows="2" placeholder="Your question" enterkeyhint="send"></textarea>
  <div class="row">
    <span id="attach"><input type="file" id="file" accept="image/*" multiple><label class="button"
      for="file">Add picture</label></span>
    <span id="shoot"><input type="file" id="camera" accept="image/*" capture="environment"><label class="button shoot"
      for="camera">Camera</label></span>
    <span class="space"></span>
    <button type="button" id="stop" class="main" hidden>Stop</button>
    <button id="send" class="main">Ask</button>
  </div>
  <details id="history" hidden><summary>Earlier pictures</summary><ul class="pictures" id="earlier"></ul></details>
  <p class="unseen" id="status" role="status" aria-live="polite"></p>
</form>
)html";

}  // namespace

// Only what was written here is run: scripts and styles that come by another way lack the nonce.
void answer_page(Call& call) {
  const std::string nonce = drawn_text();
  call.response.set_header("Content-Security-Policy",
                           "default-src 'none'; connect-src 'self'; img-src data: blob:; style-src 'nonce-" + nonce +
                               "'; script-src 'nonce-" + nonce +
                               "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  call.response.set_header("Referrer-Policy", "no-referrer");
  call.response.set_header("Cache-Control", "no-store");
  call.response.set_content(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>mica</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<style nonce=\"" +
          nonce + "\">" + kPageStyle + "</style>\n</head>\n<body>" + kBody + "<script nonce=\"" + nonce + "\">" +
          kPageScript + "</script>\n</body>\n</html>\n",
      "text/html; charset=utf-8");
}

}  // namespace app::serve
