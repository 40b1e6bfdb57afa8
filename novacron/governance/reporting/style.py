"""The style sheet of the HTML report: light and dark, narrow screens, paper."""

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--card:#f5f7f9;--line:#d8dee4;--ok:#1a7f37;
--bad:#c4232b;--warn:#8a5a00;--accent:#0b62c4;--muted:#a9b6c4;--okback:#e9f6ec;--badback:#fdecec}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#9aa4af;--paper:#0f1317;--card:#171c22;--line:#2b333c;
--ok:#4cc267;--bad:#ff7b7b;--warn:#e0b050;--accent:#62a8ff;--muted:#4a5764;--okback:#12251a;--badback:#2c1719}}
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:40px 20px 60px}
h1{margin:0 0 14px;font-size:28px;line-height:1.2;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{margin:40px 0 12px;font-size:18px}h3{margin:0 0 4px;font-size:15px;overflow-wrap:anywhere}
p{margin:0 0 10px}code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,monospace}
code{font-size:12.5px;overflow-wrap:anywhere}.soft{color:var(--soft)}.ok{color:var(--ok)}.bad{color:var(--bad)}
.warn{color:var(--warn)}.small{font-size:13px}
.verdict{border-left:4px solid var(--ok);background:var(--okback);padding:12px 16px;border-radius:0 8px 8px 0;
font-size:17px;font-weight:600}.verdict.failed{border-color:var(--bad);background:var(--badback)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:18px 0 0}
.tile,.card{background:var(--card);border-radius:10px;padding:12px 16px}.tile b{display:block;font-size:22px}
.tile span{color:var(--soft);font-size:13px}.card{margin:0 0 10px}
.finding{border-left:4px solid var(--soft);padding:2px 0 2px 14px;margin:0 0 12px;overflow-wrap:anywhere}
.finding.error{border-color:var(--bad)}.finding.warning{border-color:var(--warn)}
.finding b{font-size:12px;text-transform:uppercase;letter-spacing:.04em;margin-right:8px}
.finding.error b{color:var(--bad)}.finding.warning b{color:var(--warn)}
.line{display:block;background:var(--card);border-radius:6px;padding:6px 10px;margin-top:6px}
.why{overflow-wrap:anywhere;max-width:75ch}.kept{white-space:pre-wrap}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:500;font-size:13px}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
td code,td b{overflow-wrap:break-word}td:last-child code,td:last-child{overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap;padding-right:0}
.diff{border-bottom:1px solid var(--line);padding:8px 0}.diff:last-child{border:0}
.diff .name{overflow-wrap:anywhere}.diff .by{float:right;padding-left:12px;font-variant-numeric:tabular-nums}
.side{display:flex;gap:8px;font-size:14px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere;min-width:0}
.side::before{font-family:ui-monospace,monospace}.side span{min-width:0}
.minus{color:var(--bad)}.minus::before{content:"−"}.plus{color:var(--ok)}.plus::before{content:"+"}
.raw{margin:8px 0 0;line-height:1.35}.raw code{font-size:11.5px;color:var(--soft)}
.scroll{overflow-x:auto}.scroll+.scroll{margin-top:18px}
ul{margin:0;padding-left:18px}li{margin:0 0 4px;overflow-wrap:anywhere}
svg.vote{display:block;margin-top:14px;overflow:visible}.track{fill:var(--card)}.voter{fill:var(--muted)}
.carrier{fill:var(--accent)}.quorum{stroke:var(--ink);stroke-width:2;stroke-dasharray:4 3}
svg text{fill:var(--ink);font-size:12px}svg text.soft{fill:var(--soft)}svg text.mono{font-size:11px}
svg text.strong{font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--soft);margin-top:10px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:6px}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 16px;margin:16px 0 0;font-size:13px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}footer{margin-top:40px;color:var(--soft);font-size:13px}
@media(max-width:640px){main{padding:24px 14px 40px}h1{font-size:23px}dl{grid-template-columns:1fr}dt{margin-top:6px}
table.stack thead{display:none}table.stack tr{display:block;padding:6px 0;border-bottom:1px solid var(--line)}
table.stack td{display:block;border:0;padding:1px 0;text-align:left;white-space:normal;overflow-wrap:anywhere}
table.stack td code,table.stack td b{overflow-wrap:anywhere}
table.stack td[data-h]::before{content:attr(data-h) " ";color:var(--soft);font-size:12px}
table.stack td:empty{display:none}}
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--card:#f2f2f2;--line:#ccc;--ok:#14602a;--bad:#a01018;
--accent:#0b4c9a;--muted:#b5bec8;--okback:#fff;--badback:#fff}main{max-width:none;padding:0}body{font-size:11pt}
.card,.diff,.finding,tr{break-inside:avoid}.scroll{overflow:visible}td code{overflow-wrap:anywhere}h2{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
