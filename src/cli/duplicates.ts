import type { Command } from 'commander';
import { parseNumber } from './options.ts';
import { addSearchedOptions, indexOfData, type SearchedOptions } from './search-options.ts';
import type { Terminal } from './terminal.ts';

interface DuplicatesOptions extends SearchedOptions {
  threshold: number;
  json?: boolean;
}

export function registerDuplicates(program: Command, terminal: Terminal): void {
  const command = program
    .command('duplicates')
    .description('pairs of images that look alike, the most alike first');
  addSearchedOptions(command)
    .option('--threshold <x>', 'least cosine similarity of a pair, −1 to 1', parseNumber, 0.95)
    .option('--json', 'one JSON object on stdout')
    .action((options: DuplicatesOptions) => runDuplicates(options, terminal));
}

async function runDuplicates(options: DuplicatesOptions, terminal: Terminal): Promise<void> {
  const { threshold } = options;
  const index = await indexOfData(options, terminal);
  try {
    const pairs = await index.duplicates(threshold);
    const images = index.facts.size;
    if (options.json) {
      terminal.out(JSON.stringify({ images, threshold, pairs, ...terminal.tally?.json() }));
      return;
    }
    for (const { names, similarity } of pairs) terminal.out(`${similarity.toFixed(4)}  ${names?.join('  ')}`);
    terminal.out(`${pairs.length} pairs of ${images} images with a similarity of ${threshold} or more`);
  } finally {
    await index.dispose();
  }
}
