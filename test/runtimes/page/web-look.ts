/** The views Look and Take away of the web page, over a run of some steps on drawn images: what web-look.test.ts drives. */
import { App } from '../../../web/src/app.ts';
import { type Embedded, embeddingsOf } from '../../../web/src/embeddings.ts';
import { library, type StepEvent } from '../../../web/src/moco-web.ts';
import { look } from '../../../web/src/views/look.ts';
import { take } from '../../../web/src/views/take.ts';

const OUT = 'runs/page';
const START = 'runs/page-start';
const IMAGES = [48, 8, 16, 0] as const;

const { describeDrawn, factsOf, pretrain, resolveConfig, thumbnails } = await library();
const data = await describeDrawn(...IMAGES);
const shape = { arch: 'resnet18', width: 4, imageSize: 16, dim: 16, mlp: true } as const;
const training = { batchSize: 16, groups: 2, queueSize: 32, steps: 6, seed: 0 };
const config = resolveConfig('moco-v2', { ...shape, ...training }, factsOf(data));
const backend = { backend: 'wasm', adapter: null, reason: 'asked for' } as const;
const steps: StepEvent[] = [];
const begin = { ...config, steps: 1, learningRate: 0 };
for await (const _ of pretrain({ config: begin, data, out: START, backend, workers: 1 }));
for await (const event of pretrain({ config, data, out: OUT, backend, workers: 1 })) {
  if (event.type === 'step') steps.push(event);
}
const bitmaps: ImageBitmap[] = [];
for await (const { image } of thumbnails(data)) bitmaps.push(image as ImageBitmap);

const app = new App();
app.photos = {
  ...{ data, title: 'drawn', unreadable: [] },
  thumbnail: async (image) => bitmaps[image]!,
  decodeSeconds: () => 0,
  dispose() {},
};
app.run = {
  ...{ state: 'ended', reason: null, config, out: OUT, start: START, totalSteps: steps.length, steps },
  ...{ measurements: [], notices: [], watched: null },
  pause() {},
  resume() {},
  stop() {},
};

const root = document.querySelector<HTMLElement>('main')!;
let leave = look(app, root);

function show(name: 'look' | 'take'): void {
  leave();
  root.replaceChildren();
  leave = { look, take }[name](app, root);
}

async function rows(): Promise<Record<'before' | 'after', number[][]>> {
  const { before, after }: Embedded = await embeddingsOf(app)!.outcome;
  const plain = (side: readonly Float32Array[]) => side.map((row) => [...row]);
  return { before: plain(before!.rows), after: plain(after.rows) };
}

Object.assign(globalThis, { harness: { show, rows } });
