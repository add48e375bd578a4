/** Functions of shared libraries: by koffi in Node (an optional package), by Deno.dlopen in Deno. */
import { MocoError, messageOf } from '../errors.ts';
import { isNode, runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/** int: 32 bits. pointer: what `address` and `pointer` give. memory: a typed array, or null; it stays the caller's. */
export type NativeType = 'int' | 'pointer' | 'memory';

/** A pointer as the runtime has it, of no use but to be handed to a function. */
export type NativePointer = { readonly pointer: unknown };
export type NativeValue = number | NativePointer | ArrayBufferView | null;
/** Functions here all give an int. */
export type NativeFunction = (...values: NativeValue[]) => number;

export interface NativeLibrary {
  /** @throws MocoError distributed-unavailable where the library has none of that name */
  function(name: string, parameters: readonly NativeType[]): NativeFunction;
  /** Where a variable of the library is. Null where it has none of that name. */
  address(name: string): NativePointer | null;
  /** A number as a pointer. */
  pointer(value: number): NativePointer;
}

/** What is used of koffi. */
interface Koffi {
  load(path: string): {
    func(name: string, result: string, parameters: readonly string[]): (...values: unknown[]) => number;
    symbol(name: string, type: string): unknown;
  };
  address(value: unknown): bigint;
}

interface DenoFfi {
  dlopen(
    path: string,
    symbols: Readonly<Record<string, unknown>>,
  ): { symbols: Record<string, (...values: unknown[]) => number> };
  UnsafePointer: { create(value: bigint): unknown };
}

/** Variables, so that bundlers do not look for it. */
const PACKAGE = 'koffi';
const INSTALL = `npm install --ignore-scripts ${PACKAGE}`;

/**
 * What opens libraries here.
 * @throws MocoError distributed-unavailable where nothing does, with how to get it
 */
export async function libraryOpener(): Promise<(path: string) => NativeLibrary> {
  if (runtimeName() === 'deno') return openInDeno;
  if (isNode()) return openWith(await loadKoffi());
  throw new MocoError('distributed-unavailable', 'a page has no MPI: it is for Node and Deno');
}

async function loadKoffi(): Promise<Koffi> {
  const { createRequire } = await nodeModule('module');
  try {
    return createRequire(import.meta.url)(PACKAGE) as Koffi;
  } catch (cause) {
    const isAbsent = (cause as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    const what = isAbsent ? 'is not installed' : `does not start here (${messageOf(cause)})`;
    throw new MocoError('distributed-unavailable', `MPI needs ${PACKAGE}, which ${what}: ${INSTALL}`, {
      cause,
    });
  }
}

const KOFFI_TYPES = { int: 'int', pointer: 'size_t', memory: 'void *' } as const;

function openWith(koffi: Koffi): (path: string) => NativeLibrary {
  return (path) => {
    const library = koffi.load(path);
    return {
      function(name, parameters) {
        const types = parameters.map((type) => KOFFI_TYPES[type]);
        const call = found(path, name, () => library.func(name, 'int', types));
        return (...values) => call(...values.map(unwrapped));
      },
      address(name) {
        try {
          return { pointer: koffi.address(library.symbol(name, 'int')) };
        } catch {
          return null;
        }
      },
      pointer: (value) => ({ pointer: BigInt(value) }),
    };
  };
}

const DENO_TYPES = { int: 'i32', pointer: 'pointer', memory: 'buffer' } as const;

function openInDeno(path: string): NativeLibrary {
  const { dlopen, UnsafePointer } = (globalThis as unknown as { Deno: DenoFfi }).Deno;
  // Deno is told of functions when a library is opened: it is opened for each, which the system counts and does once.
  dlopen(path, {});
  return {
    function(name, parameters) {
      const types = parameters.map((type) => DENO_TYPES[type]);
      const { symbols } = found(path, name, () =>
        dlopen(path, { [name]: { parameters: types, result: 'i32' } }),
      );
      const call = symbols[name]!;
      return (...values) => call(...values.map(unwrapped));
    },
    address(name) {
      try {
        return { pointer: dlopen(path, { [name]: { type: 'pointer' } }).symbols[name] };
      } catch {
        return null;
      }
    },
    pointer: (value) => ({ pointer: UnsafePointer.create(BigInt(value)) }),
  };
}

function unwrapped(value: NativeValue): unknown {
  return typeof value === 'object' && value !== null && 'pointer' in value ? value.pointer : value;
}

function found<Found>(path: string, name: string, look: () => Found): Found {
  try {
    return look();
  } catch (cause) {
    throw new MocoError('distributed-unavailable', `${path} has no ${name}: is it MPI 3 or later?`, {
      cause,
    });
  }
}
