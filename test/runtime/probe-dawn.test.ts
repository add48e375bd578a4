import { expect, it } from 'vitest';
import { probeDawn } from '../../src/runtime/probe-dawn.ts';

/** Probes a module that stands for Dawn. */
function probe(requestAdapter: string, timeoutMs = 20_000): Promise<void> {
  const source = `export const create = () => ({ async requestAdapter(options) { ${requestAdapter} } });`;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  return probeDawn(url, { powerPreference: 'low-power', timeoutMs });
}

it('an adapter, asked for as it will be', async () => {
  await probe('return options.powerPreference === "low-power" ? {} : null;');
});

it.each([
  ['return null;', 'no-adapter', /it finds no GPU adapter: install or update the driver/],
  [
    'console.error("Warning: vkCreateInstance: Found no drivers!"); return null;',
    'no-driver',
    /no GPU driver: /,
  ],
  [
    'console.error("Warning: too old.\\n - While initializing adapter"); return null;',
    'driver-refused',
    /does not take the GPU driver here \(too old\.\)/,
  ],
  ['process.kill(process.pid, "SIGSEGV"); await new Promise(() => {});', 'driver-crashed', /SIGSEGV/],
  ['process.abort();', 'driver-crashed', /crashed/],
  [
    'throw new Error("no binary for this platform");',
    'package-broken',
    /does not start here \(no binary for/,
  ],
])('%s', async (body, problem, message) => {
  await expect(probe(body)).rejects.toMatchObject({
    code: 'backend-unavailable',
    message: expect.stringMatching(message),
    missing: { problem },
  });
});

it('a driver that never answers', async () => {
  const hangs = 'await new Promise((resolve) => setTimeout(resolve, 1e9));';
  await expect(probe(hangs, 1000)).rejects.toMatchObject({
    message: expect.stringMatching(/did not answer in 1 s/),
    missing: { problem: 'driver-hung' },
  });
});

it('a package that does not load', async () => {
  await expect(
    probeDawn('data:text/javascript,throw new Error("torn")', { powerPreference: 'low-power' }),
  ).rejects.toMatchObject({
    message: expect.stringMatching(/\(torn\)/),
    missing: { problem: 'package-broken' },
  });
});
