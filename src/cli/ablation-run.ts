/** One run of an ablation: a row with a seed, in a directory of its own, by child processes of this command. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { parseResult, type RowResult } from '../ablate/result.ts';
import type { Row, Table } from '../ablate/table.ts';
import { listCheckpoints } from '../checkpoint/run-directory.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { makePlan, ON_WASM } from '../encoder/make-plan.ts';
import { MocoError, messageOf } from '../errors.ts';
import { methodNamed } from '../methods/registry.ts';
import { networkOf } from '../models/choose-network.ts';
import { parseLog } from '../report/run-record.ts';
import { openFolder } from '../runtime/files.ts';
import { memorySize } from '../runtime/memory.ts';
import { factsOf } from '../settings/resolve.ts';
import { stepsPerEpoch } from '../settings/run-length.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { type PretrainConfig, resolveConfig } from '../train/configure.ts';
import { runChild } from './child.ts';
import { addConfigOptions, type ConfigOptions, overridesOf } from './config-options.ts';
import { LOG } from './prepare-run.ts';

export interface RowJob {
  readonly table: Table;
  readonly row: Row;
  readonly seed: number;
  readonly directory: string;
  /** Of `pretrain`, those that make the row; the seed among them. */
  readonly options: readonly string[];
  readonly data: DatasetDescription;
  /** --data, --backend and the like, which `pretrain` and `linear` take. */
  readonly place: readonly string[];
  /** How the work is spread, which changes no number. */
  readonly workers: readonly string[];
  /** Of the linear classifier; 0: none is trained. */
  readonly linearEpochs: number;
}

const RESULT = 'result.json';
const PROCESS = 'process.pid';
/** What each run says of itself, and nobody wants to read many times. */
const REPEATED = /^(step|checkpoint|activations|backend|chance|the queue still|queries|report|done)\b/;

/** The result of an earlier call; null where there is none. @throws MocoError usage where it is of other options */
export function savedResult({ directory, options }: Pick<RowJob, 'directory' | 'options'>): RowResult | null {
  const path = `${directory}/${RESULT}`;
  const result = existsSync(path) ? parseResult(readFileSync(path, 'utf8')) : null;
  if (result && JSON.stringify(result.options) !== JSON.stringify(options)) {
    throw new MocoError(
      'usage',
      `${path} is of other options (${result.options.join(' ')}): give the same again, or choose another --out`,
    );
  }
  return result;
}

/**
 * Trains and measures, going on where an earlier call was cut off, and writes result.json.
 * @returns null where it was interrupted
 */
export async function runRow(
  job: RowJob,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<RowResult | null> {
  mkdirSync(job.directory, { recursive: true });
  await waitForEarlier(job.directory);
  const result = await outcomeOf(job, signal, say);
  if (result) writeFileSync(`${job.directory}/${RESULT}`, `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

async function outcomeOf(
  job: RowJob,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<RowResult | null> {
  const { row, seed, options, table, directory, data } = job;
  const result: RowResult = {
    ...{ row: row.id, seed, options: [...options], status: 'failed', reason: null, knn: null, top1: null },
    ...{ linearEpochs: null, steps: null, stepsPerEpoch: null, secondsPerEpoch: null },
    ...{ peakBytes: null, activationBytes: null },
  };
  let config: PretrainConfig;
  let needed: MemoryNeed | null = null;
  try {
    config = configOf(options, data);
    if (table.measures === 'cost') needed = memoryNeed(config);
  } catch (error) {
    const isFull = error instanceof MocoError && error.code === 'out-of-memory';
    return { ...result, status: isFull ? 'does not fit' : 'failed', reason: messageOf(error) };
  }
  result.activationBytes = needed?.activations ?? null;
  const memory = await memorySize();
  const said = needed
    ? `activations of ${inGigabytes(needed.activations)}, ${inGigabytes(needed.encoders)} with the ` +
      'encoders that keep them (computed)'
    : '';
  if (needed && memory !== null && needed.encoders > memory) {
    return {
      ...result,
      status: 'does not fit',
      reason: `${said}, and this machine has ${inGigabytes(memory)}`,
    };
  }

  const perEpoch = stepsPerEpoch(data.trainLength, config.batchSize);
  const trained = await train(job, config, perEpoch, signal, say);
  if (signal.aborted && trained.code !== 0) return null;
  result.peakBytes = trained.peakBytes;
  if (trained.code !== 0) {
    const isFull = trained.signal === 'SIGKILL' || /memory|do not fit/i.test(trained.error);
    const by = trained.signal ? `ended by ${trained.signal}` : trained.error;
    return isFull
      ? { ...result, status: 'does not fit', reason: said ? `${by}; ${said}` : by }
      : { ...result, reason: by };
  }
  const log = parseLog(readFileSync(`${directory}/${LOG}`, 'utf8'));
  const last = (what: string) => log.measured.findLast((entry) => entry.what === what)?.values.top1 ?? null;
  result.knn = last('knn backbone');
  result.steps = log.steps.at(-1)?.step ?? null;
  result.stepsPerEpoch = perEpoch;
  result.secondsPerEpoch = medianSeconds(log.steps, config.batchSize, perEpoch);
  if (row.method === 'supervised') result.top1 = last('test');
  else if (table.measures === 'accuracy' && job.linearEpochs > 0) {
    const linear = await linearTop1(job, signal);
    if (linear === null) return null;
    if (typeof linear === 'string') return { ...result, reason: linear };
    result.top1 = linear;
    result.linearEpochs = job.linearEpochs;
  }
  return { ...result, status: 'done' };
}

/** `pretrain`, from the newest checkpoint where there is one. What training takes is measured of whole runs alone. */
async function train(
  { directory, table, options, place, workers, data }: RowJob,
  config: PretrainConfig,
  perEpoch: number,
  signal: AbortSignal,
  say: (line: string) => void,
) {
  const isCost = table.measures === 'cost';
  if (isCost) {
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
  }
  if (!isCost) await dropUnmeasured(directory, data);
  const saved = (await listCheckpoints(await openFolder(directory))).length > 0;
  const measured = isCost
    ? []
    : ['--knn-every', String(Math.ceil(config.epochs / 4)), '--checkpoint-every', String(perEpoch)];
  return runChild(
    [
      ...['pretrain', ...options, ...place, ...workers, ...measured],
      ...(saved ? ['--resume', directory] : ['--out', directory]),
    ],
    {
      signal,
      line: (line) => {
        if (!REPEATED.test(line)) say(line);
      },
      started: (pid) => writeFileSync(`${directory}/${PROCESS}`, String(pid)),
    },
  );
}

/**
 * A checkpoint is saved before its encoder is measured. Where an earlier call was cut off in between, the steps before it are
 * taken again, so that what was not measured is.
 */
async function dropUnmeasured(directory: string, data: DatasetDescription): Promise<void> {
  const store = await openFolder(directory);
  const [newest] = await listCheckpoints(store);
  if (newest === undefined || data.classes.length < 2 || !existsSync(`${directory}/${LOG}`)) return;
  const { steps, measured } = parseLog(readFileSync(`${directory}/${LOG}`, 'utf8'));
  const last = steps.at(-1)?.step;
  if (last !== Number(newest.slice('step-'.length)) || measured.some(({ step }) => step === last)) return;
  await store.remove(newest);
}

/** Percent; in words why there is none; null where it was interrupted. */
async function linearTop1(
  { directory, place, workers, linearEpochs }: RowJob,
  signal: AbortSignal,
): Promise<number | string | null> {
  const { code, stdout, error } = await runChild(
    [
      ...['linear', '--checkpoint', directory, ...place, ...onlyWorkers(workers)],
      // A rate that suits features of any length, and is chosen by no accuracy: that of the protocol suits long training alone.
      ...['--epochs', String(linearEpochs), '--lr', 'stable', '--cache', '--json'],
    ],
    { signal },
  );
  if (signal.aborted && code !== 0) return null;
  if (code !== 0) return `linear classification failed: ${error}`;
  try {
    const { top1, backboneUnchanged } = JSON.parse(stdout) as Record<string, unknown>;
    if (backboneUnchanged !== true) return 'linear classification changed the backbone';
    if (typeof top1 === 'number') return top1;
  } catch {}
  return 'linear classification gave no result';
}

/** `linear` has no workers for data. */
function onlyWorkers(workers: readonly string[]): readonly string[] {
  const at = workers.indexOf('--workers');
  return at < 0 ? [] : workers.slice(at, at + 2);
}

/** As `pretrain` resolves them. @throws MocoError usage */
export function configOf(options: readonly string[], data: DatasetDescription): PretrainConfig {
  const command = addConfigOptions(new Command().exitOverride(), 'run');
  const given = command.parse([...options], { from: 'user' }).opts<ConfigOptions>();
  return resolveConfig(given.preset ?? DEFAULT_PRESET, overridesOf(given), factsOf(data));
}

interface MemoryNeed {
  /** Bytes of the activations that have to be there at one time: those of one group, or of all of them. */
  readonly activations: number;
  /** Bytes of the encoders that have them: the values of a run at their peak, sessions, and the runtime's own. */
  readonly encoders: number;
}

/** What an encoder takes beside the values of its runs, about: code, sessions, weights. */
const ENCODER_BYTES = 1e8;

/** Counted from the shapes of the graphs, before anything runs. @throws MocoError out-of-memory */
function memoryNeed(config: PretrainConfig): MemoryNeed {
  const { viewsTogether = 1, together } = methodNamed(config.method);
  const groupSize = (viewsTogether * config.batchSize) / config.groups;
  const { memory } = makePlan({ spec: networkOf(config), groupSize, imageSize: config.imageSize }, ON_WASM);
  const groups = together?.(config) ? config.groups : 1;
  return {
    activations: memory.keptPerImage * groupSize * groups,
    encoders: (memory.peak + ENCODER_BYTES) * groups,
  };
}

/** The first step also starts everything. */
function medianSeconds(
  steps: readonly Readonly<Record<string, number>>[],
  batchSize: number,
  perEpoch: number,
): number | null {
  const seconds = steps.slice(1).map(({ imagesPerSecond }) => batchSize / imagesPerSecond!);
  if (seconds.length === 0) return null;
  return seconds.sort((a, b) => a - b)[seconds.length >> 1]! * perEpoch;
}

/** A process that an earlier call started, and that its own end has not ended yet, writes to the same files. */
async function waitForEarlier(directory: string): Promise<void> {
  const path = `${directory}/${PROCESS}`;
  if (!existsSync(path)) return;
  const pid = Number(readFileSync(path, 'utf8'));
  for (let waited = 0; isAlive(pid); waited++) {
    if (waited === 60) {
      throw new MocoError('usage', `process ${pid} still works in ${directory}: end it, or wait for it`);
    }
    await sleep(1000);
  }
  rmSync(path);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const inGigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
