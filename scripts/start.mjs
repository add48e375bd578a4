#!/usr/bin/env node
// `npm start`: a newcomer's first run. Installs and builds what is missing, then pre-trains on images that the package
// draws itself. Uses nothing but Node, because nothing else may be there yet.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { getReady, ROOT, run } from './ready.mjs';

/** Settings of the first run, all in this one place: at most 2 minutes of training on 2 cores. */
const RUN = 'runs/first';
const SETTINGS = [
  ...['--preset', 'moco-cifar', '--mlp', '--arch', 'resnet18', '--width', '8', '--image-size', '32'],
  ...['--batch-size', '128', '--groups', '4', '--queue', '1024', '--lr', '0.12'],
  ...['--epochs', '7', '--knn-every', '7'],
];

/** The first of runs/first, runs/first-2, … that is free. */
function freeRunDirectory() {
  for (let number = 1; ; number++) {
    const name = number === 1 ? RUN : `${RUN}-${number}`;
    if (!existsSync(join(ROOT, name))) return name;
  }
}

await getReady();
const out = freeRunDirectory();
const command = ['dist/cli.js', 'pretrain', ...SETTINGS, '--out', out, '--log', `${out}/log.jsonl`];
const code = await run(process.execPath, command);
if (code === 0) {
  const lines = [
    '',
    `Where things are: ${out}/ holds the checkpoints (step-*/), the log (log.jsonl), and neighbors.png:`,
    'query images with their nearest neighbors before and after (green: of the same class).',
    '',
    'What to try next:',
    `  node dist/cli.js pretrain --resume ${out} --epochs 20        train on`,
    '  node dist/cli.js pretrain --data FOLDER --knn-every 1        your own images',
    `  node dist/cli.js knn --checkpoint ${out}                   measure it again`,
    `  node dist/cli.js embed --checkpoint ${out} --data FOLDER --out embeddings.npy`,
    '  node dist/cli.js --help                                      everything else',
  ];
  console.log(lines.join('\n'));
}
process.exitCode = code;
