/** Other shaders than ours: what they get wrong is found, and what does not compile is told in the compiler's words. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { FakeTerminal } from '../cli/run-command.ts';
import { onWebGpu } from '../kernels/backends.ts';

/** A folder of shaders. */
async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = join(await temporaryFolder(), 'shaders');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** One of ours with a change. */
async function mutated(name: string, from: string, to: string): Promise<Record<string, string>> {
  const text = await readFile(new URL(`../../shaders/${name}`, import.meta.url), 'utf8');
  expect(text).toContain(from);
  return { [name]: text.replace(from, to) };
}

async function doctor(...args: string[]): Promise<{ code: number; out: string; errors: string[] }> {
  const terminal = new FakeTerminal();
  const code = await main(['doctor', ...args], terminal);
  return { code, out: terminal.lines.join('\n'), errors: terminal.errors };
}

describe('doctor --kernels', () => {
  it('runs some cases on wasm', async () => {
    const { code, out } = await doctor('--kernels', '--backend', 'wasm', '--only', 'ema/length 6');
    expect(out).toMatch(/^backend {2}wasm: asked for$/m);
    expect(out).toMatch(/^ema +3 +0 +0 +0\.\d+ /m);
    expect([code, out.split('\n').at(-1)]).toEqual([0, '3 ok, 0 FAIL, 0 skipped']);
  });

  it('writes JSON', async () => {
    const { out } = await doctor('--kernels', '--backend', 'wasm', '--only', 'ema/length 64', '--json');
    expect(JSON.parse(out)).toMatchObject({
      backend: 'wasm',
      counts: { ok: 1, FAIL: 0, skipped: 0 },
      kernels: [{ kernel: 'ema', ok: 1, failed: 0 }],
      cases: [{ case: 'ema/length 64', status: 'ok', worst: expect.any(Number) }],
    });
  });

  it.each([
    [['--only', 'ema'], /--only goes with --kernels/],
    [['--shaders', '.'], /--shaders goes with --kernels/],
    [['--kernels', '--backend', 'wasm', '--only', 'emma'], /no case .* begins with emma/],
    [['--kernels', '--backend', 'webgpu', '--shaders', '/no/such'], /there is no shader in \/no\/such/],
  ])('refuses %j', async (args, message) => {
    const { code, out, errors } = await doctor(...args);
    expect([code, out.replace(/^backend.*/, ''), errors]).toEqual([2, '', [expect.stringMatching(message)]]);
  });

  it('refuses files that are no shaders of ours, that are too large or no text, and shaders on wasm', async () => {
    const kernels = ['--kernels', '--backend', 'wasm', '--shaders'];
    const refused = async (files: Record<string, string>, message: RegExp): Promise<void> => {
      const { code, errors } = await doctor(...kernels, await folderOf(files));
      expect([code, errors]).toEqual([2, [expect.stringMatching(message)]]);
    };
    await refused(
      { 'emma.wgsl': '' },
      /emma\.wgsl is no shader of moco-web: there are accumulate\.wgsl, adamw\.wgsl,/,
    );
    await refused({ 'ema.wgsl': ' '.repeat(300_000) }, /ema\.wgsl has 300000 bytes, at most 262144/);
    await refused({ 'ema.wgsl': '' }, /--shaders replaces what WebGPU runs, and the backend is wasm/);
  });
});

onWebGpu(() => {
  const wgsl = ['--kernels', '--backend', 'webgpu', '--shaders'];

  it('a mutated ema.wgsl fails, and the report names the case', async () => {
    const folder = await folderOf(
      await mutated(
        'ema.wgsl',
        'params.a * result[i] + params.b * source[i]',
        'params.b * result[i] + params.a * source[i]',
      ),
    );
    const { code, out } = await doctor(...wgsl, folder, '--only', 'ema/length 25');
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL {2}ema\/length 255$/m);
    expect(out).toContain("moco-web doctor --kernels --backend webgpu --only 'ema/length 255'");
    expect(out).toMatch(/^0 ok, 3 FAIL, 0 skipped$/m);
  });

  it('a grid of one dimension shows where there are more than 65,535 workgroups', async () => {
    const files = await mutated('accumulate.wgsl', 'workgroup.y * workgroups.x + workgroup.x', 'workgroup.x');
    const { code, out } = await doctor(...wgsl, await folderOf(files), '--only', 'accumulate');
    expect([code, out.match(/^FAIL.*/gm)]).toEqual([1, ['FAIL  accumulate/more than 65,535 workgroups']]);
  });

  it('our own shaders in place of ours pass', async () => {
    const files = await mutated('exact-sign.wgsl', '// ', '//  ');
    const { code, out } = await doctor(...wgsl, await folderOf(files), '--only', 'infonce/rank');
    expect([code, out.match(/^3 ok, 0 FAIL, 0 skipped$/m)?.length]).toEqual([0, 1]);
  });

  it('what does not compile is a FAIL in the words of the compiler', async () => {
    const folder = await folderOf(await mutated('ema.wgsl', 'result[i] =', 'rezult[i] ='));
    const { code, out, errors } = await doctor(...wgsl, folder);
    expect([code, errors]).toEqual([1, []]);
    expect(out).toMatch(/^FAIL {2}compile$/m);
    expect(out).toMatch(/gpu-failed: the shader of ema \(ema\.wgsl\) does not compile here/);
    expect(out).toMatch(/unresolved value 'rezult'/);
    expect(out).toMatch(/^0 ok, 1 FAIL, 0 skipped$/m);
  });
});
