/**
 * Event files of TensorBoard: TFRecords (tensorflow/core/lib/io/record_writer.h) of Event messages
 * (tensorflow/core/util/event.proto), of which the few fields are written that scalars need.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { crc32c } from './crc32c.ts';

/** The format of the events. Each file begins with it. */
const FILE_VERSION = 'brain.Event:2';

/** Field numbers of event.proto and summary.proto. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2 } as const;
const SESSION_LOG = { status: 1 } as const;
const SESSION_START = 1;

/**
 * The first records of a file.
 * @param seconds since 1970
 * @param from of a run that goes on: the first step that is told here. What other files of the folder tell of that step and of
 * later ones, TensorBoard then hides
 */
export function eventFileStart(seconds: number, from: number | null): Uint8Array {
  const version = event(seconds, 0).tag(EVENT.fileVersion, WireType.LengthDelimited).string(FILE_VERSION);
  if (from === null) return record(version.finish());
  const start = event(seconds, from).tag(EVENT.sessionLog, WireType.LengthDelimited).fork();
  start.tag(SESSION_LOG.status, WireType.Varint).int32(SESSION_START).join();
  const [first, second] = [record(version.finish()), record(start.finish())];
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/**
 * A record of numbers by their tags ('train/loss'), rounded to float32.
 * @param step whole, ≥ 0
 */
export function scalarsRecord(
  seconds: number,
  step: number,
  scalars: Readonly<Record<string, number>>,
): Uint8Array {
  const writer = event(seconds, step).tag(EVENT.summary, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(scalars)) {
    writer.tag(SUMMARY.value, WireType.LengthDelimited).fork();
    writer.tag(VALUE.tag, WireType.LengthDelimited).string(tag);
    writer.tag(VALUE.simpleValue, WireType.Bit32).float(value).join();
  }
  return record(writer.join().finish());
}

function event(seconds: number, step: number): BinaryWriter {
  const writer = new BinaryWriter().tag(EVENT.wallTime, WireType.Bit64).double(seconds);
  return writer.tag(EVENT.step, WireType.Varint).int64(step);
}

/** uint64 length, masked CRC of the length, data, masked CRC of the data; little-endian. */
function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length, true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

/** A CRC that is stored beside what it is of is turned and shifted: the CRC of bytes that hold their own CRCs is of little use. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
