/** Says how far the work is, in words and as a line; aloud every tenth. */

import { h } from '../elements.ts';
import type { Work } from '../embeddings.ts';

export function waiting(title: string, work: Work): { element: HTMLElement; dispose(): void } {
  const line = h('progress', { max: work.all, value: work.done, 'aria-label': title });
  const words = h('p', { class: 'mono small' });
  const aloud = h('p', { class: 'spoken', role: 'status' });
  const element = h('section', { class: 'look-waiting text' }, h('h1', {}, title), line, words, aloud);
  let asked = 0;
  let tenth = 0;
  const show = () => {
    asked = 0;
    line.value = work.done;
    words.textContent = `${work.done.toLocaleString('en')} of ${work.all.toLocaleString('en')}: each photo once by each encoder`;
    const now = Math.floor((10 * work.done) / Math.max(1, work.all));
    if (now > tenth) aloud.textContent = `${10 * now} percent`;
    tenth = now;
  };
  show();
  work.listener = () => {
    asked ||= requestAnimationFrame(show);
  };
  return {
    element,
    dispose() {
      cancelAnimationFrame(asked);
      work.listener = null;
    },
  };
}
