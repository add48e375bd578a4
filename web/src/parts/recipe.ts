/** What may be set before a run, folded away: each left empty is what the number of photos and the time say. */
import { h } from '../elements.ts';
import {
  type BackendChoice,
  type BackendRequest,
  type ConfigOverrides,
  type ImportedEncoder,
  library,
  type PretrainConfig,
} from '../moco-web.ts';
import type { ChosenPhotos } from '../photos.ts';
import { estimateInWords } from './estimate.ts';

/** A run as it would be. */
export interface Plan {
  readonly config: PretrainConfig;
  readonly backend: BackendChoice;
  /** What it begins with, where that is an ONNX file. */
  readonly encoder: ImportedEncoder | null;
  /** How long it takes, in words for people. */
  readonly estimate: string;
  /** All of it, in one line. */
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
  readonly #begin: HTMLSelectElement;
  readonly #file = h('input', { type: 'file', accept: '.onnx', hidden: true, 'aria-label': 'ONNX file' });
  #model: File | null = null;

  constructor(changed: () => void) {
    this.#begin = h(
      'select',
      { name: 'begin' },
      h('option', { value: 'random' }, 'random numbers'),
      h('option', { value: 'file' }, 'an ONNX file…'),
    );
    this.#begin.addEventListener('change', (event) => {
      if (this.#begin.value === 'random') this.#take(null);
      else {
        // Changed once there is a file.
        event.stopPropagation();
        this.#file.click();
      }
    });
    this.#file.addEventListener('change', () => this.#take(this.#file.files?.[0] ?? null));
    this.#file.addEventListener('cancel', () => this.#take(this.#model));
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
    const begin = h(
      'label',
      {},
      h('span', {}, 'Begin with'),
      this.#begin,
      this.#file,
      h('span', { class: 'small' }, 'An encoder of your own goes on learning.'),
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
      h('div', { class: 'fields' }, ...fields, begin, backend),
    );
  }

  /** @throws MocoError usage, naming what cannot be; backend-unavailable */
  async plan({ data, decodeSeconds }: ChosenPhotos): Promise<Plan> {
    const {
      resolveConfig,
      photosInWords,
      photosMinutes,
      factsOf,
      chooseBackend,
      describeEncoder,
      importEncoder,
    } = await library();
    const backend = await chooseBackend(this.#backend.value as BackendRequest);
    const { minutes, ...given } = this.#numbers();
    const model = this.#model && new Uint8Array(await this.#model.arrayBuffer());
    const imageSizeOfModel = model && (await describeEncoder(model)).imageSize;
    const facts = {
      ...factsOf(data),
      images: data.trainLength,
      backend: backend.backend,
      processors: navigator.hardwareConcurrency || 1,
      decodeSeconds: decodeSeconds(),
      ...(minutes === undefined ? {} : { minutes }),
      ...(imageSizeOfModel ? { imageSizeOfModel } : {}),
    };
    // What names the network in the settings of a run ends like a file of one.
    const arch = this.#model ? { arch: `${this.#model.name.replace(/\.onnx$/i, '')}.onnx` } : {};
    const config = resolveConfig('photos', { ...given, ...arch } as ConfigOverrides, facts);
    const encoder = model && (await importEncoder(model, config));
    const words = [photosInWords(config, facts), ...(encoder?.notes ?? [])].join('. ');
    const estimate = estimateInWords(photosMinutes(config, facts));
    return { config, backend, encoder, estimate, words };
  }

  #take(file: File | null): void {
    this.#model = file;
    this.#begin.options[1]!.textContent = file ? `${file.name} (another…)` : 'an ONNX file…';
    this.#begin.value = file ? 'file' : 'random';
  }

  #numbers(): Partial<Record<(typeof NUMBERS)[number][0], number>> {
    const filled = [...this.#inputs].filter(([, input]) => input.value.trim() !== '');
    return Object.fromEntries(filled.map(([name, input]) => [name, Number(input.value.replace(',', '.'))]));
  }
}
