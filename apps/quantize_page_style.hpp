// The style and the script of the report's page: light and dark by what the reader prefers, and tables that sort.
#pragma once

namespace app {

inline constexpr const char* kPageStyle = R"css(
:root {
  --page: #fafaf8; --card: #ffffff; --ink: #1d1d1b; --soft: #6b6a65; --line: #e4e3dc; --grid: #ecebe5;
  --visual: #1f6fd0; --text: #d9622b; --came: #9a9890; --rotated: #1f6fd0; --kept: #1b8a5a;
  --shade-0: #e6effa; --shade-1: #bcd6f3; --shade-2: #85b3e6; --shade-3: #4688d0; --shade-4: #1f5fa8;
  --shade-5: #0d3568;
  --float: #eeede7; --warn: #fdf3dc; --warn-line: #e3b449; --mark: #f0892e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161615; --card: #1f1f1d; --ink: #ecebe5; --soft: #a19f97; --line: #35342f; --grid: #2b2a27;
    --visual: #5ea2ee; --text: #f08a56; --came: #7d7b74; --rotated: #5ea2ee; --kept: #4cc48d;
    --shade-0: #1b2938; --shade-1: #21415f; --shade-2: #2a5f91; --shade-3: #4385c7; --shade-4: #7db1ea;
    --shade-5: #cfe4fb;
    --float: #2b2a27; --warn: #33290f; --warn-line: #8a6a1f; --mark: #f0a04e;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 52px 0 4px; letter-spacing: -0.01em; }
h3 { font-size: 13px; margin: 22px 0 8px; color: var(--soft); font-weight: 600; }
p { margin: 4px 0 0; color: var(--soft); max-width: 76ch; }
header p { font-size: 16px; overflow-wrap: anywhere; }
code { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(168px, 1fr)); gap: 12px; margin-top: 26px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 22px; white-space: nowrap; font-weight: 600; letter-spacing: -0.02em;
  line-height: 1.25; }
.tile span { color: var(--soft); font-size: 13px; }
.bar { height: 6px; border-radius: 3px; background: var(--grid); margin: 8px 0 4px; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--visual); border-radius: 3px; }
.chips { margin-top: 16px; display: flex; flex-wrap: wrap; gap: 6px; }
.chip { border: 1px solid var(--line); background: var(--card); border-radius: 999px; padding: 2px 11px;
  font-size: 13px; }
.chip.off { color: var(--soft); text-decoration: line-through; }
.warnings { background: var(--warn); border-left: 3px solid var(--warn-line); border-radius: 4px;
  padding: 10px 16px; margin-top: 20px; }
.warnings ul { margin: 2px 0 0; padding-left: 18px; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 12px; font-size: 13px; color: var(--soft);
  align-items: center; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px;
  vertical-align: -1px; }
.legend i.round { width: 8px; height: 8px; border-radius: 50%; vertical-align: 1px; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 12px; }
.plot { background: var(--card); border: 1px solid var(--line); border-radius: 10px; width: 100%; height: auto;
  display: block; }
.map { width: 100%; height: auto; display: block; margin-top: 6px; }
svg text { fill: var(--ink); font-family: inherit; }
svg .tick { fill: var(--soft); font-size: 10px; }
svg .plot-title { font-size: 12px; font-weight: 600; }
svg .map-kind { font-size: 12px; }
.grid { stroke: var(--grid); stroke-width: 1; }
.line { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.band { opacity: 0.16; stroke: none; }
.line.visual { stroke: var(--visual); } .dot.visual, .band.visual, i.visual { fill: var(--visual);
  background: var(--visual); }
.line.text { stroke: var(--text); } .dot.text, .band.text, i.text { fill: var(--text); background: var(--text); }
.line.came { stroke: var(--came); } .dot.came, i.came { fill: var(--came); background: var(--came); }
.line.rotated { stroke: var(--rotated); } .dot.rotated, i.rotated { fill: var(--rotated);
  background: var(--rotated); }
.line.kept { stroke: none; } .dot.kept, i.kept { fill: var(--kept); background: var(--kept); }
.shade-0 { fill: var(--shade-0); background: var(--shade-0); } .shade-1 { fill: var(--shade-1);
  background: var(--shade-1); }
.shade-2 { fill: var(--shade-2); background: var(--shade-2); } .shade-3 { fill: var(--shade-3);
  background: var(--shade-3); }
.shade-4 { fill: var(--shade-4); background: var(--shade-4); } .shade-5 { fill: var(--shade-5);
  background: var(--shade-5); }
.bits-2 { fill: var(--shade-1); background: var(--shade-1); } .bits-3 { fill: var(--shade-2);
  background: var(--shade-2); }
.bits-4 { fill: var(--shade-3); background: var(--shade-3); } .bits-8 { fill: var(--shade-5);
  background: var(--shade-5); }
.bits-16 { fill: var(--float); background: var(--float); }
.advice { margin: 10px 0 0; padding-left: 18px; color: var(--soft); }
.verdict { margin-top: 18px; color: var(--ink); max-width: none; }
.cell-float { fill: var(--float); background: var(--float); }
.cell:hover { stroke: var(--ink); stroke-width: 1.5; }
.dot:hover { stroke: var(--ink); stroke-width: 1.5; }
.mark-rms { fill: var(--card); stroke: var(--ink); stroke-width: 0.6; } .mark-fallback { fill: var(--mark); }
i.mark-rms { background: var(--card); border: 1px solid var(--ink); } i.mark-fallback { background: var(--mark); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  margin-top: 12px; max-height: 560px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { position: sticky; top: 0; background: var(--card); font-weight: 600; border-bottom: 1px solid var(--line);
  cursor: pointer; user-select: none; }
th:hover { color: var(--visual); }
th[aria-sort=ascending]::after { content: " \2191"; } th[aria-sort=descending]::after { content: " \2193"; }
td { border-bottom: 1px solid var(--grid); }
tr:last-child td { border-bottom: 0; }
tbody tr:hover td { background: var(--grid); }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; }
@media print { body { background: white; } .scroll { max-height: none; } }
)css";

// A click on a head sorts by its column, a second one the other way; data-v has what a cell shows, as a number.
inline constexpr const char* kPageScript = R"js(
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.v;
      const order = (a, b) => {
        const x = value(a), y = value(b);
        if (x !== undefined && y !== undefined) return x - y;
        return a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en", {numeric: true});
      };
      const rows = [...table.tBodies[0].rows].sort(order);
      if (down) rows.reverse();
      table.tBodies[0].append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
)js";

}  // namespace app
