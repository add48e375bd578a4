// Several processes by mpirun beside one, on one machine: `npm run build && node bench/ranks.mjs equal`, or `speed` or `bytes`.
//
// equal  Whether 1, 2, 4 and 8 ranks, of each MPI that is here, on wasm and native, log the same numbers, digit for digit, and end
//        with the same checkpoint as one process without a launcher; `equal wasm 8` is a part of it.
// speed  Images a second of P ranks of one worker beside one process of P workers, in turns: `speed 3 native` has three rounds.
// bytes  What ranks send in a step, over TCP in a network of their own (Linux, root): `bytes 2 4`.
//
// 8 ranks on few cores take turns; that they are right is what is asked, not that they are fast.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const FOLDER = mkdtempSync(join(tmpdir(), 'moco-ranks-'));
const BACKENDS = ['wasm', 'native'];
const MPI = [
  ['Open MPI', 'mpirun.openmpi', ['--bind-to', 'none']],
  ['MPICH', 'mpirun.mpich', []],
].filter(([, command]) => !spawnSync(command, ['--version']).error);
const ENVIRONMENT = {
  ...{ OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
  ...{ OMPI_MCA_rmaps_base_oversubscribe: '1', NO_COLOR: '1' },
};

const [what, ...more] = process.argv.slice(2);
const tasks = { equal, speed, bytes };
try {
  if (!Object.hasOwn(tasks, what)) throw new Error(`say what: ${Object.keys(tasks).join(', ')}`);
  tasks[what](more);
} finally {
  rmSync(FOLDER, { recursive: true });
}

function equal(words) {
  const backends = words.filter((word) => BACKENDS.includes(word));
  const counts = words.map(Number).filter((count) => count > 0);
  const options = ['--image-size', 16, '--width', 4, '--batch-size', 16, '--groups', 8, '--steps', 4];
  let wrong = 0;
  for (const backend of backends.length > 0 ? backends : BACKENDS) {
    const one = run(null, 1, [...options, '--backend', backend]);
    console.log(`${backend}, one process: losses ${one.losses.join(' ')}, checkpoint ${one.digest}`);
    for (const mpi of MPI) {
      for (const ranks of counts.length > 0 ? counts : [1, 2, 4, 8]) {
        const { log, digest, losses } = run(mpi, ranks, [...options, '--backend', backend]);
        const same = log === one.log && digest === one.digest;
        if (!same) wrong++;
        console.log(`${backend}, ${mpi[0]}, ${ranks}: ${same ? 'the same' : `OTHERS: ${losses} ${digest}`}`);
      }
    }
  }
  process.exitCode = wrong === 0 ? 0 : 1;
}

/** ResNet-18 of width 16 at 32 px, batch 64 in 4 groups. */
function speed([rounds = 3, ...backends]) {
  const options = ['--width', 16, '--image-size', 32, '--batch-size', 64, '--groups', 4, '--queue', 4096];
  for (const backend of backends.length > 0 ? backends : BACKENDS) {
    const figures = {};
    for (let round = 0; round < rounds; round++) {
      for (const count of [1, 2, 4]) {
        const measure = (name, ...how) => {
          const { rates } = run(...how);
          // The first step has what is done once in it.
          figures[name] ??= [];
          figures[name].push(...rates.slice(1));
        };
        const all = [...options, '--steps', backend === 'native' ? 9 : 5, '--backend', backend];
        measure(`1 process of ${count}`, null, count, all);
        if (count > 1) for (const mpi of MPI) measure(`${count} ranks of 1, ${mpi[0]}`, mpi, count, all);
      }
    }
    console.log(`${backend}; ${availableParallelism()} cores, load average ${loadavg()[0].toFixed(1)}`);
    for (const [name, values] of Object.entries(figures)) {
      const sorted = values.sort((a, b) => a - b);
      const shown = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)].map((value) => value.toFixed(0));
      console.log(`  ${name.padEnd(24)} ${shown[0]} images/s (${shown[1]} to ${shown[2]})`);
    }
  }
}

/** Of two runs that differ in their steps, what goes through a network that nothing else uses. */
function bytes(counts) {
  const options = ['--width', 16, '--image-size', 32, '--batch-size', 64, '--groups', 8, '--queue', 256];
  const tcp = '--mca btl tcp,self --mca btl_tcp_if_include lo --mca oob_tcp_if_include lo'.split(' ');
  for (const count of counts.length > 0 ? counts : [2, 4]) {
    const sent = [2, 12].map((steps) => {
      const command = [CLI, 'pretrain', ...common(1), ...options, '--backend', 'native', '--steps', steps];
      const mpirun = ['mpirun.openmpi', ...tcp, '-n', count, process.execPath, ...command];
      const out = join(FOLDER, `bytes-${count}-${steps}`);
      const script = `ip link set lo up; "$@" >&2; awk '/lo:/ { print $10 }' /proc/net/dev`;
      const args = ['-n', 'sh', '-c', script, 'sh', ...mpirun, '--out', out].map(String);
      return Number(execFileSync('unshare', args, { env: environment(), encoding: 'utf8' }).trim());
    });
    console.log(`${count} ranks: ${((sent[1] - sent[0]) / 10 / count / 1e6).toFixed(2)} MB a step and rank`);
  }
}

function run(mpi, count, options) {
  const out = mkdtempSync(join(FOLDER, 'run-'));
  const workers = mpi ? 1 : count;
  const command = [CLI, 'pretrain', ...common(workers), ...options, '--out', join(out, 'run')].map(String);
  const [program, ...args] = mpi
    ? [mpi[1], ...mpi[2], '-n', String(count), process.execPath, ...command]
    : [process.execPath, ...command];
  const { status, stderr, stdout } = spawnSync(program, args, { env: environment(), encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stdout}\n${stderr}`);
  const lines = readFileSync(join(out, 'run/log.jsonl'), 'utf8').trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'step');
  const last = readdirSync(join(out, 'run'))
    .filter((name) => name.startsWith('step-'))
    .sort()
    .at(-1);
  const model = readFileSync(join(out, 'run', last, 'model.safetensors'));
  return {
    losses: steps.map(({ loss }) => loss),
    rates: steps.map(({ imagesPerSecond }) => imagesPerSecond),
    // Without what depends on the clock, or says how it was started.
    log: lines
      .filter((line) => !line.startsWith('{"type":"run"'))
      .map((line) => line.replace(/"imagesPerSecond":[^,]+,/, ''))
      .join('\n'),
    digest: createHash('sha256').update(model).digest('hex').slice(0, 16),
  };
}

function common(workers) {
  return ['--preset', 'moco-cifar', '--queue', 64, '--warmup', 0, '--workers', workers, '--data-workers', 1];
}

function environment() {
  return { ...process.env, ...ENVIRONMENT };
}
