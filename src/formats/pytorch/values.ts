/** What a pickle of PyTorch may hold, and what it becomes here. */
import { MocoError } from '../../errors.ts';

/** How elements are stored, by safetensors' names of types. */
export const ELEMENT_TYPES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type ElementType = keyof typeof ELEMENT_TYPES;

/** A run of elements that the file holds; tensors are views of it, and may share it. */
export interface Storage {
  readonly key: string;
  readonly type: ElementType;
  /** Elements. */
  readonly length: number;
  /** Where it begins in the storage of that key, in elements: legacy streams have such views. */
  readonly base: number;
}

/** Where the bytes of a storage lie. */
export interface StoragePlace {
  readonly begin: number;
  /** Whether all of its bytes are what was saved; left out where the file does not say. */
  isIntact?(bytes: Uint8Array): boolean;
}

export type FindStorage = (storage: Storage) => Promise<StoragePlace>;

/** A tensor of the file, whose values are read when they are asked for. */
export class StoredTensor {
  readonly storage: Storage;
  /** All in elements. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  /** @throws MocoError data-invalid where it reaches beyond its storage */
  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
    const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
    if (!Number.isSafeInteger(this.count))
      throw unreadable(`a tensor of shape [${shape.slice(0, 16)}] is too large`);
    if (this.count > 0 && !(last < storage.length)) {
      throw unreadable(
        `a tensor of shape [${shape}] and strides [${strides}] at ${offset} reaches beyond storage ${storage.key} of ${storage.length} elements`,
      );
    }
  }

  get count(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
}

/** A class, function or constant of Python that a pickle names. It is never called, only compared with what is known. */
export class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A dictionary, plain or ordered: its keys are texts and numbers. */
export type Dictionary = ReadonlyMap<unknown, unknown>;

export function isDictionary(value: unknown): value is Dictionary {
  return value instanceof Map;
}

/** @throws never: makes the error to throw */
export function unreadable(what: string): MocoError {
  return new MocoError('data-invalid', `not a file of torch.save that can be read here: ${what}`);
}
