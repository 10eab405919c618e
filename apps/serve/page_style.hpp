// The style of the server's page: light and dark by what the reader prefers, wide and narrow.
#pragma once

namespace app::serve {

inline constexpr const char* kPageStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #fafaf8; --card: #ffffff; --ink: #1d1d1b; --soft: #5f5e59; --line: #d9d8d0; --mark: #1659b0;
  --mark-ink: #ffffff; --mine: #e9f0fa; --wrong: #a3261b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161615; --card: #1f1f1d; --ink: #ecebe5; --soft: #aba99f; --line: #3d3c36; --mark: #7db1ea;
    --mark-ink: #10161d; --mine: #22303f; --wrong: #ff9d92;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; overflow: hidden; }
body {
  display: flex; flex-direction: column; height: 100dvh; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header, main, form { width: 100%; max-width: 46rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; padding-top: .8rem; padding-bottom: .6rem; }
header div { flex: 1; min-width: 0; }
h1 { font-size: 1.15rem; margin: 0; overflow-wrap: anywhere; }
header p { margin: 0; color: var(--soft); font-size: .9rem; }
main { flex: 1; overflow-y: auto; padding-top: .5rem; padding-bottom: 1rem; }
.hint { color: var(--soft); text-align: center; margin-top: 14vh; }
.turn {
  margin: 0 0 1rem; padding: .7rem .9rem; border: 1px solid var(--line); border-radius: .7rem;
  background: var(--card);
}
.turn.user { background: var(--mine); border-color: transparent; margin-left: 12%; }
.turn h2 { margin: 0 0 .2rem; font-size: .8rem; font-weight: 600; color: var(--soft); }
.turn p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.turn .numbers { margin-top: .4rem; color: var(--soft); font-size: .8rem; font-variant-numeric: tabular-nums; }
.turn.wrong { border-color: var(--wrong); }
.turn.wrong p { color: var(--wrong); }
.pictures { display: flex; flex-wrap: wrap; gap: .5rem; margin: .3rem 0; padding: 0; list-style: none; }
.pictures:empty { display: none; }
.pictures img {
  display: block; height: 5.5rem; max-width: 12rem; object-fit: cover; border-radius: .4rem;
  border: 1px solid var(--line);
}
.turn .pictures img { height: 9rem; max-width: 100%; object-fit: contain; }
.pictures li { position: relative; }
.pictures li button {
  position: absolute; top: .2rem; right: .2rem; min-height: 0; padding: 0 .45rem; background: var(--card);
}
form {
  position: relative; padding-top: .6rem; padding-bottom: calc(.8rem + env(safe-area-inset-bottom));
  border-top: 1px solid var(--line);
}
details { margin-top: .4rem; max-height: 30vh; overflow-y: auto; }
textarea, input[type=password] {
  width: 100%; padding: .6rem .7rem; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; resize: none;
}
.row { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: .5rem; align-items: center; }
.row .space { flex: 1; }
button, .button {
  font: inherit; min-height: 2.75rem; padding: .35rem .9rem; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; cursor: pointer; display: inline-flex; align-items: center;
}
button.main { background: var(--mark); border-color: var(--mark); color: var(--mark-ink); font-weight: 600; }
button:disabled { opacity: .5; cursor: default; }
button:focus-visible, textarea:focus-visible, input:focus-visible, main:focus-visible, input:focus-visible + .button {
  outline: 3px solid var(--mark); outline-offset: 1px;
}
input[type=file], .unseen {
  position: absolute; width: 1px; height: 1px; margin: 0; opacity: 0; overflow: hidden; clip-path: inset(50%);
}
.shoot { display: none; }
@media (pointer: coarse) { .shoot { display: inline-flex; } }
body.dropping::after {
  content: "Drop the picture here"; position: fixed; inset: .8rem; display: grid; place-items: center;
  border: 3px dashed var(--mark); border-radius: 1rem; background: color-mix(in srgb, var(--page) 85%, transparent);
  font-size: 1.3rem; pointer-events: none;
}
@media (max-width: 30rem) {
  .turn.user { margin-left: 4%; }
  .wide { display: none; }
}
@media (prefers-reduced-motion: no-preference) {
  .busy p:empty::before { content: "…"; animation: wait 1.2s infinite; }
  @keyframes wait { 50% { opacity: .2; } }
}
)css";

}  // namespace app::serve
