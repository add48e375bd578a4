/** The colors of the page, from its style sheet: they follow light, dark and paper. */

const STYLE = getComputedStyle(document.documentElement);

export const color = (name: string): string => STYLE.getPropertyValue(`--${name}`).trim();

/** How many colors there are for runs and classes; later ones take the same again. */
export const HUES = 10;

export const hue = (index: number): string => color(`hue-${index % HUES}`);

/** The color, that much of it. */
export function faded(text: string, share: number): string {
  return `color-mix(in srgb, ${text} ${100 * share}%, transparent)`;
}

/** Calls when other colors hold: light or dark, and for the printer. */
export function onColors(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  matchMedia('print').addEventListener('change', redraw);
}
