/** Asks Dawn for an adapter in a process of its own. Node only. */
import { nodeModule } from './node.ts';

export type DawnProbe = 'adapter' | 'no adapter' | 'crashed';

/** 3 is no code that Node ends with by itself. */
const NO_ADAPTER = 3;
const SCRIPT = `import(process.argv[1]).then(async ({ create }) => {
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  process.exit(adapter ? 0 : ${NO_ADAPTER});
});`;

/**
 * Dawn and Vulkan drivers write to stderr themselves where they find nothing that they like, which would bury the one
 * line that a command says, and a broken driver takes its process down. Here both happen elsewhere.
 */
export async function probeDawn(moduleUrl: string): Promise<DawnProbe> {
  const { spawn } = await nodeModule('child_process');
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--eval', SCRIPT, moduleUrl], {
      stdio: 'ignore',
      timeout: 30_000,
    });
    child.on('error', () => resolve('crashed'));
    child.on('close', (code) =>
      resolve(code === 0 ? 'adapter' : code === NO_ADAPTER ? 'no adapter' : 'crashed'),
    );
  });
}
