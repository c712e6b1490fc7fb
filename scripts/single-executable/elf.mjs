// Puts a blob into a copy of the Node executable where Node looks for it: as an ELF note in a segment of its own.
//
// Node (deps/postject) walks the PT_NOTE segments of the main program for a note whose name is NODE_SEA_BLOB, if a
// byte in the executable, the fuse, says that there is one. The table of segments has no room for two more, so it
// moves to the end of the file too. Kernels before 5.18 take the table's address to be that of the first segment plus
// its place in the file, so the new segment keeps that distance.

const PT_LOAD = 1;
const PT_NOTE = 4;
const PT_PHDR = 6;
const PF_R = 4;
const headerSize = 56;
/** The largest page that any Linux on arm64 has; a multiple of amd64's. */
const page = 0x10000;
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:";
const noteName = "NODE_SEA_BLOB";

const roundUp = (value, to) => Math.ceil(value / to) * to;

function readSegments(elf) {
  const [offset, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)];
  if (size !== headerSize) throw new Error("not a 64-bit ELF file of the known kind");
  return Array.from({ length: count }, (_, index) => {
    const at = offset + index * size;
    return {
      type: elf.readUInt32LE(at),
      flags: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 8)),
      address: Number(elf.readBigUInt64LE(at + 16)),
      fileSize: Number(elf.readBigUInt64LE(at + 32)),
      memorySize: Number(elf.readBigUInt64LE(at + 40)),
      align: Number(elf.readBigUInt64LE(at + 48)),
    };
  });
}

function segmentBytes(segment) {
  const bytes = Buffer.alloc(headerSize);
  bytes.writeUInt32LE(segment.type, 0);
  bytes.writeUInt32LE(segment.flags, 4);
  const words = [segment.offset, segment.address, segment.address, segment.fileSize, segment.memorySize, segment.align];
  words.forEach((word, index) => bytes.writeBigUInt64LE(BigInt(word), 8 + index * 8));
  return bytes;
}

function noteOf(blob) {
  const name = Buffer.alloc(roundUp(noteName.length + 1, 4));
  name.write(noteName);
  const header = Buffer.alloc(12);
  header.writeUInt32LE(noteName.length + 1, 0);
  header.writeUInt32LE(blob.length, 4);
  return Buffer.concat([header, name, blob, Buffer.alloc(roundUp(blob.length, 4) - blob.length)]);
}

function burnFuse(elf) {
  const at = elf.indexOf(fuse);
  if (at < 0 || elf.indexOf(fuse, at + 1) >= 0) throw new Error("this Node holds no fuse for a single executable");
  elf[at + fuse.length] = "1".charCodeAt(0);
}

/** A copy of the Node executable that runs the blob (made by `node --experimental-sea-config`). */
export function withBlob(node, blob) {
  const elf = Buffer.from(node);
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) throw new Error("not a 64-bit ELF file");
  const segments = readSegments(elf);
  const loads = segments.filter(({ type }) => type === PT_LOAD);
  const [first] = loads;
  const distance = first.address - first.offset;
  const end = Math.max(...loads.map(({ address, memorySize }) => address + memorySize));
  const offset = roundUp(Math.max(elf.length, end - distance), page);
  const address = offset + distance;
  const tableSize = (segments.length + 2) * headerSize;
  const note = noteOf(blob);
  const whole = {
    flags: PF_R,
    offset,
    address,
    fileSize: tableSize + note.length,
    memorySize: tableSize + note.length,
  };
  const noteAt = {
    offset: offset + tableSize,
    address: address + tableSize,
    fileSize: note.length,
    memorySize: note.length,
  };
  const moved = segments.map((segment) =>
    segment.type === PT_PHDR ? { ...segment, offset, address, fileSize: tableSize, memorySize: tableSize } : segment,
  );
  // Segments to load stand in the order of their addresses.
  const afterLoads = segments.findLastIndex(({ type }) => type === PT_LOAD) + 1;
  const table = [
    ...moved.slice(0, afterLoads),
    { ...whole, type: PT_LOAD, align: page },
    ...moved.slice(afterLoads),
    { ...noteAt, type: PT_NOTE, flags: PF_R, align: 4 },
  ];
  burnFuse(elf);
  elf.writeBigUInt64LE(BigInt(offset), 32);
  elf.writeUInt16LE(table.length, 56);
  const padding = Buffer.alloc(offset - elf.length);
  return Buffer.concat([elf, padding, ...table.map(segmentBytes), note]);
}
