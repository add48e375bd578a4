/** A report of one or several runs as one HTML file. */
import { type Drawing, type DrawnMeasure, drawingOf } from './charts.ts';
import { configurationOf } from './configuration.ts';
import { documentOf, jpegAddress } from './document.ts';
import { figuresOf, headlineOf, storyOf } from './headline.ts';
import { html, type Markup } from './html.ts';
import type { RunRecord } from './run-record.ts';
import { summaryOf } from './summary.ts';
import { number } from './words.ts';

/** @param written when, as the footer says it. @param runs one at least */
export async function reportHtml(runs: readonly RunRecord[], written: string): Promise<string> {
  const drawing = drawingOf(runs);
  const headline = headlineOf(runs);
  const body = html`
<header>
<p class="overline">moco-web report</p>
<h1>${headline.replaceAll('-', '\u2011')}</h1>
${runs.length === 1 ? alone(runs[0]!) : together(runs)}
</header>
<main>
<h2>Curves</h2>
${controls(runs.map(({ name }) => name))}
<p class="quiet">Drag over a curve to look closer, click twice to see all. Axes leave out the outermost 2 % of the values of steps.</p>
${chartGrid('grid large', drawing.accuracies)}
${chartGrid('grid', drawing.others)}
${thinned(drawing, runs)}
${neighborsOf(runs)}
${mapsOf(drawing)}
<h2>Numbers</h2>
${summaryTable(runs)}
<h2>Configuration</h2>
${runs.length > 1 ? html`<p class="quiet">Rows with a mark are those in which the runs differ.</p>` : null}
${configurationTable(runs)}
</main>
<footer>Written ${written}. This file asks nothing of any network.</footer>`;
  return documentOf(headline, body, drawing.data);
}

function alone(run: RunRecord): Markup {
  const figures = figuresOf(run).map(
    ({ title, value, beside }) => html`<div><dt>${title}</dt><dd>${value}<small>${beside}</small></dd></div>`,
  );
  return html`${storyOf(run).map((sentence) => html`<p>${sentence}</p>`)}
<dl class="figures">${figures}</dl>`;
}

function together(runs: readonly RunRecord[]): Markup {
  const stories = runs.map((run) => storyOf(run)[0]!);
  if (new Set(stories).size === 1) return html`<p>Each of them: ${stories[0]!}</p>`;
  return html`${runs.map(({ name }, i) => html`<p><strong>${name}</strong>: ${stories[i]!}</p>`)}`;
}

export const swatch = (index: number): Markup => html`<i class="swatch hue-${index % 10}"></i>`;

/** Which runs are shown, and over what. */
export function controls(names: readonly string[]): Markup {
  const buttons =
    names.length === 1
      ? null
      : names.map(
          (name, i) =>
            html`<button type="button" data-run="${i}" aria-pressed="true">${swatch(i)}${name}</button>`,
        );
  return html`<div class="controls">${buttons}<fieldset><legend>Over</legend>
<label><input type="radio" name="axis" value="step" checked> steps</label>
<label><input type="radio" name="axis" value="epoch"> epochs</label></fieldset></div>`;
}

export function chartGrid(name: string, drawn: readonly DrawnMeasure[]): Markup | null {
  if (drawn.length === 0) return null;
  const figures = drawn.map(
    ({ id, measure: { title, says } }) => html`
<figure id="${id}"><header><h3>${title}</h3><span class="readout"></span></header>
<div class="chart"></div>
<figcaption>${says}</figcaption></figure>`,
  );
  return html`<div class="${name}">${figures}</div>`;
}

export function thinned({ stepsAPoint }: Drawing, runs: readonly RunRecord[]): Markup | null {
  if (stepsAPoint === 1) return null;
  const most = Math.max(...runs.map(({ steps }) => steps.length));
  return html`<p class="quiet">So that this file stays small, a point of a curve is the mean of up to ${stepsAPoint} of
${number(most)} steps; the band behind it goes from the least to the greatest of them. All steps are in log.jsonl, and in what
moco-web report --csv writes.</p>`;
}

/** Bytes of pictures in one file: those of a few runs. */
const MOST_PICTURES = 400_000;

function neighborsOf(runs: readonly RunRecord[]): Markup | null {
  let bytes = 0;
  let left = 0;
  const figures = runs.flatMap(({ name, neighbors, data }) => {
    if (!neighbors) return [];
    bytes += neighbors.length;
    if (bytes > MOST_PICTURES && bytes > neighbors.length) {
      left++;
      return [];
    }
    const frames =
      data?.classes && data.classes.length > 1 ? ' Green frames: of the same class; red: of another.' : '';
    return html`<figure class="neighbors"><div class="scroll"><img alt="Queries with their nearest images before and after
training" src="${jpegAddress(neighbors)}"></div><figcaption>${runs.length > 1 ? `${name}. ` : ''}In each row a query, its nearest
images by the untrained encoder, and, after the gap, by the trained one.${frames}</figcaption></figure>`;
  });
  if (figures.length === 0) return null;
  const others = html`<p class="quiet">So that this file stays small, the pictures of ${left} more runs are in their directories alone.</p>`;
  return html`<h2>Nearest images, before and after</h2>${figures}${left > 0 ? others : null}`;
}

function mapsOf({ maps }: Drawing): Markup | null {
  if (maps.length === 0) return null;
  const figures = maps.map(({ id, run, map }) => {
    const classes = map.classes.map(
      (name, label) =>
        html`<button type="button" data-class="${label}" aria-pressed="true">${swatch(label)}${name}</button>`,
    );
    return html`<figure id="${id}" class="embeddings">
<div class="map"><canvas role="img" aria-label="Map of embeddings: ${map.title}"></canvas>
<div class="map-card" hidden><canvas></canvas><span></span></div></div>
<img class="map-sprite" alt="" src="${jpegAddress(map.sprite)}">
<div>${map.labels ? classes : null}</div>
<figcaption>${run.name}: ${map.title}. Images that the encoder finds alike lie near each other (UMAP of cosine distances); what is
far apart says little by how far. Point at one to see it.</figcaption></figure>`;
  });
  return html`<h2>Map of embeddings</h2>${figures}`;
}

function headOf(runs: readonly RunRecord[], first: string): Markup {
  const names = runs.map(
    ({ name }, i) => html`<th scope="col">${runs.length > 1 ? swatch(i) : null} ${name}</th>`,
  );
  return html`<thead><tr><th scope="col">${first}</th>${names}</tr></thead>`;
}

function summaryTable(runs: readonly RunRecord[]): Markup {
  const rows = summaryOf(runs).map(({ title, cells, best }) => {
    const values = cells.map((cell, i) =>
      i === best ? html`<td class="best">${cell}</td>` : html`<td>${cell}</td>`,
    );
    return html`<tr><th scope="row">${title}</th>${values}</tr>`;
  });
  return html`<div class="scroll"><table>${headOf(runs, '')}<tbody>${rows}</tbody></table></div>`;
}

function configurationTable(runs: readonly RunRecord[]): Markup {
  const rows = configurationOf(runs).map(({ name, cells, differs }) => {
    const values = cells.map((cell) => html`<td>${cell}</td>`);
    return differs
      ? html`<tr class="differs"><th scope="row">${name}</th>${values}</tr>`
      : html`<tr><th scope="row">${name}</th>${values}</tr>`;
  });
  return html`<div class="scroll"><table>${headOf(runs, 'setting')}<tbody>${rows}</tbody></table></div>`;
}
