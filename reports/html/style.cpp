#include "reports/html/page.hpp"

namespace trellis::reports::html {

// Series colours: Okabe and Ito's palette (2008), darkened for white and lightened for black paper
// to at least 3:1; text colours have at least 4.5:1 on every background they stand on.
std::string_view style_sheet() {
  return R"css(
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --panel: #f3f4f5; --ink: #1a1c20; --muted: #565c66; --line: #dcdfe3;
  --accent: #00588a; --mark: #8a4b00; --bad: #a3260f; --best: #e3f1ea;
  --series-0: #0072b2; --series-1: #c45200; --series-2: #00805d; --series-3: #a8457f;
  --series-4: #9a6a00; --series-5: #2a7fb0; --series-6: #6b6b6b; --series-7: #6a4fb3;
  --p4: #fff4e2; --p3: #ffe3b8; --p2: #ffcd85; --p1: #ffb24d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131519; --panel: #1c1f25; --ink: #e9eaed; --muted: #a7aeb9; --line: #343941;
    --accent: #7cc4f5; --mark: #f2b04a; --bad: #ff9b85; --best: #17352a;
    --series-0: #56b4e9; --series-1: #f28a44; --series-2: #2fc49b; --series-3: #dd92bd;
    --series-4: #e8b53a; --series-5: #9fd0ef; --series-6: #b4b4b4; --series-7: #b7a1f0;
    --p4: #2a2419; --p3: #45361c; --p2: #624618; --p1: #80540f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC",
        "PingFang SC", "Microsoft YaHei", sans-serif;
}
.page { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: .06em; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: .18rem solid var(--accent); outline-offset: .12rem; border-radius: .2rem;
}
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem; z-index: 1; }
header.page { padding-top: 3rem; }
.kicker { margin: 0; color: var(--muted); font-size: .85rem; letter-spacing: .08em;
          text-transform: uppercase; }
h1 { font-size: clamp(1.8rem, 5vw, 2.7rem); line-height: 1.15; margin: .2rem 0 .6rem;
     letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { font-size: 1.45rem; letter-spacing: -.01em; margin: 3.5rem 0 .8rem; padding-top: 1.2rem;
     border-top: .1rem solid var(--ink); }
h3 { font-size: 1.12rem; margin: 2rem 0 .5rem; }
h4 { font-size: 1rem; margin: 1.6rem 0 .5rem; }
p, li { max-width: 46rem; }
.note, caption, figcaption { color: var(--muted); font-size: .875rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0;
         margin: 1.4rem 0 0; font-size: .95rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem;
         margin: 1.5rem 0; padding: 0; }
.facts div { background: var(--panel); border-radius: .5rem; padding: .7rem .95rem; }
.facts dt { color: var(--muted); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums;
            overflow-wrap: anywhere; line-height: 1.3; }
.scroll { overflow-x: auto; margin: .8rem 0 1.4rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums;
        min-width: 100%; }
caption { text-align: left; padding-bottom: .5rem; max-width: min(46rem, calc(100vw - 2rem)); }
th, td { padding: .42rem .8rem; text-align: left; vertical-align: baseline;
         border-bottom: .06rem solid var(--line); }
th:first-child, td:first-child { padding-left: .3rem; }
thead th { border-bottom: .1rem solid var(--ink); font-weight: 600; white-space: nowrap;
           vertical-align: bottom; }
tbody th { font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
td.number a { color: inherit; text-decoration-color: var(--line); }
td.number a:hover { text-decoration-color: currentColor; }
.half { color: var(--muted); font-size: .86em; }
.best { background: var(--best); font-weight: 650; }
.star { color: var(--mark); font-weight: 700; }
.badge { display: inline-block; border: .06rem solid currentColor; border-radius: 1rem;
         padding: 0 .55rem; font-size: .78rem; font-weight: 500; color: var(--muted);
         white-space: nowrap; }
.bad { color: var(--bad); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden;
          clip-path: inset(50%); white-space: nowrap; }
figure { margin: 1rem 0 1.6rem; }
figure svg { display: block; width: 100%; height: auto; max-width: 46rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .axis-name { fill: var(--ink); }
svg .mark-name { fill: var(--ink); font-size: 11px; paint-order: stroke; stroke: var(--paper);
                 stroke-width: 3px; }
svg .share { fill: var(--ink); font-size: 11px; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--muted); stroke-width: 1; }
svg a:focus-visible { outline: 2px solid var(--accent); }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr));
          gap: 1rem 2rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; padding: 0;
          margin: .6rem 0; font-size: .9rem; max-width: none; }
.legend svg { display: inline-block; width: 1.2rem; height: 1rem; vertical-align: -.15rem;
              margin-right: .35rem; }
.example { border-top: .06rem solid var(--line); padding-top: .4rem; margin-top: 1.6rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .15rem 0 .5rem; max-width: 60rem; }
.given { display: grid; grid-template-columns: minmax(0, 1fr); gap: .1rem; margin: .5rem 0 1rem; }
.given dt { color: var(--muted); font-size: .85rem; }
.given dd { margin: 0 0 .4rem; }
.arms { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr));
        gap: .8rem; padding: 0; margin: 0; list-style: none; }
.arms > li { background: var(--panel); border-radius: .5rem; padding: .7rem .95rem; min-width: 0;
             max-width: none; }
.arms h5 { margin: 0 0 .3rem; font-size: .85rem; color: var(--muted); font-weight: 600;
           overflow-wrap: anywhere; }
.arms > li:target, tr:target, .tokens:target { outline: .15rem solid var(--accent); }
.marks { margin: .4rem 0 0; color: var(--muted); font-size: .82rem;
         font-variant-numeric: tabular-nums; }
.tokens { display: flex; flex-wrap: wrap; gap: .25rem .15rem; margin: .5rem 0; padding: 0;
          list-style: none; }
.tokens li { display: flex; flex-direction: column; align-items: center; border-radius: .25rem;
             padding: .05rem .3rem; max-width: 100%; line-height: 1.3; }
.tokens .piece { white-space: pre-wrap; overflow-wrap: anywhere; }
.tokens .share { font-size: .72rem; font-variant-numeric: tabular-nums; }
.p5 { background: var(--panel); } .p4 { background: var(--p4); } .p3 { background: var(--p3); }
.p2 { background: var(--p2); } .p1 { background: var(--p1); }
.scale { display: flex; flex-wrap: wrap; gap: .4rem; font-size: .85rem; padding: 0; list-style: none;
         max-width: none; }
.scale li { padding: .05rem .6rem; border-radius: .25rem; }
abbr { text-decoration: none; }
.values { min-width: 0; margin: .5rem 0 1rem; font-size: .875rem; }
.values th { font-weight: 500; color: var(--muted); white-space: nowrap; }
.values th, .values td { padding: .15rem 1rem .15rem .3rem; }
.values td { overflow-wrap: anywhere; }
.arms summary { font-size: .875rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
pre { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto;
      font: .85rem/1.5 ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace; }
code { font: .9em ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
       overflow-wrap: anywhere; }
.trial-id { max-width: 9rem; display: inline-block; overflow: hidden; text-overflow: ellipsis;
            white-space: nowrap; vertical-align: bottom; }
footer.page { color: var(--muted); font-size: .875rem; margin-top: 4rem; padding-bottom: 3rem; }
@media (max-width: 40rem) {
  .page { padding: 0 .9rem; }
  header.page { padding-top: 1.5rem; }
  h2 { margin-top: 2.5rem; }
  table { font-size: .875rem; }
  th, td { padding: .4rem .45rem; }
  figure svg text { font-size: 18px; }
  figure svg .mark-name { font-size: 15px; }
}
@media print { nav, .skip { display: none; } .scroll { overflow: visible; } }
)css";
}

}  // namespace trellis::reports::html
