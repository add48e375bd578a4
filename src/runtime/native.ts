/** onnxruntime-node: onnxruntime's native CPU code, an optional package of Node and Deno. */
// By its path, because the package does not export it. The build takes up the version that it bundles.
import { version } from '../../node_modules/onnxruntime-web/package.json';
import { MocoError, messageOf } from '../errors.ts';
import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/** Of onnxruntime-web, and what onnxruntime-node has to have. Not exported as it comes: our types may not name that path. */
export const ONNXRUNTIME_VERSION: string = version;

/** A variable, so that bundlers do not look for it. */
const PACKAGE = 'onnxruntime-node';

/** Its version where it runs, else why it does not, and how to get it. */
export type NativeFinding =
  | { readonly version: string; readonly missing: null }
  | { readonly version: null; readonly missing: { readonly what: string; readonly advice: string } };

let loaded: Promise<unknown> | null = null;

/** Never throws: none is an answer. */
export async function findNative(): Promise<NativeFinding> {
  if (runtimeName() === 'browser') {
    const advice = 'it is for Node and Deno';
    return { version: null, missing: { what: 'a page has no native code', advice } };
  }
  const advice = `npm install --ignore-scripts ${PACKAGE}@${ONNXRUNTIME_VERSION}`;
  const missing = (what: string): NativeFinding => ({ version: null, missing: { what, advice } });
  const { createRequire } = await nodeModule('module');
  const require = createRequire(import.meta.url);
  let installed: string;
  try {
    installed = (require(`${PACKAGE}/package.json`) as { version: string }).version;
  } catch (error) {
    const isAbsent = (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    return missing(isAbsent ? `${PACKAGE} is not installed` : `${PACKAGE}: ${messageOf(error)}`);
  }
  // Gradients are written for one version, and a table says what it computes wrong.
  if (installed !== ONNXRUNTIME_VERSION)
    return missing(`${PACKAGE} ${installed} is installed, and ${ONNXRUNTIME_VERSION} is needed`);
  try {
    loaded ??= Promise.resolve(require(PACKAGE));
    await loaded;
  } catch (error) {
    return missing(`${PACKAGE} ${installed} does not start here (${messageOf(error)})`);
  }
  return { version: installed, missing: null };
}

/** The module. @throws MocoError backend-unavailable */
export async function loadNative(): Promise<unknown> {
  const { missing } = await findNative();
  if (missing) throw new MocoError('backend-unavailable', describeMissingNative(missing));
  return loaded;
}

/** In one line. */
export function describeMissingNative({ what, advice }: NonNullable<NativeFinding['missing']>): string {
  return `${what}: ${advice}, or use backend 'wasm'`;
}
