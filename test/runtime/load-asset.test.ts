import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { assetUrl } from '../../src/runtime/assets.ts';
import { loadAsset } from '../../src/runtime/load-asset.ts';

it('reads a built file', async () => {
  const bytes = await loadAsset(assetUrl('kernels.wasm'));
  expect([...bytes.subarray(0, 4)]).toEqual([0, 0x61, 0x73, 0x6d]);
});

it('names a file that is missing, and says what to do', async () => {
  const missing = loadAsset(assetUrl('no-such-file.wasm'));
  await expect(missing).rejects.toMatchObject({
    code: 'backend-unavailable',
    message: expect.stringMatching(/no-such-file\.wasm .*npm run build/),
  });
});

it('fetches what has an http address, and refuses an error page', async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/kernels.wasm' ? 200 : 404;
    response.end('abc');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect([...(await loadAsset(new URL(`${base}/kernels.wasm`)))]).toEqual([97, 98, 99]);
    await expect(loadAsset(new URL(`${base}/other.wasm`))).rejects.toThrow('404');
  } finally {
    server.close();
  }
});
