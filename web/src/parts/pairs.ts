/** The question that the encoder is asked, made visible: two views of one photo, as it is given them. */
import { counted, h } from '../elements.ts';
import { drawPixels } from '../pictures.ts';
import { PAIRS, type Training } from '../training.ts';

/** Whose answers are told: one batch alone says little. */
const BATCHES = 10;

/** Of the queue, as a strip. */
const KEYS = 12;

const pairOf = (...views: HTMLElement[]) => h('div', { class: 'pair' }, ...views);

export class Pairs {
  readonly element: HTMLElement;
  readonly #pictures = h('div', { class: 'pairs' });
  readonly #answer = h('p', { class: 'small' });
  readonly #share = h('i');
  readonly #keys = h('div', { class: 'keys' });
  readonly #keysWords = h('h3', {}, 'or one of these?');
  #shown: Training['watched'] = null;

  constructor() {
    // Their places, so that nothing moves when they come.
    this.#pictures.append(...Array.from({ length: PAIRS }, () => pairOf(h('canvas'), h('canvas'))));
    this.#keys.append(...Array.from({ length: KEYS }, () => h('canvas')));
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
      this.#keysWords,
      this.#keys,
      h('div', { class: 'bar', 'aria-hidden': 'true' }, this.#share),
      this.#answer,
    );
  }

  show(run: Training): void {
    const { watched, steps, about } = run;
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
    this.#showKeys(run);
    const rows = watched.pairs.slice(0, PAIRS).map(({ image, query, key }) => {
      const views = [query, key].map((view, i) => {
        const canvas = h('canvas', { role: 'img', 'aria-label': `Photo ${image}, view ${i + 1}` });
        drawPixels(canvas, view);
        return canvas;
      });
      return pairOf(...views);
    });
    this.#pictures.replaceChildren(...rows);
  }

  /** Some of the keys that the queue holds; at first it holds none but random ones, which cannot be seen. */
  #showKeys({ watched, keys, config, about }: Training): void {
    if (!about?.chance) return;
    const queueSize = about.chance.choices - 1;
    this.#keysWords.textContent = `or one of these ${queueSize.toLocaleString('en-US')}?`;
    const inQueue = keys.filter(({ step }) => (watched!.step - step) * config.batchSize < queueSize);
    for (const [i, canvas] of [...this.#keys.children].entries()) {
      const key = inQueue[i];
      if (key) drawPixels(canvas as HTMLCanvasElement, key.view);
    }
  }
}
