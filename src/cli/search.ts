import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type ErrorCode, MocoError, messageOf } from '../errors.ts';
import { decoded, type PostableImage, postable } from '../search/image-input.ts';
import { VectorIndex } from '../search/vector-index.ts';
import { wholeNumber } from './options.ts';
import {
  addSearchedOptions,
  indexOfData,
  openEmbedder,
  type SearchedOptions,
  sourceIn,
  sourceNamed,
} from './search-options.ts';
import type { Terminal } from './terminal.ts';

interface SearchOptions extends SearchedOptions {
  index?: string;
  query: string[];
  k: number;
  json?: boolean;
}

export function registerSearch(program: Command, terminal: Terminal): void {
  const command = program
    .command('search')
    .description('images that look like others: the nearest of --data, or of an index that was saved');
  addSearchedOptions(command)
    .requiredOption('--query <images...>', 'image files to search by')
    .option('--index <file>', 'index to search in; with --data it is made, and saved there')
    .option('--k <n>', 'how many for each query', wholeNumber(1), 10)
    .option('--json', 'one JSON object on stdout')
    .action((options: SearchOptions) => runSearch(options, terminal));
}

async function runSearch(options: SearchOptions, terminal: Terminal): Promise<void> {
  try {
    const queries = await readQueries(options.query);
    const index = await openIndex(options, terminal);
    try {
      await searchIn(index, queries, options, terminal);
    } finally {
      await index.dispose();
    }
  } catch (error) {
    const code = error instanceof MocoError && BLAMED.get(error.code);
    throw code ? new MocoError(code, messageOf(error), { cause: error }) : error;
  }
}

/** Before anything is embedded, which may take long. @throws MocoError image-corrupt, data-missing */
async function readQueries(names: readonly string[]): Promise<PostableImage[]> {
  const images: PostableImage[] = [];
  for (const [i, name] of names.entries()) {
    try {
      images.push({ kind: 'pixels', pixels: await decoded(await postable(name)) });
    } catch (error) {
      const which = names.length > 1 ? `image ${i}` : 'the image';
      const code = error instanceof MocoError ? error.code : 'data-missing';
      throw new MocoError(code, `${which} (${name}): ${messageOf(error)}`, { cause: error });
    }
  }
  return images;
}

async function searchIn(
  index: VectorIndex,
  images: readonly PostableImage[],
  options: SearchOptions,
  terminal: Terminal,
): Promise<void> {
  const source = sourceIn(options) ?? sourceNamed(encoderOf(index));
  const features = options.features ?? index.facts.features;
  const embedder = await openEmbedder(source, { ...options, ...(features && { features }) }, terminal);
  let rows: Float32Array[];
  try {
    rows = await embedder.embed(images);
  } finally {
    await embedder.dispose();
  }
  const queries = [];
  for (const [i, row] of rows.entries()) {
    queries.push({ query: options.query[i], matches: await index.search(row, options.k) });
  }
  if (options.json) {
    terminal.out(JSON.stringify({ images: index.facts.size, queries, ...terminal.tally?.json() }));
    return;
  }
  for (const { query, matches } of queries) {
    terminal.out(`${query}`);
    for (const { index: row, name = `row ${row}`, similarity } of matches) {
      terminal.out(`  ${similarity.toFixed(4)}  ${name}`);
    }
  }
}

/** Codes of what comes of bad input to this command alone, and the codes that say so. */
const BLAMED = new Map<ErrorCode, ErrorCode>([
  ['image-corrupt', 'data-invalid'],
  ['shape-mismatch', 'usage'],
]);

/** Loads the index that there is, or makes one of the data, and saves it where there is a name for it. */
async function openIndex(options: SearchOptions, terminal: Terminal): Promise<VectorIndex> {
  const { index: file, data } = options;
  if (file !== undefined && data === undefined) {
    if (!existsSync(file)) throw new MocoError('data-missing', `no index at ${file}: say --data to make one`);
    return VectorIndex.load(file, {});
  }
  const index = await indexOfData(options, terminal);
  if (file !== undefined) {
    await index.save(file);
    terminal.error(`${index.facts.size} rows in ${file}`);
  }
  return index;
}

function encoderOf(index: VectorIndex): string {
  const { encoder } = index.facts;
  if (encoder !== null) return encoder;
  throw new MocoError(
    'usage',
    'the index does not name its encoder: say --checkpoint DIR, or --encoder FILE.onnx',
  );
}
