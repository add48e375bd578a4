/** Rows of dots over one axis: a dot a seed, a line at their mean, and what a paper has. */
import { html, type Markup } from '../report/html.ts';
import { number } from '../report/words.ts';

export interface DotRow {
  readonly title: string;
  readonly values: readonly number[];
  readonly paper: number | null;
}

const digits = (value: number) => number(value, 2);

/** @param unit is written after each number. Null where there is nothing to show */
export function dotPlot(title: string, unit: string, rows: readonly DotRow[]): Markup | null {
  const all = rows.flatMap(({ values, paper }) => [...values, ...(paper === null ? [] : [paper])]);
  if (!rows.some(({ values }) => values.length > 0)) return null;
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const span = most - least || 1;
  const at = (value: number) => `${(4 + (92 * (value - least)) / span).toFixed(2)}%`;
  const lines = rows.map(({ title: name, values, paper }) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const said = values.length === 0 ? 'not run' : `${digits(mean)} ${unit}`;
    const theirs = paper === null ? '' : `, the paper ${digits(paper)} ${unit}`;
    return html`<tr><th scope="row">${name}</th><td><svg role="img" aria-label="${said}${theirs}">
<line class="axis" x1="0" x2="100%" y1="14" y2="14"></line>
${paper === null ? null : html`<circle class="paper" cx="${at(paper)}" cy="14" r="4.5"></circle>`}
${values.length === 0 ? null : html`<line class="mean" x1="${at(mean)}" x2="${at(mean)}" y1="4" y2="24"></line>`}
${values.map((value) => html`<circle class="dot" cx="${at(value)}" cy="14" r="4"></circle>`)}
</svg></td><td>${said}</td></tr>`;
  });
  const papers = rows.some(({ paper }) => paper !== null);
  return html`<figure><h3>${title}</h3><table class="dots"><tbody>${lines}</tbody></table>
<figcaption>From ${digits(least)} to ${digits(most)} ${unit}. A dot is a seed, the line their mean.
${papers ? 'Hollow: the paper’s, of ResNet-50 on ImageNet.' : null}</figcaption></figure>`;
}
