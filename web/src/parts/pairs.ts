/** The question that the encoder is asked, made visible: two views of one photo, as it is given them. */
import { make } from '../elements.ts';
import { drawPixels } from '../pictures.ts';
import type { Training } from '../training.ts';

export class Pairs {
  readonly element: HTMLElement;
  readonly #pictures = make('div', { class: 'pairs' });
  readonly #answer = make('p', { class: 'small' });
  readonly #share = make('i');
  #shown: Training['watched'] = null;

  constructor() {
    this.element = make(
      'section',
      { 'aria-label': 'The question' },
      make('h2', {}, 'Same photo?'),
      make(
        'p',
        { class: 'small' },
        'Each row is one photo, cut, colored and turned in two ways. For one view the encoder has to find the other among many.',
      ),
      this.#pictures,
      make('div', { class: 'bar', 'aria-hidden': 'true' }, this.#share),
      this.#answer,
    );
  }

  show({ watched, steps, about }: Training): void {
    const last = steps.at(-1);
    if (last && about?.chance) {
      const { choices, acc1 } = about.chance;
      this.#share.style.width = `${last.acc1}%`;
      this.#answer.textContent =
        `Found the right one of ${choices.toLocaleString('en-US')} for ${last.acc1.toFixed(0)} % of the last batch; ` +
        `guessing finds ${acc1.toFixed(1)} %.`;
    }
    if (!watched || watched === this.#shown) return;
    this.#shown = watched;
    const rows = watched.pairs.map(({ image, query, key }) => {
      const views = [query, key].map((view, i) => {
        const canvas = make('canvas', { role: 'img', 'aria-label': `Photo ${image}, view ${i + 1}` });
        drawPixels(canvas, view);
        return canvas;
      });
      return make('div', { class: 'pair' }, ...views);
    });
    this.#pictures.replaceChildren(...rows);
  }
}
