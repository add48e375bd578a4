/** Lets a MocoError keep its code when it is thrown across comlink, which by itself keeps only name, message and stack. */
import { transferHandlers } from 'comlink';
import { type ErrorCode, MocoError } from '../errors.ts';

interface Thrown {
  value: unknown;
}

interface SerializedThrow {
  isError: boolean;
  value: unknown;
  code?: ErrorCode;
}

const original = transferHandlers.get('throw');

/** Installs the handler; both sides of a channel call it once, before anything is sent. */
export function keepErrorCodes(): void {
  if (!original) return;
  transferHandlers.set('throw', {
    canHandle: original.canHandle,
    serialize(thrown: Thrown) {
      const [serialized, transferables] = original.serialize(thrown) as [SerializedThrow, Transferable[]];
      if (thrown.value instanceof MocoError) serialized.code = thrown.value.code;
      return [serialized, transferables];
    },
    deserialize(serialized: SerializedThrow) {
      if (serialized.code && typeof serialized.value === 'object' && serialized.value !== null) {
        const { message } = serialized.value as { message?: unknown };
        throw new MocoError(serialized.code, String(message));
      }
      return original.deserialize(serialized);
    },
  });
}
