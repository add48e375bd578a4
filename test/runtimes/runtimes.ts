/** Runs the program five-steps.mjs in each runtime, always from the built dist/. */
import { execFile } from 'node:child_process';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { closeChromium, fiveStepsPage, missingChromium, openPage } from './chromium.ts';
import { closeFirefox, fiveStepsInFirefox, missingFirefox, openFirefoxPage } from './firefox.ts';

const PAGES = ['chromium', 'chromium isolated', 'firefox', 'firefox isolated'] as const;
export const RUNTIMES = ['node', 'deno', ...PAGES] as const;
export type PageRuntime = (typeof PAGES)[number];
export type Runtime = (typeof RUNTIMES)[number];

export interface ProgramOptions {
  backend: 'wasm' | 'native' | 'webgpu';
  /** Encoder workers; no more of them are started than there are groups. */
  workers: number;
  /** Groups of 8 images in a batch; by default 2. */
  groups?: number;
  /** Node and Deno: false takes SharedArrayBuffer away, as a page without cross-origin isolation has none. */
  sharedMemory?: false;
  /** In a page: called on its own thread, not in a module worker. */
  ownThread?: boolean;
}

export interface FiveSteps {
  /** Of the package, the runtime and onnxruntime-web. */
  versions: Record<string, string>;
  backend: string;
  adapter: string | null;
  /** One a step, all their bits. */
  losses: number[];
  /** `crossOriginIsolated`; null where there is no such thing. */
  isolated: boolean | null;
  /** Whether there is a SharedArrayBuffer: encoder workers see the weights themselves, rather than copies. */
  sharedMemory: boolean;
}

const run = promisify(execFile);
const PROCESS = fileURLToPath(new URL('./process.mjs', import.meta.url));
/** SwiftShader, a Vulkan driver in software: it comes with Debian's chromium. */
export const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const TIMEOUT = 240_000;

/** Deno itself, as its npm package finds it: the script that starts it would die of a timeout alone, and leave it running. */
function denoExecutable(): string {
  const require = createRequire(import.meta.url);
  return (require('deno/install_api.cjs') as { runInstall(): string }).runInstall();
}

/** Deno asks nobody for newer versions of itself, and writes no colors. */
const DENO_ENV = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };

/** A switch of V8: SharedArrayBuffer is only where the embedder asks for it, as browsers do; Node and Deno never ask. */
const WITHOUT_SHARED_MEMORY = '--enable-sharedarraybuffer-per-context';

const FIVE_STEPS_PAGE = 'test/runtimes/page/index.html';

const isPage = (runtime: Runtime): runtime is PageRuntime => PAGES.some((name) => name === runtime);
export const isFirefox = (runtime: Runtime): boolean => runtime.startsWith('firefox');
/** Whether its pages are cross-origin isolated. */
export const isIsolated = (runtime: Runtime): boolean => runtime.endsWith(' isolated');

/** A page of either browser, as far as they are alike: it evaluates text. */
export interface AnyPage {
  page: { evaluate(text: string): Promise<unknown>; close(): Promise<void> };
  server: Server;
  errors: string[];
}

export const openPageIn = (runtime: PageRuntime, path: string, root?: string): Promise<AnyPage> =>
  (isFirefox(runtime) ? openFirefoxPage : openPage)(path, isIsolated(runtime), root);

export async function closeBrowsers(): Promise<void> {
  await Promise.all([closeChromium(), closeFirefox()]);
}

/** Why a runtime cannot be used here; null where it can. */
export async function missing(runtime: Runtime): Promise<string | null> {
  if (runtime === 'node') return null;
  if (isPage(runtime)) return isFirefox(runtime) ? missingFirefox() : missingChromium();
  return runDeno(['--version']).then(
    () => null,
    (error: Error) => `deno does not start (run npm ci): ${error.message}`,
  );
}

/**
 * @param timeout milliseconds until it is killed
 * @returns what it wrote to stdout
 */
export async function runDeno(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd?: string,
  timeout = TIMEOUT,
): Promise<string> {
  const options = { timeout, maxBuffer: 2 ** 24, env: { ...process.env, ...DENO_ENV, ...env }, cwd };
  return (await run(denoExecutable(), [...args], options)).stdout;
}

/** What the program gives: its result, or what went wrong in words. */
type Outcome = FiveSteps | { error: string };

/** Five steps in a runtime. @throws Error with what the runtime said where it could not */
export async function runIn(runtime: Runtime, options: ProgramOptions): Promise<FiveSteps> {
  if (isPage(runtime)) {
    const page = isFirefox(runtime) ? fiveStepsInFirefox : fiveStepsPage;
    return runInPage(await page(FIVE_STEPS_PAGE, isIsolated(runtime)), options);
  }
  return succeeded(runtime, JSON.parse(await runProcess(runtime, options)) as Outcome);
}

/** Five steps in an open page of test/runtimes/page. */
export async function runInPage({ page, errors }: AnyPage, options: ProgramOptions): Promise<FiveSteps> {
  const outcome = (await page.evaluate(`run(${JSON.stringify(options)})`)) as Outcome;
  if (errors.length > 0) throw new Error(`the page says: ${errors.join('; ')}`);
  return succeeded('the page', outcome);
}

function succeeded(where: string, outcome: Outcome): FiveSteps {
  if ('error' in outcome) throw new Error(`${where}: ${outcome.error}`);
  return outcome;
}

/** @returns what it wrote to stdout */
async function runProcess(runtime: 'node' | 'deno', options: ProgramOptions): Promise<string> {
  const args = [PROCESS, JSON.stringify(options)];
  const driver = process.env.VK_ICD_FILENAMES ?? SWIFTSHADER;
  const env = options.backend === 'webgpu' ? { VK_ICD_FILENAMES: driver } : {};
  const flags = options.sharedMemory === false ? [WITHOUT_SHARED_MEMORY] : [];
  if (runtime === 'deno') {
    const switches = flags.map((flag) => `--v8-flags=${flag}`);
    return runDeno(['run', '-A', '--unstable-webgpu', ...switches, ...args], env);
  }
  const surroundings = { timeout: TIMEOUT, env: { ...process.env, ...env } };
  return (await run(process.execPath, [...flags, ...args], surroundings)).stdout;
}
