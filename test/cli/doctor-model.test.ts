import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { type Dim, GraphBuilder } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/model.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { FakeTerminal } from './run-command.ts';

const IMAGE: readonly Dim[] = ['batch', 3, 4, 4];

/** A file of an encoder with one convolution, and what follows it. */
async function modelWith(build: (g: GraphBuilder, x: string) => string, shape = IMAGE): Promise<string> {
  const g = new GraphBuilder('encoder', 'e');
  g.input('image', IMAGE);
  g.constant('w', { type: 'float32', shape: [3, 3, 1, 1], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) });
  g.op('Identity', [build(g, g.op('Conv', ['image', 'w'], { kernel_shape: [1, 1] }, 'conv'))], {}, 'y');
  g.output('y', shape);
  const file = `${await temporaryFolder()}/model.onnx`;
  await writeFile(file, encodeModel(g.build()));
  return file;
}

async function doctor(file: string, ...args: string[]): Promise<{ code: number; terminal: FakeTerminal }> {
  const terminal = new FakeTerminal();
  const code = await main(['doctor', '--model', file, ...args], terminal);
  return { code, terminal };
}

describe('doctor --model', () => {
  it('tells of each provider what is rewritten', async () => {
    const file = await modelWith((g, x) => g.op('LogSoftmax', [x], {}, 'log'));
    const { code, terminal } = await doctor(file);
    expect(code).toBe(0);
    expect(terminal.lines.shift()).toMatch(/^note: there is no BatchNorm/);
    expect(terminal.lines.splice(0, 2)).toEqual([
      'images: 4 px, normalize as the preset has it; features: feature maps y [batch, 3, 4, 4]',
      'trained: 1 initializer, 9 values (parameter of a layer: 1)',
    ]);
    expect(terminal.lines.at(0)).toMatch(/^wasm: \d+ nodes, all run as they are: the model runs and trains$/);
    expect(terminal.lines.at(1)).toMatch(
      /^ {2}LogSoftmax {2}log {2}is left to the CPU, written as ReduceMax, .*\(no WebGPU kernel\)$/,
    );
    expect(terminal.lines.at(2)).toMatch(/^WebGPU: \d+ nodes, 1 rewritten: the model runs and trains$/);
    expect(terminal.lines.at(3)).toMatch(
      /^native: \d+ nodes, all run as they are: the model runs and trains$/,
    );
    expect(terminal.lines).toHaveLength(4);
  });

  it('is data, too', async () => {
    const file = await modelWith((g, x) => g.op('Sign', [x], {}, 'sign'));
    const { code, terminal } = await doctor(file, '--backend', 'webgpu', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(terminal.lines.join('\n'))).toMatchObject({
      file,
      obstacle: null,
      audits: [{ provider: 'webgpu', nodes: [{ node: 'sign', op: 'Sign', verdict: 'cpu' }], ok: true }],
      ok: true,
    });
  });

  it('says in one line what is to be said of many nodes', async () => {
    const file = await modelWith((g, x) =>
      ['a', 'b', 'c', 'd'].reduce((value, name) => g.op('Softsign', [value], {}, name), x),
    );
    const { code, terminal } = await doctor(file, '--backend', 'webgpu');
    expect(code).toBe(1);
    expect(terminal.lines.shift()).toMatch(/^note: there is no BatchNorm/);
    expect(terminal.lines.slice(2)).toEqual([
      expect.stringMatching(
        /^ {2}Softsign {2}4 nodes, from a on {2}is left to the CPU, NOT rewritten, NO gradient \(no WebGPU kernel; operator Softsign has no gradient rule\)$/,
      ),
      expect.stringMatching(
        /^WebGPU: \d+ nodes, 4 would NOT run, 4 have NO gradient: the model does not train as it is$/,
      ),
    ]);
  });

  it('names every node that is not read at all', async () => {
    const file = await modelWith((g, x) => g.op('Det', [g.op('NonZero', [x], {}, 'first')], {}, 'second'));
    const { code, terminal } = await doctor(file);
    expect(code).toBe(1);
    expect(terminal.lines.map((line) => line.trim().split(/ +/).slice(0, 2))).toEqual([
      ['NonZero', 'first'],
      ['Det', 'second'],
      [`${file}:`, 'cannot'],
    ]);
  });

  it('ends with 2 where the file is no model, or is not there, or options do not go together', async () => {
    const file = `${await temporaryFolder()}/model.onnx`;
    expect(await doctor(file)).toMatchObject({ code: 2, terminal: { lines: [] } });
    await writeFile(file, 'no model');
    const { code, terminal } = await doctor(file);
    expect(code).toBe(2);
    expect(terminal.errors).toEqual([expect.stringContaining(`${file}: not an ONNX model`)]);
    expect(await doctor(file, '--kernels')).toMatchObject({ code: 2 });
    expect(await doctor(file, '--only', 'x')).toMatchObject({ code: 2 });
  });
});
