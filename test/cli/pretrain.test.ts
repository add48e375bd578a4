import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { runPretrain } from '../../src/cli/pretrain.ts';
import { MocoError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/model.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { validateConfig } from '../../src/train/configure.ts';
import type { PretrainEvent, StepEvent } from '../../src/train/events.ts';
import type { PretrainOptions } from '../../src/train/pretrain-options.ts';
import { exampleState, exampleTensors, temporaryFolder } from '../checkpoint/example.ts';
import { FakeTerminal } from './run-command.ts';

const PER_EPOCH = 2;

function stepEvent(step: number): StepEvent {
  return {
    type: 'step',
    step,
    epoch: Math.floor((step - 1) / PER_EPOCH),
    loss: 1 / 3 + step,
    acc1: 12.5,
    acc5: 25,
    lr: 0.03,
    imagesPerSecond: 61.23456789012346,
    embeddingStd: 0.1,
    secondsLeft: 1.5,
  };
}

/** A trainer of so many steps that heeds its signal as the real one does; `between` runs after each step. */
function fakeTrainer(totalSteps: number, between: (step: number) => void = () => {}) {
  const calls: PretrainOptions[] = [];
  async function* train(options: PretrainOptions): AsyncGenerator<PretrainEvent> {
    calls.push(options);
    const { config } = options;
    validateConfig(config);
    yield {
      type: 'run',
      config,
      versions: { 'moco-web': '0' },
      backend: 'wasm',
      adapter: null,
      chance: null,
      stepsPerEpoch: PER_EPOCH,
      memory: { level: 'least', keptPerImage: 1e6, peak: 2e7 },
      groupsAtOnce: 1,
      totalSteps,
    };
    yield { type: 'knn', epoch: 0, top1: 26.125, k: 200, t: 0.1, features: 'backbone' };
    const first = options.resume?.state.step ?? 0;
    for (let step = first + 1; step <= totalSteps; step++) {
      yield stepEvent(step);
      between(step);
      if (options.signal?.aborted || step === totalSteps) {
        yield { type: 'checkpoint', step, path: `${options.out}/step-${step}` };
        if (options.signal?.aborted) throw new MocoError('aborted', 'stopped');
      }
    }
  }
  return { train, calls };
}

const OPTIONS = { dataset: 'auto', backend: 'wasm' } as const;

describe('pretrain', () => {
  it('shows the run, logs the lines of the contract and nothing else', async () => {
    const folder = await temporaryFolder();
    const terminal = new FakeTerminal();
    const log = `${folder}/logs/run.jsonl`;
    const { train, calls } = fakeTrainer(4);
    await runPretrain({ ...OPTIONS, preset: 'moco-cifar', out: `${folder}/run`, log }, terminal, train);
    expect(terminal.exitCode).toBe(0);
    expect(calls[0]).toMatchObject({
      backend: { backend: 'wasm' },
      data: { kind: 'drawn', path: null },
      out: `${folder}/run`,
    });

    const lines = (await readFile(log, 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    const events = lines.map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual(['run', 'knn', 'step', 'step', 'step', 'step']);
    expect(Object.keys(events[0])).toEqual(['type', 'config', 'versions', 'backend', 'adapter']);
    expect(events[0].config).toEqual(calls[0]?.config);
    const { secondsLeft: _, ...contract } = stepEvent(1);
    expect(events[2]).toEqual(contract); // every bit of every number

    const shown = terminal.lines.join('\n');
    expect(shown).toContain('kNN after 0 epochs: 26.13 % top-1 (backbone, k=200, t=0.1)');
    expect(shown).toContain('step 1/4  epoch 1/200  loss 1.333  acc1 12.5 %  61 images/s  spread 0.1000');
    expect(shown).toContain('step 4/4');
    expect(shown).toContain('epoch 1: mean loss 1.833, acc1 12.5 %');
    expect(shown).toContain('epoch 2: mean loss 3.833');
    expect(shown).toMatch(/done: 4 steps, 0:00; checkpoints in /);
  });

  it('flushes each line before the next step', async () => {
    const folder = await temporaryFolder();
    const log = `${folder}/run.jsonl`;
    const { readFileSync } = await import('node:fs');
    const counts: number[] = [];
    const { train } = fakeTrainer(3, () => counts.push(readFileSync(log, 'utf8').split('\n').length - 1));
    await runPretrain({ ...OPTIONS, out: `${folder}/run`, log }, new FakeTerminal(), train);
    expect(counts).toEqual([3, 4, 5]);
  });

  it.each([
    ['SIGINT', 130, [130]],
    ['SIGTERM', 143, [143]],
    // A shell and the system send one each.
    ['SIGHUP', 129, []],
    ['SIGPIPE', 1, []],
  ])(
    "finishes the step on %s; the second ends it at once, if it is a person's",
    async (signal, code, exits) => {
      const folder = await temporaryFolder();
      const terminal = new FakeTerminal();
      const { train } = fakeTrainer(100, (step) => {
        if (step === 3) expect(terminal.interrupt(signal)).toBe(1);
      });
      await runPretrain({ ...OPTIONS, out: `${folder}/run` }, terminal, train);
      expect(terminal.exitCode).toBe(code);
      expect(terminal.exits).toEqual([]);
      const shown = [...terminal.lines, ...terminal.errors].join('\n');
      expect(shown).toContain('finishing this step');
      expect(shown).toContain(`checkpoint at step 3: ${folder}/run/step-3`);
      expect(shown).toContain(`stopped; go on with: moco-web pretrain --resume ${folder}/run`);
      expect(terminal.interrupt(signal)).toBe(0); // the signals were given back

      const hasty = new FakeTerminal();
      const stubborn = fakeTrainer(100, (step) => {
        if (step === 3) hasty.interrupt(signal);
        if (step === 3) hasty.interrupt(signal);
      });
      await runPretrain({ ...OPTIONS, out: `${folder}/other` }, hasty, stubborn.train);
      expect(hasty.exits).toEqual(exits);
    },
  );

  it('resumes with the saved configuration, appends to the log and writes to the same directory', async () => {
    const folder = await temporaryFolder();
    const out = `${folder}/run`;
    const saved = exampleState(1);
    await saveCheckpoint(await openFolder(out), saved, exampleTensors(1));
    const log = `${folder}/run.jsonl`;
    const { train, calls } = fakeTrainer(3);
    const terminal = new FakeTerminal();
    await runPretrain({ ...OPTIONS, resume: out, log, epochs: 9 }, terminal, train);
    expect(calls[0]?.config).toEqual({ ...saved.config, epochs: 9 });
    expect(calls[0]?.out).toBe(out);
    expect(calls[0]?.resume?.state).toEqual(saved);
    await runPretrain({ ...OPTIONS, resume: out, log }, terminal, fakeTrainer(3).train);
    const types = (await readFile(log, 'utf8')).trimEnd().split('\n');
    expect(types.filter((line) => line.startsWith('{"type":"run"'))).toHaveLength(2);
  });

  it('says when a resumed run has nothing left to do', async () => {
    const folder = await temporaryFolder();
    await saveCheckpoint(await openFolder(folder), exampleState(3), exampleTensors(3));
    const terminal = new FakeTerminal();
    await runPretrain({ ...OPTIONS, resume: folder }, terminal, fakeTrainer(3).train);
    expect(terminal.exitCode).toBe(0);
    expect(terminal.lines.at(-1)).toBe('nothing left to do: raise --epochs or --steps to go on');
  });

  it('passes failures of the trainer on, and closes what it opened', async () => {
    const folder = await temporaryFolder();
    const terminal = new FakeTerminal();
    async function* failing(): AsyncGenerator<PretrainEvent> {
      yield stepEvent(1);
      throw new MocoError('loss-not-finite', 'loss of step 2 is not finite');
    }
    const run = runPretrain({ ...OPTIONS, out: `${folder}/run` }, terminal, failing);
    await expect(run).rejects.toMatchObject({ code: 'loss-not-finite' });
    expect(terminal.interrupt('SIGINT')).toBe(0);
  });

  it('refuses an encoder that no gradient passes before there is a run directory', async () => {
    const folder = await temporaryFolder();
    const g = new GraphBuilder('waves');
    g.input('image', ['n', 3, 8, 8]);
    const weight = { type: 'float32', shape: [3, 1, 1], data: Float32Array.of(1, 2, 3) } as const;
    const wave = g.op('Sin', [g.op('Mul', ['image', g.constant('w', weight)])], {}, 'wave');
    g.op('Flatten', [g.op('GlobalAveragePool', [wave])], { axis: 1 }, 'y');
    g.output('y', ['n', 3]);
    await writeFile(`${folder}/waves.onnx`, encodeModel(g.build()));
    const options = { ...OPTIONS, arch: `${folder}/waves.onnx`, out: `${folder}/run` };
    await expect(runPretrain(options, new FakeTerminal(), fakeTrainer(1).train)).rejects.toMatchObject({
      code: 'operator-unsupported',
      message: expect.stringMatching(/waves.onnx: node wave: operator Sin has no gradient rule/),
    });
    expect(await readdir(folder)).toEqual(['waves.onnx']);
  });
});
