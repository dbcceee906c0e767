/** The look of the pages without script. Its hash is in their policy, so not a byte may be added in between. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --bg: #fcfcfb; --panel: #ffffff; --sunk: #f5f5f3; --line: #e6e5e1; --line-strong: #cfcec8;
  --ink: #1b1b19; --ink-2: #55544f; --ink-3: #6b6a63; --accent: #2b5fd9; --on-accent: #ffffff;
  --fault: #7a3fa3; --fault-soft: #f1e8f7;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "JetBrains Mono", "DejaVu Sans Mono", Menlo, monospace;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Inter, Roboto, "DejaVu Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #131416; --panel: #1a1b1e; --sunk: #202226; --line: #2b2d32; --line-strong: #43464d;
    --ink: #ececea; --ink-2: #b3b3ae; --ink-3: #8f8f89; --accent: #86a9ff; --on-accent: #10131a;
    --fault: #c79bea; --fault-soft: #2f2439;
  }
}
* { box-sizing: border-box; margin: 0; }
body { font: 15px/1.55 var(--sans); color: var(--ink); background: var(--bg); }
.top { height: 48px; display: flex; align-items: center; padding: 0 20px; border-bottom: 1px solid var(--line); background: var(--panel); }
.logo { font-weight: 650; letter-spacing: -.01em; }
main { width: min(432px, 100% - 40px); margin: 64px auto; }
h1 { font-size: 22px; line-height: 1.3; font-weight: 620; letter-spacing: -.015em; margin-bottom: 8px; }
p { color: var(--ink-2); margin-bottom: 20px; }
form { display: grid; gap: 8px; margin-bottom: 20px; }
label { font-size: 13px; color: var(--ink-2); }
input { font: 15px var(--mono); color: var(--ink); background: var(--panel); border: 1px solid var(--line-strong); border-radius: 6px; padding: 10px 12px; width: 100%; }
input.code { font-size: 22px; letter-spacing: .12em; text-align: center; text-transform: uppercase; }
button { font: 550 15px var(--sans); min-height: 44px; padding: 0 16px; border-radius: 6px; border: 1px solid var(--line-strong); background: var(--panel); color: var(--ink); cursor: pointer; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.note { border-left: 3px solid var(--fault); background: var(--fault-soft); color: var(--ink); padding: 10px 14px; border-radius: 0 6px 6px 0; }
dl { border-top: 1px solid var(--line); margin-bottom: 24px; }
dl div { display: grid; grid-template-columns: 88px 1fr; gap: 12px; padding: 10px 0; border-bottom: 1px solid var(--line); }
dt { color: var(--ink-3); font-size: 13px; line-height: 23px; }
dd { overflow-wrap: anywhere; }
code, .mono { font-family: var(--mono); font-size: 14px; }
.big { font: 600 26px var(--mono); letter-spacing: .1em; text-align: center; background: var(--sunk); border-radius: 6px; padding: 14px; color: var(--ink); }
main.wide { width: min(1040px, 100% - 40px); margin: 32px auto; }
a { color: var(--accent); }
table { width: 100%; border-collapse: collapse; display: block; overflow-x: auto; font-size: 14px; margin-bottom: 24px; }
th, td { text-align: left; padding: 8px 16px 8px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--ink-3); font-weight: 500; font-size: 13px; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child, td:last-child { width: 50%; white-space: normal; overflow-wrap: anywhere; }
.steps { list-style: none; padding: 0; }
.steps li { border-top: 1px solid var(--line); padding: 12px 0; }
h2 { font-size: 13px; font-weight: 550; color: var(--ink-3); margin-bottom: 6px; }
pre { font: 13px/1.5 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; margin-bottom: 6px; }
pre.bad { color: var(--fault); }
img { max-width: 100%; border: 1px solid var(--line); border-radius: 6px; }
@media (max-width: 480px) { main { margin: 28px auto; } }
`;
