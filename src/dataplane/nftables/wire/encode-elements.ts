import type { MessageWriter } from "../../../system/netlink/message.ts";
import type { ElementData, ElementKey, ProgramSet } from "../program.ts";
import { increment, keySize, writeField, writeKey } from "./element-key.ts";
import { writeVerdict } from "./encode-rule.ts";
import { elementIntervalEnd } from "./numbers.ts";

const TABLE = 1;
const SET = 2;
const ELEMENTS = 3;
const LIST_ELEMENT = 1;
const FLAGS = 3;
const KEY = 1;
const DATA = 2;
const TIMEOUT = 4;
const USERDATA = 6;
const OBJECT = 9;
const DATA_VALUE = 1;

/** An attribute holds less than 64 KiB; a list of elements ends before and goes on in the next message. */
const listLimit = 60_000;

/** nft's mark of an interval without an end: it reaches the last value of its type. */
const openInterval = Uint8Array.of(1, 4, 1, 0, 0, 0);

function writeData(writer: MessageWriter, data: ElementData): void {
  if (data === null) return;
  if (typeof data === "string") {
    writer.string(OBJECT, data);
    return;
  }
  const start = writer.beginNest(DATA);
  writeVerdict(writer, data);
  writer.endNest(start);
}

/** Starts an element with its key; gives the key's offset for the caller to fill. */
function beginKey(writer: MessageWriter, size: number): number {
  const key = writer.beginNest(KEY);
  const at = writer.attribute(DATA_VALUE, size);
  writer.endNest(key);
  return at;
}

function writePoint(
  writer: MessageWriter,
  set: ProgramSet,
  size: number,
  key: ElementKey,
  data: ElementData,
  seconds: number | undefined,
): void {
  const element = writer.beginNest(LIST_ELEMENT);
  const at = beginKey(writer, size);
  writeKey(set.key, key, writer.buffer, at);
  writeData(writer, data);
  if (seconds !== undefined) writer.u64(TIMEOUT, BigInt(Math.ceil(seconds * 1000)));
  writer.endNest(element);
}

/** An interval is two elements: where it starts, and the first value after it, marked as an end. */
function writeInterval(writer: MessageWriter, set: ProgramSet, size: number, key: ElementKey, data: ElementData): void {
  const [type] = set.key;
  if (type === undefined || set.key.length !== 1) throw new Error(`${set.name}: intervals have one key field`);
  const dash = key.indexOf("-");
  const low = dash < 0 ? key : key.slice(0, dash);
  const high = dash < 0 ? key : key.slice(dash + 1);
  const scratch = Buffer.alloc(size);
  writeField(type, high, scratch, 0);
  const closed = increment(scratch, 0, size);

  const start = writer.beginNest(LIST_ELEMENT);
  const at = beginKey(writer, size);
  writeField(type, low, writer.buffer, at);
  writeData(writer, data);
  if (!closed) writer.bytes(USERDATA, openInterval);
  writer.endNest(start);
  if (!closed) return;
  const end = writer.beginNest(LIST_ELEMENT);
  writer.u32(FLAGS, elementIntervalEnd);
  const endAt = beginKey(writer, size);
  scratch.copy(writer.buffer, endAt);
  writer.endNest(end);
}

/**
 * Writes elements of one set as so many messages as they need; `begin` starts each. In a hash set an element of an
 * IPv4 address takes 20 bytes. Data is null where keys are deleted. `seconds`: how long each lasts.
 */
export function writeElements(
  writer: MessageWriter,
  table: string,
  set: ProgramSet,
  entries: Iterable<readonly [ElementKey, ElementData]>,
  begin: () => void,
  seconds?: ReadonlyMap<ElementKey, number>,
): void {
  const size = keySize(set.key);
  const write = set.interval ? writeInterval : writePoint;
  let list = -1;
  const finish = (): void => {
    if (list < 0) return;
    writer.endNest(list);
    writer.end();
    list = -1;
  };
  for (const [key, data] of entries) {
    if (list < 0) {
      begin();
      writer.string(TABLE, table);
      writer.string(SET, set.name);
      list = writer.beginNest(ELEMENTS);
    }
    write(writer, set, size, key, data, seconds?.get(key));
    if (writer.length - list > listLimit) finish();
  }
  finish();
}
