import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { version } from '../../package.json';
import { main } from '../../src/cli/program.ts';
import { conformanceMarkdown, conformanceReport } from '../../src/conformance/index.ts';
import { compileFailure } from '../../src/conformance/report.ts';
import { MocoError } from '../../src/errors.ts';
import { FakeTerminal } from '../cli/run-command.ts';

test('a report has version, system, date and what failed, as JSON and as Markdown', async () => {
  const failed = compileFailure(new MocoError('gpu-failed', 'line 3\nline 4'), 'GPU of a dream');
  const report = await conformanceReport([failed]);
  expect(JSON.parse(JSON.stringify(report))).toMatchObject({
    machine: {
      runtime: 'Node',
      versions: { 'moco-web': version },
      date: expect.stringMatching(/^\d{4}-.*Z$/),
    },
    backend: 'webgpu',
    adapter: 'GPU of a dream',
    counts: { ok: 0, FAIL: 1, skipped: 0 },
    cases: [failed],
  });
  const text = conformanceMarkdown(report);
  expect(text).toMatch(/^## moco-web conformance on webgpu, GPU of a dream: 0 ok, 1 FAIL, 0 skipped\n/);
  expect(text).toContain(`- versions: moco-web ${version}, Node ${process.versions.node}`);
  expect(text).toMatch(/\n```\nFAIL {2}compile\n.*line 3\n.*line 4\n[\s\S]*\n```\n/);
});

test('doctor --kernels --out writes either, and refuses other endings before it works', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'moco-web-share-'));
  const doctor = async (file: string) => {
    const terminal = new FakeTerminal();
    const options = [
      '--kernels',
      '--backend',
      'wasm',
      '--only',
      'copy/length 6',
      '--out',
      join(folder, file),
    ];
    return [await main(['doctor', ...options], terminal), terminal.errors.join('\n')];
  };
  expect(await doctor('report.md')).toEqual([0, '']);
  expect(await readFile(join(folder, 'report.md'), 'utf8')).toMatch(/^- GPU: /m);
  expect(await doctor('report.json')).toEqual([0, '']);
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')).counts.FAIL).toBe(0);
  expect(await doctor('report.txt')).toEqual([
    2,
    expect.stringMatching(/give a file that ends in \.json or \.md/),
  ]);
  await rm(folder, { recursive: true });
});
