/** Tables that are wider than a phone scroll by themselves, by keyboard as well. */
import { h } from '../elements.ts';

export type Cell = string;

/** @param head titles of the columns; null: the rows say what they are */
export function table(
  label: string,
  head: readonly string[] | null,
  rows: readonly (readonly Cell[])[],
): HTMLElement {
  const line = ([first = '', ...cells]: readonly Cell[]) =>
    h('tr', {}, h('th', { scope: 'row' }, first), ...cells.map((cell) => h('td', {}, cell)));
  const title = (words: string) => (words ? h('th', { scope: 'col' }, words) : h('td', {}));
  const titles = head ? [h('thead', {}, h('tr', {}, ...head.map(title)))] : [];
  return h(
    'div',
    { class: 'take-table', tabindex: 0, role: 'region', 'aria-label': label },
    h('table', { class: head ? 'mono' : 'mono bench-facts' }, ...titles, h('tbody', {}, ...rows.map(line))),
  );
}
