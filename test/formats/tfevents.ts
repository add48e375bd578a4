/**
 * A reader of TensorBoard's event files for tests, from the specification alone: TFRecord (tensorflow.org/tutorials/
 * load_data/tfrecord), the wire format of protobuf, event.proto and summary.proto. It shares no code with the writer.
 */

export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  sessionStatus?: number;
  scalars?: Record<string, number>;
}

/** @throws Error where a length, a checksum or a field is not right */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const events: ReadEvent[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    check(file.subarray(at, at + 8), view.getUint32(at + 8, true));
    const data = file.subarray(at + 12, at + 12 + length);
    if (data.length !== length) throw new Error(`a record of ${length} bytes is cut off`);
    check(data, view.getUint32(at + 12 + length, true));
    events.push(eventOf(data));
    at += 12 + length + 4;
  }
  return events;
}

/** Bit by bit, the polynomial 0x1EDC6F41 reflected; then as record_writer.h masks it. */
function check(bytes: Uint8Array, masked: number): void {
  let crc = -1;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const out = (crc ^ (byte >>> bit)) & 1;
      crc = (crc >>> 1) ^ (out ? 0x82f63b78 : 0);
    }
  }
  const value = BigInt(~crc >>> 0);
  const expected = (((value >> 15n) | (value << 17n)) + 0xa282ead8n) & 0xffffffffn;
  if (Number(expected) !== masked)
    throw new Error(`checksum ${masked.toString(16)}, expected ${expected.toString(16)}`);
}

type Field = { number: number; value: bigint | Uint8Array };

function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('a varint is cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const bytes = (count: number): Uint8Array => {
    if (at + count > message.length) throw new Error('a field is cut off');
    at += count;
    return message.subarray(at - count, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    const type = tag & 7;
    if (type === 0) fields.push({ number, value: varint() });
    else if (type === 1) fields.push({ number, value: bytes(8) });
    else if (type === 2) fields.push({ number, value: bytes(Number(varint())) });
    else if (type === 5) fields.push({ number, value: bytes(4) });
    else throw new Error(`wire type ${type}`);
  }
  return fields;
}

const viewOf = (value: Field['value']) => {
  if (!(value instanceof Uint8Array)) throw new Error('a number where bytes should be');
  return new DataView(value.buffer, value.byteOffset, value.byteLength);
};
const messageOf = (value: Field['value']) => {
  if (!(value instanceof Uint8Array)) throw new Error('a number where a message should be');
  return value;
};
const textOf = (value: Field['value']) => new TextDecoder('utf-8', { fatal: true }).decode(messageOf(value));

function eventOf(message: Uint8Array): ReadEvent {
  const event: ReadEvent = { wallTime: Number.NaN, step: Number.NaN };
  for (const { number, value } of fieldsOf(message)) {
    if (number === 1) event.wallTime = viewOf(value).getFloat64(0, true);
    else if (number === 2) event.step = Number(value as bigint);
    else if (number === 3) event.fileVersion = textOf(value);
    else if (number === 5) event.scalars = Object.fromEntries(fieldsOf(messageOf(value)).map(scalarOf));
    else if (number === 7) event.sessionStatus = Number(fieldsOf(messageOf(value))[0]?.value as bigint);
    else throw new Error(`field ${number} of an event`);
  }
  return event;
}

function scalarOf({ number, value }: Field): [string, number] {
  if (number !== 1) throw new Error(`field ${number} of a summary`);
  const [tag, simple, ...more] = fieldsOf(messageOf(value));
  if (tag?.number !== 1 || simple?.number !== 2 || more.length > 0) throw new Error('not a scalar');
  return [textOf(tag.value), viewOf(simple.value).getFloat32(0, true)];
}
