/** A process that may take only so much memory: real allocations of onnxruntime's native code fail. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { COMMAND } from '../cli/run-command.ts';

// A group takes 720 MB. Such large pieces are refused while small ones, which V8 does not survive without, are given.
const STEP = [
  ...[
    '--preset',
    'moco-cifar',
    '--width',
    '32',
    '--image-size',
    '32',
    '--batch-size',
    '256',
    '--groups',
    '1',
  ],
  ...['--queue', '256', '--steps', '1', '--backend', 'native', '--workers', '1', '--data-workers', '1'],
];
const MOST_BYTES = 1800 * 2 ** 20;

async function train(limit: readonly string[]): Promise<{ told: string; loss: unknown }> {
  const out = await temporaryFolder();
  const [file, ...args] = [...limit, process.execPath, COMMAND, 'pretrain', ...STEP, '--out', out];
  const { stdout: told } = await promisify(execFile)(file!, args);
  const log = await readFile(`${out}/log.jsonl`, 'utf8');
  const events = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { told, loss: events.find(({ type }) => type === 'step').loss };
}

it('native memory too small for a group → fresh workers compute more again, same digits', async () => {
  const whole = await train([]);
  const limited = await train(['prlimit', `--data=${MOST_BYTES}`]);
  expect(limited.told).toMatch(
    /memory of an encoder is full .*recompute least → cheap, slower, with the same/s,
  );
  expect(limited.loss).toBe(whole.loss);
}, 300_000);
