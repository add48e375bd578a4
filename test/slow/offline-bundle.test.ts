/** The archive of `npm run bundle:offline`, unpacked and run as on a machine that has neither Node nor a network. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARTS } from '../../scripts/bundle/parts.mjs';
import { SWIFTSHADER } from '../runtimes/runtimes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NO_DRIVER = { VK_DRIVER_FILES: '/nowhere/icd.json' };
const run = promisify(execFile);
let work = '';
let bundle = '';

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'moco-web-offline-'));
  const archive = join(work, 'bundle.tar.xz');
  // The fastest compression; the script refuses what is too large even so.
  await run(process.execPath, ['scripts/bundle-offline.mjs', '--level', '0', '--out', archive], {
    cwd: ROOT,
  });
  await run('tar', ['--extract', '--file', archive, '--directory', work]);
  bundle = join(work, 'moco-web-offline-linux-x64');
  // A PATH on which nothing is.
  await mkdir(join(work, 'empty'));
  await mkdir(join(work, 'libraries'));
});

afterAll(() => rm(work, { recursive: true, force: true }));

async function runBundle(args: string[], env: Record<string, string>) {
  const environment = { PATH: join(work, 'empty'), ...env };
  const { code, stdout, stderr } = await run(join(bundle, 'run.sh'), args, { env: environment }).then(
    (ended) => ({ code: 0, ...ended }),
    (failed: { code: number; stdout: string; stderr: string }) => failed,
  );
  return { code, stderr, lines: stdout.trimEnd().split('\n') };
}

const readJson = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));

describe('the offline bundle', () => {
  it('holds what runs on Linux, with the licenses, and nothing else', async () => {
    const files = (await readdir(bundle, { recursive: true })).sort();
    for (const file of [
      'run.sh',
      'run/run.mjs',
      'node',
      'dist/cli.js',
      'bench/kernels.mjs',
      'bench/convolutions-webgpu.mjs',
      'bench/measure/index.mjs',
      'bench/step-time.mjs',
      'bench/peers/dist/library.mjs',
      'README.md',
      'LICENSE',
    ])
      expect(files).toContain(file);
    expect(files.filter((file) => file.endsWith('.node'))).toEqual([
      'node_modules/webgpu/dist/linux-x64/dawn.node',
    ]);
    expect(files.filter((file) => /^(dist|run)\/.*\.(map|ts|mts)$/.test(file))).toEqual([]);
    const notices = await readFile(join(bundle, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const name of ['commander', 'cli-progress', 'string-width', 'webgpu'])
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, 'm'));
    expect(notices).toContain(`Node.js ${process.version}`);
  });

  it('says in its first line that there is no driver, and fails', async () => {
    const { code, lines, stderr } = await runBundle(['--small', 'adapter'], NO_DRIVER);
    expect(lines[0]).toMatch(/^Vulkan driver: NOT FOUND/);
    expect(lines[1]).toMatch(/^adapter: FAILED \(WebGPU is here, but no GPU driver\)/);
    expect({ code, stderr, length: lines.length }).toEqual({ code: 1, stderr: '', length: 3 });
    const { status, vulkan, machine, bundle: from, result } = await readJson(bundle, 'results/adapter.json');
    expect(status).toBe('FAILED');
    expect(vulkan.line).toBe(lines[0]);
    expect(vulkan.icds[0].problem).toMatch(/ENOENT/);
    expect(machine.cores).toBeGreaterThan(0);
    expect(from.version).toBe(result.versions['moco-web']);
    expect(result.gpu).toBeNull();
  });

  it('says which parts it has not run', async () => {
    const out = join(work, 'all');
    const { code, lines } = await runBundle([], { ...NO_DRIVER, OUT: out });
    const [first, ...others] = Object.keys(PARTS);
    const last = others.map((name) => `${name} NOT RUN`).join('; ');
    expect(lines.at(-1)).toBe(`0 of ${others.length + 1} parts ok; ${first} FAILED; ${last}`);
    expect(code).toBe(1);
    const files = [...Object.keys(PARTS), 'summary'].map((name) => `${name}.json`);
    expect((await readdir(out)).sort()).toEqual(files.sort());
    expect(await readJson(out, 'bench-r50.json')).toMatchObject({
      ...{ status: 'NOT RUN', why: 'there is no adapter', result: null },
    });
    expect((await readJson(out, 'summary.json')).statuses.conformance).toBe('NOT RUN');
  });

  it('refuses what it does not know in a line', async () => {
    const { code, stderr } = await runBundle(['golden'], NO_DRIVER);
    expect({ code, stderr }).toEqual({
      ...{
        code: 2,
        stderr: expect.stringMatching(/^run\.sh: no part is called golden; there are [^\n]+\n$/),
      },
    });
  });

  it('says what a container lacks that was started for CUDA alone', async () => {
    const libraries = await mkdtemp(join(work, 'cuda-'));
    // Any library: it is only loaded.
    await copyFile(
      join(bundle, 'node_modules/webgpu/dist/linux-x64/dawn.node'),
      join(libraries, 'libcuda.so.1'),
    );
    const given = { LD_LIBRARY_PATH: libraries, XDG_DATA_DIRS: '/nowhere', XDG_CONFIG_DIRS: '/nowhere' };
    const { lines } = await runBundle(['--small', 'adapter'], given);
    expect(lines[0]).toMatch(/An NVIDIA GPU is here, but not its Vulkan \(libGLX_nvidia\.so\.0: cannot open/);
    expect(lines[0]).toMatch(/NVIDIA_DRIVER_CAPABILITIES=all$/);
  });

  it('finds the library of NVIDIA where no ICD file tells of it, and has a Vulkan loader of its own', async ({
    skip,
  }) => {
    const library = join(dirname(SWIFTSHADER), 'libvk_swiftshader.so');
    const missing = await stat(library).then(
      () =>
        stat(join(bundle, 'vulkan/libvulkan.so.1')).then(
          () => '',
          () => 'there was no Vulkan loader',
        ),
      () => `there is no ${library}`,
    );
    if (missing && process.env.MOCO_REQUIRE_GPU === '1') throw new Error(missing);
    if (missing) skip(`NOT RUN: ${missing}`);
    // A driver in software under the name of NVIDIA's; a machine whose Vulkan loader is broken.
    const libraries = join(work, 'libraries');
    await copyFile(library, join(libraries, 'libGLX_nvidia.so.0'));
    await writeFile(join(libraries, 'libvulkan.so.1'), 'no library');
    const out = join(work, 'nvidia');
    const { code, lines } = await runBundle(['--out', out, 'adapter', 'bench-r18'], {
      LD_LIBRARY_PATH: libraries,
    });
    expect(lines[0]).toMatch(/^Vulkan driver: found, but it is SOFTWARE, SwiftShader/);
    expect(lines[0]).toMatch(
      /libGLX_nvidia\.so\.0 by an ICD file of our own, with the Vulkan loader of this archive/,
    );
    expect(lines[1]).toMatch(/^adapter: ok/);
    expect(lines[2]).toMatch(/^bench-r18: NOT RUN \(SwiftShader .* is software: --small has small shapes\)/);
    expect(code).toBe(1);
    expect((await readJson(out, 'adapter.json')).result.gpu.software).toBe(true);
  });
});
