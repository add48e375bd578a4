/** The script of a report: draws its charts and maps from the JSON that it carries, and asks for nothing. */
import type { DrawnData } from '../chart-spec.ts';
import { type Axis, drawChart } from './chart.ts';
import { onColors } from './colors.ts';
import { drawMap } from './map.ts';

const { runs, charts, maps }: DrawnData = JSON.parse(document.getElementById('data')!.textContent!);
const shown = runs.map(() => true);
let axis: Axis = 'step';
let taken: (() => void)[] = [];

function draw(): void {
  for (const takeAway of taken) takeAway();
  taken = [];
  for (const [id, spec] of Object.entries(charts)) {
    const figure = document.getElementById(id)!;
    const [box, readout] = ['.chart', '.readout'].map((part) => figure.querySelector<HTMLElement>(part)!);
    taken.push(drawChart(box!, readout!, spec, runs, { axis, shown }));
  }
  for (const [id, spec] of Object.entries(maps)) taken.push(drawMap(document.getElementById(id)!, spec));
}

for (const input of document.querySelectorAll<HTMLInputElement>('input[name=axis]')) {
  input.addEventListener('change', () => {
    axis = input.value as Axis;
    draw();
  });
}
for (const [run, button] of document.querySelectorAll<HTMLButtonElement>('button[data-run]').entries()) {
  button.addEventListener('click', () => {
    shown[run] = !shown[run];
    button.ariaPressed = String(shown[run]);
    draw();
  });
}
onColors(draw);
draw();
