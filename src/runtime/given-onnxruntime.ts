/** An onnxruntime-web that the app has loaded already, in the place of the one that is in this package. */
import { MocoError } from '../errors.ts';
import { isPageThread } from './detect.ts';

/** What is used of the module `onnxruntime-web`, in whichever of its forms an app imports it. */
export interface OnnxRuntimeModule {
  readonly InferenceSession: { create(...args: never[]): Promise<unknown> };
  readonly Tensor: object;
  readonly env: { readonly versions?: { readonly web?: string } };
}

let module: OnnxRuntimeModule | null = null;
let address: string | null = null;

/**
 * Lets sessions of wasm and WebGPU be those of an onnxruntime-web that the app has anyway, so that no second one is loaded: its
 * settings (`env`: where its .wasm file is, threads) are left as they are, and have to be right by then. To be called before anything
 * else of the package.
 *
 * Other bits: the promise that a run on wasm gives the same bits everywhere is of the version in this package, with one thread a
 * session. With another version or more threads losses differ in their last digits, and gradients are written around the
 * mistakes of that one version (docs/dependencies.md).
 * @param ort the module itself: for what runs on this very thread (WebGPU in Node, Deno and in a worker of yours), while workers of this
 * package go on with their own; or its address, which every worker of this package imports, too: a page needs this, as its own
 * thread runs no session. null: the one in this package
 * @throws MocoError usage for what is neither, and for a module on a page's own thread
 */
export function setOnnxRuntime(ort: OnnxRuntimeModule | string | URL | null): void {
  if (ort === null) {
    module = null;
    address = null;
  } else if (typeof ort === 'string' || ort instanceof URL) {
    address = absolute(ort);
    module = null;
  } else if (typeof ort?.InferenceSession?.create === 'function' && ort.Tensor && ort.env) {
    if (isPageThread()) {
      throw new MocoError(
        'usage',
        'setOnnxRuntime: in a page all sessions are made in workers, which a module cannot be handed to: give its address',
      );
    }
    module = ort;
    address = null;
  } else {
    throw new MocoError(
      'usage',
      'setOnnxRuntime takes the module onnxruntime-web (import * as ort …) or its address',
    );
  }
}

function absolute(ort: string | URL): string {
  try {
    return new URL(ort, (globalThis as { location?: { href: string } }).location?.href).href;
  } catch (error) {
    throw new MocoError('usage', `setOnnxRuntime: '${ort}' is no address of a module`, { cause: error });
  }
}

/** For the workers that are started; null where none was given. */
export function givenOnnxRuntimeAddress(): string | null {
  return address;
}

/** @throws MocoError backend-unavailable where the address gives no such module */
export async function givenOnnxRuntime(): Promise<OnnxRuntimeModule | null> {
  if (module || address === null) return module;
  const from = address;
  let imported: OnnxRuntimeModule & { default?: OnnxRuntimeModule };
  try {
    imported = await import(/* webpackIgnore: true */ /* @vite-ignore */ from);
  } catch (error) {
    throw new MocoError('backend-unavailable', `setOnnxRuntime: ${from} cannot be imported`, {
      cause: error,
    });
  }
  const found = imported.InferenceSession ? imported : imported.default;
  if (!found?.InferenceSession) {
    throw new MocoError('backend-unavailable', `setOnnxRuntime: ${from} is not onnxruntime-web`);
  }
  module = found;
  return module;
}

/** Null where none was given. @throws as givenOnnxRuntime */
export async function givenOnnxRuntimeVersion(): Promise<string | null> {
  const given = await givenOnnxRuntime();
  return given && (given.env.versions?.web ?? 'of an unknown version');
}
