// Makes web/starter.onnx again, the encoder that comes with the page: `node scripts/starter-encoder.mjs FOLDER`, of the binaries of
// CIFAR-10. A run that was ended goes on where it was. Another machine gives other last digits, and so other weights.
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const RUN = fileURLToPath(new URL('../runs/starter', import.meta.url));
const FILE = fileURLToPath(new URL('../web/starter.onnx', import.meta.url));
const [data] = process.argv.slice(2);
if (data === undefined) {
  console.error('usage: node scripts/starter-encoder.mjs FOLDER-OF-CIFAR-10-BINARIES');
  process.exit(2);
}

const command = (...args) => execFileSync(process.execPath, [CLI, ...args], { stdio: 'inherit' });
// Width 8: 0.7 MB. Preset photos, whose runs begin and are compared with it.
const recipe = ['--preset', 'photos', '--width', '8', '--image-size', '32', '--batch-size', '128'];
const length = [
  '--groups',
  '4',
  '--queue',
  '4096',
  '--epochs',
  '12',
  '--seed',
  '1',
  '--checkpoint-every',
  '100',
];
const begun = existsSync(RUN) ? ['--resume', RUN] : [...recipe, ...length, '--out', RUN];
command('pretrain', '--data', data, '--backend', 'native', ...begun);
command('knn', '--checkpoint', RUN, '--data', data, '--backend', 'native');
command('export', '--checkpoint', RUN, '--out', FILE);
console.log(`${FILE}: ${(statSync(FILE).size / 1e6).toFixed(2)} MB`);
