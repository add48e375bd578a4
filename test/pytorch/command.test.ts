/** The commands, as users run them: import, resume, init, export; with torch where it is installed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { strToU8, zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { mocoWeb } from '../cli/run-command.ts';
import { hasTorch, python, RECORDED } from './torch.ts';

const folder = mkdtempSync(join(tmpdir(), 'moco-import-'));
const LEGACY = fileURLToPath(new URL('begun-legacy.pth', RECORDED));
const at = (name: string) => join(folder, name);
const SMALL = ['--batch-size', '8', '--groups', '2', '--image-size', '16', '--backend', 'wasm'];

async function ran(...args: string[]) {
  const outcome = await mocoWeb(args, folder);
  expect(outcome.stderr).toBe('');
  expect(outcome.code).toBe(0);
  return outcome.stdout;
}

async function refused(message: RegExp, ...args: string[]) {
  const { code, stderr } = await mocoWeb(args, folder);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
}

describe('a run of the reference', () => {
  beforeAll(async () => {
    // CIFAR's own form: records of a label and 32 × 32 pixels.
    mkdirSync(at('images'));
    const records = (count: number) =>
      Uint8Array.from({ length: 3073 * count }, (_, i) => (i % 3073 === 0 ? (i / 3073) % 10 : (i * i) % 251));
    writeFileSync(at('images/data_batch_1.bin'), records(16));
    writeFileSync(at('images/test_batch.bin'), records(4));
    writeFileSync(at('images/batches.meta.txt'), Array.from('abcdefghij').join('\n'));
    const said = await ran('import', LEGACY, '--out', at('run'));
    expect(said).toContain('legacy file, names of facebookresearch/moco');
    expect(said).toContain(
      'ResNet of basic blocks [1, 1, 1, 1], channels [4, 8, 16, 32], cifar stem, two-layer head to 8',
    );
    expect(said).toContain('not said by the file: preset');
  });

  it('does not go on by a guess', async () => {
    await refused(/give --data/, 'pretrain', '--resume', at('run'));
    await refused(/give --data/, 'knn', '--checkpoint', at('run'));
    await refused(
      /does not say .*temperature.*--preset moco-v2.*--temperature/,
      'pretrain',
      '--resume',
      at('run'),
      '--data',
      at('images'),
    );
    await refused(/holds checkpoints already/, 'import', LEGACY, '--out', at('run'));
  });

  it('goes on with a preset, on its own epoch, and is exported for the reference, and for others', async () => {
    const stdout = await ran(
      'pretrain',
      '--resume',
      at('run'),
      '--data',
      at('images'),
      '--preset',
      'moco-v2',
      ...SMALL,
      '--epochs',
      '2',
      '--out',
      at('on'),
    );
    expect(stdout).toContain('1 epochs of 2 steps are done: the next step is 3');
    expect(existsSync(at('on/step-000004/state.json'))).toBe(true);
    const state = JSON.parse(readFileSync(at('on/step-000004/state.json'), 'utf8'));
    expect(state).toMatchObject({
      step: 4,
      epoch: 2,
      config: { temperature: 0.2, momentum: 0.999, queueSize: 32 },
    });
    expect(state.unknown).toBeUndefined();
    for (const format of ['moco', 'torchvision', 'detectron2', 'safetensors'])
      await ran('export', '--checkpoint', at('on'), '--format', format, '--out', at(`on.${format}`));
    const weights = readSafetensors(new Uint8Array(readFileSync(at('on.safetensors'))));
    const own = readSafetensors(new Uint8Array(readFileSync(at('on/step-000004/model.safetensors'))));
    for (const [name, tensor] of weights) expect(tensor).toEqual(own.get(`encoder_q.${name}`));
    if (hasTorch)
      expect(
        JSON.parse(python('loads.py', at('on.moco'), at('on.torchvision'), at('on.detectron2'))),
      ).toEqual({ epoch: 2, pointer: 0, strict: true, detectron2: 'MOCO', names: 76 });
  });

  it('its backbone begins another run', async () => {
    await ran('export', '--checkpoint', at('run'), '--format', 'torchvision', '--out', at('backbone.pth'));
    const stdout = await ran(
      'pretrain',
      '--init',
      at('backbone.pth'),
      '--data',
      at('images'),
      ...SMALL,
      '--queue',
      '16',
      '--dim',
      '4',
      '--no-mlp',
      '--steps',
      '1',
      '--lr',
      '0',
      '--out',
      at('init'),
    );
    expect(stdout).toContain('begins with 60 tensors of a zip file with names of torchvision or timm');
    const before = readSafetensors(new Uint8Array(readFileSync(at('run/step-000000/model.safetensors'))));
    const after = readSafetensors(new Uint8Array(readFileSync(at('init/step-000001/model.safetensors'))));
    for (const name of ['conv1.weight', 'layer4.0.downsample.0.weight'])
      expect(after.get(`encoder_q.${name}`)).toEqual(before.get(`encoder_q.${name}`));
    await refused(
      /--init is for a new run/,
      'pretrain',
      '--init',
      at('backbone.pth'),
      '--resume',
      at('init'),
    );
  });
});

it.each<[string, Uint8Array, RegExp]>([
  ['a text', strToU8('hello'), /neither a file of torch.save .* nor of safetensors/],
  [
    'a pickle that would run a command',
    archive('\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.'),
    /names posix\.system/,
  ],
  ['an archive of something else', zipSync({ 'a/b.txt': strToU8('b') }, { level: 0 }), /without data\.pkl/],
])('%s is refused in one line, and leaves nothing', async (name, content, message) => {
  writeFileSync(at(`${name}.pth`), content);
  await refused(message, 'import', at(`${name}.pth`), '--out', at(`${name}-run`));
  expect(existsSync(at(`${name}-run`))).toBe(false);
});

function archive(pickle: string): Uint8Array {
  return zipSync({ 'archive/data.pkl': strToU8(pickle, true) }, { level: 0 });
}
