/** The question that the encoder is asked, made visible: two views of one photo, as it is given them. */
import { counted, h } from '../elements.ts';
import { drawPixels } from '../pictures.ts';
import { PAIRS, type Training } from '../training.ts';

/** Whose answers are told: one batch alone says little. */
const BATCHES = 10;

const pairOf = (...views: HTMLElement[]) => h('div', { class: 'pair' }, ...views);

export class Pairs {
  readonly element: HTMLElement;
  readonly #pictures = h('div', { class: 'pairs' });
  readonly #answer = h('p', { class: 'small' });
  readonly #share = h('i');
  #shown: Training['watched'] = null;

  constructor() {
    // Their places, so that nothing moves when they come.
    this.#pictures.append(...Array.from({ length: PAIRS }, () => pairOf(h('canvas'), h('canvas'))));
    this.element = h(
      'section',
      { 'aria-label': 'The question' },
      h('h2', {}, 'Same photo?'),
      h(
        'p',
        { class: 'small' },
        'Each row is one photo, cut, colored and turned in two ways. For one view the encoder has to find the other among many.',
      ),
      this.#pictures,
      h('div', { class: 'bar', 'aria-hidden': 'true' }, this.#share),
      this.#answer,
    );
  }

  show({ watched, steps, about }: Training): void {
    const last = steps.slice(-BATCHES);
    if (last.length > 0 && about?.chance) {
      const { choices, acc1 } = about.chance;
      const found = last.reduce((sum, step) => sum + step.acc1, 0) / last.length;
      this.#share.style.width = `${found}%`;
      this.#answer.textContent =
        `Found the right one of ${choices.toLocaleString('en-US')} for ${found.toFixed(1)} % in the last ${counted(last.length, 'batch', 'batches')}; ` +
        `guessing finds ${acc1.toFixed(1)} %.`;
    }
    if (!watched || watched === this.#shown) return;
    this.#shown = watched;
    const rows = watched.pairs.map(({ image, query, key }) => {
      const views = [query, key].map((view, i) => {
        const canvas = h('canvas', { role: 'img', 'aria-label': `Photo ${image}, view ${i + 1}` });
        drawPixels(canvas, view);
        return canvas;
      });
      return pairOf(...views);
    });
    this.#pictures.replaceChildren(...rows);
  }
}
