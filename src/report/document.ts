/** An HTML file that stands alone: style, script and data are in it, and nothing else may be asked for. */
import UPLOT from 'uplot/dist/uPlot.min.css?raw';
import SCRIPT from './browser/main.ts?script';
import type { DrawnData } from './chart-spec.ts';
import COLORS from './colors.css?raw';
import { html, json, Markup } from './html.ts';
import PAGE from './page.css?raw';
import PLOTS from './plots.css?raw';

const STYLE = [UPLOT, COLORS, PLOTS, PAGE].join('\n');

/**
 * @param body what is inside <body>
 * @param data what the script draws; the figures that it names are in the body
 */
export async function documentOf(title: string, body: Markup, data: DrawnData): Promise<string> {
  // Even from text that were taken for HTML in spite of all, no script would run.
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src '${await digest(STYLE)}'`,
    `script-src '${await digest(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
${body}
<noscript><p>The curves are drawn by a script that is part of this file; the tables stand without it.</p></noscript>
<script type="application/json" id="data">${json(data)}</script>
<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`.text;
}

/** How a Content-Security-Policy names a text. */
async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return `sha256-${btoa(String.fromCharCode(...bytes))}`;
}

/** The address of a picture that is part of the page. */
export function jpegAddress(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; start += 8192) {
    parts.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  }
  return `data:image/jpeg;base64,${btoa(parts.join(''))}`;
}
