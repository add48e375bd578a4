/** What may be set before a run, folded away: each left empty is what the number of photos and the time say. */
import { h } from '../elements.ts';
import {
  type BackendChoice,
  type BackendRequest,
  type ConfigOverrides,
  type DatasetDescription,
  library,
  type PretrainConfig,
} from '../moco-web.ts';

/** A run as it would be. */
export interface Plan {
  readonly config: PretrainConfig;
  readonly backend: BackendChoice;
  /** In one line. */
  readonly words: string;
}

/** [name of the setting, what people call it, what it does] */
const NUMBERS = [
  ['minutes', 'Minutes', 'How long the run may take.'],
  ['imageSize', 'Size in pixels', 'Larger shows more, and takes longer.'],
  ['queueSize', 'Other photos to tell from', 'The queue, K. At most half of the photos.'],
  ['temperature', 'Temperature', 'Lower looks harder at the most similar ones.'],
  ['seed', 'Seed', 'The same seed, the same run.'],
] as const;

const BACKENDS = [
  ['auto', 'best there is'],
  ['webgpu', 'GPU'],
  ['wasm', 'processor'],
] as const satisfies readonly (readonly [BackendRequest, string])[];

export class Recipe {
  readonly element: HTMLElement;
  readonly #inputs: ReadonlyMap<string, HTMLInputElement>;
  readonly #backend: HTMLSelectElement;

  constructor(changed: () => void) {
    this.#inputs = new Map(
      NUMBERS.map(([name]) => [
        name,
        h('input', { type: 'text', inputmode: 'decimal', name, placeholder: 'auto' }),
      ]),
    );
    this.#backend = h(
      'select',
      { name: 'backend' },
      ...BACKENDS.map(([value, words]) => h('option', { value }, words)),
    );
    const fields = NUMBERS.map(([name, label, about]) =>
      h('label', {}, h('span', {}, label), this.#inputs.get(name)!, h('span', { class: 'small' }, about)),
    );
    const backend = h(
      'label',
      {},
      h('span', {}, 'Compute with'),
      this.#backend,
      h('span', { class: 'small' }, 'Another gives other last digits.'),
    );
    this.element = h(
      'details',
      { change: changed },
      h('summary', {}, 'More'),
      h('div', { class: 'fields' }, ...fields, backend),
    );
  }

  /** @throws MocoError usage, naming what cannot be; backend-unavailable */
  async plan(data: DatasetDescription): Promise<Plan> {
    const { resolveConfig, photosInWords, factsOf, chooseBackend } = await library();
    const backend = await chooseBackend(this.#backend.value as BackendRequest);
    const { minutes, ...given } = this.#numbers();
    const facts = {
      ...factsOf(data),
      images: data.trainLength,
      backend: backend.backend,
      processors: navigator.hardwareConcurrency || 1,
      ...(minutes === undefined ? {} : { minutes }),
    };
    const config = resolveConfig('photos', given as ConfigOverrides, facts);
    return { config, backend, words: photosInWords(config, facts) };
  }

  #numbers(): Partial<Record<(typeof NUMBERS)[number][0], number>> {
    const filled = [...this.#inputs].filter(([, input]) => input.value.trim() !== '');
    return Object.fromEntries(filled.map(([name, input]) => [name, Number(input.value.replace(',', '.'))]));
  }
}
