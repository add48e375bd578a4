/** Runs of several processes, by mpirun: what they learn is what one process learns, bit for bit. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { lay, pack } from '../data/archives.ts';
import { CLI, commandIn, type Ended, LIBRARY, type Mpi, type On, startRanks, withMpi } from './launchers.ts';

const folder = mkdtempSync(join(tmpdir(), 'moco-mpi-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHAPE =
  '--width 4 --image-size 16 --batch-size 16 --groups 4 --workers 1 --data-workers 1 --warmup 0'.split(' ');
const MOCO = ['--preset', 'moco-cifar', '--queue', '64', ...SHAPE];
const image = readFileSync(fileURLToPath(new URL('../data/images/cat/0075.jpg', import.meta.url)));
const copies = Array.from({ length: 32 }, (_, i) => [`${'ab'[i % 2]}/${i}.jpg`, image]);
const archive = pack(join(folder, 'images.tar'), lay(join(folder, 'images'), Object.fromEntries(copies)));
let runs = 0;
const newRun = () => join(folder, `run-${++runs}`);

interface Learned {
  /** The log, without what depends on the clock. */
  readonly log: readonly string[];
  /** Of all tensors of the last checkpoint. */
  readonly digest: string;
}

function learnedBy(run: string): Learned {
  const lines = readFileSync(join(run, 'log.jsonl'), 'utf8').trimEnd().split('\n');
  const last = readdirSync(run)
    .filter((name) => name.startsWith('step-'))
    .sort()
    .at(-1)!;
  return {
    log: lines
      .filter((line) => !line.startsWith('{"type":"run"'))
      .map((line) => line.replace(/"imagesPerSecond":[^,]+,/, '')),
    digest: createHash('sha256')
      .update(readFileSync(join(run, last, 'model.safetensors')))
      .digest('hex'),
  };
}

/** By one process, without a launcher. */
const references = new Map<string, Learned>();
function alone(options: readonly string[]): Learned {
  const key = options.join(' ');
  const found = references.get(key);
  if (found) return found;
  const out = newRun();
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'pretrain', ...options, '--out', out], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const learned = learnedBy(out);
  references.set(key, learned);
  return learned;
}

async function together(mpi: Mpi, ranks: number, on: On, options: readonly string[]): Promise<Learned> {
  const out = newRun();
  const { ended } = startRanks(mpi, ranks, [[...commandIn(on), 'pretrain', ...options, '--out', out]]);
  const { code, out: said } = await ended;
  expect(code, said).toBe(0);
  // One process speaks; where the data is tar archives, the others have taken its index.
  expect(said.match(/^done: /gm)).toHaveLength(1);
  expect(said).not.toContain('tar index');
  return learnedBy(out);
}

describe('ranks learn what one process learns', () => {
  const table: readonly [Mpi, number, On, string][] = [
    ['Open MPI', 1, 'node', 'wasm'],
    ['Open MPI', 2, 'node', 'wasm'],
    ['Open MPI', 4, 'node', 'wasm'],
    ['Open MPI', 1, 'node', 'native'],
    ['Open MPI', 2, 'node', 'native'],
    ['Open MPI', 4, 'node', 'native'],
    ['Open MPI', 2, 'deno', 'wasm'],
    ['MPICH', 2, 'node', 'wasm'],
    ['MPICH', 4, 'node', 'native'],
    ['MPICH', 2, 'deno', 'native'],
  ];
  for (const mpi of ['Open MPI', 'MPICH'] as const) {
    withMpi([mpi], () => {
      it.each(table.filter(([of]) => of === mpi))('%s, %i ranks, %s, %s', async (_, ranks, on, backend) => {
        const options = [...MOCO, '--backend', backend, '--steps', '4'];
        const learned = await together(mpi, ranks, on, options);
        expect(learned.log).toHaveLength(4);
        expect(learned).toEqual(alone(options));
      });
    });
  }

  withMpi(['Open MPI'], () => {
    it.each([
      [
        'the symmetric loss, from an archive',
        ['--symmetric', '--queue', '64', '--preset', 'moco-cifar', '--data', archive],
      ],
      ['SimCLR with a gradient cache', ['--preset', 'simclr-cifar']],
      ['SimCLR with all activations kept', ['--preset', 'simclr-cifar', '--no-gradient-cache']],
      ['labels, with the test split at the end', ['--preset', 'supervised']],
    ])('%s', async (_, options) => {
      const all = [...options, ...SHAPE, '--backend', 'native', '--epochs', '1', '--steps', '2'];
      expect(await together('Open MPI', 2, 'node', all)).toEqual(alone(all));
    });
  });
});

describe('a run', () => {
  /** The process of a rank, as it stands in its own environment. */
  function processOf(rank: number, run: string): number {
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const text = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        const isRank = text.some(
          (entry) => /^(OMPI_COMM_WORLD_RANK|PMI_RANK)=/.test(entry) && entry.endsWith(`=${rank}`),
        );
        if (isRank && command[1] === CLI && command.includes(run)) return Number(name);
      } catch {
        // It has ended, or is not ours.
      }
    }
    throw new Error(`rank ${rank} does not run`);
  }

  async function untilCheckpoint(run: string, ended: Promise<Ended>): Promise<void> {
    let early: Ended | null = null;
    void ended.then((end) => {
      early = end;
    });
    while (!existsSync(join(run, 'step-000002', 'state.json'))) {
      if (early) throw new Error(`it has ended: ${JSON.stringify(early)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  for (const mpi of ['Open MPI', 'MPICH'] as const) {
    withMpi([mpi], () => {
      it(`whose rank is killed ends, and goes on with other ranks to what it would have learned (${mpi})`, async () => {
        const run = newRun();
        const options = [...MOCO, '--backend', 'wasm', '--steps', '24'];
        const command = [
          ...commandIn('node'),
          'pretrain',
          ...options,
          '--checkpoint-every',
          '2',
          '--out',
          run,
        ];
        const { ended } = startRanks(mpi, 2, [command]);
        await untilCheckpoint(run, ended);
        process.kill(processOf(1, run), 'SIGKILL');
        const { code, out } = await ended;
        expect(code, out).not.toBe(0);
        if (mpi === 'Open MPI') expect(out).toMatch(/process rank 1 .*exited on signal 9/);
        else expect(out).toMatch(/Killed \(signal 9\)/);
        const resumed = [...commandIn('node'), 'pretrain', '--resume', run, '--workers', '1'];
        const again = await startRanks(mpi, mpi === 'Open MPI' ? 4 : 1, [resumed]).ended;
        expect(again.code, again.out).toBe(0);
        expect(again.out).toContain(`resuming from ${run}/step-`);
        expect(learnedBy(run)).toEqual(alone(options));
      });
    });
  }

  withMpi(['Open MPI'], () => {
    it('whose rank hangs ends with its name', async () => {
      const run = newRun();
      const options = [
        ...MOCO,
        '--backend',
        'wasm',
        '--steps',
        '4000',
        '--epochs',
        '200',
        '--patience',
        '12',
      ];
      const command = [...commandIn('node'), 'pretrain', ...options, '--checkpoint-every', '2', '--out', run];
      const { ended } = startRanks('Open MPI', 2, [command]);
      await untilCheckpoint(run, ended);
      process.kill(processOf(1, run), 'SIGSTOP');
      const { code, out } = await ended;
      expect(code).toBe(1);
      // Wherever the other was stopped.
      expect(out).toMatch(
        /^error: rank 0 of 2: (step \d+.*|between two steps): rank 1 has not come after \d+ s of waiting/m,
      );
    });
  });
});

describe('what cannot be is said in one line', () => {
  const told = (out: string) => out.split('\n').filter((line) => line.startsWith('error: '));
  const pretrain = (...options: string[]) => [
    ...commandIn('node'),
    'pretrain',
    ...MOCO,
    ...options,
    '--out',
    newRun(),
  ];

  withMpi(['Open MPI', 'MPICH'], () => {
    it.each([
      ['Open MPI', 'MPICH'],
      ['MPICH', 'Open MPI'],
    ] as const)('the launcher of %s with the library of %s', async (mpi, other) => {
      const { ended } = startRanks(mpi, 2, [pretrain()], { MOCO_MPI_LIBRARY: LIBRARY[other] });
      const { code, out } = await ended;
      expect(code).toBe(2);
      expect(told(out)).toEqual([
        expect.stringMatching(
          `^error: mpirun of ${mpi} has started 2 processes, of which ${other} .* knows 1: launcher and library do not belong together; `,
        ),
      ]);
    });
  });

  withMpi(['Open MPI'], () => {
    it.each([
      [
        'groups that are no multiple',
        3,
        [[]],
        /groups 4 cannot be shared among 3 ranks: start 1, 2, 4 of them/,
      ],
      ['a GPU', 2, [['--backend', 'webgpu']], /backend webgpu is for one process, and there are 2 ranks/],
      ['data that is on one alone', 2, [[], ['--data', '/nowhere']], /rank 1: .*\/nowhere/],
      ['other settings', 2, [[], ['--seed', '8']], /rank 1 has wasm, .* where rank 0 has wasm, /],
      ['no library', 2, [[]], /no MPI library was found, looked for libnone.so/],
    ])('%s', async (what, ranks, options, line) => {
      const commands = options.map((more) => pretrain('--backend', 'wasm', ...more));
      const environment = what === 'no library' ? { MOCO_MPI_LIBRARY: 'libnone.so' } : {};
      const { code, out } = await startRanks('Open MPI', ranks, commands, environment).ended;
      expect(code, out).toBe(2);
      expect(told(out)).toEqual([expect.stringMatching(line)]);
    });
  });
});
