/**
 * The MPI library: which one there is, and its calls. Handles differ: pointers to variables in Open MPI, whole numbers in MPICH
 * and what has its ABI (Intel MPI, MVAPICH, Cray MPICH), small constants as pointers in the ABI of MPI 5.0 (chapter 20 of the
 * standard; no library of that ABI was at hand to try it with).
 */
import { MocoError, messageOf } from '../../errors.ts';
import { libraryOpener, type NativeLibrary, type NativeType, type NativeValue } from '../ffi.ts';
import { type Launcher, processVariables } from './launcher.ts';

/** A path or name of the library, for whoever has several. */
export const LIBRARY_VARIABLE = 'MOCO_MPI_LIBRARY';

const OPEN_MPI = ['libmpi.so.40', 'libmpi.so.80', 'libmpi.40.dylib'];
const MPICH = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so', 'libmpi.12.dylib'];
const ANY = ['libmpi_abi.so.0', 'libmpi_abi.so', 'libmpi.so', 'libmpi.dylib'];

export interface Handles {
  readonly type: NativeType;
  readonly world: NativeValue;
  readonly float: NativeValue;
}

export interface MpiLibrary {
  /** For people: `Open MPI v4.1.4 (libmpi.so.40)`. */
  readonly name: string;
  readonly native: NativeLibrary;
  readonly handles: Handles;
}

/** @throws MocoError distributed-unavailable: no library, or none whose handles are known */
export async function findMpi(launcher: Launcher | null): Promise<MpiLibrary> {
  const open = await libraryOpener();
  const given = processVariables()[LIBRARY_VARIABLE];
  const names = given ? [given] : namesFor(launcher);
  let why = '';
  for (const path of names) {
    let native: NativeLibrary;
    try {
      native = open(path);
    } catch (error) {
      why ||= given ? ` (${messageOf(error)})` : '';
      continue;
    }
    return describe(path, native);
  }
  const install = 'install one (Debian: openmpi-bin, or mpich), or name it by the variable';
  throw new MocoError(
    'distributed-unavailable',
    `no MPI library was found, looked for ${names.join(', ')}${why}: ${install} ${LIBRARY_VARIABLE}`,
  );
}

function namesFor(launcher: Launcher | null): string[] {
  return launcher?.family === 'MPICH' ? [...MPICH, ...ANY, ...OPEN_MPI] : [...OPEN_MPI, ...ANY, ...MPICH];
}

function describe(path: string, native: NativeLibrary): MpiLibrary {
  const text = new Uint8Array(new SharedArrayBuffer(8192));
  const length = new Int32Array(new SharedArrayBuffer(4));
  native.function('MPI_Get_library_version', ['memory', 'memory'])(text, length);
  const version = new TextDecoder().decode(text.slice(0, Math.min(length[0]!, text.length)));
  const [line = ''] = version.replace(/\0.*$/s, '').split('\n');
  const name = `${line.split(',')[0]!.replace('Version:', '').replace(/\s+/g, ' ').trim()} (${path})`;
  return { name, native, handles: handlesOf(name, version, native) };
}

function handlesOf(name: string, version: string, native: NativeLibrary): Handles {
  const world = native.address('ompi_mpi_comm_world');
  const float = native.address('ompi_mpi_float');
  if (world && float) return { type: 'pointer', world, float };
  // By its file's name: an MPICH may have the calls of the ABI beside its own handles.
  if (name.includes('libmpi_abi')) {
    return { type: 'pointer', world: native.pointer(0x101), float: native.pointer(0x210) };
  }
  if (/MPICH|Intel\(R\) MPI|MVAPICH/i.test(version)) {
    return { type: 'int', world: 0x44000000, float: 0x4c00040a };
  }
  throw new MocoError(
    'distributed-unavailable',
    `${name} is no MPI library that is known here: Open MPI, MPICH and its like, or one of the MPI 5 ABI`,
  );
}
