import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { mocoWeb } from './run-command.ts';

/** On other systems Dawn does not use Vulkan, and finds what is there. */
const onLinux = it.runIf(process.platform === 'linux');
/** As on a machine without a driver. */
const NO_DRIVER = { VK_ICD_FILENAMES: '/no/such/driver.json', VK_DRIVER_FILES: '' };
const SMALL = '--preset moco-cifar --arch resnet18 --width 2 --batch-size 8 --groups 2 --steps 1'.split(' ');

onLinux.each([
  ['doctor', '--backend', 'webgpu'],
  ['doctor', '--backend', 'webgpu', '--json'],
  ['doctor', '--kernels', '--backend', 'webgpu'],
  ['bench', '--backend', 'webgpu', ...SMALL.slice(0, -2)],
  ['pretrain', '--backend', 'webgpu', ...SMALL],
])('%s without a GPU driver: one line, which says what to do', async (...args) => {
  const folder = await temporaryFolder();
  const start = Date.now();
  const { code, stdout, stderr } = await mocoWeb(args, folder, NO_DRIVER);
  expect(stderr).toMatch(
    /^error: .*no GPU driver: install or update .*VK_ICD_FILENAMES=\/no\/such.*--backend wasm\n$/,
  );
  expect([code, stdout]).toEqual([2, '']);
  expect(Date.now() - start).toBeLessThan(20_000);
  expect(await readdir(folder)).toEqual([]);
});

onLinux('doctor says what is missing, and exits with 0', async () => {
  const { code, stdout, stderr } = await mocoWeb(['doctor', '--json'], undefined, NO_DRIVER);
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({
    gpu: null,
    gpuMissing: { problem: 'no-driver' },
    // Whether native code is here, others ask.
    backend: expect.stringMatching(/^(native|wasm)$/),
    reason: expect.stringMatching(/^no GPU: /),
    advice: expect.arrayContaining([expect.stringMatching(/install or update the driver/)]),
  });
});
