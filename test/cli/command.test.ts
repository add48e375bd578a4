import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { decodeModel } from '../../src/onnx/model.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { belongs } from '../../src/settings/owners.ts';
import type { SettingName } from '../../src/settings/settings.ts';
import { exampleState, exampleTensors, temporaryFolder } from '../checkpoint/example.ts';
import { mocoWeb } from './run-command.ts';

/** Exit code 2, nothing on stdout, and one line on stderr that is no stack. */
async function refused(args: readonly string[], message: RegExp, cwd?: string): Promise<void> {
  const { code, stdout, stderr } = await mocoWeb(args, cwd);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(code).toBe(2);
}

/** A folder in CIFAR-10's binary layout: a label byte and 3·32·32 bytes of pixels an image. */
async function cifarFolder(images: number, moreBytes = 0): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(`${folder}/data_batch_1.bin`, new Uint8Array(images * 3073 + moreBytes));
  return folder;
}

describe('moco-web', () => {
  it.each([
    [['--frobnicate'], /unknown option '--frobnicate'/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['pretrain', '--frobnicate'], /unknown option '--frobnicate'/],
    [['pretrain', 'stray'], /too many arguments/],
    [['pretrain', '--lr', 'abc'], /'--lr <x>' argument 'abc' is invalid. Give a number/],
    [['pretrain', '--lr', '0x10'], /argument '0x10' is invalid/],
    [['pretrain', '--lr', ''], /argument '' is invalid/],
    [['pretrain', '--lr', '1e999'], /learning rate Infinity is out of range/],
    [['pretrain', '--lr', '-0.1'], /learning rate -0.1 is out of range/],
    [['pretrain', '--epochs', '1.5'], /'--epochs <n>' argument '1.5' is invalid. Give a whole number/],
    [['pretrain', '--steps', '0'], /'--steps <n>' argument '0' is invalid/],
    [['pretrain', '--lr'], /argument missing/],
    [['pretrain', '--preset', 'moco-v9'], /unknown preset 'moco-v9': choose one of/],
    [['pretrain', '--arch', 'vgg'], /unknown arch 'vgg'/],
    [['pretrain', '--optimizer', 'adam'], /unknown optimizer 'adam': choose one of sgd/],
    [['bench', '--epochs', '3'], /unknown option '--epochs'/],
    [['pretrain', '--dataset', 'no-such-kind'], /Allowed choices are auto, cifar10/],
    [['pretrain', '--dataset', 'cifar10'], /--dataset cifar10 needs --data/],
    [['pretrain', '--backend', 'cuda'], /Allowed choices are auto, webgpu, native, wasm/],
    [
      ['pretrain', '--queue', '8'],
      /queue size 8 is smaller than batch 256: lower batchSize or raise queueSize/,
    ],
    [['pretrain', '--groups', '7'], /groups 7 do not divide batch 256/],
    [['pretrain', '--image-size', '16', '--stem', 'imagenet'], /image size 16 is smaller than resnet50/],
    [['pretrain', '--momentum', '2'], /momentum 2 is out of range/],
    [['pretrain', '--temperature', '0'], /temperature 0 is out of range/],
    [['pretrain', '--data', 'no/such/folder'], /there is no .*no\/such\/folder/],
    [['pretrain', '--resume', 'no/such/run'], /no checkpoint at no\/such\/run/],
    [['ablate', '--table', '4', '--out', 'x'], /Allowed choices are 1, 2, 3, temperature/],
    [['ablate', '--table', '1'], /required option '--out <dir>'/],
    [['ablate', '--table', '1', '--out', 'x', '--rows', 'v3'], /there is no row 'v3': choose of supervised/],
    [['ablate', '--table', '1', '--out', 'x', '--mlp'], /unknown option '--mlp'/],
    [['report'], /missing required argument 'runs'/],
    [['report', 'no/such/run'], /there is no no\/such\/run\/log.jsonl: give run directories/],
    [['knn', '--data', '.'], /required option '--checkpoint <dir>'/],
    [['linear', '--data', '.'], /required option '--checkpoint <dir>'/],
    [['linear', '--checkpoint', '.', '--epochs', '0'], /Give a whole number, 1 or more/],
    [['embed', '--checkpoint', '.', '--data', '.', '--out', 'x.txt'], /cannot tell the format of x.txt/],
    [['bench', '--batch-size', '6', '--groups', '4'], /groups 4 do not divide batch 6/],
    [['golden', '--dir', 'no/such/folder'], /no golden cases: no\/such\/folder\/manifest.json/],
    [['golden', '--dir', '.', '--backend', 'auto'], /Allowed choices are wasm, native, webgpu/],
  ])('refuses %j in one line', async (args, message) => {
    const folder = await temporaryFolder();
    await refused(args, message, folder);
    // Nothing was begun: no run directory, no log.
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses data that will not do', async () => {
    const here = await temporaryFolder();
    const small = ['--preset', 'moco-cifar', '--batch-size', '8', '--groups', '2'];
    const pretrain = (data: string) => ['pretrain', '--data', data, ...small];
    await refused(pretrain(await temporaryFolder()), /no images|holds no/, here);
    await refused(pretrain(await cifarFolder(7)), /7 training images are fewer than batch 8/, here);
    await refused(pretrain(await cifarFolder(8, 1)), /not a whole number/, here);
    await refused(pretrain(`${await cifarFolder(8)}/data_batch_1.bin`), /is a file/, here);
    expect(await readdir(here)).toEqual([]);
  });

  it('says how it is used', async () => {
    expect((await mocoWeb([])).code).toBe(2);
    for (const command of [
      [],
      ['pretrain'],
      ['knn'],
      ['linear'],
      ['embed'],
      ['bench'],
      ['golden'],
      ['doctor'],
    ]) {
      const { code, stdout, stderr } = await mocoWeb([...command, '--help']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^Usage: moco-web/);
    }
  });

  it('has every option of the contract', async () => {
    const { stdout } = await mocoWeb(['pretrain', '--help']);
    const options =
      'data dataset preset arch stem width image-size epochs steps batch-size groups dim queue momentum ' +
      'temperature mlp no-mlp aug-plus no-aug-plus schedule lr weight-decay backend workers seed knn-every ' +
      'probe-every checkpoint-every out resume log tensorboard data-workers prefetch';
    for (const option of options.split(' ')) expect(stdout).toMatch(new RegExp(`--${option}\\s`));
  });

  it('doctor tells what is here', async () => {
    const { code, stdout } = await mocoWeb(['doctor', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      runtime: 'Node',
      runtimeVersion: process.versions.node,
      wasmSimd: true,
      sharedArrayBuffer: true,
      versions: { 'onnxruntime-web': expect.stringMatching(/^\d+\.\d+/) },
      backend: expect.stringMatching(/^(wasm|native|webgpu)$/),
      reason: expect.any(String),
    });
    expect((await mocoWeb(['doctor'])).stdout).toMatch(/^backend +(wasm|native|webgpu): /m);
  });

  it('shows the stack and the causes of an error with --debug', async () => {
    const broken = await temporaryFolder();
    await writeFile(`${broken}/state.json`, 'no JSON');
    const args = ['knn', '--checkpoint', broken];
    const plain = await mocoWeb(args);
    expect(plain.stderr.trimEnd().split('\n')).toHaveLength(1);
    for (const debug of [
      ['--debug', ...args],
      [...args, '--debug'],
    ]) {
      const { code, stderr } = await mocoWeb(debug);
      expect(code).toBe(2);
      expect(stderr).toMatch(/\n\s+at .*\[cause\]: .*SyntaxError/s);
      expect(stderr).toContain(plain.stderr);
    }
  });

  it('writes the graphs that are run as ONNX files', async () => {
    const folder = await temporaryFolder();
    const graphs = `${folder}/graphs`;
    const small = '--preset moco-cifar --width 1 --image-size 8 --batch-size 4 --groups 2 --queue 8 --dim 4';
    const bench = [
      'bench',
      ...small.split(' '),
      '--backend',
      'wasm',
      '--repeat',
      '1',
      '--dump-graphs',
      graphs,
    ];
    expect(await mocoWeb(bench)).toMatchObject({ code: 0, stderr: '' });
    const files = ['backward-0.onnx', 'forward.onnx', 'inference.onnx', 'training-forward.onnx'];
    expect((await readdir(graphs)).sort()).toEqual(files);
    const training = decodeModel(await readFile(`${graphs}/training-forward.onnx`));
    const backward = decodeModel(await readFile(`${graphs}/backward-0.onnx`));
    const made = new Set(training.outputs.map(({ name }) => name));
    expect(backward.inputs.filter(({ name }) => made.has(name)).length).toBeGreaterThan(10);
    const file = `${folder}/file`;
    await writeFile(file, '');
    expect(await mocoWeb([...bench.slice(0, -1), `${file}/graphs`])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: cannot write graphs into .*file\/graphs: /),
    });
  });

  it('refuses to mix runs, and to change a resumed one', async () => {
    const run = await temporaryFolder();
    const store = await openFolder(run);
    await saveCheckpoint(store, exampleState(1), exampleTensors(1));
    await saveCheckpoint(store, exampleState(2), exampleTensors(2));
    await refused(
      ['pretrain', '--out', run],
      /holds checkpoints of an earlier run: go on with it by --resume/,
    );
    await refused(
      ['pretrain', '--resume', run, '--width', '64'],
      /width 64 is not that of the saved run \(1\)/,
    );
    await refused(
      ['pretrain', '--resume', `${run}/step-000001`],
      /holds step-000002, which is later than the checkpoint to resume from/,
    );
    await refused(
      ['pretrain', '--resume', run, '--data', await cifarFolder(2)],
      /the saved run used 4096 images \(drawn\), not 2 \(cifar10/,
    );
    await writeFile(`${run}/file`, '');
    await refused(['pretrain', '--resume', run, '--out', `${run}/file`], /cannot write to .*--out/);
    const here = await temporaryFolder();
    await refused(['pretrain', '--log', run], /cannot write the log/, here);
    expect(await readdir(here)).toEqual([]); // no run directory is left behind
  });

  it.each([
    ['arch', 'resnet19', ['knn', 'embed', 'export', 'pretrain']],
    ['stem', 'wide', ['knn', 'embed', 'export', 'pretrain']],
    ['augmentation', 'sepia', ['knn', 'embed', 'export', 'pretrain']],
    ['schedule', 'flat', ['pretrain']],
    ['method', 'simsiam', ['pretrain']],
    ['optimizer', 'adam', ['pretrain']],
  ] as const)('refuses a checkpoint of an unknown %s in one line', async (name, word, commands) => {
    const recorded = fileURLToPath(new URL('../checkpoint/recorded/v1', import.meta.url));
    const { state, tensors } = await loadCheckpoint(recorded);
    const run = await temporaryFolder();
    // Without what belongs to another method or optimizer.
    const named = { ...state.config, [name]: word };
    const entries = Object.entries(named).filter(([setting]) => belongs(setting as SettingName, named));
    const config = Object.fromEntries(entries) as typeof state.config;
    await saveCheckpoint(await openFolder(run), { ...state, config }, tensors);
    const out = `${await temporaryFolder()}/e`;
    const rest = {
      knn: [],
      embed: ['--out', `${out}.npy`],
      export: ['--out', `${out}.onnx`],
      pretrain: ['--steps', '4'],
    };
    for (const command of commands) {
      const from = command === 'pretrain' ? '--resume' : '--checkpoint';
      const data = command === 'export' ? [] : ['--data', 'test/data/cifar10', '--backend', 'wasm'];
      await refused(
        [command, from, run, ...data, ...rest[command]],
        new RegExp(`unknown ${name} '${word}': choose`),
      );
    }
  });

  it('golden exits with 1 when a case fails or is unsupported', async () => {
    const folder = await temporaryFolder();
    const schedule = (lr: number[]) =>
      writeFile(
        `${folder}/schedules.json`,
        JSON.stringify({ s: { kind: 'step', base_lr: 1, epochs: 2, milestones: [1], lr } }),
      );
    const cases = [
      { name: 'schedules', file: 'schedules.json', rtol: 1e-12 },
      { name: 'zzz_nobody_computes', file: 'x.safetensors' },
    ];
    await writeFile(`${folder}/manifest.json`, JSON.stringify({ cases }));
    await writeFile(`${folder}/x.safetensors`, writeSafetensors(new Map()));
    await schedule([1, 0.1]);
    const good = await mocoWeb(['golden', '--dir', folder, '--only', 'schedules']);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(good.stdout).toMatch(/^schedules +\S+ {2}ok\n1 ok, 0 FAIL, 0 unsupported\n$/);
    await schedule([1, 0.2]);
    const wrong = await mocoWeb(['golden', '--dir', folder, '--only', 'schedules', '--json']);
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ counts: { FAIL: 1 } });
    const both = await mocoWeb(['golden', '--dir', folder, '--only', 'schedules', 'zzz', '--json']);
    expect(JSON.parse(both.stdout)).toMatchObject({ counts: { FAIL: 1, unsupported: 1 } });
    const unsupported = await mocoWeb(['golden', '--dir', folder, '--only', 'zzz']);
    expect(unsupported.code).toBe(1);
    expect(unsupported.stdout.trimEnd().split('\n').at(-1)).toBe('0 ok, 0 FAIL, 1 unsupported');
  });

  it('golden refuses to write where it cannot', async () => {
    const folder = await temporaryFolder();
    await mkdir(`${folder}/golden`);
    await writeFile(`${folder}/golden/manifest.json`, '{"cases":[]}');
    await writeFile(`${folder}/file`, '');
    await refused(['golden', '--dir', `${folder}/golden`, '--write', `${folder}/file`], /cannot write to/);
  });
});
