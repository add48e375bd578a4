/** Options of the commands that embed images by an encoder of any kind, and what they name. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { loadCheckpoint } from '../checkpoint/run-directory.ts';
import { withDataset } from '../data/dataset.ts';
import type { RgbImage } from '../data/image.ts';
import { PatientReader } from '../data/load/patience.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import { embedImages } from '../evaluate/evaluate-checkpoint.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { coreCount } from '../runtime/cores.ts';
import { isAddress } from '../runtime/read-bytes.ts';
import { MOST_WORKERS } from '../scheduler/worker-counts.ts';
import { Embedder } from '../search/embedder.ts';
import { type PostableSource, postableSource } from '../search/encoder-source.ts';
import { VectorIndex } from '../search/vector-index.ts';
import { requireHead } from '../train/unknown-settings.ts';
import { type DataOptions, openDataOf, openWeighedData } from './data.ts';
import { addDataOptions, addLimitOptions, backendOption, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

export interface SearchedOptions extends DataOptions {
  checkpoint?: string;
  encoder?: string;
  features?: FeatureKind;
  backend: BackendRequest;
  workers?: number;
  /** Limits of time and memory for an encoder's file. */
  seconds?: number;
  bytes?: number;
}

export function addSearchedOptions(command: Command): Command {
  command
    .option('--checkpoint <dir>', 'run directory (its newest checkpoint) or one checkpoint')
    .addOption(new Option('--encoder <file>', 'an encoder as an ONNX file').conflicts('checkpoint'));
  return addDataOptions(addLimitOptions(command), "the checkpoint's own")
    .addOption(
      new Option('--features <which>', 'after the average pool, or after the projection head').choices([
        'backbone',
        'head',
      ]),
    )
    .addOption(backendOption())
    .option('--workers <n>', 'workers (default: as many as there are cores)', wholeNumber(1, MOST_WORKERS));
}

/** The encoder that the options name; null where they name none. */
export function sourceIn({ checkpoint, encoder }: SearchedOptions): PostableSource | null {
  if (checkpoint !== undefined) return { kind: 'run', path: checkpoint };
  return encoder === undefined ? null : { kind: 'place', place: encoder };
}

/** A source of a name that a file holds, which may be anybody's: nothing is fetched. @throws MocoError usage */
export function sourceNamed(name: string): PostableSource {
  const source = postableSource(name);
  if (source.kind !== 'place' || !isAddress(source.place)) return source;
  throw new MocoError(
    'usage',
    `the index names the encoder ${name.slice(0, 200)}: say --encoder or --checkpoint`,
  );
}

/** Opens an encoder, and prints what had to be assumed of it. */
export async function openEmbedder(
  source: PostableSource,
  { features, backend, workers, seconds, bytes }: SearchedOptions,
  terminal: Terminal,
): Promise<Embedder> {
  const embedder = await Embedder.open(source, {
    backend,
    ...(features && { features }),
    ...(workers && { workers }),
    limits: { seconds, bytes },
  });
  for (const note of embedder.facts.notes) terminal.error(note);
  return embedder;
}

/**
 * The images of a data set as an index, named by their paths. What cannot be decoded is left out, and told.
 * @throws MocoError usage without an encoder, and of any input code
 */
export async function indexOfData(options: SearchedOptions, terminal: Terminal): Promise<VectorIndex> {
  const { names, rows, features } =
    options.encoder === undefined ? await byCheckpoint(options, terminal) : await byFile(options, terminal);
  if (rows.length === 0) throw new MocoError('data-missing', 'none of the images can be decoded');
  // From wherever it is searched.
  const encoder = resolve(options.checkpoint ?? options.encoder ?? '');
  const threads = Math.min(4, options.workers ?? (await coreCount()));
  return VectorIndex.from(rows, { names, threads, encoder, features });
}

interface NamedRows {
  readonly names: string[];
  readonly rows: Float32Array[];
  readonly features: FeatureKind;
}

async function byCheckpoint(options: SearchedOptions, terminal: Terminal): Promise<NamedRows> {
  if (options.checkpoint === undefined) throw noEncoder();
  const checkpoint = await loadCheckpoint(options.checkpoint);
  for (const { directory, reason } of checkpoint.skipped) {
    terminal.error(`skipped broken checkpoint ${directory}: ${reason}`);
  }
  const data = await openDataOf(checkpoint, options, terminal, 'error');
  requireHead(checkpoint.state, options.features ?? 'backbone');
  const { backend } = await chooseBackend(options.backend);
  terminal.tally?.tell();
  const { workers, features = 'backbone' } = options;
  const found: NamedRows = { names: [], rows: [], features };
  for await (const { index, path, vector } of embedImages({
    checkpoint,
    data,
    backend,
    features,
    ...(terminal.tally ? { reports: terminal.tally.reports() } : {}),
    ...(workers && { workers }),
  })) {
    found.names.push(path ?? `image ${index}`);
    found.rows.push(vector);
  }
  return found;
}

const noEncoder = () => new MocoError('usage', 'say which encoder: --checkpoint DIR, or --encoder FILE.onnx');

/** In memory at once. */
const IMAGES_AT_ONCE = 256;

async function byFile(options: SearchedOptions, terminal: Terminal): Promise<NamedRows> {
  const source = sourceIn(options);
  if (!source) throw noEncoder();
  if (options.data === undefined) throw new MocoError('usage', 'say where the images are: --data PATH');
  const embedder = await openEmbedder(source, options, terminal);
  try {
    const data = await openWeighedData(options, null, embedder.facts.imageSize, terminal, 'error');
    terminal.tally?.tell();
    const found: NamedRows = { names: [], rows: [], features: embedder.facts.features };
    for (const spec of [data.train, data.test]) {
      if (!spec) continue;
      await withDataset(spec, async (dataset) => {
        const reader = new PatientReader(dataset);
        for (let first = 0; first < dataset.length; first += IMAGES_AT_ONCE) {
          const images: { name: string; pixels: RgbImage }[] = [];
          for (let i = first; i < Math.min(dataset.length, first + IMAGES_AT_ONCE); i++) {
            const name = dataset.name(i);
            const { image, reason } = await reader.read(i);
            if (image) images.push({ name, pixels: image });
            else terminal.tally?.add(name, reason);
          }
          found.rows.push(
            ...(await embedder.embed(images.map(({ pixels }) => ({ kind: 'pixels', pixels })))),
          );
          found.names.push(...images.map(({ name }) => name));
        }
      });
    }
    return found;
  } finally {
    await embedder.dispose();
  }
}
