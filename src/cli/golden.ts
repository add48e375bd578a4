import type { Command } from 'commander';
import { createContext } from '../golden/context.ts';
import { countResults, formatCounts, formatResult, resultsAsJson } from '../golden/report.ts';
import { type CaseResult, runGolden } from '../golden/run-golden.ts';
import type { Backend } from '../runtime/backend.ts';
import { openFolder } from '../runtime/files.ts';
import { checkWritable } from '../runtime/writable.ts';
import { choice } from './options.ts';
import type { Terminal } from './terminal.ts';

interface GoldenCommandOptions {
  dir: string;
  backend: Backend;
  only?: string[];
  write?: string;
  json?: boolean;
}

export function registerGolden(program: Command, terminal: Terminal): void {
  program
    .command('golden')
    .description('compute recorded reference cases with the product itself and compare')
    .requiredOption('--dir <dir>', 'folder of manifest.json')
    .addOption(choice('--backend <name>', 'what computes', ['wasm', 'native', 'webgpu']).default('wasm'))
    .option('--only <prefix...>', 'only cases whose name starts with this, or one of these')
    .option('--write <out>', 'save what was computed as <out>/<case>.safetensors')
    .option('--json', 'one JSON object on stdout')
    .action((options: GoldenCommandOptions) => runGoldenCommand(options, terminal));
}

async function runGoldenCommand(options: GoldenCommandOptions, terminal: Terminal): Promise<void> {
  const { backend } = options;
  const store = await openFolder(options.dir);
  const write = options.write === undefined ? null : await openFolder(options.write);
  if (write) await checkWritable(write, '--write');
  const context = await createContext(backend);
  const results: CaseResult[] = [];
  try {
    for await (const result of runGolden({
      store,
      context,
      ...(options.only === undefined ? {} : { only: options.only }),
      ...(write ? { write } : {}),
    })) {
      results.push(result);
      if (!options.json) terminal.out(formatResult(result));
    }
  } finally {
    context.kernels.dispose();
  }
  const counts = countResults(results);
  terminal.out(options.json ? resultsAsJson(backend, results) : formatCounts(counts));
  terminal.exitCode = counts.FAIL + counts.unsupported > 0 ? 1 : 0;
}
